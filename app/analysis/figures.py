"""What all figures of Plotly have: classes, names, how they look. Words stand in them in both languages (`{zh, en}`)
and colours as names of tokens (`--ramp-1`): the browser fills in those of the page (assets/js/pages/figures.js),
`spoken` those of a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Literal, cast

from typing_extensions import TypedDict

from core.i18n import say
from core.types import JsonObject
from core.vocabulary import Text
from layers.styles import RAMP, span

Lang = Literal["zh", "en"]
CLASSES = 5
# characters of a name at an axis, of Chinese, which is twice as wide, half as many
NAME = 28
# a part of a figure, in Plotly's own words
Part = dict[str, object]


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


# --- words and looks --------------------------------------------------------------------------------------------------


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


def shortened(words: Text) -> Text:
    return {lang: escaped(cut(said)) for lang, said in words.items()}


def cut(words: str) -> str:
    widths = accumulate(1 if char.isascii() else 2 for char in words)
    kept = sum(width <= NAME for width in widths)
    return words if kept == len(words) else f"{words[: kept - 1]}…"


def plain() -> Part:
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


def axis() -> Part:
    return {
        "gridcolor": "--line",
        "linecolor": "--line",
        "zeroline": False,
        "automargin": True,
        "fixedrange": True,
        "exponentformat": "none",
        "separatethousands": True,
    }


def empty() -> Figure:
    """Nothing, on nothing."""
    hidden: Part = {"visible": False}
    return cast(Figure, {"data": [], "layout": {**plain(), "xaxis": hidden, "yaxis": hidden}})


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
