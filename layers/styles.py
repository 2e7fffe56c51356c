"""How a layer of the city's own is drawn: one colour, or colours by a column in classes. What is said is a row's
(`layer.style`); the tile's `tone`, the legend and the map's colours are compiled from it.

`tone` is the number of a feature's class from 1, 0 where it has no value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field, JsonValue, model_validator
from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from core.errors import InputError
from core.faults import expects, listed, unfit
from core.given import Given
from core.i18n import say
from core.types import JsonObject
from core.vocabulary import Text
from layers.columns import Column

PALETTE = ("own-1", "own-2", "own-3", "own-4", "own-5", "own-6")
RAMP = ("ramp-1", "ramp-2", "ramp-3", "ramp-4", "ramp-5", "ramp-6", "ramp-7")
# categories beyond these are the others
CATEGORIES = len(PALETTE)
# and so are values that no legend could show, in characters
LONGEST = 100
OTHERS = "muted"
# natural breaks are sought among so many values, evenly taken
SAMPLE = 3000
# of points: pictograms of the map (assets/js/map/pictograms.mjs), each drawing once
Icon = Literal[
    "hydrant", "manhole", "lamp", "tree", "bin", "parking", "bus_stop", "metro_station", "gas_station", "substation",
    "hospital", "school", "kindergarten", "nursing_home", "government", "police", "fire", "medic", "works", "rescue",
    "shelter", "shop", "flag", "star", "box", "billboard", "cone", "hazardous_site", "gas", "smoke", "rain",
    "water_level", "flow", "underpass", "wind", "noise", "temperature", "air_quality", "camera", "person", "crowd",
    "vehicle", "accident",
]  # fmt: skip
Method = Literal["categories", "quantile", "equal", "natural"]
NUMBERS = ("integer", "number")


class StyleIn(Given):
    """What is chosen: a colour of ours; `size` of points and lines in pixels at zoom 18; of points an `icon` instead of
    a dot; whether names are written; `by` a column in `count` classes: categories; quantiles, equal steps or natural
    breaks (Fisher 1958, Jenks 1977) of numbers."""

    colour: Literal["own-1", "own-2", "own-3", "own-4", "own-5", "own-6"] | None = None
    size: float | None = Field(None, ge=1, le=20)
    icon: Icon | None = None
    label: bool = True
    by: str | None = Field(None, max_length=63)
    method: Method | None = None
    count: int = Field(5, ge=2, le=7)

    @model_validator(mode="after")
    def whole(self) -> StyleIn:
        if self.method and not self.by:
            raise unfit("style_column", "by: expected a column")
        return self


class StyleClass(TypedDict):
    """One class: a `value`, or all up to and with `upto` (null: all beyond)."""

    value: str | None
    upto: float | None
    token: str


def said_of(style: Mapping[str, Any]) -> JsonObject:
    """What was chosen, without what follows from it."""
    return {name: value for name, value in style.items() if name in StyleIn.model_fields and value is not None}


def compiled(conn: Connection, layer: str, columns: Sequence[Column], given: StyleIn) -> JsonObject:
    """The style as it is kept, its classes from the values that the layer has now. InputError names the field."""
    style: JsonObject = given.model_dump(exclude_none=True)
    if given.by is None:
        return style
    column = next((one for one in columns if one.name == given.by), None)
    if column is None:
        raise InputError(
            f"style.by: expected one of {', '.join(c.name for c in columns)}",
            field="style.by",
            about=expects("style.by", "one_of", expected=listed([c.name for c in columns])),
        )
    numeric = column.type in NUMBERS
    method = given.method or ("quantile" if numeric else "categories")
    if method != "categories" and not numeric:
        raise InputError(
            "style.method: expected categories for a column that has no numbers",
            field="style.method",
            about=expects("style.method", "categories"),
        )
    classes = (
        categories(conn, layer, column) if method == "categories" else steps(conn, layer, column, method, given.count)
    )
    kept: list[JsonValue] = [{"value": one["value"], "upto": one["upto"], "token": one["token"]} for one in classes]
    return {**style, "method": method, "classes": kept}


def categories(conn: Connection, layer: str, column: Column) -> list[StyleClass]:
    """The commonest values."""
    rows = conn.execute(
        text("""
SELECT props->>:name AS value FROM layer_row WHERE layer_id = :layer AND length(props->>:name) <= :longest
GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT :most
"""),
        {"layer": layer, "name": column.name, "most": CATEGORIES, "longest": LONGEST},
    )
    found = sorted(row.value for row in rows)
    return [{"value": value, "upto": None, "token": token} for value, token in zip(found, PALETTE, strict=False)]


_NUMBERS = """
SELECT CAST(props->>:name AS float8) AS v FROM layer_row WHERE layer_id = :layer AND props->>:name IS NOT NULL
"""


def steps(conn: Connection, layer: str, column: Column, method: Method, count: int) -> list[StyleClass]:
    """Classes of numbers, the last without an end; fewer where there are fewer values."""
    given = {"layer": layer, "name": column.name}
    low, high = conn.execute(text(f"SELECT min(v), max(v) FROM ({_NUMBERS}) AS n"), given).one()
    if low is None:
        raise InputError(
            f"style.by: {column.name} has no values",
            field="style.by",
            about=expects("style.by", "no_values", name=column.name),
        )
    if method == "equal":
        edges = [low + (high - low) * n / count for n in range(1, count)]
    elif method == "quantile":
        shares = [n / count for n in range(1, count)]
        edges = conn.scalar(
            text(f"SELECT percentile_cont(CAST(:shares AS float8[])) WITHIN GROUP (ORDER BY v) FROM ({_NUMBERS}) AS n"),
            {**given, "shares": shares},
        )
    else:
        edges = natural(conn, given, count)
    edges = sorted({float(edge) for edge in edges if low <= edge < high})
    tokens = RAMP[len(RAMP) - len(edges) - 1 :]
    return [{"value": None, "upto": edge, "token": token} for edge, token in zip([*edges, None], tokens, strict=True)]


def natural(conn: Connection, given: Mapping[str, Any], count: int) -> list[float]:
    import jenkspy  # brings numpy's compiled parts: loaded by who needs it

    rows = conn.scalars(
        text(f"""
SELECT v FROM (SELECT v, row_number() OVER (ORDER BY v) AS n, count(*) OVER () AS whole FROM ({_NUMBERS}) AS all_) AS s
WHERE n = 1 OR n = whole OR n % greatest(whole / {SAMPLE}, 1) = 0 ORDER BY v
"""),
        dict(given),
    ).all()
    different = len(set(rows))
    if different <= count:
        return sorted(set(rows))[:-1]
    return [float(edge) for edge in jenkspy.jenks_breaks(list(rows), n_classes=count)[1:-1]]


# --- what follows from a style ----------------------------------------------------------------------------------------


def classes_of(style: Mapping[str, Any]) -> list[StyleClass]:
    found: list[StyleClass] = list(style.get("classes") or ())
    return found


def tone(style: Mapping[str, Any], row: str = "layer_row") -> str:
    """SQL: the number of a row's class."""
    classes, by = classes_of(style), style.get("by")
    if not classes or not by:
        return "NULL::int"
    value = f"{row}.props->>{literal(str(by))}"
    if style.get("method") == "categories":
        cases = " ".join(f"WHEN {literal(str(one['value']))} THEN {n}" for n, one in enumerate(classes, 1))
        return f"CASE WHEN {value} IS NULL THEN 0 ELSE CASE {value} {cases} ELSE {len(classes) + 1} END END"
    number = f"CAST({value} AS float8)"
    cases = " ".join(
        f"WHEN {number} <= {float(one['upto'])!r} THEN {n}"
        for n, one in enumerate(classes, 1)
        if one["upto"] is not None
    )
    return f"CASE WHEN {value} IS NULL THEN 0 {cases} ELSE {len(classes)} END"


def literal(words: str) -> str:
    """A literal of SQL by the numbers of its characters: whatever stands in it, no quote and no colon does."""
    return "U&'" + "".join(f"\\{ord(c):04X}" if ord(c) <= 0xFFFF else f"\\+{ord(c):06X}" for c in words) + "'"


def legend_of(style: Mapping[str, Any]) -> list[tuple[str, Text, str]]:
    """(tone, words, token) of each class, what is beyond categories last."""
    classes = classes_of(style)
    if style.get("method") == "categories":
        named = [
            (str(n), dict.fromkeys(("zh", "en"), str(one["value"])), one["token"]) for n, one in enumerate(classes, 1)
        ]
        others = (str(len(classes) + 1), say("legend.others"), OTHERS)
        return [*named, others] if len(classes) == CATEGORIES else named
    lines: list[tuple[str, Text, str]] = []
    low: float | None = None
    for n, one in enumerate(classes, 1):
        lines.append((str(n), span(low, one["upto"]), one["token"]))
        low = one["upto"]
    return lines


def span(low: float | None, high: float | None) -> Text:
    """From beyond `low` up to and with `high`."""
    if low is None and high is None:
        return say("legend.all")
    if low is None:
        return say("legend.upto", high=figure(high))
    return (
        say("legend.beyond", low=figure(low))
        if high is None
        else say("legend.span", low=figure(low), high=figure(high))
    )


def figure(value: float | None) -> str:
    return "" if value is None else f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.0f}"
