"""Small parts that several panels share: level badge, icon button, age, folded heading."""

from collections.abc import Mapping
from typing import Any

from dash import html

from app.dashboard import texts
from app.dashboard.ids import Name
from core.vocabulary import Text

ROMAN = {1: "I", 2: "II", 3: "III", 4: "IV"}


def wild(attributes: Mapping[str, str | None]) -> dict[str, Any]:
    """``data-*`` and ``aria-*`` attributes, which the components take beside their named ones."""
    return dict(attributes)


def spoken(key: str) -> html.Span:
    """Text for screen readers only, in both languages."""
    return html.Span(texts.both(key), className="spoken")


def level_badge(level: int | None, *, large: bool = False) -> html.Span:
    """Level as colour, shape and numeral together; a quiet dot where there is no level."""
    if level not in ROMAN:
        return html.Span(className="level level-none")
    size = " large" if large else ""
    return html.Span(html.Span(ROMAN[level]), className=f"level level-{level}{size}")


def icon_button(component_id: str | dict[str, Name], icon: str, key: str, **more: Any) -> html.Button:
    """A square button: the icon is drawn by CSS, its name is read out and shown as a tip."""
    name = html.Span(texts.both(key), className="tip")
    return html.Button(
        [html.Span(className=f"icon icon-{icon}"), name],
        id=component_id,
        className="icon-button",
        type="button",
        n_clicks=0,
        **more,
    )


def edge(side: str) -> html.Div:
    """The edge of a panel by which it is made wider or narrower (``assets/js/edges.mjs``): ``side`` is the panel."""
    attributes = {
        "data-edge": side,
        "aria-orientation": "vertical",
        "aria-label": texts.named(f"panel.edge.{side}"),
        "aria-valuenow": "0",
    }
    return html.Div(className="edge", role="separator", tabIndex=0, **wild(attributes))


def age(moment: str | None) -> html.Time:
    """How long ago, in words; the browser keeps it current (``data-age``)."""
    return html.Time(dateTime=moment or "", className="age", **wild({"data-age": moment or ""}))


def arrival(moment: str, unit: str) -> html.Time:
    """How long until a unit is there, in words; the browser counts down (``data-arrives``)."""
    return html.Time(dateTime=moment, className="arrival", **wild({"data-arrives": moment, "data-unit": unit}))


def waited(since: str, level: int) -> html.Time:
    """How long nobody has been sent; the browser counts it up and warns (``data-waited``)."""
    return html.Time(dateTime=since, className="waited", **wild({"data-waited": since, "data-level": str(level)}))


def pictured(moment: str) -> html.Strong:
    """That a picture is not of now, and since when; the browser says it once it is so (``data-pictured``)."""
    return html.Strong(className="not-live", hidden=True, role="status", **wild({"data-pictured": moment}))


def clock_time(moment: str | None) -> html.Time:
    """A moment in the city's zone; the browser formats it (``data-time``)."""
    return html.Time(dateTime=moment or "", className="moment", **wild({"data-time": moment or ""}))


def fact(key: str | Text, value: Any) -> html.Div:
    """One line of a card: name (a key of the catalogue, or in both languages) on the left, value on the right."""
    name = texts.both(key) if isinstance(key, str) else texts.pair(key)
    return html.Div([html.Dt(name), html.Dd(value)], className="fact")


def notice(key: str, kind: str, detail: str = "") -> html.Div:
    """An empty, loading or failed state."""
    parts: list[Any] = [html.Span(className=f"icon icon-{kind}"), html.P(texts.both(key))]
    if detail:
        parts.append(html.P(detail, className="detail"))
    return html.Div(parts, className=f"notice notice-{kind}", role="status")


def requests_told() -> html.A:
    """Requests for access that wait for who looks at the page; `assets/js/requests.mjs` shows it while there are
    some."""
    count = html.B(className="number")
    tip = html.Span(className="tip")
    link = html.A(
        [html.Span(texts.both("bar.requests")), count, tip],
        id="requests-told",
        href="/catalogue#requests",
        className="icon-button words told",
        hidden=True,
    )
    return link
