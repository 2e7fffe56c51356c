"""Words of the vocabulary and figures with their units, as the card shows them."""

from typing import Any, cast

from dash import html

from alerts.judged import Judged
from alerts.limits import Measure
from alerts.present import Alarm
from app.dashboard import texts
from app.dashboard.components import age, wild
from core.readings import road_minutes
from core.vocabulary import Text, label, table


def worded(table: str, key: str | None) -> list[Any]:
    """The two spans of one entry of a vocabulary table; the bare key where the table does not know it."""
    return texts.pair(label(table, key)) if key else []


def way_to(kind: str, identity: str, names: Text) -> html.Button:
    """A press selects that thing: its card opens, the map shows it (`assets/js/actions.mjs`)."""
    target = wild({"data-select-type": kind, "data-select-id": identity})
    return html.Button(texts.pair(names), className="link", type="button", **target)


def duration(seconds: float) -> list[Any]:
    """``312`` becomes 5 min, in both languages."""
    if seconds < 60:
        return texts.both("unit.s", n=round(seconds))
    if seconds < 5400:
        return texts.both("unit.min", n=round(seconds / 60))
    return texts.both("unit.h", n=f"{seconds / 3600:.1f}")


def road_time(seconds: float) -> list[Any]:
    """A time on the road, in whole minutes as everywhere."""
    return texts.both("unit.min", n=road_minutes(seconds))


def window_words(measure: Measure) -> list[Any]:
    """``sum`` over 10,800 s becomes: sum over 3 h, in both languages."""
    unit, size = ("unit.h", 3600) if measure["window_s"] % 3600 == 0 else ("unit.min", 60)
    spans = texts.entry(unit, n=f"{measure['window_s'] / size:g}")
    return texts.pair({lang: texts.text(f"chart.{measure['function']}", lang, t=spans[lang]) for lang in texts.LANGS})


def distance(metres: float) -> list[Any]:
    """``1530`` becomes 1.5 km, in both languages."""
    if metres < 1000:
        return texts.both("unit.m", n=round(metres / 10) * 10 if metres >= 100 else round(metres))
    return texts.both("unit.km", n=f"{metres / 1000:.1f}")


def measured(value: float | None, metric: str | None, unit: str | None) -> html.B | None:
    """A value with the decimals of its metric and its unit."""
    if value is None:
        return None
    decimals = cast("int | None", table("metrics").get(metric or "", {}).get("decimals"))
    shown = figure(value) if decimals is None else f"{value:,.{decimals}f}"
    return html.B([shown, html.Span(unit or "", className="unit")])


def value_now(alarm: Alarm, now: Judged | None) -> html.Span:
    """The value, where it is going, and the age of its reading."""
    value, time = (now["value"], now["time"]) if now else (alarm["value"], alarm["observed_at"])
    return html.Span(
        [
            measured(value, alarm["metric"], alarm["unit"]),
            html.Span(texts.both(f"trend.{now['trend']}") if now and now["trend"] else [], className="trend quiet"),
            age(time),
        ],
        className="way judged",
        **wild({"data-judged": alarm["id"]}),
    )


def figure(value: float) -> str:
    """A number as people write it: no trailing zeros, at most three decimals."""
    if float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:,.3f}".rstrip("0").rstrip(".") if abs(value) < 10 else f"{value:,.1f}"
