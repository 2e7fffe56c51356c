"""Left panel: search on top, the layer tree below. Folds to its edge."""

from dash import dcc, html

from app.dashboard import texts
from app.dashboard.components import edge, icon_button, notice, wild
from app.dashboard.ids import Id


def left_panel() -> html.Aside:
    """Search and layers; the tree is filled by :mod:`app.dashboard.layertree.callbacks`."""
    heading = html.Div(
        [
            html.H2(texts.both("layers.title"), id="left-title"),
            icon_button(Id.LEFT_FOLD.value, "fold-left", "layers.fold"),
        ],
        className="panel-head",
    )
    tree = html.Div(notice("lists.loading", "loading"), id=Id.LAYER_TREE.value, className="scroll", tabIndex=0)
    return html.Aside(
        [_search(), heading, tree, edge("left")],
        id=Id.LEFT.value,
        className="panel",
        **wild({"aria-labelledby": "left-title"}),
    )


def _search() -> html.Div:
    return html.Div(
        [
            html.Label(texts.both("search.label"), htmlFor=Id.SEARCH.value, className="spoken"),
            html.Span(className="icon icon-search", **wild({"aria-hidden": "true"})),
            dcc.Input(id=Id.SEARCH.value, type="text", autoComplete="off", spellCheck=False, maxLength=80),
            html.Kbd("/", **wild({"aria-hidden": "true"})),
            html.Div(id=Id.SEARCH_RESULTS.value, hidden=True),
        ],
        className="search",
        role="search",
    )
