"""Frame of the card: its head and what to do next stay in sight, what is between them scrolls; the chart stands among
it."""

from dash import html

from app.dashboard import texts
from app.dashboard.components import edge, icon_button, notice, wild
from app.dashboard.ids import Id


def card_frame() -> html.Section:
    """Empty and out of sight until something is selected."""
    return html.Section(
        [
            icon_button(Id.CARD_CLOSE.value, "close", "card.close"),
            html.Div(id=Id.CARD_HEAD.value),
            html.Div(
                [
                    html.Div(notice("card.loading", "loading"), className="card-state loading"),
                    html.Div([notice("card.failed", "failed"), _retry()], className="card-state failed"),
                    html.Div(id=Id.CARD_MAIN.value),
                    html.Div(id=Id.CHART_SLOT.value),
                    html.Div(id=Id.CARD_REST.value),
                ],
                className="scroll",
                tabIndex=0,
            ),
            html.Div(id=Id.CARD_FOOT.value),
            edge("card"),
        ],
        id=Id.CARD.value,
        className="panel",
        role="region",
        **wild({"aria-labelledby": "card-title"}),
    )


def _retry() -> html.Button:
    return html.Button(texts.both("app.retry"), id=Id.CARD_RETRY.value, className="action", type="button")
