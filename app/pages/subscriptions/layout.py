"""The page's frame: a tab for subscriptions with a pane beside the table, one for deliveries."""

from __future__ import annotations

from typing import Any

from dash import html

from app.asking import Asking
from app.dashboard import texts
from app.dashboard.components import notice
from app.pages import shell, tables
from app.pages.ids import SubscriptionsId
from app.pages.parts import action, dialog, tabs
from app.pages.subscriptions import listing
from core.viewer import Permission

REMOVING = "remove-subscription"


def draw(asking: Asking, hash_: str) -> list[Any]:
    """The page for who asks."""
    viewer = asking.viewer
    near = ("/routing", "/rules", "/alarm-load")
    if not viewer.may(Permission.SUBSCRIPTION_OWN) and not viewer.may(Permission.SUBSCRIPTION_MANAGE):
        return shell.page("subs.title", viewer, near, [notice("subs.forbidden", "empty")])
    add = [action(SubscriptionsId.ADD.value, "subs.add", small=True, primary=True, data_key="add-subscription")]
    explain = "subs.explain.all" if viewer.may(Permission.SUBSCRIPTION_MANAGE) else "subs.explain.mine"
    pane = html.Aside(id=SubscriptionsId.PANE.value, className="detail scroll")
    own = html.Div(
        [
            html.Div(
                [html.P(texts.both(explain), className="quiet above"), tables.view(listing.TABLE, add)],
                className="list",
            ),
            pane,
        ],
        className="beside",
    )
    told = html.Div(
        [html.P(texts.both("subs.deliveries.explain"), className="quiet above"), tables.view(listing.DELIVERIES)],
        className="list",
    )
    panels: list[tuple[str, list[Any], Any]] = [
        ("subscriptions", texts.both("subs.title"), own),
        ("deliveries", texts.both("subs.deliveries"), told),
    ]
    content = tabs(SubscriptionsId.TABS.value, panels, hash_)
    return shell.page("subs.title", viewer, near, [content, dialog(REMOVING, "subs.remove", "subs.remove")])
