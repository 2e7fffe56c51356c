"""The list of keys, a native modal dialog."""

from dash import html

from app.dashboard import texts
from app.dashboard.components import icon_button, wild
from app.dashboard.ids import Id

KEYS = (
    (("↑", "↓"), "keys.arrows"),
    (("Enter",), "keys.enter"),
    (("A",), "keys.a"),
    (("U",), "keys.u"),
    (("D",), "keys.d"),
    (("N",), "keys.n"),
    (("1", "2", "3", "4"), "keys.tabs"),
    (("/",), "keys.search"),
    (("Esc",), "keys.escape"),
    (("?",), "keys.help"),
)


def key_help() -> html.Dialog:
    """Opened by ``?`` and by the key button."""
    lines = [html.Div([html.Dt([html.Kbd(key) for key in keys]), html.Dd(texts.both(text))]) for keys, text in KEYS]
    head = html.Div(
        [
            html.H2(texts.both("keys.title"), id="keys-help-title"),
            icon_button(Id.HELP_CLOSE.value, "close", "keys.close"),
        ],
        className="panel-head",
    )
    tour = html.Button(texts.both("tour.open"), id="tour-open", className="action", type="button")
    return html.Dialog(
        [head, html.Dl(lines, className="keys"), html.Div(tour, className="tour-again")],
        id=Id.HELP.value,
        **wild({"aria-labelledby": "keys-help-title"}),
    )
