"""A question becomes one statement, its groups an answer. What the database knows of a thing it groups itself; in which
cell or area of a layer a thing is, is found here, for all of its points at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import Connection, text

from core.analysis.asked import Question, step_of
from core.analysis.nouns import (
    AnalysisObject,
    Area,
    Dimension,
    Floats,
    Function,
    Grouping,
    GroupingObject,
    GroupObject,
    Kind,
    Place,
    Placed,
    Subject,
)
from core.analysis.times import local
from core.clock import rfc3339
from core.errors import InputError
from core.i18n import say
from core.scope import Scope
from core.vocabulary import Text, label

# so many groups are given, in a file more
MOST, MOST_IN_FILE = 5_000, 100_000
# so many things are placed one by one (24 bytes each)
MOST_PLACED = 3_000_000
Key = str | None


@dataclass(frozen=True, slots=True)
class Group:
    """`numbers` of its things have a number, which make `total`."""

    keys: tuple[Key, ...]
    count: int
    numbers: int
    total: float


@dataclass(frozen=True, slots=True)
class Groups:
    """The largest, and what is known of all."""

    kept: Sequence[Group]
    in_all: int = 0
    count: int = 0
    numbers: int = 0
    total: float = 0.0
    no_place: int = 0
    no_time: int = 0


def answer(
    conn: Connection,
    subject: Subject,
    question: Question,
    scope: Scope,
    zone: str,
    now: datetime,
    most: int = MOST,
) -> AnalysisObject:
    """What a scope sees of the subject, in at most so many groups. The same transaction must see it all."""
    given = params_of(subject, question, scope, zone)
    placing = any(one.place and one.place.locate for one in question.by)
    found = (placed if placing else counted)(conn, subject, question, scope, given, most)
    named = [names_of(conn, one, scope, [group.keys[n] for group in found.kept]) for n, one in enumerate(question.by)]
    value = value_of(question.function, found.count, found.numbers, found.total)
    return {
        "subject": subject.id,
        "title": subject.title,
        "by": [grouping_object(one) for one in question.by],
        "measure": {"id": question.asks, "title": question.title},
        "groups": [group_object(group, question, named, value) for group in ordered(found.kept, question)],
        "groups_in_all": found.in_all,
        "total": {"count": found.count, "value": value},
        "left_out": {
            "place": found.no_place,
            "time": found.no_time,
            "number": found.count - found.numbers if question.measure else 0,
        },
        "zone": zone,
        "at": rfc3339(now),
    }


def grouping_object(one: Grouping) -> GroupingObject:
    return {"id": one.id, "title": one.title, "kind": one.kind.value}


# --- the statement ----------------------------------------------------------------------------------------------------


def params_of(subject: Subject, question: Question, scope: Scope, zone: str) -> dict[str, Any]:
    given: dict[str, Any] = {**scope.params(), "zone": zone}
    if question.since:
        given["since"] = question.since
    if question.until:
        given["until"] = question.until
    if question.district:
        given["district"] = question.district
    if question.only:
        given["only"] = question.only[1]
    if question.box:
        given |= dict(zip(("west", "south", "east", "north"), question.box, strict=True))
    return given


def conditions(subject: Subject, question: Question) -> list[str]:
    found = [subject.seen]
    time = question.time
    if time and (question.since or question.until):
        # a moment as it stands, so that its index is of use; a day by the city's own
        sides = [
            f"{time.sql} {sign} {f'CAST(:{name} AS timestamptz) AT TIME ZONE :zone' if time.daily else f':{name}'}"
            for sign, name, value in ((">=", "since", question.since), ("<", "until", question.until))
            if value
        ]
        found.append(f"(({' AND '.join(sides)}) OR {time.sql} IS NULL)")
    if question.district:
        found.append(f"{subject.district} = :district")
    if question.only:
        found.append(f"{column_sql(question.only[0])} IS NOT DISTINCT FROM NULLIF(:only, '')")
    if question.box:
        box = "ST_MakeEnvelope(:west, :south, :east, :north, 4326)"
        found.append(f"{subject.geom} && {box} AND ST_Intersects({subject.place}, {box})")
    return found


def column_sql(one: Dimension) -> str:
    return f"NULLIF(CAST({one.sql} AS text), '')"


def key_sql(subject: Subject, question: Question, one: Grouping) -> str:
    if isinstance(one.of, Dimension):
        return column_sql(one.of)
    if isinstance(one.of, Place):
        return subject.known_district
    step = step_of(one)
    assert step is not None
    assert question.time is not None
    return step.sql(question.time)


def rows_sql(subject: Subject, question: Question, shown: Sequence[str]) -> str:
    """A row for each thing: `shown`, its number, whether nobody knows when it was so."""
    number = f"CAST({question.measure.sql} AS float8)" if question.measure else "NULL::float8"
    timeless = f"{local(question.time)} IS NULL" if question.time and question.timed else "false"
    told = [*shown, f"{number} AS number", f"{timeless} AS timeless"]
    return f"SELECT {', '.join(told)} FROM {subject.source} WHERE {' AND '.join(conditions(subject, question))}"


def counted(
    conn: Connection, subject: Subject, question: Question, scope: Scope, given: Mapping[str, Any], most: int
) -> Groups:
    """Groups of what the database knows."""
    keys = [f"k{n}" for n in range(len(question.by))]
    shown = [f"{key_sql(subject, question, one)} AS {key}" for one, key in zip(question.by, keys, strict=True)]
    lost = [f"{key} IS NULL" for one, key in zip(question.by, keys, strict=True) if one.kind is Kind.PLACE]
    placeless = " OR ".join(lost) or "false"
    names = ", ".join(keys)
    rows = conn.execute(
        text(f"""
WITH g AS MATERIALIZED (
  SELECT {names}, timeless, ({placeless}) AS placeless, count(*) AS n, count(number) AS numbers, sum(number) AS total
  FROM ({rows_sql(subject, question, shown)}) AS r GROUP BY {names}, timeless),
kept AS (SELECT * FROM g WHERE NOT placeless AND NOT timeless ORDER BY n DESC, {names} LIMIT :most),
whole AS (
  SELECT count(*) FILTER (WHERE NOT placeless AND NOT timeless) AS in_all,
    sum(n) FILTER (WHERE NOT placeless AND NOT timeless) AS whole_n,
    sum(numbers) FILTER (WHERE NOT placeless AND NOT timeless) AS whole_numbers,
    sum(total) FILTER (WHERE NOT placeless AND NOT timeless) AS whole_total,
    sum(n) FILTER (WHERE placeless) AS no_place, sum(n) FILTER (WHERE timeless AND NOT placeless) AS no_time
  FROM g)
SELECT whole.*, kept.* FROM whole LEFT JOIN kept ON true
"""),
        {**given, "most": most},
    ).all()
    first = rows[0]
    return Groups(
        [
            Group(tuple(getattr(row, key) for key in keys), int(row.n), int(row.numbers), float(row.total or 0))
            for row in rows
            if row.n is not None
        ],
        in_all=int(first.in_all),
        count=int(first.whole_n or 0),
        numbers=int(first.whole_numbers or 0),
        total=float(first.whole_total or 0),
        no_place=int(first.no_place or 0),
        no_time=int(first.no_time or 0),
    )


# --- places that are found here ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Points:
    """Things that are somewhere, and how many are not. `keys` are those that the database knows; `which` of them each
    thing has."""

    keys: Sequence[tuple[Key, ...]]
    which: np.ndarray[Any, np.dtype[np.int64]]
    lons: Floats
    lats: Floats
    numbers: Floats
    no_place: int
    no_time: int


def placed(
    conn: Connection, subject: Subject, question: Question, scope: Scope, given: Mapping[str, Any], most: int
) -> Groups:
    points = read_points(conn, subject, question, given)
    found: list[Placed | None] = [
        one.place.locate(conn, scope, points.lons, points.lats) if one.place and one.place.locate else None
        for one in question.by
    ]
    known = [one for one in found if one is not None]
    there = np.ones(len(points.which), dtype=bool)
    codes = points.which
    for one in known:
        there &= one.codes >= 0
        codes = codes * max(len(one.keys), 1) + one.codes
    codes, numbers = codes[there], points.numbers[there]
    has = ~np.isnan(numbers)
    each, place = np.unique(codes, return_inverse=True)
    count = np.bincount(place, minlength=len(each))
    with_number = np.bincount(place[has], minlength=len(each))
    total = np.bincount(place[has], weights=numbers[has], minlength=len(each))
    groups = [
        Group(keys_of(int(code), points, found), int(count[n]), int(with_number[n]), float(total[n]))
        for n, code in enumerate(each)
    ]
    largest = sorted(groups, key=lambda one: (-one.count, *(key or "" for key in one.keys)))[:most]
    return Groups(
        largest,
        in_all=len(groups),
        count=int(there.sum()),
        numbers=int(has.sum()),
        total=float(numbers[has].sum()),
        no_place=points.no_place + int((~there).sum()),
        no_time=points.no_time,
    )


def keys_of(code: int, points: Points, found: Sequence[Placed | None]) -> tuple[Key, ...]:
    """Back from the one number of a group."""
    places: list[Key] = []
    for one in reversed([one for one in found if one is not None]):
        code, at = divmod(code, max(len(one.keys), 1))
        places.append(one.keys[at])
    known = iter(points.keys[code])
    return tuple(next(known) if one is None else places.pop() for one in found)


def read_points(conn: Connection, subject: Subject, question: Question, given: Mapping[str, Any]) -> Points:
    """By what the database knows of them: their points and numbers as arrays in binary form, which numpy reads as they
    are."""
    others = [one for one in question.by if not (one.place and one.place.locate)]
    keys = [f"k{n}" for n in range(len(others))]
    shown = [f"{key_sql(subject, question, one)} AS {key}" for one, key in zip(others, keys, strict=True)]
    # of many keys a person sees no more than of some thousand
    names = ", ".join([*keys, "timeless"])
    lost = [f"{key} IS NULL" for one, key in zip(others, keys, strict=True) if one.kind is Kind.PLACE]
    placeless = " OR ".join(["p IS NULL OR ST_IsEmpty(p)", *lost])
    rows = conn.execute(
        text(f"""
SELECT {names}, count(*) AS n, count(*) FILTER (WHERE placeless) AS lost,
  array_send(array_agg(ST_X(p)) FILTER (WHERE NOT placeless)) AS lons,
  array_send(array_agg(ST_Y(p)) FILTER (WHERE NOT placeless)) AS lats,
  array_send(array_agg(COALESCE(number, 'NaN')) FILTER (WHERE NOT placeless)) AS numbers
FROM (SELECT *, ({placeless}) AS placeless FROM
  ({rows_sql(subject, question, [*shown, f"{subject.place} AS p"])} LIMIT :most) AS r) AS s
GROUP BY {names}
"""),
        {**given, "most": MOST_PLACED + 1},
    ).all()
    if sum(row.n for row in rows) > MOST_PLACED:
        told = f"by: more than {MOST_PLACED:,} things cannot be placed at once; expected a district, a box or a time"
        raise InputError(told, field="by", reason="too_many_to_place")
    timely = [row for row in rows if not row.timeless and row.n > row.lost]
    parts = [[floats(getattr(row, name)) for row in timely] for name in ("lons", "lats", "numbers")]
    lons, lats, numbers = (np.concatenate(part) if part else np.empty(0) for part in parts)
    sizes = [row.n - row.lost for row in timely]
    return Points(
        keys=[tuple(getattr(row, key) for key in keys) for row in timely],
        which=np.repeat(np.arange(len(timely), dtype=np.int64), sizes),
        lons=lons,
        lats=lats,
        numbers=numbers,
        no_place=sum(row.lost for row in rows),
        no_time=sum(row.n - row.lost for row in rows if row.timeless),
    )


# float8[] of one dimension without nulls as `array_send` gives it (core.pgarray): a head of 20 bytes, then size and
# value of each
_CELL = np.dtype([("size", ">i4"), ("value", ">f8")])
_HEAD = 20


def floats(sent: bytes) -> Floats:
    return np.frombuffer(sent, dtype=_CELL, offset=_HEAD)["value"].astype(np.float64)


# --- words and order --------------------------------------------------------------------------------------------------


def names_of(conn: Connection, one: Grouping, scope: Scope, keys: Sequence[Key]) -> Mapping[str, Area]:
    """What the keys of a grouping are called."""
    known = list(dict.fromkeys(key for key in keys if key is not None))
    if one.place:
        return one.place.name(conn, scope, known)
    step = step_of(one)
    if step:
        return {key: Area(step.words(key), None) for key in known}
    return {key: Area(words, None) for key, words in words_of(conn, one.of, known).items()}


def words_of(conn: Connection, one: Dimension, keys: Sequence[str]) -> Mapping[str, Text]:
    if one.words:
        return one.words(conn, keys)
    return {key: label(one.table, key) for key in keys} if one.table else {}


def called(key: Key, named: Mapping[str, Area]) -> Text:
    if key is None:
        return say("analysis.not_given")
    return named[key].words if key in named else {"zh": key, "en": key}


def ordered(groups: Sequence[Group], question: Question) -> list[Group]:
    """Steps in their order, the rest by how much there is of it; what is not given last."""
    ranks = [ranks_of(groups, question, n) for n in range(len(question.by))]
    return sorted(groups, key=lambda one: tuple(rank[key] for rank, key in zip(ranks, one.keys, strict=True)))


def ranks_of(groups: Sequence[Group], question: Question, n: int) -> dict[Key, int]:
    one = question.by[n]
    steps = one.kind is Kind.TIME or (isinstance(one.of, Dimension) and one.of.ordered)
    sums: dict[Key, tuple[int, int, float]] = {}
    for group in groups:
        count, numbers, total = sums.get(group.keys[n], (0, 0, 0.0))
        sums[group.keys[n]] = count + group.count, numbers + group.numbers, total + group.total

    def order(key: Key) -> tuple[Any, ...]:
        value = value_of(question.function, *sums[key])
        return (key is None, 0 if steps or value is None else -value, key or "")

    return {key: rank for rank, key in enumerate(sorted(sums, key=order))}


def value_of(function: Function, count: int, numbers: int, total: float) -> float | None:
    if function is Function.COUNT:
        return count
    if not numbers:
        return None
    return total if function is Function.SUM else total / numbers


def group_object(
    group: Group, question: Question, named: Sequence[Mapping[str, Area]], whole: float | None
) -> GroupObject:
    value = value_of(question.function, group.count, group.numbers, group.total)
    adds = question.function is not Function.MEAN
    km2 = area_of(group, named)
    return {
        "keys": [{"key": key, "words": called(key, names)} for key, names in zip(group.keys, named, strict=True)],
        "count": group.count,
        "value": value,
        "share": value / whole if adds and value is not None and whole else None,
        "km2": km2,
        "per_km2": value / km2 if adds and value is not None and km2 else None,
    }


def area_of(group: Group, named: Sequence[Mapping[str, Area]]) -> float | None:
    """Of the smallest place that the group is in."""
    sizes = [names[key].km2 for key, names in zip(group.keys, named, strict=True) if key is not None and key in names]
    return min((size for size in sizes if size is not None), default=None)
