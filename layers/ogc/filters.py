"""A filter as SQL: the tree of CQL2 JSON (OGC 21-065r2), typed by the columns of a collection.

Nothing of what a client wrote stands in the SQL: names are looked up among the columns, values are parameters,
operators are those of the tables here. What is unknown (NULL) stays so in SQL's three-valued logic, as the standard has
it. Literals of places are transformed to where the column is, never the column.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal, NoReturn, cast

import shapely
import shapely.errors
from shapely.geometry import shape

from layers.collection import Collection
from layers.columns import CASTS, ColumnType
from layers.ogc.errors import BadRequest
from layers.ogc.expressions import Tree
from layers.ogc.systems import FARTHEST, METRES, SYSTEMS

Kind = Literal["text", "number", "boolean", "date", "time", "place"]
KINDS: Mapping[ColumnType, Kind] = {
    "text": "text",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "date": "date",
    "time": "time",
}
# how a literal of a kind is written
WRITTEN: Mapping[Kind, str] = {
    "text": "text in single quotes",
    "number": "a number",
    "boolean": "TRUE or FALSE",
    "date": "DATE('2026-05-04')",
    "time": "TIMESTAMP('2026-05-04T08:00:00Z')",
    "place": "a place such as POINT(118.9 31.3) or BBOX(west,south,east,north)",
}
# more than that is no filter but a list
NODES = 4_000
EXACT = 2**53
DATE = re.compile(r"\d{4}-\d\d-\d\d")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
COMPARE = ("=", "<>", "<", ">", "<=", ">=")
PLACES: Mapping[str, str] = {
    "s_intersects": "ST_Intersects",
    "s_equals": "ST_Equals",
    "s_disjoint": "ST_Disjoint",
    "s_touches": "ST_Touches",
    "s_within": "ST_Within",
    "s_overlaps": "ST_Overlaps",
    "s_crosses": "ST_Crosses",
    "s_contains": "ST_Contains",
}
# of two spans, a from a0 to a1 and b from b0 to b1; a moment begins and ends at once
SPANS: Mapping[str, str] = {
    "t_after": "{a0} > {b1}",
    "t_before": "{a1} < {b0}",
    "t_contains": "{a0} < {b0} AND {a1} > {b1}",
    "t_disjoint": "({a1} < {b0} OR {a0} > {b1})",
    "t_during": "{a0} > {b0} AND {a1} < {b1}",
    "t_equals": "{a0} = {b0} AND {a1} = {b1}",
    "t_finishedby": "{a0} < {b0} AND {a1} = {b1}",
    "t_finishes": "{a0} > {b0} AND {a1} = {b1}",
    "t_intersects": "{a0} <= {b1} AND {a1} >= {b0}",
    "t_meets": "{a1} = {b0}",
    "t_metby": "{a0} = {b1}",
    "t_overlappedby": "{a0} > {b0} AND {a0} < {b1} AND {a1} > {b1}",
    "t_overlaps": "{a0} < {b0} AND {a1} > {b0} AND {a1} < {b1}",
    "t_startedby": "{a0} = {b0} AND {a1} > {b1}",
    "t_starts": "{a0} = {b0} AND {a1} < {b1}",
}
# of two float8; what is divided by nothing is unknown
SUMS: Mapping[str, str] = {
    "+": "({a} + {b})",
    "-": "({a} - {b})",
    "*": "({a} * {b})",
    "/": "({a} / NULLIF({b}, 0))",
    "^": "power({a}, {b})",
    "%": "CAST(mod(CAST({a} AS numeric), NULLIF(CAST({b} AS numeric), 0)) AS float8)",
    "div": "trunc({a} / NULLIF({b}, 0))",
}
# of text; the database's own rules know ASCII alone
FOLDED: Mapping[str, str] = {
    "casei": 'lower({a} COLLATE "und-x-icu")',
    "accenti": "regexp_replace(normalize({a}, NFD), '[\\u0300-\\u036F]', '', 'g')",
}
# with these only a collection of geometries can be compared: PostGIS knows no inside of one
COLLECTED = {"s_intersects": "ST_Intersects({0}, {1})", "s_disjoint": "NOT ST_Intersects({0}, {1})"}
COLLECTION = "GeometryCollection"
# and in how many lists their numbers stand
GEOMETRIES = {"Point": 1, "LineString": 2, "Polygon": 3, "MultiPoint": 2, "MultiLineString": 3, "MultiPolygon": 4}


@dataclass(frozen=True, slots=True)
class Term:
    """SQL of a value, of which kind it is, and what it is called where something is wrong with it."""

    sql: str
    kind: Kind
    name: str


@dataclass(frozen=True, slots=True)
class Span:
    """SQL of a begin and an end, which may be the same; None is open."""

    begin: Term | None
    end: Term | None


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition of SQL and its parameters."""

    sql: str
    given: Mapping[str, Any]


def condition(tree: Tree, one: Collection, crs: str) -> Condition:
    """`tree` as a condition on a collection's rows; its literal places are in `crs`. BadRequest for what is not known
    or does not fit."""
    reader = _Reader(one, crs)
    return Condition(reader.truth(tree), reader.given)


def bad(told: str) -> NoReturn:
    raise BadRequest(f"filter: {told}", field="filter")


class _Reader:
    """Goes down the tree; `given` are the parameters so far."""

    def __init__(self, one: Collection, crs: str) -> None:
        self.one, self.crs = one, crs
        self.given: dict[str, Any] = {}
        self.nodes = 0
        self.acts: dict[str, Callable[[str, list[Tree]], Term]] = {
            "and": self.joined,
            "or": self.joined,
            "not": self.negated,
            **dict.fromkeys(COMPARE, self.compared),
            "like": self.like,
            "between": self.between,
            "in": self.among,
            "isnull": self.unknown,
            **dict.fromkeys(PLACES, self.placed),
            **dict.fromkeys(SPANS, self.timed),
            **dict.fromkeys(SUMS, self.summed),
            **dict.fromkeys(FOLDED, self.folded),
        }

    def truth(self, node: Tree) -> str:
        found = self.term(node)
        if found.kind != "boolean":
            bad(f"expected a condition, got {found.name}")
        return found.sql

    def term(self, node: Tree) -> Term:
        self.nodes += 1
        if self.nodes > NODES:
            bad(f"expected at most {NODES} names, values and operators")
        if isinstance(node, bool):
            return Term(str(node).lower(), "boolean", str(node).upper())
        if isinstance(node, (int, float)):
            return self.number(node)
        if isinstance(node, str):
            return self.bound(node, "text", "text")
        if not isinstance(node, dict):
            bad("expected a value, a property or an operator, got " + ("NULL" if node is None else "a list"))
        return self.named(cast("dict[str, Tree]", node))

    def named(self, node: dict[str, Tree]) -> Term:
        if "op" in node:
            return self.operated(node)
        if "property" in node:
            return self.column(node["property"])
        if "date" in node:
            return self.moment(node["date"], "date")
        if "timestamp" in node:
            return self.moment(node["timestamp"], "time")
        if "bbox" in node:
            return self.box(node["bbox"])
        if "type" in node:
            return self.geometry(node)
        bad(f"expected one of op, property, date, timestamp, interval, bbox or a geometry, got {_shown(list(node))}")

    def operated(self, node: dict[str, Tree]) -> Term:
        name, args = node["op"], node.get("args")
        act = self.acts.get(name.lower()) if isinstance(name, str) else None
        if act is None:
            bad(f"there is no operator or function {_shown(name)}; expected one of {', '.join(self.acts)}")
        if not isinstance(args, list):
            bad(f"{name}: expected a list of arguments")
        return act(name.lower(), args)

    # --- values

    def bound(self, value: Any, kind: ColumnType, called: Kind) -> Term:
        if isinstance(value, str) and "\x00" in value:
            bad("expected text without the character U+0000")
        name = f"f{len(self.given)}"
        self.given[name] = value
        return Term(f"CAST(:{name} AS {CASTS[kind]})", called, f"{WRITTEN[called].split(' ')[0]} {_shown(value)}")

    def number(self, value: float) -> Term:
        """A whole one as such, so that it is compared exactly and an index serves it."""
        if not math.isfinite(value):
            bad(f"expected a number, got {value}")
        if value == int(value) and abs(value) <= EXACT:
            return self.bound(int(value), "integer", "number")
        return self.bound(float(value), "number", "number")

    def column(self, name: Tree) -> Term:
        known = {column.name: (column, sql) for column, sql in self.one.values}
        if name == self.one.geometry:
            return Term(self.one.geom, "place", name)
        if not isinstance(name, str) or name not in known:
            bad(f"there is no queryable {_shown(name)}; expected one of {', '.join([*known, self.one.geometry])}")
        column, sql = known[name]
        return Term(f"({sql})", KINDS[column.type], name)

    def moment(self, words: Tree, kind: Literal["date", "time"]) -> Term:
        if isinstance(words, str):
            try:
                if kind == "date" and DATE.fullmatch(words):
                    return self.bound(date.fromisoformat(words), "date", "date")
                if kind == "time" and TIME.fullmatch(words):
                    return self.bound(datetime.fromisoformat(words).astimezone(UTC), "time", "time")
            except (ValueError, OverflowError):
                pass
        bad(f"expected {WRITTEN[kind]}, got {_shown(words)}")

    def box(self, numbers: Tree) -> Term:
        """Four numbers, or six with heights, in the order of the axes of `filter-crs`; in degrees it may go over the
        180th meridian."""
        if not isinstance(numbers, list) or len(numbers) not in (4, 6) or not all(map(_is_number, numbers)):
            bad(f"expected BBOX with four numbers, or six with heights, got {_shown(numbers)}")
        half = len(numbers) // 2
        code, turned = SYSTEMS[self.crs]
        (west, south), (east, north) = (
            (pair[1], pair[0]) if turned else (pair[0], pair[1]) for pair in (numbers[:half], numbers[half:])
        )
        if south > north or (west > east and code == METRES):
            bad(f"expected BBOX with the smaller values first, got {_shown(numbers)}")
        parts = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
        return self.place("BBOX", _boxes([(left, south, right, north) for left, right in parts]))

    def geometry(self, node: dict[str, Tree]) -> Term:
        if node["type"] != COLLECTION:
            return self.place(str(node["type"]), self.drawn(node))
        parts = node.get("geometries")
        if not isinstance(parts, list) or not parts or not all(isinstance(part, dict) for part in parts):
            bad(f"expected a {COLLECTION} with geometries")
        return self.place(COLLECTION, shapely.GeometryCollection([self.drawn(part) for part in parts]))

    def drawn(self, node: dict[str, Tree]) -> Any:
        """As a geometry of shapely, x first; what crosses itself has no inside."""
        kind = node.get("type")
        if kind not in GEOMETRIES:
            bad(f"expected one of {', '.join([*GEOMETRIES, COLLECTION])}, got {_shown(kind)}")
        numbers = _flat(node.get("coordinates"), GEOMETRIES[kind], SYSTEMS[self.crs][1])
        try:
            drawn = shape({"type": kind, "coordinates": numbers})
            fine = drawn.is_valid and not drawn.is_empty
        except (ValueError, TypeError, IndexError, shapely.errors.GEOSException):
            fine = False
        if not fine:
            bad(f"expected a {kind} that does not cross itself")
        return drawn

    def place(self, called: str, drawn: Any) -> Term:
        """A geometry of shapely, x first."""
        code, _ = SYSTEMS[self.crs]
        west, south, east, north = drawn.bounds
        inside = (
            all(abs(value) <= FARTHEST for value in drawn.bounds)
            if code == METRES
            else -180 <= west <= east <= 180 and -90 <= south <= north <= 90
        )
        if not inside:
            bad(f"expected a place on earth in {self.crs}, got {_shown([west, south, east, north])}")
        name = f"f{len(self.given)}"
        self.given[name] = shapely.to_wkb(drawn, hex=True)
        sql = f"ST_GeomFromWKB(decode(:{name}, 'hex'), {code})"
        return Term(sql if code == 4326 else f"ST_Transform({sql}, 4326)", "place", called)

    # --- conditions

    def joined(self, op: str, args: list[Tree]) -> Term:
        if not args:
            bad(f"{op}: expected conditions")
        return _truth(f" {op.upper()} ".join(map(self.truth, args)))

    def negated(self, op: str, args: list[Tree]) -> Term:
        [arg] = self.counted(op, args, 1)
        return _truth(f"NOT {self.truth(arg)}")

    def compared(self, op: str, args: list[Tree]) -> Term:
        left, right = map(self.term, self.counted(op, args, 2))
        self.alike(op, left, right)
        if left.kind == "place":
            bad(f"{op}: expected no place; s_equals and its kin compare places")
        ordered = ' COLLATE "C"' if left.kind == "text" and op not in ("=", "<>") else ""
        return _truth(f"{left.sql}{ordered} {op} {right.sql}{ordered}")

    def like(self, op: str, args: list[Tree]) -> Term:
        value, pattern = self.counted(op, args, 2)
        words = _innermost(pattern)
        if not isinstance(words, str) or (len(words) - len(words.rstrip("\\"))) % 2:
            bad("like: expected a pattern as text in single quotes, with a character after each \\")
        found, wanted = self.of_kind(op, value, "text"), self.of_kind(op, pattern, "text")
        return _truth(f"{found.sql} LIKE {wanted.sql}")

    def between(self, op: str, args: list[Tree]) -> Term:
        value, low, high = map(self.term, self.counted(op, args, 3))
        if value.kind not in ("number", "date", "time"):
            bad(f"between: expected a number, a date or a time, got {value.name}")
        self.alike(op, value, low)
        self.alike(op, value, high)
        return _truth(f"{value.sql} BETWEEN {low.sql} AND {high.sql}")

    def among(self, op: str, args: list[Tree]) -> Term:
        value, listed = self.counted(op, args, 2)
        if not isinstance(listed, list) or not listed:
            bad("in: expected a list of values")
        found = self.term(value)
        if found.kind == "place":
            bad("in: expected no place")
        wanted = [self.term(one) for one in listed]
        for one in wanted:
            self.alike(op, found, one)
        return _truth(f"{found.sql} IN ({', '.join(one.sql for one in wanted)})")

    def unknown(self, op: str, args: list[Tree]) -> Term:
        [arg] = self.counted(op, args, 1)
        return _truth(f"{self.term(arg).sql} IS NULL")

    def placed(self, op: str, args: list[Tree]) -> Term:
        left, right = (self.of_kind(op, arg, "place") for arg in self.counted(op, args, 2))
        if COLLECTION in (left.name, right.name):
            if op not in COLLECTED:
                bad(f"{op}: expected no {COLLECTION}, which {' and '.join(COLLECTED)} take")
            return _truth(COLLECTED[op].format(left.sql, right.sql))
        return _truth(f"{PLACES[op]}({left.sql}, {right.sql})")

    def timed(self, op: str, args: list[Tree]) -> Term:
        spans = [self.span(op, arg) for arg in self.counted(op, args, 2)]
        ends = [end for span in spans for end in (span.begin, span.end)]
        dates = all(end is None or end.kind == "date" for end in ends)
        named = zip(("a0", "a1", "b0", "b1"), ends, ("-", "", "-", ""), strict=True)
        words = {name: _end(end, sign, dates=dates) for name, end, sign in named}
        return _truth(SPANS[op].format(**words))

    def span(self, op: str, node: Tree) -> Span:
        if not isinstance(node, dict) or "interval" not in node:
            found = self.term(node)
            if found.kind not in ("date", "time"):
                bad(f"{op}: expected a date or a time, got {found.name}")
            return Span(found, found)
        ends = node["interval"]
        if not isinstance(ends, list) or len(ends) != 2:
            bad(f"{op}: expected INTERVAL with a begin and an end")
        return Span(self.end(op, ends[0]), self.end(op, ends[1]))

    def end(self, op: str, node: Tree) -> Term | None:
        """Of an interval: `..`, a date or a moment as text, or an expression."""
        if node == "..":
            return None
        if isinstance(node, str):
            return self.moment(node, "time" if "T" in node else "date")
        found = self.term(node)
        if found.kind not in ("date", "time"):
            bad(f"{op}: expected a date, a time or '..', got {found.name}")
        return found

    # --- functions

    def summed(self, op: str, args: list[Tree]) -> Term:
        left, right = (self.of_kind(op, arg, "number") for arg in self.counted(op, args, 2))
        words = {"a": f"CAST({left.sql} AS float8)", "b": f"CAST({right.sql} AS float8)"}
        return Term(SUMS[op].format(**words), "number", f"the number of {op}")

    def folded(self, op: str, args: list[Tree]) -> Term:
        [arg] = self.counted(op, args, 1)
        return Term(FOLDED[op].format(a=self.of_kind(op, arg, "text").sql), "text", f"the text of {op}")

    # --- what must fit

    def counted(self, op: str, args: list[Tree], count: int) -> list[Tree]:
        if len(args) != count:
            bad(f"{op}: expected {count} arguments, got {len(args)}")
        return args

    def of_kind(self, op: str, node: Tree, kind: Kind) -> Term:
        found = self.term(node)
        if found.kind != kind:
            bad(f"{op}: expected {WRITTEN[kind]}, got {found.name}, which is a {found.kind}")
        return found

    def alike(self, op: str, left: Term, right: Term) -> None:
        if left.kind != right.kind:
            bad(
                f"{op}: expected {WRITTEN[left.kind]} beside {left.name}, which is a {left.kind}; got {right.name}, "
                f"which is a {right.kind}"
            )


def _truth(sql: str) -> Term:
    return Term(f"({sql})", "boolean", "a condition")


def _end(end: Term | None, sign: str, *, dates: bool) -> str:
    """SQL of a begin or end; a day among times is its first moment in UTC, as `datetime` has it."""
    kind = "date" if dates else "timestamptz"
    if end is None:
        return f"CAST('{sign}infinity' AS {kind})"
    if dates or end.kind == "time":
        return end.sql
    return f"(CAST({end.sql} AS timestamp) AT TIME ZONE 'UTC')"


def _boxes(parts: list[tuple[float, float, float, float]]) -> Any:
    """As a geometry; without a width or a height they are lines, with neither a point."""
    [(west, south, east, north), *more] = parts
    if (west, south) == (east, north) and not more:
        return shapely.Point(west, south)
    if south == north or (west == east and not more):
        return shapely.MultiLineString([[(w, s), (e, n)] for w, s, e, n in parts])
    return shapely.MultiPolygon([shapely.box(*part) for part in parts])


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _flat(numbers: Tree, lists: int, turned: bool) -> Tree:
    """Coordinates without heights, x first. BadRequest where they are not numbers in so many lists."""
    if not isinstance(numbers, list) or not numbers:
        bad(f"expected coordinates, got {_shown(numbers)}")
    if lists > 1:
        return [_flat(part, lists - 1, turned) for part in numbers]
    if len(numbers) not in (2, 3, 4) or not all(map(_is_number, numbers)):
        bad(f"expected two coordinates, or three with a height, got {_shown(numbers)}")
    return [numbers[1], numbers[0]] if turned else numbers[:2]


def _innermost(node: Tree) -> Tree:
    """The text within `casei` and `accenti`."""
    while isinstance(node, dict) and isinstance(node.get("args"), list) and len(node["args"]) == 1:
        [node] = node["args"]
    return node


def _shown(value: Any) -> str:
    return repr(value)[:80]
