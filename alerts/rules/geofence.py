"""Kind `geofence`: units and vehicles that enter an area, are outside it, stay in it too long, or are too fast in it.

The area is a polygon, a district, or all areas of a layer. What was so within the last `quiet_s` holds, so that a quick
pass is not missed and one wild position at the edge does not end it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Literal

from pydantic import Field, JsonValue, model_validator
from pydantic_core import PydanticCustomError
from sqlalchemy import Connection, text

from alerts.rules.base import Finding, RuleKind, RuleParams, RuleRow, Thing, watches
from alerts.rules.standing import Held, Moment
from core.pgarray import to_pg_us
from core.vocabulary import UNJUDGED, sql_list

KMH = 3.6


class GeofenceParams(RuleParams):
    when: Literal["inside", "outside", "loiter", "speed"] = "inside"
    level: int = Field(3, ge=1, le=4)
    polygon: dict[str, JsonValue] | None = Field(None, description="a GeoJSON Polygon or MultiPolygon")
    district: str | None = Field(None, description="a district by its code")
    layer: str | None = Field(None, description="all areas of this layer")
    stay_s: float = Field(600, gt=0, le=86_400, description="loiter: longer than this inside")
    speed_kmh: float | None = Field(None, gt=0, le=1000, description="speed: faster than this inside")
    quiet_s: float = Field(60, ge=1, le=3600, description="what was so within this time holds")
    unit_kinds: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _names_one_area(self) -> GeofenceParams:
        if sum(area is not None for area in (self.polygon, self.district, self.layer)) != 1:
            raise PydanticCustomError("rule_one_area", "exactly one of polygon, district and layer is needed")
        if self.when == "speed" and self.speed_kmh is None:
            raise PydanticCustomError("rule_needs_speed", "speed_kmh is needed where speed is judged")
        return self


_AREA = {
    "polygon": "SELECT ST_SetSRID(ST_GeomFromGeoJSON(:polygon), 4326) AS geom",
    "district": "SELECT geom FROM district WHERE code = :district",
    "layer": "SELECT geom FROM layer_row WHERE layer_id = :layer AND geom IS NOT NULL",
}
# of each unit what it did in the time looked at: how often inside, when last; the newest position; the first looked at
_PLACES = """
WITH near AS (
  SELECT p.unit_id, p.time, p.lon, p.lat, p.speed, EXISTS (
    SELECT 1 FROM ({area}) AS a WHERE ST_Covers(a.geom, ST_SetSRID(ST_MakePoint(p.lon, p.lat), 4326))) AS inside
  FROM unit u CROSS JOIN LATERAL (SELECT * FROM unit_position p WHERE p.unit_id = u.id AND p.time <= :now
    AND p.received_at <= :now AND p.time > CAST(:now AS timestamptz) - CAST(:back AS interval)
    AND p.quality NOT IN {unjudged}) AS p
  WHERE CAST(:kinds AS text[]) = '{{}}' OR u.kind = ANY(:kinds)
), of AS (
  SELECT unit_id, min(time) AS first, max(time) AS newest, max(time) FILTER (WHERE inside) AS inside_at,
    max(time) FILTER (WHERE NOT inside) AS outside_at,
    max(time) FILTER (WHERE inside AND speed > :speed) AS fast_at,
    (array_agg(speed ORDER BY time DESC) FILTER (WHERE inside AND speed > :speed))[1] AS fast,
    (array_agg(lon ORDER BY time DESC))[1] AS lon, (array_agg(lat ORDER BY time DESC))[1] AS lat,
    min(time) FILTER (WHERE inside) AS inside_since
  FROM near GROUP BY unit_id
)
SELECT of.*, u.kind, u.name_zh, u.name_en, COALESCE((SELECT d.code FROM district d
  WHERE ST_Covers(d.geom, ST_SetSRID(ST_MakePoint(of.lon, of.lat), 4326)) LIMIT 1), '000000') AS district
FROM of JOIN unit u ON u.id = of.unit_id ORDER BY of.unit_id
"""


def stands(conn: Connection, rule: RuleRow, moment: Moment, held: Sequence[Held]) -> list[Finding]:
    params: GeofenceParams = rule.params
    area = next(name for name in _AREA if getattr(params, name) is not None)
    quiet = timedelta(seconds=params.quiet_s)
    back = quiet + (timedelta(seconds=params.stay_s) * 1.5 if params.when == "loiter" else timedelta())
    given = {
        "now": moment.now,
        "back": back,
        "kinds": list(params.unit_kinds),
        "speed": (params.speed_kmh or 0) / KMH,
        "polygon": json.dumps(params.polygon),
        "district": params.district,
        "layer": params.layer,
    }
    rows = conn.execute(text(_PLACES.format(area=_AREA[area], unjudged=sql_list(UNJUDGED))), given)
    found = (_finding(rule, row, moment.now - quiet) for row in rows)
    return [one for one in found if one is not None and watches(rule, one.thing)]


def _finding(rule: RuleRow, row: Any, since: Any) -> Finding | None:
    params: GeofenceParams = rule.params
    fields: dict[str, object] = {}
    if params.when == "inside":
        at = row.inside_at
    elif params.when == "outside":
        at = row.newest if row.inside_at is None else None
    elif params.when == "loiter":
        # since it was last outside, or since the beginning of what was looked at
        began = row.inside_since if row.outside_at is None else row.outside_at
        lasted = (row.newest - began).total_seconds() if row.inside_at == row.newest and began is not None else 0.0
        at = row.newest if lasted >= params.stay_s else None
        fields = {"minutes": f"{params.stay_s / 60:g}"}
    else:
        at = row.fast_at
        fields = {"speed": f"{(row.fast or 0) * KMH:.0f}", "limit": f"{params.speed_kmh:g}"}
    if at is None or at <= since:
        return None
    names = {"zh": row.name_zh, "en": row.name_en}
    thing = Thing("unit", row.unit_id, names, row.district, row.lon, row.lat, row.kind)
    value = float(row.fast) if params.when == "speed" else None
    fields = {**fields, "area": rule.names}
    template = f"alarm.fence.{params.when}"
    return Finding(rule, thing, params.level, None, value, None, to_pg_us(at), None, template, fields)


GEOFENCE = RuleKind("geofence", GeofenceParams, lambda rule: (), stands=stands, every_s=2.0)
