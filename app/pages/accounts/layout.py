"""The page's frame: the table, what the broker has been told, and a pane beside it."""

from __future__ import annotations

from typing import Any

from dash import html

from app.asking import Asking
from app.dashboard import texts
from app.dashboard.components import notice
from app.pages import shell, tables
from app.pages.accounts import listing
from app.pages.ids import AccountsId
from app.pages.parts import action, dialog
from core.viewer import Permission

ROTATING, REVOKING = "rotate-account", "revoke-account"


def draw(asking: Asking, _: str) -> list[Any]:
    """The page for who asks."""
    near = ("/sources", "/set-aside")
    if not asking.viewer.may(Permission.DEVICE_MANAGE):
        return shell.page("accounts.title", asking.viewer, near, [notice("accounts.forbidden", "empty")])
    acts = [
        action(AccountsId.ADD.value, "accounts.add", small=True, data_key="add-account"),
        action(AccountsId.MANY.value, "accounts.import", small=True, data_key="import-accounts"),
    ]
    above = [
        html.P(texts.both("accounts.explain"), className="quiet"),
        html.P(listing.door_view(asking), id=AccountsId.DOOR.value, className="door"),
    ]
    content = html.Div(
        [
            html.Div([html.Div(above, className="above"), tables.view(listing.TABLE, acts)], className="list"),
            html.Aside(id=AccountsId.PANE.value, className="detail scroll"),
            dialog(ROTATING, "accounts.rotate", "accounts.rotate"),
            dialog(REVOKING, "accounts.revoke", "accounts.revoke"),
        ],
        className="beside",
    )
    return shell.page("accounts.title", asking.viewer, near, [content])
