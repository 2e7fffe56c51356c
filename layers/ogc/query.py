"""What is asked of a collection, as values, and its answer as GeoJSON: OGC API Features Part 1 (17-069r4), Part 2
(18-058r1) and Part 3 (19-079r2).

A page is followed by its last key, not by a number of rows: whoever walks all pages while rows are added gets every row
once.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import orjson
from sqlalchemy import Connection, text
from sqlalchemy.exc import DataError

from core.errors import NotFound
from core.scope import EVERYTHING, Scope
from layers.collection import Collection
from layers.columns import CASTS, Column
from layers.ogc.errors import BadRequest
from layers.ogc.expressions import LANGUAGES, TEXT, Tree, read_filter
from layers.ogc.filters import condition
from layers.ogc.systems import CRS84, FARTHEST, METRES, SYSTEMS

FILTERED = frozenset({"filter", "filter-lang", "filter-crs"})
LIMIT, MOST = 100, 10_000
DIGITS = 7
PARAMETERS = frozenset({"f", "limit", "bbox", "bbox-crs", "crs", "datetime", "after", "before", "token"}) | FILTERED
MOMENT = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?")
Box = tuple[float, float, float, float]
Period = tuple[datetime | None, datetime | None]


@dataclass(frozen=True, slots=True)
class Asked:
    """A page of a collection: at most `limit` features after the key `after`, or the last ones before `before`, in the
    box and the time, whose columns have these values, and of which the filter is true."""

    limit: int = LIMIT
    after: str | None = None
    before: str | None = None
    box: Box | None = None
    box_crs: str = CRS84
    crs: str = CRS84
    period: Period | None = None
    equal: tuple[tuple[str, str], ...] = ()
    filter: Tree = None
    filter_crs: str = CRS84


@dataclass(frozen=True, slots=True)
class Answer:
    """Features as GeoJSON, and the keys after which the next page begins and before which the previous one ends, where
    there are such."""

    features: list[dict[str, Any]] = field(default_factory=list)
    next: str | None = None
    previous: str | None = None


def read_asked(params: list[tuple[str, str]], columns: tuple[Column, ...]) -> Asked:
    """From the query of a request. BadRequest for what is not known or cannot be."""
    known = {column.name: column for column in columns}
    given: dict[str, str] = {}
    equal = []
    for name, value in params:
        if name in PARAMETERS:
            if name in given:
                raise BadRequest(f"{name}: expected once", field=name)
            given[name] = value
        elif name in known:
            equal.append((name, _checked(known[name], value)))
        else:
            expected = ", ".join([*sorted(PARAMETERS), *known])
            raise BadRequest(f"{name[:60]}: there is no such parameter; expected one of {expected}", field=name[:60])
    if "after" in given and "before" in given:
        raise BadRequest("before: expected without after", field="before")
    box_crs = _system(given, "bbox-crs")
    return Asked(
        limit=_limit(given.get("limit")),
        after=given.get("after"),
        before=given.get("before"),
        box=_box(given.get("bbox"), box_crs),
        box_crs=box_crs,
        crs=_system(given, "crs"),
        period=_period(given.get("datetime")),
        equal=tuple(equal),
        filter=_filter(given),
        filter_crs=_system(given, "filter-crs"),
    )


def read_wanted(words: str | None, box: str | None) -> Asked:
    """All that a filter (CQL2 text) and a box, both in CRS84, leave of a collection. BadRequest where they cannot
    be."""
    return Asked(box=_box(box, CRS84), filter=None if words is None else read_filter(words, TEXT))


def _filter(given: Mapping[str, str]) -> Tree:
    language = given.get("filter-lang", TEXT)
    if language not in LANGUAGES:
        raise BadRequest(
            f"filter-lang: expected one of {', '.join(LANGUAGES)}, got {language[:40]!r}", field="filter-lang"
        )
    return read_filter(given["filter"], language) if "filter" in given else None


def _checked(column: Column, value: str) -> str:
    """A value that the database can compare with."""
    fits = {
        "integer": lambda: abs(int(value)) < 2**63,
        "number": lambda: math.isfinite(float(value)),
        "boolean": lambda: value.lower() in ("true", "false", "1", "0"),
        "date": lambda: bool(date.fromisoformat(value)),
        "time": lambda: bool(_moment(value)),
    }.get(column.type)
    try:
        if fits is not None and not fits():
            raise ValueError
    except ValueError:
        raise BadRequest(f"{column.name}: expected a {column.type}, got {value[:60]!r}", field=column.name) from None
    if "\x00" in value:
        raise BadRequest(f"{column.name}: expected text without the character U+0000", field=column.name)
    return value


def _limit(words: str | None) -> int:
    """More than the most is the most (requirement /req/core/fc-limit-definition)."""
    if words is None:
        return LIMIT
    if not words.isascii() or not words.isdigit() or not 1 <= len(words) <= 9 or int(words) < 1:
        raise BadRequest(f"limit: expected 1 to {MOST}, got {words[:20]!r}", field="limit")
    return min(int(words), MOST)


def _system(given: Mapping[str, str], name: str) -> str:
    wanted = given.get(name, CRS84)
    if wanted not in SYSTEMS:
        raise BadRequest(f"{name}: expected one of {', '.join(SYSTEMS)}; got {wanted[:80]!r}", field=name)
    return wanted


def _box(words: str | None, crs: str) -> Box | None:
    """West, south, east, north as CRS84 has them, whatever the order of the axes that were given."""
    if words is None:
        return None
    try:
        numbers = [float(part) for part in words.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) == 6:  # with heights
        numbers = [*numbers[:2], *numbers[3:5]]
    if len(numbers) != 4 or not all(map(math.isfinite, numbers)):
        raise BadRequest(f"bbox: expected four numbers, or six with heights, got {words[:80]!r}", field="bbox")
    code, turned = SYSTEMS[crs]
    west, south, east, north = (numbers[1], numbers[0], numbers[3], numbers[2]) if turned else numbers
    degrees = code != METRES
    if south > north or (degrees and not (-90 <= south <= north <= 90 and all(-180 <= x <= 180 for x in (west, east)))):
        raise BadRequest(f"bbox: expected a box on earth, the smaller values first, got {words[:80]!r}", field="bbox")
    if not degrees and (west > east or max(map(abs, numbers)) > FARTHEST):
        raise BadRequest(f"bbox: expected a box on earth, the smaller values first, got {words[:80]!r}", field="bbox")
    return west, south, east, north


def _moment(words: str) -> datetime:
    if not MOMENT.fullmatch(words):
        raise ValueError(words)
    moment = datetime.fromisoformat(words)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _period(words: str | None) -> Period | None:
    """A moment, or two with `/` between, of which one may be open (RFC 3339)."""
    if words is None:
        return None
    begin, slash, end = words.partition("/")
    try:
        first = None if begin in ("", "..") else _moment(begin)
        last = (None if end in ("", "..") else _moment(end)) if slash else first
    except ValueError:
        first = last = None
        slash = "bad"
    if slash == "bad" or (first is None and not slash) or (first and last and first > last):
        raise BadRequest(f"datetime: expected a moment, or two as begin/end, got {words[:80]!r}", field="datetime")
    return first, last


def where(one: Collection, asked: Asked, scope: Scope, area: str | None = None) -> tuple[list[str], dict[str, Any]]:
    """What is asked as conditions of SQL, of which the first is what the scope sees, and their parameters; `area`:
    GeoJSON in which things stand."""
    conditions, given = [one.seen], dict(scope.params())
    for name, sign, key in (("after", ">", asked.after), ("before", "<", asked.before)):
        if key is not None:
            conditions.append(f"{one.key} {sign} CAST(:{name} AS {one.key_cast})")
            given[name] = key
    if asked.box is not None:
        conditions.append(_in_box(one.geom, asked.box, asked.box_crs, given))
    if asked.period is not None and one.time is not None:
        for name, sign, moment in (("first", ">=", asked.period[0]), ("last", "<=", asked.period[1])):
            if moment is not None:
                conditions.append(f"{one.time} {sign} :{name}")
                given[name] = moment
    for number, (name, value) in enumerate(asked.equal):
        kind = next(column.type for column in one.columns if column.name == name)
        conditions.append(f"{one.sql_of(name)} = CAST(:equal{number} AS {CASTS[kind]})")
        given[f"equal{number}"] = value
    if asked.filter is not None:
        filtered = condition(asked.filter, one, asked.filter_crs)
        conditions.append(filtered.sql)
        given |= filtered.given
    if area is not None:
        conditions.append(f"ST_Intersects({one.stands}, ST_SetSRID(ST_GeomFromGeoJSON(:area), 4326))")
        given["area"] = area
    return conditions, given


def _in_box(geom: str, box: Box, crs: str, given: dict[str, Any]) -> str:
    """The literal is transformed, never the column; a box over the 180th meridian is two. What has no place is in
    none."""
    west, south, east, north = box
    code, _ = SYSTEMS[crs]
    parts = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
    found = []
    for number, (left, right) in enumerate(parts):
        given |= {f"w{number}": left, f"e{number}": right, f"s{number}": south, f"n{number}": north}
        edge = f"ST_MakeEnvelope(:w{number}, :s{number}, :e{number}, :n{number}, {code})"
        found.append(f"ST_Intersects({geom}, {edge if code == 4326 else f'ST_Transform({edge}, 4326)'})")
    return f"({' OR '.join(found)})"


def _shape(one: Collection, crs: str) -> str:
    code, turned = SYSTEMS[crs]
    shape = one.geom if code == 4326 else f"ST_Transform({one.geom}, {code})"
    return f"ST_AsGeoJSON({f'ST_FlipCoordinates({shape})' if turned else shape}, {DIGITS}, 0)"


def _select(one: Collection, crs: str) -> str:
    shown = [f"({one.key})::text AS fid", f"{_shape(one, crs)} AS shape"]
    shown += [f"{sql} AS c{number}" for number, (_, sql) in enumerate(one.values)]
    shown.append(f"{one.version or 'NULL::int'} AS feature_version")
    return f"SELECT {', '.join(shown)} FROM {one.source}"


def _feature(one: Collection, row: Any) -> dict[str, Any]:
    properties = {column.name: plain(row[number + 2]) for number, column in enumerate(one.columns)}
    shape = None if row.shape is None else orjson.Fragment(row.shape)
    return {"type": "Feature", "id": row.fid, "geometry": shape, "properties": properties}


def plain(value: Any) -> Any:
    """A value of a column as JSON has it."""
    return value.isoformat() if isinstance(value, (date, datetime)) else value


def check_keys(one: Collection, asked: Asked) -> None:
    """BadRequest where `after` or `before` is no key of this collection."""
    for name, key in (("after", asked.after), ("before", asked.before)):
        if key is not None and one.key_cast == "bigint" and not re.fullmatch(r"-?[0-9]{1,18}", key):
            raise BadRequest(f"{name}: expected what a link to another page says, got {key[:60]!r}", field=name)


def read_items(conn: Connection, one: Collection, asked: Asked, scope: Scope = EVERYTHING) -> Answer:
    """One page. BadRequest where `after` or `before` is no key of this collection, or a filter does not fit it."""
    check_keys(one, asked)
    back = asked.before is not None
    conditions, given = where(one, asked, scope)
    order = f"{one.key} {'DESC' if back else 'ASC'}"
    statement = text(f"{_select(one, asked.crs)} WHERE {' AND '.join(conditions)} ORDER BY {order} LIMIT :most")
    try:
        rows = conn.execute(statement, {**given, "most": asked.limit + 1}).all()
    except DataError as exc:
        if asked.filter is None:
            raise
        raise BadRequest("filter: expected what can be computed for every row", field="filter") from exc
    more, shown = len(rows) > asked.limit, list(rows[: asked.limit])
    if back:
        shown.reverse()
    ahead, behind = (True, more) if back else (more, asked.after is not None)
    return Answer(
        [_feature(one, row) for row in shown],
        shown[-1].fid if shown and ahead else None,
        shown[0].fid if shown and behind else None,
    )


def read_item(conn: Connection, one: Collection, key: str, crs: str, scope: Scope = EVERYTHING) -> dict[str, Any]:
    """One feature by its id."""
    return read_versioned(conn, one, key, crs, scope)[0]


def read_versioned(
    conn: Connection, one: Collection, key: str, crs: str, scope: Scope = EVERYTHING
) -> tuple[dict[str, Any], int | None]:
    """One feature by its id, and its version where it has one."""
    fits = one.key_cast != "bigint" or re.fullmatch(r"-?[0-9]{1,18}", key)
    row = None
    if fits and "\x00" not in key:
        row = conn.execute(
            text(f"{_select(one, crs)} WHERE {one.seen} AND {one.key} = CAST(:key AS {one.key_cast})"),
            {**scope.params(), "key": key},
        ).one_or_none()
    if row is None:
        raise NotFound(f"id: there is no feature {key[:80]!r} in {one.id}", field="id")
    return _feature(one, row), row.feature_version


def read_extent(conn: Connection, one: Collection, scope: Scope = EVERYTHING) -> list[float] | None:
    """Its box, as far as a scope sees; None where nothing has a place."""
    row = conn.execute(
        text(
            f"SELECT ST_XMin(e), ST_YMin(e), ST_XMax(e), ST_YMax(e) FROM (SELECT ST_Extent({one.geom}) AS e "
            f"FROM {one.source} WHERE {one.seen}) AS x"
        ),
        dict(scope.params()),
    ).one()
    return None if row[0] is None else [round(float(value), 6) for value in row]
