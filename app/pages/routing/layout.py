"""The page's frame: a tab for ways, silences, inhibitions and routes, each with a pane beside its table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import html

from app.asking import Asking
from app.dashboard import texts
from app.dashboard.components import notice
from app.pages import shell, tables
from app.pages.ids import RoutingId
from app.pages.parts import action, dialog, tabs
from app.pages.routing import listing
from app.pages.routing.nouns import INHIBITION, ROUTE
from core.viewer import Permission

SWITCHING = {ROUTE: "route-switch", INHIBITION: "inhibition-switch"}
TAKING = {ROUTE: "route-take-back", INHIBITION: "inhibition-take-back"}
REMOVING = "route-remove"
PUTTING_BACK = "route-put-back"


def draw(asking: Asking, hash_: str) -> list[Any]:
    """The page for who asks."""
    near = ("/subscriptions", "/rules", "/alarm-load")
    viewer = asking.viewer
    if not viewer.may(Permission.METRICS_READ):
        return shell.page("routing.title", viewer, near, [notice("routing.forbidden", "empty")])
    manages = viewer.may(Permission.RULE_MANAGE)
    silences = add("silence", RoutingId.ADD_SILENCE) if viewer.may(Permission.ALARM_SHELVE) else []
    inhibitions = add("inhibition", RoutingId.ADD_INHIBITION) if manages else []
    gone = action(RoutingId.REMOVED.value, "routing.removed", small=True, data_key="removed-routes")
    routes = [*(add("route", RoutingId.ADD_ROUTE) if manages else []), gone]
    panels = {
        "alarms": panel(tables.view(listing.ALARMS), "routing.explain", RoutingId.WAY),
        "silences": panel(tables.view(listing.SILENCES, silences), "routing.silences.explain", RoutingId.SILENCE),
        "inhibitions": panel(
            tables.view(listing.INHIBITIONS, inhibitions), "routing.inhibitions.explain", RoutingId.INHIBITION
        ),
        "routes": panel(tables.view(listing.ROUTES, routes), "routing.routes.explain", RoutingId.ROUTE),
    }
    told = [(name, texts.both(f"routing.{name}"), inner) for name, inner in panels.items()]
    content = tabs(RoutingId.TABS.value, told, hash_)
    return shell.page("routing.title", viewer, near, [content, *(dialogs() if manages else [])])


def add(noun: str, button: RoutingId) -> Sequence[Any]:
    return [action(button.value, f"routing.{noun}.add", small=True, primary=True, data_key=f"add-{noun}")]


def dialogs() -> list[Any]:
    return [
        *(dialog(key, "routing.switch", "rules.sure") for key in SWITCHING.values()),
        *(dialog(key, "rules.take_back", "rules.take_back") for key in TAKING.values()),
        dialog(REMOVING, "routing.remove", "routing.remove"),
        dialog(PUTTING_BACK, "routing.put_back", "routing.put_back"),
    ]


def panel(table: Any, explain: str, pane: RoutingId) -> html.Div:
    """A table under a line that says what it is, and the pane of what is chosen in it."""
    told = html.P(texts.both(explain), className="quiet above")
    aside = html.Aside(id=pane.value, className="detail scroll")
    return html.Div([html.Div([told, table], className="list"), aside], className="beside")
