"""The chart of an answer: bars, lines, or a heat map."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from app.analysis.figures import (
    NOTHING,
    Class,
    Drawn,
    Part,
    axis,
    class_of,
    classes_of,
    joined,
    plain,
    plainly,
    quantiles,
    shortened,
)
from core.analysis import AnalysisObject, GroupObject, Question
from core.analysis.asked import step_of
from core.analysis.nouns import Function, Grouping, Kind
from core.analysis.times import MONTH, WEEK, YEAR, Step, every, monday_of
from core.i18n import say
from core.vocabulary import Text
from layers.styles import PALETTE, figure

# bars and rows of a chart; series told apart by colour, the rest is one
BARS, SERIES = 15, len(PALETTE)
# of a cell of a heat map, the rest is the gap
SQUARE = 0.95


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


def bar(along: str, across: str, at: list[int], values: list[float | None], text: list[Text]) -> Part:
    return {
        "type": "bar",
        "orientation": "v" if along == "x" else "h",
        along: at,
        across: values,
        "customdata": text,
        "hovertemplate": "%{customdata}<extra></extra>",
        "marker": {"color": "--own-1"},
    }


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


def line(days: list[str], values: list[float | None], text: list[Text], colour: str) -> Part:
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


def squares(one: Class, cells: Sequence[Cell]) -> Part:
    """Those of a class, as bars that hang free: Plotly's own heat map and colour bar write inline styles, which no page
    of ours allows."""
    drawn: Part = {
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


def full(count: int, *, down: bool = False) -> Part:
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


def ticks(table: Table, n: int, keys: Sequence[str | None], most: int) -> Part:
    """Names at an axis, so many at most."""
    each = -(-len(keys) // most)
    at = list(range(0, len(keys), each))
    return {"tickvals": at, "ticktext": [shortened(table.called(n, keys[one])) for one in at]}
