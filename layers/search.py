"""Search over what has a name or a code: streets, facilities, sensors, cameras, units, incidents, assets, warnings that
hold."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from core.scope import EVERYTHING, Scope, seen, seen_asset, seen_incident, seen_unit, unit_district
from core.types import LonLat
from core.vocabulary import ENDED_INCIDENT, Text, sql_list
from core.warned import in_force

AT_MOST = 20
# of each type, before the best of all are chosen
OF_A_TYPE = 8
# streets of one name whose ends lie farther apart than this are different streets (degrees)
SAME_STREET = 0.004
# a time as core.clock.rfc3339 writes it: ids of warnings end in one
SENT = (
    "to_char(sent AT TIME ZONE 'UTC', CASE WHEN date_part('microseconds', sent)::int % 1000000 < 1000 "
    "THEN 'YYYY-MM-DD\"T\"HH24\\:MI\\:SS' ELSE 'YYYY-MM-DD\"T\"HH24\\:MI\\:SS.MS' END) || '+00\\:00'"
)
_FROM_HERE = "ST_DistanceSphere(ST_MakePoint(lon, lat), ST_MakePoint(CAST(:lon AS float8), CAST(:lat AS float8)))"


def _match(*names: str) -> str:
    """SQL: 0 where a name is what is asked for, 1 where one begins with it, 2 where one holds it."""
    found = (
        f"CASE WHEN lower({n}) = lower(:words) THEN 0 WHEN {n} ILIKE :begin THEN 1 WHEN {n} ILIKE :like THEN 2 END"
        for n in names
    )
    return f"LEAST({', '.join(found)})"


def _part(columns: str, match: str, source: str, first: str = "") -> str:
    """SQL: the best of one type; `columns` give type, id, code, zh, en, lon, lat and how early the type stands."""
    return f"""
(SELECT type, id, code, zh, en, lon, lat, rank, match FROM (SELECT {columns}, {match} AS match FROM {source}) AS found
WHERE match IS NOT NULL ORDER BY match, {first} {_FROM_HERE}, id LIMIT {OF_A_TYPE})
"""


_PARTS = (
    _part(
        """'incident' AS type, id::text AS id, number AS code, titles->>'zh' AS zh, titles->>'en' AS en,
  ST_X(geom) AS lon, ST_Y(geom) AS lat, 0 AS rank, opened_at""",
        _match("number", "split_part(number, '-', 2)", "titles->>'zh'", "titles->>'en'"),
        f"""incident WHERE status NOT IN {sql_list(ENDED_INCIDENT)}
  AND {seen_incident("incident.id", "district", "classification")}""",
        "opened_at DESC,",
    ),
    _part(
        f"""'warning' AS type, sender || ',' || identifier || ',' || {SENT} AS id, identifier AS code,
  COALESCE(headline, identifier) AS zh, CAST(NULL AS text) AS en, CAST(NULL AS float8) AS lon,
  CAST(NULL AS float8) AS lat, 1 AS rank""",
        _match("headline", "identifier", "sender"),
        f"({in_force('now()')}) AS w",
    ),
    _part(
        """'street' AS type, min(id)::text AS id, CAST(NULL AS text) AS code, name_zh AS zh, min(name_en) AS en,
  ST_X(ST_PointOnSurface(ST_Collect(geom))) AS lon, ST_Y(ST_PointOnSurface(ST_Collect(geom))) AS lat, 3 AS rank""",
        _match("name_zh", "min(name_en)"),
        f"""(SELECT id, name_zh, name_en, geom,
  ST_ClusterDBSCAN(geom, {SAME_STREET}, 1) OVER (PARTITION BY name_zh) AS piece
  FROM street WHERE (name_zh ILIKE :like OR name_en ILIKE :like) AND :scope_city) AS s GROUP BY name_zh, piece""",
    ),
    _part(
        """'unit' AS type, u.id AS id, u.id AS code, name_zh AS zh, name_en AS en, COALESCE(s.lon, ST_X(home)) AS lon,
  COALESCE(s.lat, ST_Y(home)) AS lat, 2 AS rank""",
        _match("u.id", "name_zh", "name_en"),
        f"""unit u LEFT JOIN unit_state s ON s.unit_id = u.id
  WHERE {seen_unit("u.id", unit_district("u.station", "u.home"))}""",
    ),
    *(
        _part(
            f"""'{kind}' AS type, id, id AS code, name_zh AS zh, name_en AS en, ST_X(geom) AS lon, ST_Y(geom) AS lat,
  {rank} AS rank""",
            _match("id", "name_zh", "name_en"),
            f"{kind} WHERE {seen('district', 'classification')}",
        )
        for kind, rank in (("facility", 4), ("sensor", 5), ("camera", 6))
    ),
    _part(
        """'asset' AS type, id, id AS code, name_zh AS zh, name_en AS en, ST_X(geom) AS lon, ST_Y(geom) AS lat,
  7 AS rank""",
        "CASE WHEN id = :words THEN 0 ELSE 1 END",
        f"""asset WHERE id LIKE :prefix AND {seen_asset("district", "dept")}""",
    ),
)
_SQL = text(f"""
SELECT f.*, {_FROM_HERE} AS distance, d.name_zh AS district_zh, d.name_en AS district_en
FROM ({" UNION ALL ".join(_PARTS)}) AS f
LEFT JOIN LATERAL (SELECT name_zh, name_en FROM district
  WHERE ST_Contains(geom, ST_SetSRID(ST_MakePoint(f.lon, f.lat), 4326)) ORDER BY code LIMIT 1) AS d ON true
ORDER BY match, rank, distance, id LIMIT :most
""")


class Hit(TypedDict):
    """Something that was found, and where it is. `match`: 0 it is called that, 1 its name begins so, 2 holds it. Things
    of one name are told apart by their `code`, the `district` in which they are, and how far they are from where one
    looks."""

    type: str
    id: str
    title: Text
    lon: float | None
    lat: float | None
    match: int
    code: str | None
    district: Text | None
    distance_m: float | None


def search(
    conn: Connection, query: str, most: int = AT_MOST, scope: Scope = EVERYTHING, near: LonLat | None = None
) -> list[Hit]:
    """Up to `most` hits: what is called so first, then what begins so, then what holds it; of these incidents before
    units, streets and places, the nearer first. An empty query finds nothing."""
    words = query.strip()
    if not words:
        return []
    plain = words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    # an asset code is found by its beginning, from eight digits on
    prefix = f"{words}%" if words.isdigit() and len(words) >= 8 else ""
    given = {"like": f"%{plain}%", "begin": f"{plain}%", "words": words, "prefix": prefix, "most": most}
    here = {"lon": near.lon if near else None, "lat": near.lat if near else None}
    return [_hit(row) for row in conn.execute(_SQL, {**given, **here, **scope.params()})]


def _hit(row: Any) -> Hit:
    district = {"zh": row.district_zh, "en": row.district_en} if row.district_zh else None
    return {
        "type": row.type,
        "id": row.id,
        "title": {"zh": row.zh, "en": row.en or row.zh},
        "lon": row.lon,
        "lat": row.lat,
        "match": row.match,
        "code": row.code,
        "district": district,
        "distance_m": None if row.distance is None else round(row.distance),
    }
