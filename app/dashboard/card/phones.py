"""Phones of a unit, for who sends units: filled in when it is opened (`assets/js/phones.mjs`)."""

from __future__ import annotations

from typing import Any

from dash import html

from app.cards.nouns import Card
from app.dashboard import texts
from app.dashboard.components import wild
from core.viewer import Permission


def phones(card: Card, *, may: frozenset[Permission]) -> list[Any]:
    if card["type"] != "unit" or Permission.UNIT_ASSIGN not in may:
        return []
    place = html.Div(**wild({"data-phones": card["id"]}))
    return [html.Details([html.Summary(texts.both("field.phones")), place], className="phones")]
