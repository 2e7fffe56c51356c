"""The page's frame: the table of rules, and the pane of one beside it."""

from __future__ import annotations

from typing import Any

from dash import html

from app.asking import Asking
from app.dashboard import texts
from app.dashboard.components import notice
from app.pages import shell, tables
from app.pages.ids import RulesId
from app.pages.parts import action, dialog
from app.pages.rules import listing
from core.viewer import Permission

SWITCHING, TAKING = "rule-switch", "rule-take-back"
NEAR = ("/routing", "/alarm-load", "/sources", "/set-aside")


def draw(asking: Asking, _: str) -> list[Any]:
    """The page for who asks."""
    viewer = asking.viewer
    if not viewer.may(Permission.METRICS_READ):
        return shell.page("rules.title", viewer, NEAR, [notice("rules.forbidden", "empty")])
    may = viewer.may(Permission.RULE_MANAGE)
    add = [action(RulesId.ADD.value, "rules.add", small=True, primary=True, data_key="add-rule")] if may else []
    told = html.P(texts.both("rules.explain"), className="quiet above")
    content = html.Div(
        [
            html.Div([told, tables.view(listing.TABLE, add)], className="list"),
            html.Aside(id=RulesId.PANE.value, className="detail scroll"),
        ],
        className="beside",
    )
    asked = [dialog(SWITCHING, "rules.switch", "rules.sure"), dialog(TAKING, "rules.take_back", "rules.take_back")]
    return shell.page("rules.title", viewer, NEAR, [content, *(asked if may else [])])
