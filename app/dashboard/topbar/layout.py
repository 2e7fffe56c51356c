"""Layout of the top bar. Figures are leaves that the live channel writes to; Dash never renders them again."""

from typing import Any

from dash import html

from app.dashboard import texts
from app.dashboard.components import icon_button, level_badge, requests_told, spoken, wild
from app.dashboard.ids import Id

LEVELS = (1, 2, 3, 4)


def top_bar() -> html.Header:
    """The whole bar, left to right: whose city, the state of things, now and who is logged in."""
    return html.Header([_brand(), _figures(), _session()], id=Id.TOP_BAR.value)


def _brand() -> html.Div:
    return html.Div(
        [
            html.Span(className="emblem", **wild({"aria-hidden": "true"})),
            html.Div(
                [
                    html.H1(id=Id.CITY_NAME.value, children=texts.both("app.name")),
                    html.P(texts.both("app.subtitle"), className="subtitle"),
                ],
                className="brand-words",
            ),
            html.Span(texts.both("app.exercise"), className="exercise", id="exercise", hidden=True),
        ],
        className="brand",
    )


def _figures() -> html.Section:
    return html.Section(
        [
            spoken("bar.status"),
            _by_level("incidents", "bar.incidents"),
            _by_level("alarms", "bar.alarms"),
            _figure(
                "units", "bar.units", [_leaf("units-free"), html.Span("/", className="slash"), _leaf("units-busy")]
            ),
            _rate(),
            _health(),
        ],
        className="figures",
    )


def _by_level(name: str, key: str) -> html.Div:
    parts: list[Any] = [_leaf(name)]
    parts.append(html.Span([_level_count(name, level) for level in LEVELS], className="levels"))
    return _figure(name, key, parts)


def _level_count(name: str, level: int) -> html.Span:
    count = html.B("0", id=f"figure-{name}-{level}")
    return html.Span([level_badge(level), count], className="level-count", **wild({"data-count": "0"}))


def _leaf(name: str) -> html.B:
    return html.B("–", id=f"figure-{name}", className="number")


def _figure(name: str, key: str, value: list[Any]) -> html.Div:
    return html.Div(
        [html.Div(value, className="value"), html.Div(texts.both(key), className="name")],
        className="figure",
        id=f"box-{name}",
    )


def _rate() -> html.A:
    """Alarms of the last ten minutes; leads to what they were made of."""
    value = [_leaf("rate"), html.Span(id="figure-rate-word", className="word")]
    return html.A(
        [html.Div(value, className="value"), html.Div(texts.both("bar.rate"), className="name")],
        href="/alarm-load",
        className="figure",
        id="box-rate",
    )


def _health() -> html.A:
    """How old the data is; it leads to the sources that bring it."""
    value = [html.Span(className="lamp"), _leaf("health")]
    parts = [
        html.Div(value, className="value"),
        html.Div(texts.both("bar.health"), className="name"),
        spoken("bar.sources"),
    ]
    return html.A(parts, className="figure", id="box-health", href="/sources")


def _session() -> html.Div:
    return html.Div(
        [
            html.Div(
                [
                    html.Span(className="lamp"),
                    html.Span(texts.both("bar.live"), className="on"),
                    html.Span(texts.both("bar.offline"), className="off"),
                ],
                id=Id.LIVE.value,
                role="status",
            ),
            requests_told(),
            html.Div([html.Time(id=Id.CLOCK.value), html.Span(id=Id.DATE.value)], className="clock"),
            html.Button(
                [
                    html.Span(texts.both("bar.language.short"), **wild({"aria-hidden": "true"})),
                    html.Span(texts.both("bar.language"), className="tip"),
                ],
                id=Id.LANGUAGE.value,
                className="icon-button words",
                type="button",
                n_clicks=0,
                **wild({"data-testid": "language-switch"}),
            ),
            icon_button(Id.THEME.value, "theme", "bar.theme"),
            icon_button(Id.KEYS.value, "keys", "bar.keys"),
            _user_menu(),
        ],
        className="session",
    )


def _user_menu() -> html.Details:
    target = html.Summary(
        [html.Span(className="icon icon-user"), spoken("bar.user"), html.Span(id=Id.USER_NAME.value)],
        className="icon-button user",
    )
    leave = html.Button(texts.both("bar.logout"), id=Id.LOGOUT.value, className="action", type="button")
    sources = html.A(texts.both("bar.sources"), href="/sources", className="action")
    layers = html.A(texts.both("bar.layers"), href="/layers", className="action")
    analysis = html.A(texts.both("bar.analysis"), href="/analysis", className="action")
    rules = html.A(texts.both("bar.rules"), href="/rules", className="action")
    own = html.A(texts.both("bar.me"), href="/me", className="action")
    return html.Details(
        [
            target,
            html.Div(
                [html.P(id=Id.USER_ROLE.value), layers, analysis, rules, sources, own, leave], className="menu panel"
            ),
        ],
        className="user-menu",
    )
