"""Incidents and units are found by number, id, plate, name, title and address."""

from __future__ import annotations

from core.finding import Indexed
from core.scope import seen_incident, seen_unit, unit_district

INCIDENT = Indexed(
    "incident",
    "EXISTS (SELECT 1 FROM incident i WHERE i.id = CAST(n.thing AS uuid) "
    f"AND {seen_incident('i.id', 'i.district', 'i.classification')})",
    living=True,
)
UNIT = Indexed(
    "unit",
    f"EXISTS (SELECT 1 FROM unit u WHERE u.id = n.thing AND {seen_unit('u.id', unit_district('u.station', 'u.home'))})",
    place="(SELECT ST_SetSRID(ST_MakePoint(s.lon, s.lat), 4326) FROM unit_state s WHERE s.unit_id = n.thing)",
    subtitle=("(SELECT u.plate FROM unit u WHERE u.id = n.thing)",) * 2,
    living=True,
)
