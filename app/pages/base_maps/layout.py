"""The page's frame: the table, and a pane beside it."""

from __future__ import annotations

from typing import Any

from dash import html

from app.asking import Asking
from app.dashboard import texts
from app.dashboard.components import notice
from app.pages import shell, tables
from app.pages.base_maps import listing
from app.pages.ids import BaseMapsId
from app.pages.parts import action, dialog
from core.viewer import Permission

REMOVING = "remove-base-map"


def draw(asking: Asking, _: str) -> list[Any]:
    """The page for who asks."""
    near = ("/layers", "/sources")
    if not asking.viewer.may(Permission.SOURCE_MANAGE):
        return shell.page("basemaps.title", asking.viewer, near, [notice("basemaps.forbidden", "empty")])
    acts = [action(BaseMapsId.ADD.value, "basemaps.add", small=True, primary=True, data_key="add-base-map")]
    above = html.P(texts.both("basemaps.explain"), className="quiet")
    content = html.Div(
        [
            html.Div([html.Div([above], className="above"), tables.view(listing.TABLE, acts)], className="list"),
            html.Aside(id=BaseMapsId.PANE.value, className="detail scroll"),
            dialog(REMOVING, "basemaps.remove", "basemaps.remove"),
        ],
        className="beside",
    )
    return shell.page("basemaps.title", asking.viewer, near, [content])
