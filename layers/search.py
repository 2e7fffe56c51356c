"""Search over what has a name or a code: streets, facilities, sensors, cameras, units, incidents, assets, warnings that
hold."""

from __future__ import annotations

from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from core.scope import EVERYTHING, Scope, seen, seen_asset, seen_incident, seen_unit, unit_district
from core.vocabulary import ENDED_INCIDENT, Text, sql_list
from core.warned import in_force

AT_MOST = 20
# a time as core.clock.rfc3339 writes it: ids of warnings end in one
SENT = (
    "to_char(sent AT TIME ZONE 'UTC', CASE WHEN date_part('microseconds', sent)::int % 1000000 < 1000 "
    "THEN 'YYYY-MM-DD\"T\"HH24\\:MI\\:SS' ELSE 'YYYY-MM-DD\"T\"HH24\\:MI\\:SS.MS' END) || '+00\\:00'"
)
_SQL = f"""
(SELECT 'incident' AS type, id::text, titles->>'zh' AS zh, titles->>'en' AS en, ST_X(geom) AS lon, ST_Y(geom) AS lat,
  CASE WHEN :words IN (number, split_part(number, '-', 2)) THEN -1 ELSE 0 END AS rank
  FROM incident WHERE (number ILIKE :like OR titles->>'zh' ILIKE :like) AND status NOT IN {sql_list(ENDED_INCIDENT)}
    AND {seen_incident("incident.id", "district", "classification")}
    ORDER BY rank, opened_at DESC LIMIT 8)
UNION ALL (SELECT 'warning', sender || ',' || identifier || ',' || {SENT},
    COALESCE(headline, identifier), NULL, NULL, NULL, 0
  FROM ({in_force("now()")}) AS w
  WHERE headline ILIKE :like OR identifier ILIKE :like OR sender ILIKE :like ORDER BY sent DESC LIMIT 8)
UNION ALL (SELECT 'unit', u.id, name_zh, name_en, COALESCE(s.lon, ST_X(home)), COALESCE(s.lat, ST_Y(home)), 1
  FROM unit u LEFT JOIN unit_state s ON s.unit_id = u.id WHERE (u.id ILIKE :like OR name_zh ILIKE :like
    OR name_en ILIKE :like) AND {seen_unit("u.id", unit_district("u.station", "u.home"))} LIMIT 8)
UNION ALL (SELECT 'facility', id, name_zh, name_en, ST_X(geom), ST_Y(geom), 2
  FROM facility WHERE (name_zh ILIKE :like OR name_en ILIKE :like) AND {seen("district", "classification")} LIMIT 8)
UNION ALL (SELECT 'sensor', id, name_zh, name_en, ST_X(geom), ST_Y(geom), 3
  FROM sensor WHERE (id ILIKE :like OR name_zh ILIKE :like OR name_en ILIKE :like)
    AND {seen("district", "classification")} LIMIT 8)
UNION ALL (SELECT 'camera', id, name_zh, name_en, ST_X(geom), ST_Y(geom), 4
  FROM camera WHERE (id ILIKE :like OR name_zh ILIKE :like OR name_en ILIKE :like)
    AND {seen("district", "classification")} LIMIT 8)
UNION ALL (SELECT 'street', min(id)::text, name_zh, min(name_en), ST_X(ST_PointOnSurface(ST_Collect(geom))),
  ST_Y(ST_PointOnSurface(ST_Collect(geom))), 5 FROM street
    WHERE (name_zh ILIKE :like OR name_en ILIKE :like) AND :scope_city
    GROUP BY name_zh LIMIT 8)
UNION ALL (SELECT 'asset', id, name_zh, name_en, ST_X(geom), ST_Y(geom), 6 FROM asset WHERE id LIKE :prefix
  AND {seen_asset("district", "dept")} LIMIT 8)
ORDER BY rank, id LIMIT :most
"""


class Hit(TypedDict):
    """Something that was found, and where it is."""

    type: str
    id: str
    title: Text
    lon: float | None
    lat: float | None


def search(conn: Connection, query: str, most: int = AT_MOST, scope: Scope = EVERYTHING) -> list[Hit]:
    """Up to `most` hits, incidents first, and first of them the one of that number or serial. An empty query finds
    nothing."""
    words = query.strip()
    if not words:
        return []
    plain = words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    # an asset code is found by its beginning, from eight digits on
    prefix = f"{words}%" if words.isdigit() and len(words) >= 8 else ""
    given = {"like": f"%{plain}%", "words": words, "prefix": prefix, "most": most, **scope.params()}
    rows = conn.execute(text(_SQL), given)
    return [
        {"type": r.type, "id": r.id, "title": {"zh": r.zh, "en": r.en or r.zh}, "lon": r.lon, "lat": r.lat}
        for r in rows
    ]
