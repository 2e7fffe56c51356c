"""Incidents and units are found by number, id, plate, name, title and address."""

from __future__ import annotations

from core.finding import Indexed
from core.scope import seen_incident, seen_unit, unit_district

# scalar, not EXISTS: looked up for the entries that are there, never made a table of all that ever were
INCIDENT = Indexed(
    "incident",
    f"(SELECT {seen_incident('i.id', 'i.district', 'i.classification')} FROM incident i "
    "WHERE i.id = CAST(n.thing AS uuid))",
    living=True,
)
UNIT = Indexed(
    "unit",
    f"(SELECT {seen_unit('u.id', unit_district('u.station', 'u.home'))} FROM unit u WHERE u.id = n.thing)",
    place="(SELECT ST_SetSRID(ST_MakePoint(s.lon, s.lat), 4326) FROM unit_state s WHERE s.unit_id = n.thing)",
    subtitle=("(SELECT u.plate FROM unit u WHERE u.id = n.thing)",) * 2,
    living=True,
)
