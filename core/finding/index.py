"""Questions to the index of names, in one transaction of the caller's.

A text is asked once in all its forms, and every entry that has its tokens is weighed. What is in more than POOL names
(one character, "road") would be much to weigh: of such, those are weighed that are called so or begin so, those that
live and end (few), and the nearest; where they do not fill the answer, any POOL of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache, partial
from typing import Any

from sqlalchemy import Connection, TextClause, text

from core.finding import nouns
from core.finding.asked import NOTHING, Asked, every, of_kinds, within_scope
from core.finding.mistyped import ALIKE, meant
from core.finding.nouns import Found, Indexed
from core.scope import Scope
from core.types import LonLat

# entries that are weighed one by one; nearest ones that are looked at where there are more
POOL, NEAREST, BEGUN, LIVING = 800, 1200, 400, 200
# so few kinds are asked for by their tokens; of more the others are left out when they are weighed
CHOSEN = 4

# a plan for any text would scan the table for all; similarity of words that are compared letter by letter (mistyped)
PLANNED = text(f"""
SELECT set_config('plan_cache_mode', 'force_custom_plan', true),
  set_config('pg_trgm.similarity_threshold', '{ALIKE}', true)
""")
ENTRY = "n.kind, n.thing, n.code, n.zh, n.en, n.geom, n.layer_id, n.key_zh, n.key_en, n.sounds, n.words"
HERE = "ST_SetSRID(ST_MakePoint(CAST(:lon AS float8), CAST(:lat AS float8)), 4326)"
MATCH = f"""
CASE WHEN p.words @@ CAST(:is AS tsquery) THEN {nouns.IS}
  WHEN p.words @@ CAST(:begins AS tsquery) THEN {nouns.BEGINS}
  WHEN strpos(p.key_zh, :key) > 0 OR strpos(' ' || p.key_en, ' ' || :spaced) > 0 THEN {nouns.HOLDS}
  WHEN p.words @@ CAST(:holds AS tsquery) THEN
    CASE WHEN p.key_zh LIKE :in_order OR p.key_en LIKE :in_order THEN {nouns.IN_ORDER} ELSE {nouns.ALL_WORDS} END
  WHEN p.sounds @@ CAST(:said_first AS tsquery) THEN {nouns.SOUNDS}
  WHEN p.sounds @@ CAST(:said AS tsquery) THEN {nouns.HOLDS_SOUND}
  WHEN p.sounds @@ CAST(:short AS tsquery) THEN {nouns.INITIALS}
  WHEN p.words @@ CAST(:meant AS tsquery) THEN {nouns.MISTYPED} END
"""
COMMON = f"""
(SELECT {ENTRY} FROM search_name n WHERE n.words @@ CAST(:is AS tsquery) AND {{seen}} LIMIT {BEGUN}) UNION ALL
(SELECT {ENTRY} FROM search_name n WHERE n.words @@ CAST(:begin AS tsquery) AND {{seen}} LIMIT {BEGUN}) UNION ALL
(SELECT {ENTRY} FROM search_name n WHERE n.words @@ CAST(:living AS tsquery) AND {{seen}} LIMIT {LIVING}) UNION ALL
(SELECT {ENTRY} FROM (SELECT * FROM search_name ORDER BY geom <-> {HERE} LIMIT {NEAREST}) AS n
  WHERE n.words @@ CAST(:asked AS tsquery) AND {{seen}})
"""
RARE = f"SELECT {ENTRY} FROM search_name n WHERE n.words @@ CAST(:asked AS tsquery) AND {{seen}} LIMIT {POOL + 1}"


# one for each choice of kinds that is asked for
@lru_cache(64)
def statement(kinds: tuple[Indexed, ...], common: bool) -> TextClause:
    """The question over these kinds, which stand in their order."""
    seen = f"(CASE n.kind {' '.join(f'WHEN {_said(one.kind)} THEN ({one.seen})' for one in kinds)} ELSE false END)"
    pool = (COMMON if common else RARE).format(seen=seen)
    rank = _case("p", ((one, str(kinds.index(one))) for one in kinds))
    place = _case("n", ((one, one.place) for one in kinds))
    # the nearest may be among those that begin so
    once = "(SELECT DISTINCT ON (kind, thing) * FROM graded)" if common else "graded"
    zh, en = (_case("n", ((one, one.subtitle[at]) for one in kinds)) for at in (0, 1))
    return text(f"""
WITH pool AS MATERIALIZED ({pool}),
graded AS MATERIALIZED (
  SELECT p.kind, p.thing, p.code, p.zh, p.en, p.geom, p.layer_id, {MATCH} AS match, {rank} AS rank,
    ST_DistanceSphere(p.geom, {HERE}) AS distance
  FROM pool AS p WHERE :weighed OR (SELECT count(*) FROM pool) <= {POOL}),
best AS (
  SELECT g.*, row_number() OVER (PARTITION BY kind ORDER BY match, distance, thing) AS place
  FROM {once} AS g WHERE match IS NOT NULL),
few AS (
  SELECT n.* FROM best AS n WHERE place <= :each ORDER BY match, rank, distance, thing LIMIT :most),
placed AS (
  SELECT n.*, COALESCE({place}, n.geom) AS at, {zh} AS below_zh,
    {en} AS below_en FROM few AS n)
SELECT n.kind, n.thing, n.match, n.zh, n.en, n.code, n.below_zh, n.below_en, ST_X(n.at) AS lon, ST_Y(n.at) AS lat,
  ST_DistanceSphere(n.at, {HERE}) AS distance_m,
  d.name_zh AS district_zh, d.name_en AS district_en, c.pooled
FROM (SELECT count(*) AS pooled FROM pool) AS c LEFT JOIN placed AS n ON true
LEFT JOIN LATERAL (SELECT name_zh, name_en FROM district WHERE ST_Contains(district.geom, n.at)
  ORDER BY code LIMIT 1) AS d ON true
""")


def _said(kind: str) -> str:
    return f"'{kind}'"


def _case(row: str, branches: Iterable[tuple[Indexed, str]]) -> str:
    kept = " ".join(f"WHEN {_said(one.kind)} THEN {value}" for one, value in branches if value != "NULL")
    return f"CASE {row}.kind {kept} END" if kept else "NULL"


def find_indexed(
    conn: Connection,
    asked: Asked,
    kinds: tuple[Indexed, ...],
    scope: Scope,
    near: LonLat | None,
    each: int,
    most: int,
) -> list[Found]:
    """The best `each` of every kind and `most` of all, in no order."""
    conn.execute(PLANNED)
    here = near or middle(conn)
    sight = within_scope(scope)
    chosen = of_kinds(one.kind for one in kinds) if len(kinds) <= CHOSEN else None
    narrowed = partial(_narrowed, sight, chosen)
    given = {
        "key": asked.key,
        "spaced": asked.spaced,
        "is": asked.is_,
        "begins": asked.begins,
        "holds": asked.holds,
        "in_order": asked.in_order,
        "said_first": asked.said_first,
        "said": asked.said,
        "short": asked.short,
        "meant": NOTHING,
        "asked": narrowed(asked.all),
        "lon": here.lon,
        "lat": here.lat,
        "weighed": False,
        "each": each,
        "most": most,
        **scope.params(),
    }
    living = every((asked.all, of_kinds(one.kind for one in kinds if one.living)))
    common = {**given, "begin": narrowed(asked.begins), "living": living, "weighed": True}
    rows: Sequence[Any] = _kept(conn.execute(statement(kinds, True), common)) if asked.slight else []
    if len(rows) < min(most, each):
        pool = conn.execute(statement(kinds, False), given).all()
        rows = _merged(rows, _kept(pool))
        if pool[0].pooled > POOL:
            if not asked.slight:
                rows = _merged(rows, _kept(conn.execute(statement(kinds, True), common)))
            if len(rows) < min(most, each):
                rows = _merged(rows, _kept(conn.execute(statement(kinds, False), {**given, "weighed": True})))
    if all(row.match >= nouns.INITIALS for row in rows) and (words := meant(conn, asked)):
        told = asked.mistyped(words)
        more = {**given, "weighed": True, "meant": told, "asked": narrowed(told)}
        rows = _merged(rows, _kept(conn.execute(statement(kinds, False), more)))
    return [_found(row) for row in rows]


def _narrowed(sight: str | None, chosen: str | None, what: str) -> str:
    return every(part for part in (what, sight, chosen) if part)


def _kept(rows: Iterable[Any]) -> list[Any]:
    """Without the row that only says how many there were."""
    return [row for row in rows if row.kind is not None]


def _merged(rows: Sequence[Any], more: Iterable[Any]) -> Sequence[Any]:
    kept = {(row.kind, row.thing): row for row in rows}
    for row in more:
        kept.setdefault((row.kind, row.thing), row)
    return list(kept.values())


def _found(row: Any) -> Found:
    return Found(
        kind=row.kind,
        thing=row.thing,
        match=row.match,
        zh=row.zh,
        en=row.en,
        code=row.code,
        subtitle={"zh": row.below_zh, "en": row.below_en or row.below_zh} if row.below_zh else None,
        where=None if row.lon is None else LonLat(row.lon, row.lat),
        district={"zh": row.district_zh, "en": row.district_en} if row.district_zh else None,
        distance_m=row.distance_m,
    )


_MIDDLE = text("SELECT ST_X(center) AS lon, ST_Y(center) AS lat FROM city")


def middle(conn: Connection) -> LonLat:
    """Of the city; where none is loaded, of the map."""
    row = conn.execute(_MIDDLE).one_or_none()
    return LonLat(row.lon, row.lat) if row else LonLat(0, 0)
