"""Filters in CQL2 (OGC 21-065r2): what each finds, that random ones find what Python finds, and what is refused."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shapely.geometry import shape
from sqlalchemy import Connection, text

from layers.collection import Collection
from layers.ogc.collections import OURS, collection
from layers.ogc.errors import BadRequest
from layers.ogc.expressions import JSON, LONGEST, TEXT, read_filter
from layers.ogc.filters import NODES, WRITTEN, condition
from layers.ogc.query import Asked, read_asked, read_items
from layers.ogc.systems import CRS84, EPSG

NOW = datetime(2026, 5, 4, tzinfo=UTC)
COLUMNS = {
    "名称": "text",
    "n": "integer",
    "x": "number",
    "ok": "boolean",
    "day": "date",
    "at": "time",
    "other": "integer",
}


@dataclass(frozen=True)
class Row:
    values: dict[str, Any]
    place: tuple[float, float] | None


def _row(place: tuple[float, float] | None, *values: Any) -> Row:
    return Row(dict(zip(COLUMNS, values, strict=True)), place)


ROWS = (
    _row((118.9, 31.3), "甲", 1, 1.5, True, "2026-05-01", "2026-05-01T00:00:00+00:00", 1),
    _row((119.0, 31.4), "Ärger_%", 2, -2.0, False, "2026-05-02", "2026-05-01T16:00:00+00:00", 1),
    _row((119.1, 31.5), "ärger", 3, 0.0, True, "2026-05-03", "2026-05-03T00:00:00+00:00", 4),
    _row((119.2, 31.6), "arger\\", -4, 2.5, False, None, None, None),
    _row(None, None, None, None, None, "2026-05-04", "2026-05-04T08:00:00+00:00", -4),
    _row((118.9, 31.6), "", 0, 3.0, None, "2026-05-02", "2026-05-02T00:00:00+00:00", 0),
)


@pytest.fixture
def one(conn: Connection) -> Collection:
    keep_kinds(conn)
    return collection(conn, "kinds")


def keep_kinds(conn: Connection) -> None:
    """A layer with a column of every type; a row's key is its place in ROWS."""
    columns = [{"name": n, "type": t, "title": {"zh": n, "en": n}, "role": None} for n, t in COLUMNS.items()]
    conn.execute(
        text(
            """
INSERT INTO layer (id, title_zh, title_en, tree_group, geometry, columns, style, visible, min_zoom, classification,
  lineage, created_by, created_at, changed_at)
VALUES ('kinds', 'x', 'x', 'own', 'point', CAST(:columns AS jsonb), '{}', true, 9, 0, '{}', 'tester', :now, :now)
"""
        ),
        {"columns": json.dumps(columns), "now": NOW},
    )
    for number, row in enumerate(ROWS):
        conn.execute(
            text(
                """
INSERT INTO layer_row (layer_id, key, props, geom, district, changed_at)
VALUES ('kinds', :key, CAST(:props AS jsonb), ST_GeomFromText(:geom, 4326), '000000', :now)
"""
            ),
            {
                "key": str(number),
                "props": json.dumps(row.values),
                "geom": row.place and f"POINT({row.place[0]} {row.place[1]})",
                "now": NOW,
            },
        )


def found(conn: Connection, one: Collection, *params: tuple[str, str]) -> set[int]:
    asked = read_asked(list(params), one.columns)
    return {int(feature["properties"]["key"]) for feature in read_items(conn, one, asked).features}


# --- what each operator finds -----------------------------------------------------------------------------------------

FINDS: list[tuple[str, set[int]]] = [
    ("名称 = '甲'", {0}),
    ("\"名称\" <> '甲'", {1, 2, 3, 5}),
    ("n > 1 AND n <= 3", {1, 2}),
    ("n = 1 OR n = 3 OR x > 2.9", {0, 2, 5}),
    ("NOT n = 1", {1, 2, 3, 5}),
    ("n IS NULL", {4}),
    ("n IS NOT NULL AND NOT (ok IS NULL)", {0, 1, 2, 3}),
    ("geometry IS NULL", {4}),
    ("ok = true", {0, 2}),
    ("ok", {0, 2}),
    ("TRUE", {0, 1, 2, 3, 4, 5}),
    ("FALSE", set()),
    ("n BETWEEN 1 AND 2", {0, 1}),
    ("n NOT BETWEEN 1 AND 2", {2, 3, 5}),
    ("day BETWEEN DATE('2026-05-02') AND DATE('2026-05-03')", {1, 2, 5}),
    ("名称 IN ('甲', 'ärger')", {0, 2}),
    ("n NOT IN (1, 2, 3)", {3, 5}),
    ("x IN (1.5, 2.5)", {0, 3}),
    ("名称 LIKE '%rger%'", {1, 2, 3}),
    ("名称 LIKE '_rger'", {2}),
    ("名称 LIKE '%\\_\\%'", {1}),
    ("名称 LIKE 'arger\\\\'", {3}),
    ("名称 NOT LIKE '%rger%'", {0, 5}),
    ("CASEI(名称) = CASEI('ÄRGER')", {2}),
    ("CASEI(名称) LIKE CASEI('ÄRGER%')", {1, 2}),
    ("ACCENTI(名称) = ACCENTI('àrger')", {2}),
    ("ACCENTI(CASEI(名称)) LIKE ACCENTI(CASEI('ÄRGER%'))", {1, 2, 3}),
    ("CASEI(名称) IN (CASEI('ÄRGER'), '甲')", {0, 2}),
    ("名称 < 'b'", {3, 5}),
    ("n = other", {0, 5}),
    ("n + other > 2", {1, 2}),
    ("-n = 4", {3}),
    ("n * 2 = x - 0.5 + 1", {0}),
    ("n / 0 = 1", set()),
    ("NOT n / 0 = 1", set()),
    ("n % 2 = 1", {0, 2}),
    ("n DIV 2 = 1", {1, 2}),
    ("x ^ 2 = 4", {1}),
    ("day = DATE('2026-05-02')", {1, 5}),
    ("at > TIMESTAMP('2026-05-01T16:00:00Z')", {2, 4, 5}),
    ("at = TIMESTAMP('2026-05-02T00:00:00+08:00')", {1}),
    ("T_AFTER(at, TIMESTAMP('2026-05-01T16:00:00Z'))", {2, 4, 5}),
    ("T_BEFORE(day, DATE('2026-05-02'))", {0}),
    ("T_DURING(at, INTERVAL('2026-05-01', '2026-05-03'))", {1, 5}),
    ("T_DURING(at, INTERVAL('2026-05-01T15:00:00Z', '..'))", {1, 2, 4, 5}),
    ("T_INTERSECTS(day, INTERVAL('..', '2026-05-02'))", {0, 1, 5}),
    ("T_INTERSECTS(INTERVAL(day, at), TIMESTAMP('2026-05-04T06:00:00Z'))", {4}),
    ("T_DISJOINT(day, INTERVAL('2026-05-02', '2026-05-03'))", {0, 4}),
    ("T_EQUALS(day, DATE('2026-05-03'))", {2}),
    ("T_STARTS(at, INTERVAL('2026-05-01', '2026-05-03'))", {0}),
    ("T_FINISHES(at, INTERVAL('2026-05-01', '2026-05-03'))", {2}),
    ("T_MEETS(INTERVAL('2026-05-01', '2026-05-03'), INTERVAL(day, '..'))", {2}),
    ("T_METBY(INTERVAL(day, '..'), INTERVAL('2026-05-01', '2026-05-03'))", {2}),
    ("T_OVERLAPS(INTERVAL('2026-05-01', '2026-05-03'), INTERVAL(day, '..'))", {1, 5}),
    ("T_OVERLAPPEDBY(INTERVAL(day, '..'), INTERVAL('2026-05-01', '2026-05-03'))", {1, 5}),
    ("T_CONTAINS(INTERVAL('2026-05-01', '2026-05-03'), day)", {1, 5}),
    ("T_STARTEDBY(INTERVAL(day, '..'), DATE('2026-05-03'))", {2}),
    ("T_FINISHEDBY(INTERVAL('..', day), DATE('2026-05-03'))", {2}),
    ("S_INTERSECTS(geometry, BBOX(118.8,31.2,119.05,31.45))", {0, 1}),
    ("S_INTERSECTS(geometry, BBOX(118.8,31.2,0,119.05,31.45,9))", {0, 1}),
    ("S_INTERSECTS(geometry, BBOX(119.15,0,118.95,80))", {0, 3, 5}),
    ("S_INTERSECTS(geometry, BBOX(118.9,31.3,118.9,31.3))", {0}),
    ("S_INTERSECTS(geometry, BBOX(118.9,31,118.9,32))", {0, 5}),
    ("S_INTERSECTS(BBOX(118.8,31.2,119.05,31.45), geometry)", {0, 1}),
    ("S_EQUALS(geometry, POINT(119.1 31.5))", {2}),
    ("S_INTERSECTS(geometry, POINT Z(119.1 31.5 7))", {2}),
    ("S_INTERSECTS(geometry, GEOMETRYCOLLECTION(POINT(118.9 31.3), LINESTRING(119 31, 119 32)))", {0, 1}),
    ("S_DISJOINT(geometry, GEOMETRYCOLLECTION(POINT(118.9 31.3), LINESTRING(119 31, 119 32)))", {2, 3, 5}),
    ("S_INTERSECTS(geometry, MULTILINESTRING((118.9 31, 118.9 32), (119.1 31, 119.1 32)))", {0, 2, 5}),
    (
        "S_INTERSECTS(geometry, MULTIPOLYGON(((118.8 31.2, 119.05 31.2, 119.05 31.45, 118.8 31.45, 118.8 31.2))))",
        {0, 1},
    ),
    ("S_DISJOINT(geometry, BBOX(118.8,31.2,119.05,31.45))", {2, 3, 5}),
    ("S_WITHIN(geometry, POLYGON((118.8 31.2, 119.05 31.2, 119.05 31.45, 118.8 31.45, 118.8 31.2)))", {0, 1}),
    ("S_CONTAINS(MULTIPOINT((118.9 31.3), (119.2 31.6)), geometry)", {0, 3}),
    ("S_TOUCHES(geometry, LINESTRING(118.9 31.3, 119.0 31.4))", {0, 1}),
    ("S_CROSSES(MULTIPOINT((118.9 31.3), (0 0)), BBOX(118,31,119,32))", {0, 1, 2, 3, 4, 5}),
    ("S_OVERLAPS(BBOX(0,0,2,2), BBOX(1,1,3,3)) AND n = 1", {0}),
    ("NOT S_INTERSECTS(geometry, POINT(118.9 31.3)) AND (n = 2 OR S_INTERSECTS(geometry, POINT(119.1 31.5)))", {1, 2}),
]


@pytest.mark.parametrize(("words", "rows"), FINDS, ids=[words for words, _ in FINDS])
def test_a_filter_finds(conn: Connection, one: Collection, words: str, rows: set[int]) -> None:
    assert found(conn, one, ("filter", words)) == rows


@pytest.mark.parametrize(("words", "rows"), FINDS[::3], ids=[words for words, _ in FINDS[::3]])
def test_the_same_as_json_finds_the_same(conn: Connection, one: Collection, words: str, rows: set[int]) -> None:
    told = json.dumps(read_filter(words, TEXT))
    assert found(conn, one, ("filter", told), ("filter-lang", JSON)) == rows


@pytest.mark.parametrize(
    ("crs", "words"),
    [
        (CRS84, "S_INTERSECTS(geometry, BBOX(118.85,31.25,118.95,31.35))"),
        (f"{EPSG}4326", "S_INTERSECTS(geometry, BBOX(31.25,118.85,31.35,118.95))"),
        (f"{EPSG}4490", "S_INTERSECTS(geometry, POLYGON((31.2 118.8, 31.2 118.95, 31.35 118.95, 31.2 118.8)))"),
        (f"{EPSG}3857", "S_INTERSECTS(geometry, BBOX(13235000,3669000,13237000,3672000))"),
    ],
)
def test_places_are_read_in_the_system_that_is_said(conn: Connection, one: Collection, crs: str, words: str) -> None:
    assert found(conn, one, ("filter", words), ("filter-crs", crs)) == {0}


@pytest.mark.parametrize("words", ["POINT(99999999 99999999)", "BBOX(-99999999,-99999999,99999999,99999999)"])
def test_a_place_far_out_is_no_fault_of_ours(conn: Connection, one: Collection, words: str) -> None:
    found(conn, one, ("filter", f"S_INTERSECTS(geometry, {words})"), ("filter-crs", f"{EPSG}3857"))
    with pytest.raises(BadRequest, match="on earth"):
        found(conn, one, ("filter", f"S_INTERSECTS(geometry, {words})".replace("9999999", "99999999")),
              ("filter-crs", f"{EPSG}3857"))  # fmt: skip


def test_a_filter_narrows_what_else_is_asked(conn: Connection, one: Collection) -> None:
    assert found(conn, one, ("filter", "n > 0"), ("bbox", "118,31,119.05,32")) == {0, 1}
    assert found(conn, one, ("filter", "n > 0"), ("other", "1")) == {0, 1}
    assert found(conn, one, ("filter", "n > 0"), ("other", "1"), ("ok", "true")) == {0}


def test_pages_of_a_filter_hold_every_row_once(conn: Connection, one: Collection) -> None:
    seen: list[str] = []
    asked = read_asked([("filter", "NOT n IS NULL"), ("limit", "2")], one.columns)
    while True:
        page = read_items(conn, one, asked)
        seen += [feature["properties"]["key"] for feature in page.features]
        if page.next is None:
            break
        asked = Asked(limit=2, after=page.next, filter=asked.filter)
    assert sorted(seen) == ["0", "1", "2", "3", "5"]


@pytest.mark.parametrize("one", OURS, ids=lambda one: one.id)
def test_every_queryable_of_ours_can_be_asked_by(conn: Connection, one: Collection) -> None:
    """/conf/basic-cql2/comparison"""
    written = {"text": "'x'", "integer": "1", "number": "1.5", "boolean": "TRUE", "date": "DATE('2026-05-04')"}
    for column in one.columns:
        value = written.get(column.type, "TIMESTAMP('2026-05-04T08:00:00Z')")
        tests = [f'"{column.name}" {op} {value}' for op in ("=", "<>", "<", ">", "<=", ">=")]
        words = " OR ".join([*tests, f'"{column.name}" IS NULL'])
        every = read_items(conn, one, read_asked([("filter", words), ("limit", "10")], one.columns))
        assert len(every.features) == len(read_items(conn, one, Asked(limit=10)).features), column.name
    read_items(conn, one, read_asked([("filter", "S_INTERSECTS(geometry, BBOX(118,31,120,32))")], one.columns))


# --- random filters against Python ------------------------------------------------------------------------------------

Tree = Any
Truth = bool | None
TEXTS = ("甲", "Ärger_%", "ärger", "arger\\", "", "b")
MOMENTS = ("2026-05-01T00:00:00Z", "2026-05-01T16:00:00Z", "2026-05-03T00:00:00Z", "2026-05-09T00:00:00Z")
DAYS = ("2026-05-01", "2026-05-02", "2026-05-04", "2026-05-09")
COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
}
COUNTED: dict[str, Callable[[float, float], float | None]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b if b else None,
    "%": lambda a, b: math.fmod(a, b) if b else None,
    "div": lambda a, b: math.trunc(a / b) if b else None,
}
PLACED = ("intersects", "within", "contains", "disjoint", "touches", "crosses", "overlaps", "equals")


def op(name: str, *args: Tree) -> Tree:
    return {"op": name, "args": list(args)}


def names(*which: str) -> st.SearchStrategy[Tree]:
    return st.sampled_from(which).map(lambda name: {"property": name})


texts = st.one_of(names("名称"), st.sampled_from(TEXTS))
numbers = st.recursive(
    st.one_of(names("n", "x", "other"), st.integers(-5, 5), st.sampled_from([0.5, -1.5, 2.5])),
    lambda inner: st.builds(op, st.sampled_from(list(COUNTED)), inner, inner),
    max_leaves=4,
)
booleans = st.one_of(names("ok"), st.booleans())
days = st.one_of(names("day"), st.sampled_from(DAYS).map(lambda day: {"date": day}))
moments = st.one_of(names("at"), st.sampled_from(MOMENTS).map(lambda at: {"timestamp": at}))
places = st.one_of(
    names("geometry"),
    st.sampled_from(ROWS[:4]).map(lambda row: {"type": "Point", "coordinates": list(row.place or ())}),
    st.sampled_from([(118.9, 31.3, 119.1, 31.5), (118, 31, 119, 32), (119.05, 31.45, 119.3, 31.7)]).map(
        lambda box: {"bbox": list(box)}
    ),
)
patterns = st.lists(st.sampled_from(["%", "_", "\\%", "\\_", "\\\\", "r", "ä", "甲"]), max_size=4).map("".join)
leaves = st.one_of(
    *(st.builds(op, st.sampled_from(list(COMPARED)), one, one) for one in (texts, numbers, booleans, days, moments)),
    *(st.builds(op, st.just("between"), one, one, one) for one in (numbers, days, moments)),
    *(
        st.builds(op, st.just("in"), one, st.lists(one, min_size=1, max_size=3))
        for one in (texts, numbers, booleans, days, moments)
    ),
    st.builds(op, st.just("like"), texts, patterns),
    *(st.builds(op, st.just("isNull"), one) for one in (texts, numbers, booleans, days, moments, places)),
    st.builds(op, st.sampled_from([f"s_{name}" for name in PLACED]), places, places),
    st.builds(op, st.sampled_from(["t_after", "t_before", "t_equals", "t_intersects", "t_disjoint"]), moments, moments),
    booleans,
)
filters = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(op, st.sampled_from(["and", "or"]), inner, inner),
        st.builds(op, st.sampled_from(["and", "or"]), inner, inner, inner),
        st.builds(op, st.just("not"), inner),
    ),
    max_leaves=6,
)


def valued(node: Tree, row: Row) -> Any:
    """A value of the tree for a row, None where it is unknown."""
    if isinstance(node, list):
        return [valued(one, row) for one in node]
    if not isinstance(node, dict):
        return node
    if "property" in node:
        name = node["property"]
        if name == "geometry":
            return row.place and shapely.Point(row.place)
        value = row.values[name]
        if value is not None and COLUMNS[name] == "date":
            return date.fromisoformat(value)
        return datetime.fromisoformat(value) if value is not None and COLUMNS[name] == "time" else value
    if "date" in node:
        return date.fromisoformat(node["date"])
    if "timestamp" in node:
        return datetime.fromisoformat(node["timestamp"])
    if "bbox" in node:
        return shapely.box(*node["bbox"])
    if "type" in node:
        return shape(node)
    return acted(node["op"], node["args"], row)


def acted(name: str, args: list[Tree], row: Row) -> Any:
    values = [valued(arg, row) for arg in args]
    if name == "and":
        return False if False in values else (None if None in values else True)
    if name == "or":
        return True if True in values else (None if None in values else False)
    if name == "in":
        return acted("or", [value == values[0] if None not in (value, values[0]) else None for value in values[1]], row)
    if name == "isNull":
        return values[0] is None
    if name == "between":
        low, high = (
            COMPARED[sign](values[0], end) if None not in (values[0], end) else None
            for sign, end in ((">=", values[1]), ("<=", values[2]))
        )
        return acted("and", [low, high], row)
    if None in values:
        return None
    if name == "not":
        return not values[0]
    if name == "like":
        return fits(values[0], values[1])
    if name.startswith("s_"):
        return bool(getattr(values[0], name.removeprefix("s_"))(values[1]))
    spans = {"t_after": ">", "t_before": "<", "t_equals": "=", "t_intersects": "=", "t_disjoint": "<>"}
    made = COUNTED.get(name) or COMPARED[spans.get(name, name)]
    return made(*values)


def fits(value: str, pattern: str) -> bool:
    parts = re.findall(r"\\.|.", pattern)
    said = {"%": ".*", "_": "."}
    return bool(re.fullmatch("".join(said.get(part) or re.escape(part[-1]) for part in parts), value, re.DOTALL))


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(tree=filters)
def test_a_random_filter_finds_what_python_finds(conn: Connection, one: Collection, tree: Tree) -> None:
    rows = {number for number, row in enumerate(ROWS) if valued(tree, row) is True}
    assert found(conn, one, ("filter", json.dumps(tree)), ("filter-lang", JSON)) == rows


# --- what is refused --------------------------------------------------------------------------------------------------

REFUSED = [
    ("", "character 1"),
    ("n =", "character 4"),
    ("nothing = 1", "there is no queryable 'nothing'; expected one of key, 名称, n"),
    ("'nothing' = n", "expected text in single quotes beside text 'nothing'"),
    ("n = 'x'", "expected a number beside n, which is a number; got text 'x'"),
    ("名称 = 1", "expected text in single quotes beside 名称"),
    ("day = '2026-05-01'", "expected DATE("),
    ("day = TIMESTAMP('2026-05-01T00:00:00Z')", "expected DATE("),
    ("at > DATE('2026-05-01')", "expected TIMESTAMP("),
    ("at > TIMESTAMP('yesterday')", "expected TIMESTAMP("),
    ("at > TIMESTAMP('2026-05-01')", "expected TIMESTAMP("),
    ("day = DATE('2026-13-01')", "expected DATE("),
    ("ok = 1", "expected TRUE or FALSE"),
    ("n = NULL", "got NULL"),
    ("n", "expected a condition, got n"),
    ("'x'", "expected a condition"),
    ("n + 1", "expected a condition"),
    ("n = 1e999", "expected a number"),
    ("n + 'x' = 1", "expected a number, got text 'x'"),
    ("名称 LIKE 1", "expected a pattern"),
    ("名称 LIKE n", "expected a pattern"),
    ("名称 LIKE 'x\\'", "after each"),
    ("n LIKE 'x'", "expected text in single quotes, got n"),
    ("CASEI(n) = 'x'", "expected text"),
    ("名称 BETWEEN 'a' AND 'b'", "expected a number, a date or a time"),
    ("n BETWEEN 1 AND 'b'", "expected a number"),
    ("n IN (1, 'x')", "expected a number"),
    ("geometry IN (POINT(1 2))", "expected no place"),
    ("geometry = POINT(1 2)", "s_equals"),
    ("drop_table(n) = 1", "there is no operator or function 'drop_table'"),
    ("pg_sleep(10) = 1", "there is no operator or function"),
    ("A_EQUALS(n, (1, 2))", "there is no operator or function 'a_equals'"),
    ("S_INTERSECTS(geometry, 1)", "expected a place"),
    ("S_INTERSECTS(n, POINT(1 2))", "expected a place"),
    ("S_INTERSECTS(geometry, POINT(200 2))", "expected a place on earth"),
    ("S_INTERSECTS(geometry, BBOX(1,3,2,2))", "smaller values first"),
    ("S_INTERSECTS(geometry, BBOX(1,2,3))", "expected"),
    ("S_INTERSECTS(geometry, POLYGON((0 0,1 1,1 0,0 1,0 0)))", "does not cross itself"),
    ("S_INTERSECTS(geometry, LINESTRING(0 0,0 0))", "expected a LineString"),
    ("S_WITHIN(geometry, GEOMETRYCOLLECTION(POINT(1 2)))", "expected no GeometryCollection"),
    ("T_AFTER(n, DATE('2026-05-01'))", "expected a date or a time"),
    ("T_DURING(at, INTERVAL('x', '..'))", "expected DATE("),
    ("(n ^ 9999) > 1 AND x ^ 0.5 > 0", "can be computed"),
    ("n = 1; DROP TABLE layer", "character 6"),
    ("(" * 18 + "n = 1" + ")" * 18, "fewer parentheses"),
    ("(" * 3000, "fewer parentheses"),
    ("NOT " * 600 + "ok", "at most 500"),
    ("-" * 5000 + "1 = n", "at most 500"),
    ("n=1" + "=1" * 2000, "at most 500"),
    ("n" + "-1" * 200 + " = 1", "levels"),
    ("x" * (LONGEST[TEXT] + 1), "at most 8000"),
]


@pytest.mark.parametrize(("words", "told"), REFUSED, ids=[words[:40] or "nothing" for words, _ in REFUSED])
def test_what_cannot_be_is_refused_and_told(conn: Connection, one: Collection, words: str, told: str) -> None:
    begun = time.monotonic()
    with pytest.raises(BadRequest, match=re.escape(told)) as caught:
        found(conn, one, ("filter", words))
    assert caught.value.field == "filter"
    assert time.monotonic() - begun < 20, "none keeps the server busy"


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ("{", "character"),
        ("null", "NULL"),
        ("[1]", "a list"),
        ('"x"', "expected a condition"),
        ("{}", "expected one of op"),
        ('{"op": 1, "args": []}', "no operator"),
        ('{"op": "and"}', "a list of arguments"),
        ('{"op": "and", "args": []}', "expected conditions"),
        ('{"op": "not", "args": [true, true]}', "expected 1 arguments, got 2"),
        ('{"op": "=", "args": [{"property": ["n"]}, 1]}', "no queryable"),
        ('{"op": "=", "args": [{"property": "n\' OR true --"}, 1]}', "no queryable"),
        ('{"op": "=) OR (true", "args": [1, 1]}', "no operator"),
        ('{"op": "=", "args": [{"property": "名称"}, "\\u0000"]}', "U+0000"),
        ('{"op": "in", "args": [{"property": "n"}, []]}', "a list of values"),
        ('{"op": "in", "args": [{"property": "n"}, [[1]]]}', "got a list"),
        ('{"op": "=", "args": [{"date": 5}, {"property": "day"}]}', "expected DATE("),
        ('{"op": "s_equals", "args": [{"property": "geometry"}, {"bbox": [1, 2, 3, "x"]}]}', "four numbers"),
        ('{"op": "s_equals", "args": [{"property": "geometry"}, {"type": "Point"}]}', "coordinates"),
        ('{"op": "s_equals", "args": [{"property": "geometry"}, {"type": "Point", "coordinates": [1]}]}', "two"),
        (
            '{"op": "s_equals", "args": [{"property": "geometry"}, {"type": "Point", "coordinates": [[1, 2]]}]}',
            "expected two coordinates",
        ),
        (
            '{"op": "s_equals", "args": [{"property": "geometry"}, {"type": "Polygon", "coordinates": [1, 2]}]}',
            "expected coordinates",
        ),
        ('{"op": "s_intersects", "args": [{"property": "geometry"}, {"type": "GeometryCollection"}]}', "geometries"),
        (
            '{"op": "s_intersects", "args": [{"property": "geometry"}, {"type": "GeometryCollection", '
            '"geometries": [{"type": "GeometryCollection"}]}]}',
            "expected one of Point",
        ),
        ('{"op": "t_after", "args": [{"interval": ["..", ".."]}, {"interval": [".."]}]}', "a begin and an end"),
        (json.dumps(op("in", {"property": "n"}, [1] * NODES)), "at most 4000"),
        ("[" * 500 + "]" * 500, "levels"),
    ],
)
def test_json_that_cannot_be_is_refused_and_told(conn: Connection, one: Collection, told: str, reason: str) -> None:
    with pytest.raises(BadRequest, match=re.escape(reason)):
        found(conn, one, ("filter", told), ("filter-lang", JSON))


@pytest.mark.parametrize("params", [[("filter-lang", "cql-text")], [("filter", "ok"), ("filter-crs", "EPSG:1")]])
def test_a_language_or_system_that_is_none_is_refused(
    conn: Connection, one: Collection, params: list[tuple[str, str]]
) -> None:
    with pytest.raises(BadRequest) as caught:
        found(conn, one, *params)
    assert caught.value.field == params[-1][0]


@settings(max_examples=300)
@given(words=st.text(st.sampled_from("()'\",=<>+-*/^% nab01.NOTANDLIKEINs_"), max_size=60))
def test_no_text_does_harm(words: str) -> None:
    """Whatever is written is read as a tree or refused, soon."""
    begun = time.monotonic()
    with suppress(BadRequest):
        condition(read_filter(words, TEXT), OURS[0], CRS84)
    assert time.monotonic() - begun < 10


def test_nothing_that_is_written_stands_in_the_sql(one: Collection) -> None:
    tree = read_filter("名称 = 'secret' AND n = 4711 AND S_INTERSECTS(geometry, POINT(47.11 47.11))", TEXT)
    made = condition(tree, one, CRS84)
    assert "secret" not in made.sql
    assert "47" not in made.sql
    assert set(made.given.values()) > {"secret", 4711}


def test_every_kind_says_how_it_is_written() -> None:
    assert set(WRITTEN) == {"text", "number", "boolean", "date", "time", "place"}
