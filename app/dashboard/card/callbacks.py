"""Callback of the card: the store's object becomes components."""

from typing import Any

import msgspec
from dash import Dash, Input, Output, State

from app.dashboard.card.view import card_main, card_rest
from app.dashboard.card.words import Vocabulary
from app.dashboard.ids import Id
from app.dashboard.models import CardState


def register(app: Dash) -> None:
    """Bind both parts of the card to the card store."""

    @app.callback(
        Output(Id.CARD_MAIN.value, "children"),
        Output(Id.CARD_REST.value, "children"),
        Input(Id.CARD_DATA.value, "data"),
        State(Id.ME.value, "data"),
        State(Id.VOCABULARY.value, "data"),
        prevent_initial_call=True,
    )
    async def draw_card(
        data: dict[str, Any] | None, me: dict[str, Any] | None, vocabulary: dict[str, Any] | None
    ) -> tuple[list[Any], list[Any]]:
        state = msgspec.convert(data or {}, CardState)
        words = Vocabulary(vocabulary or {})
        may_act = (me or {}).get("role", "viewer") != "viewer"
        return card_main(state, words, may_act=may_act), card_rest(state, words, may_act=may_act)
