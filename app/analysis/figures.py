"""Chart and map of an answer as Plotly figures. Words stand in them in both languages (`{zh, en}`) and colours as
names of tokens (`--ramp-1`): the browser fills in those of the page (assets/js/pages/figures.js), `spoken` those of a
file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Literal

import orjson
import shapely
from typing_extensions import TypedDict

from core.analysis import AnalysisObject, GroupObject, Question
from core.analysis.asked import step_of
from core.analysis.nouns import Function, Grouping, Kind
from core.analysis.times import MONTH, WEEK, YEAR, Step, every, monday_of
from core.i18n import say
from core.types import Box, JsonObject
from core.vocabulary import Text
from layers.styles import PALETTE, RAMP, figure, span

Lang = Literal["zh", "en"]
# bars and rows of a chart; series told apart by colour, the rest is one
BARS, SERIES = 15, len(PALETTE)
# of a cell of a heat map, the rest is the gap
SQUARE = 0.95
CLASSES = 5
# characters of a name at an axis, of Chinese, which is twice as wide, half as many
NAME = 28
# an outline is thinned to so many parts of the width of the map, and to a metre
FINE, DECIMALS_DEG = 2000, 1e-5
Shapes = Mapping[str, bytes]


class Figure(TypedDict):
    """What Plotly draws: traces and layout (plotly.com/javascript/reference)."""

    data: list[JsonObject]
    layout: JsonObject


@dataclass(frozen=True, slots=True)
class Class:
    """Of the legend: from where up to where, in which colour."""

    words: Text
    token: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """A figure and what is said beside it: the classes of a map, a note of what a chart leaves out."""

    figure: Any
    classes: tuple[Class, ...] = ()
    note: Text | None = None


NOTHING = Class(say("analysis.nothing_there"), "raised")


# --- classes ----------------------------------------------------------------------------------------------------------


def quantiles(values: Sequence[float], count: int = CLASSES) -> list[float]:
    """Where classes of about as many areas each end, but for the last; fewer where values are the same."""
    if not values:
        return []
    known = sorted(values)
    edges = {known[max(len(known) * n // count - 1, 0)] for n in range(1, count)}
    return sorted(edge for edge in edges if edge < known[-1])


def class_of(value: float, edges: Sequence[float]) -> int:
    return sum(value > edge for edge in edges)


def classes_of(edges: Sequence[float]) -> tuple[Class, ...]:
    tokens = RAMP[len(RAMP) - len(edges) - 1 :]
    lows: list[float | None] = [None, *edges]
    highs: list[float | None] = [*edges, None]
    return tuple(Class(span(low, high), token) for low, high, token in zip(lows, highs, tokens, strict=True))


# --- the map ----------------------------------------------------------------------------------------------------------


def map_of(answer: AnalysisObject, shapes: Shapes, ground: Shapes, *, scale: bool = False) -> Drawn | None:
    """Areas in classes of their value over the districts (`ground`). `answer` is of one grouping, a place. None where
    no area has a value."""
    there = [one for one in answer["groups"] if one["value"] is not None and one["keys"][0]["key"] in shapes]
    if not there:
        return None
    edges = quantiles([float(one["value"] or 0) for one in there])
    classes = classes_of(edges)
    of_districts = answer["by"][0]["id"] == "district"
    west, south, east, north = box_of([*ground.values(), *shapes.values()])
    fine = max(east - west, north - south) / FINE
    keys = [str(one["keys"][0]["key"]) for one in there]
    trace: dict[str, Any] = {
        "type": "choropleth",
        "geojson": collection_of({key: shapes[key] for key in keys}, fine),
        "locations": keys,
        "z": [class_of(float(one["value"] or 0), edges) for one in there],
        "zmin": -0.5,
        "zmax": len(classes) - 0.5,
        "colorscale": steps_of([one.token for one in classes]),
        "showscale": scale,
        "colorbar": {
            "tickvals": list(range(len(classes))),
            "ticktext": [one.words for one in classes],
            "title": {"text": answer["measure"]["title"]},
            "thickness": 12,
            "len": 0.6,
        },
        "text": [area_text(one, answer) for one in there],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {"line": {"color": "--map-halo", "width": 0.6}},
    }
    below: dict[str, Any] = {
        "type": "choropleth",
        "geojson": collection_of(ground, fine),
        "locations": list(ground),
        "z": [0] * len(ground),
        "colorscale": [[0, "--raised"], [1, "--raised"]],
        "showscale": False,
        "hoverinfo": "skip",
        "marker": {"line": {"color": "--map-district", "width": 1}},
    }
    # where areas are not districts themselves, these are seen through them
    above = {**below, "colorscale": [[0, "rgba(0,0,0,0)"], [1, "rgba(0,0,0,0)"]]}
    layout = {
        **plain(),
        "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
        "geo": {
            "visible": False,
            "lonaxis": {"range": [west, east]},
            "lataxis": {"range": [south, north]},
            "projection": {"type": "mercator"},
            "bgcolor": "rgba(0,0,0,0)",
        },
    }
    over = [above] if ground and not of_districts else []
    # a district in which there is nothing
    empty = (NOTHING,) if of_districts and set(ground) - set(keys) else ()
    return Drawn({"data": [*([below] if ground else []), trace, *over], "layout": layout}, (*empty, *classes))


def area_text(one: GroupObject, answer: AnalysisObject) -> Text:
    density = one["per_km2"]
    lines = [
        plainly(one["keys"][0]["words"]),
        say("analysis.hover", what=answer["measure"]["title"], value=figure(one["value"])),
        *([say("analysis.hover.km2", value=rounded(density))] if density is not None else []),
    ]
    return joined(lines)


def rounded(value: float) -> str:
    """To three figures, of large numbers all."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def plainly(words: Text) -> Text:
    return {lang: escaped(said) for lang, said in words.items()}


def escaped(words: str) -> str:
    """Plotly takes some tags for markup, of which it makes inline styles, which no page of ours allows."""
    return words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def joined(lines: Sequence[Text]) -> Text:
    return {lang: "<br>".join(line[lang] for line in lines) for lang in ("zh", "en")}


def steps_of(tokens: Sequence[str]) -> list[list[Any]]:
    """A colour scale of flat steps."""
    count = len(tokens)
    return [[at / count, f"--{token}"] for n, token in enumerate(tokens) for at in (n, n + 1)]


def box_of(shapes: Sequence[bytes]) -> Box:
    """With a margin around them."""
    west, south, east, north = map(float, shapely.total_bounds(shapely.from_wkb(list(shapes))))
    margin = max(east - west, north - south) / 50
    return west - margin, south - margin, east + margin, north + margin


def collection_of(shapes: Shapes, fine: float) -> JsonObject:
    """GeoJSON, thinned; its rings run clockwise, by which d3-geo knows the inside on a sphere."""
    features: list[Any] = []
    for key, wkb in shapes.items():
        whole = shapely.from_wkb(wkb)
        thin = shapely.set_precision(shapely.simplify(whole, fine), DECIMALS_DEG)
        shape = shapely.orient_polygons(whole if thin.is_empty else thin, exterior_cw=True)
        geometry = orjson.loads(shapely.to_geojson(shape))
        features.append({"type": "Feature", "id": key, "geometry": geometry, "properties": {}})
    return {"type": "FeatureCollection", "features": features}


# --- the chart --------------------------------------------------------------------------------------------------------


def chart_of(answer: AnalysisObject, question: Question) -> Drawn | None:
    """Bars of one grouping, lines where it is a time that goes on; of two grouped or stacked bars, lines, or a heat map
    where one of them comes again (hours, days of the week) or means are compared. None where there is nothing."""
    if not answer["groups"]:
        return None
    table = Table(answer, question)
    steps = [step_of(one) for one in question.by]
    if len(question.by) == 1:
        return lines(table) if steps[0] and not steps[0].turns else bars(table, upright=steps[0] is not None)
    if any(step and step.turns for step in steps) or all(steps):
        return heat(table)
    if any(steps):
        return lines(table)
    return heat(table) if question.function is Function.MEAN else bars(table, upright=False)


class Table:
    """The groups of an answer by their keys."""

    def __init__(self, answer: AnalysisObject, question: Question) -> None:
        self.answer, self.question = answer, question
        self.measure = answer["measure"]["title"]
        self.words: list[dict[str | None, Text]] = [{} for _ in question.by]
        self.cells: dict[tuple[str | None, ...], GroupObject] = {}
        for one in answer["groups"]:
            self.cells[tuple(key["key"] for key in one["keys"])] = one
            for words, key in zip(self.words, one["keys"], strict=True):
                words.setdefault(key["key"], key["words"])

    def keys(self, n: int) -> list[str | None]:
        """In their order; of steps those between too, what is not given last."""
        found = list(self.words[n])
        step = step_of(self.question.by[n])
        if step is None:
            return found
        return list(every(step, sorted(key for key in found if key is not None)))

    def called(self, n: int, key: str | None) -> Text:
        step = step_of(self.question.by[n])
        return self.words[n].get(key) or (step.words(key) if step and key else {"zh": "", "en": ""})

    def value(self, *keys: str | None) -> float | None:
        """Nothing is nought where things are counted or summed."""
        one = self.cells.get(keys)
        if one is not None:
            return one["value"]
        return None if self.question.function is Function.MEAN else 0.0

    def largest(self, n: int, most: int) -> list[str | None]:
        """Those of the largest values, in the order of the answer."""
        sums: dict[str | None, float] = {}
        for keys, one in self.cells.items():
            if one["value"] is not None:
                sums[keys[n]] = sums.get(keys[n], 0.0) + one["value"]
        kept = set(sorted(sums, key=lambda key: -sums[key])[:most])
        return [key for key in self.keys(n) if key in kept]

    def text(self, value: float | None, *keys: str | None) -> Text:
        names = [plainly(self.called(n, key)) for n, key in enumerate(keys)]
        said = {lang: " · ".join(name[lang] for name in names) for lang in ("zh", "en")}
        told = "–" if value is None else figure(value)
        return joined([said, say("analysis.hover", what=self.measure, value=told)])


def bars(table: Table, *, upright: bool) -> Drawn:
    """`upright`: steps stand from left to right; else names stand at the left."""
    steps = step_of(table.question.by[0]) is not None
    keys = table.keys(0) if steps else table.largest(0, BARS)
    at = list(range(len(keys)))
    along, across = ("x", "y") if upright else ("y", "x")
    data: list[Any] = []
    if len(table.question.by) == 1:
        values = [table.value(key) for key in keys]
        data.append(bar(along, across, at, values, [table.text(v, k) for v, k in zip(values, keys, strict=True)]))
    else:
        for name, colour, value, text in series_of(table, 0):
            trace = bar(along, across, at, [value(key) for key in keys], [text(key) for key in keys])
            data.append({**trace, "name": name, "marker": {"color": colour}})
    names = [shortened(table.called(0, key)) for key in keys]
    whole = len(table.words[0])
    note = say("analysis.largest", n=len(keys), whole=whole) if len(keys) < whole and not steps else None
    layout = {
        **plain(),
        "barmode": "stack",
        "showlegend": len(data) > 1,
        f"{along}axis": {
            **axis(),
            "tickvals": at,
            "ticktext": names,
            "showgrid": False,
            **({} if upright else {"autorange": "reversed"}),
        },
        f"{across}axis": {**axis(), "title": {"text": table.measure, "standoff": 8}, "rangemode": "tozero"},
        "margin": {"l": 52 if upright else 8, "r": 16, "t": 48 if len(data) > 1 else 8, "b": 44},
    }
    return Drawn({"data": data, "layout": layout}, note=note)


def bar(along: str, across: str, at: list[int], values: list[float | None], text: list[Text]) -> dict[str, Any]:
    return {
        "type": "bar",
        "orientation": "v" if along == "x" else "h",
        along: at,
        across: values,
        "customdata": text,
        "hovertemplate": "%{customdata}<extra></extra>",
        "marker": {"color": "--own-1"},
    }


def empty() -> Figure:
    """Nothing, on nothing."""
    hidden: JsonObject = {"visible": False}
    return {"data": [], "layout": {**plain(), "xaxis": hidden, "yaxis": hidden}}


Series = tuple[Text, str, Callable[[str | None], float | None], Callable[[str | None], Text]]


def series_of(table: Table, along: int) -> list[Series]:
    """Of each of the largest values of the other grouping, and of the rest together: name, colour, value and text at a
    key of the first."""
    other = 1 - along
    kept = table.largest(other, SERIES)
    rest = [key for key in table.keys(other) if key not in kept]

    def keyed(key: str | None, one: str | None) -> tuple[str | None, str | None]:
        return (key, one) if along == 0 else (one, key)

    def of(one: str | None) -> tuple[Callable[[str | None], float | None], Callable[[str | None], Text]]:
        return (
            lambda key: table.value(*keyed(key, one)),
            lambda key: table.text(table.value(*keyed(key, one)), *keyed(key, one)),
        )

    found: list[Series] = [
        (shortened(table.called(other, one)), f"--{token}", *of(one)) for one, token in zip(kept, PALETTE, strict=False)
    ]
    if not rest:
        return found
    others = say("analysis.rest")

    def of_rest(key: str | None) -> float:
        return sum(table.value(*keyed(key, one)) or 0.0 for one in rest)

    def text_of_rest(key: str | None) -> Text:
        head = {lang: f"{plainly(table.called(along, key))[lang]} · {others[lang]}" for lang in ("zh", "en")}
        return joined([head, say("analysis.hover", what=table.measure, value=figure(of_rest(key)))])

    return [*found, (others, "--muted", of_rest, text_of_rest)]


def lines(table: Table) -> Drawn:
    """Over a time that goes on; a line for each of the largest values of the other grouping."""
    n = next(n for n, one in enumerate(table.question.by) if one.kind is Kind.TIME)
    step = step_of(table.question.by[n])
    assert step is not None
    keys = [key for key in table.keys(n) if key is not None]
    days = [day_of(step, key) for key in keys]
    data: list[Any] = []
    if len(table.question.by) == 1:
        values = [table.value(key) for key in keys]
        data.append(line(days, values, [table.text(v, k) for v, k in zip(values, keys, strict=True)], "--own-1"))
    else:
        # the rest together would stand above all of them
        for name, colour, value, text in series_of(table, n)[:SERIES]:
            trace = line(days, [value(key) for key in keys], [text(key) for key in keys], colour)
            data.append({**trace, "name": name})
    whole = len(table.words[1 - n]) if len(table.question.by) > 1 else 0
    note = say("analysis.largest", n=SERIES, whole=whole) if whole > SERIES else None
    form = {YEAR.id: "%Y", MONTH.id: "%Y-%m"}.get(step.id, "%Y-%m-%d")
    layout = {
        **plain(),
        "showlegend": len(data) > 1,
        "xaxis": {**axis(), "type": "date", "tickformat": form, "nticks": 8, "showgrid": False},
        "yaxis": {**axis(), "title": {"text": table.measure, "standoff": 8}, "rangemode": "tozero"},
        "margin": {"l": 56, "r": 20, "t": 48 if len(data) > 1 else 8, "b": 40},
    }
    return Drawn({"data": data, "layout": layout}, note=note)


def line(days: list[str], values: list[float | None], text: list[Text], colour: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines+markers" if len(days) < 100 else "lines",
        "x": days,
        "y": values,
        "line": {"color": colour, "width": 2},
        "marker": {"size": 5},
        "customdata": text,
        "hovertemplate": "%{customdata}<extra></extra>",
    }


def day_of(step: Step, key: str) -> str:
    """The first day of it."""
    if step is WEEK:
        return monday_of(key).isoformat()
    return {YEAR.id: f"{key}-01-01", MONTH.id: f"{key}-01"}.get(step.id, key)


def heat(table: Table) -> Drawn:
    """A cell for each pair; what has more values stands along the side."""
    across = across_of(table.question.by)
    down = 1 - across

    def shown(n: int) -> list[str | None]:
        return table.keys(n) if step_of(table.question.by[n]) else table.largest(n, BARS)

    columns, rows = shown(across), shown(down)

    def keyed(row: str | None, column: str | None) -> tuple[str | None, str | None]:
        return (row, column) if down == 0 else (column, row)

    cells: list[Cell] = [
        (x, y, value, table.text(value, *keyed(row, column)))
        for y, row in enumerate(rows)
        for x, column in enumerate(columns)
        if (value := table.value(*keyed(row, column))) is not None
    ]
    counts = table.question.function is not Function.MEAN
    edges = quantiles([value for _, _, value, _ in cells if value or not counts])
    classes = classes_of(edges)
    told = [(NOTHING, [cell for cell in cells if counts and not cell[2]])]
    there = [cell for cell in cells if cell[2] or not counts]
    told += [(one, [cell for cell in there if class_of(cell[2], edges) == n]) for n, one in enumerate(classes)]
    data: list[Any] = [squares(one, inside) for one, inside in told if inside]
    parts = [table.words[n] for n in (0, 1) if step_of(table.question.by[n]) is None]
    cut = max((len(part) for part in parts), default=0)
    layout = {
        **plain(),
        "barmode": "overlay",
        "xaxis": {**axis(), **ticks(table, across, columns, 12), **full(len(columns))},
        "yaxis": {**axis(), **ticks(table, down, rows, 40), **full(len(rows), down=True)},
        "showlegend": True,
        "margin": {"l": 8, "r": 8, "t": 48, "b": 40},
    }
    note = say("analysis.largest", n=BARS, whole=cut) if cut > BARS else None
    return Drawn({"data": data, "layout": layout}, note=note)


Cell = tuple[int, int, float, Text]


def squares(one: Class, cells: Sequence[Cell]) -> JsonObject:
    """Those of a class, as bars that hang free: Plotly's own heat map and colour bar write inline styles, which no page
    of ours allows."""
    drawn: dict[str, Any] = {
        "type": "bar",
        "name": one.words,
        "x": [x for x, _, _, _ in cells],
        "y": [SQUARE] * len(cells),
        "base": [y - SQUARE / 2 for _, y, _, _ in cells],
        "width": SQUARE,
        "customdata": [said for _, _, _, said in cells],
        "hovertemplate": "%{customdata}<extra></extra>",
        "marker": {"color": f"--{one.token}"},
    }
    return drawn


def full(count: int, *, down: bool = False) -> dict[str, Any]:
    """An axis that shows so many squares and nothing beside them."""
    ends = [-0.5, count - 0.5]
    return {"range": ends[::-1] if down else ends, "showgrid": False}


def across_of(by: Sequence[Grouping]) -> int:
    """Which grouping stands from left to right: hours before days of the week, steps before the rest."""
    steps = [step_of(one) for one in by]
    if any(step and step.id == "hour" for step in steps):
        return next(n for n, step in enumerate(steps) if step and step.id == "hour")
    if any(step and step.turns for step in steps) and all(steps):
        return next((n for n, step in enumerate(steps) if step and not step.turns), 0)
    return next((n for n, step in enumerate(steps) if step), 1)


def ticks(table: Table, n: int, keys: Sequence[str | None], most: int) -> dict[str, Any]:
    """Names at an axis, so many at most."""
    each = -(-len(keys) // most)
    at = list(range(0, len(keys), each))
    return {"tickvals": at, "ticktext": [shortened(table.called(n, keys[one])) for one in at]}


def shortened(words: Text) -> Text:
    return {lang: escaped(cut(said)) for lang, said in words.items()}


def cut(words: str) -> str:
    widths = accumulate(1 if char.isascii() else 2 for char in words)
    kept = sum(width <= NAME for width in widths)
    return words if kept == len(words) else f"{words[: kept - 1]}…"


def plain() -> dict[str, Any]:
    """What all figures have."""
    return {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": "--muted", "family": "--words", "size": 12},
        "hoverlabel": {
            "bgcolor": "--panel-solid",
            "bordercolor": "--line",
            "font": {"color": "--text", "family": "--words"},
            "align": "left",
        },
        "legend": {
            "orientation": "h",
            "traceorder": "normal",
            "font": {"color": "--text"},
            "x": 0,
            "xref": "container",
            "y": 1,
            "yref": "container",
            "yanchor": "top",
        },
        "hovermode": "closest",
        "dragmode": "pan",
    }


def axis() -> dict[str, Any]:
    return {
        "gridcolor": "--line",
        "linecolor": "--line",
        "zeroline": False,
        "automargin": True,
        "fixedrange": True,
        "exponentformat": "none",
        "separatethousands": True,
    }


# --- for one language, in colours -------------------------------------------------------------------------------------


def spoken(value: Any, lang: Lang, colours: Mapping[str, str]) -> Any:
    """A figure in one language, its tokens by their values."""
    if isinstance(value, dict):
        if value.keys() == {"zh", "en"}:
            return value[lang]
        return {name: spoken(one, lang, colours) for name, one in value.items()}
    if isinstance(value, list):
        return [spoken(one, lang, colours) for one in value]
    if isinstance(value, str) and value.startswith("--"):
        return colours.get(value.removeprefix("--"), value)
    return value
