"""The page's frame: a tab for ways, silences, inhibitions and routes, and a pane beside them."""

from __future__ import annotations

from typing import Any

from dash import html

from app.asking import Asking
from app.dashboard import texts
from app.dashboard.components import notice
from app.pages import shell, tables
from app.pages.ids import RoutingId
from app.pages.parts import action, tabs
from app.pages.routing import listing
from core.viewer import Permission


def draw(asking: Asking, hash_: str) -> list[Any]:
    """The page for who asks."""
    near = ("/rules", "/alarm-load", "/set-aside")
    if not asking.viewer.may(Permission.METRICS_READ):
        return shell.page("routing.title", asking.viewer, near, [notice("routing.forbidden", "empty")])
    acts = []
    if asking.viewer.may(Permission.ALARM_SHELVE):
        acts.append(
            action(RoutingId.ADD.value, "routing.silences.add", small=True, primary=True, data_key="add-silence")
        )
    panels = {
        "alarms": panel(tables.view(listing.ALARMS), "routing.explain", RoutingId.WAY),
        "silences": panel(tables.view(listing.SILENCES, acts), "routing.silences.explain", RoutingId.PANE),
        "inhibitions": panel(tables.view(listing.INHIBITIONS), "routing.inhibitions.explain"),
        "routes": panel(tables.view(listing.ROUTES), "routing.routes.explain"),
    }
    told = [(name, texts.both(f"routing.{name}"), inner) for name, inner in panels.items()]
    content = tabs(RoutingId.TABS.value, told, hash_)
    return shell.page("routing.title", asking.viewer, near, [content])


def panel(table: Any, explain: str, pane: RoutingId | None = None) -> html.Div:
    """A table under a line that says what it is, and the pane of what is chosen in it."""
    told = html.P(texts.both(explain), className="quiet above")
    aside = [html.Aside(id=pane.value, className="detail scroll")] if pane else []
    return html.Div([html.Div([told, table], className="list"), *aside], className="beside")
