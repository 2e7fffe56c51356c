"""The page's frame: the table of layers and a pane beside it, for one layer or for a file that becomes one."""

from __future__ import annotations

from typing import Any

from dash import dcc, html

from app.asking import Asking
from app.dashboard import texts
from app.dashboard.components import notice
from app.pages import shell, tables
from app.pages.ids import LayersId
from app.pages.own_layers import listing
from app.pages.parts import action, dialog
from core.viewer import Permission

# how often the work on a file is looked after
WATCH_MS = 600
REMOVING, TAKING = "remove-layer", "take-away-rows"


def draw(asking: Asking, _: str) -> list[Any]:
    """The page for who asks."""
    near = ("/catalogue", "/analysis", "/base-maps", "/sources")
    viewer = asking.viewer
    if not viewer.may(Permission.CITY_READ):
        return shell.page("own.title", viewer, near, [notice("own.forbidden", "empty")])
    edits = viewer.may(Permission.LAYER_EDIT)
    offered = [
        action(LayersId.CELLS.value, "own.cells", small=True, data_key="make-cells"),
        action(LayersId.ADD.value, "own.add", small=True, primary=True, data_key="add-layer"),
    ]
    acts = offered if edits else []
    above = html.P(texts.both("own.explain" if edits else "own.read_only"), className="quiet")
    content = html.Div(
        [
            html.Div([html.Div([above], className="above"), tables.view(listing.TABLE, acts)], className="list"),
            html.Aside(id=LayersId.PANE.value, className="detail scroll"),
            dialog(REMOVING, "own.remove", "own.remove"),
            dialog(TAKING, "bring.take_away", "bring.take_away"),
            dcc.Store(id=LayersId.FILE.value),
            dcc.Interval(id=LayersId.WATCH.value, interval=WATCH_MS, disabled=True),
        ],
        className="beside",
    )
    return shell.page("own.title", viewer, near, [content])
