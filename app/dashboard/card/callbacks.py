"""Callback of the card: what is selected is read and drawn in one pass, as the person who selected it may see it."""

from __future__ import annotations

from typing import Any

from dash import ClientsideFunction, Dash, Input, Output
from typing_extensions import TypedDict

from alerts.limits import Measure
from app.asking import Asking, Door
from app.cards import Card, read_card
from app.dashboard.card.view import card_foot, card_head, card_main, card_rest
from app.dashboard.components import notice
from app.dashboard.ids import Id
from app.dashboard.texts import Lang, in_one
from core.errors import NotFound
from core.log import get_log

log = get_log("serve")


class Selected(TypedDict):
    """What the browser has selected, the number of its request and the language of the page (`assets/js/card.mjs`)."""

    type: str
    id: str
    asked: int
    lang: Lang


class ChartOf(TypedDict):
    """The sensor whose chart belongs to a card, and how rules judge it; of an alarm also its rule, metric and level,
    and the unit of its value."""

    sensor: str
    rule: str | None
    metric: str | None
    level: int | None
    unit: str | None
    measures: list[Measure]


class Drawn(TypedDict):
    """Which request is answered, where the thing is, and of what it has a chart."""

    asked: int
    lon: float | None
    lat: float | None
    chart: ChartOf | None


Parts = tuple[list[Any], list[Any], list[Any], list[Any], Drawn]


def register(app: Dash, door: Door) -> None:
    """Bind the card to the selection, and the browser to what was drawn."""

    @app.callback(
        Output(Id.CARD_HEAD.value, "children"),
        Output(Id.CARD_MAIN.value, "children"),
        Output(Id.CARD_REST.value, "children"),
        Output(Id.CARD_FOOT.value, "children"),
        Output(Id.CARD_DRAWN.value, "data"),
        Input(Id.SELECTION.value, "data"),
        prevent_initial_call=True,
    )
    async def draw_card(selected: Selected) -> Parts:
        nothing: Drawn = {"asked": selected["asked"], "lon": None, "lat": None, "chart": None}
        try:
            *parts, drawn = await door.ask(draw, selected)
            head, main, rest, foot = (in_one(selected["lang"], part) for part in parts)
        except NotFound:
            return [], [notice("card.gone", "empty")], [], [], nothing
        except Exception as exc:  # whatever it is, the page says that this card could not be read
            log.error("card_failed", type=selected["type"], id=selected["id"], exc_info=exc)
            return [], [notice("card.failed", "failed")], [], [], nothing
        return head, main, rest, foot, drawn

    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction(namespace="onemap", function_name="card_drawn"),
        Input(Id.CARD_DRAWN.value, "data"),
        prevent_initial_call=True,
    )


def draw(asking: Asking, selected: Selected) -> Parts:
    card = read_card(asking, selected["type"], selected["id"])
    may = asking.viewer.permissions
    where = card["object"]
    drawn: Drawn = {"asked": selected["asked"], "lon": where["lon"], "lat": where["lat"], "chart": chart_of(card)}
    return card_head(card), card_main(card), card_rest(card, may=may), card_foot(card, may=may), drawn


def chart_of(card: Card) -> ChartOf | None:
    if card["type"] == "sensor":
        return {
            "sensor": card["id"],
            "rule": None,
            "metric": None,
            "level": None,
            "unit": None,
            "measures": card["measures"],
        }
    if card["type"] == "alarm" and card["object"]["thing"]["type"] == "sensor":
        alarm = card["object"]
        return {
            "sensor": alarm["thing"]["id"],
            "rule": alarm["rule"],
            "metric": alarm["metric"],
            "level": alarm["level"],
            "unit": alarm["unit"],
            "measures": card["measures"],
        }
    return None
