"""The page's frame: a tab for accounts, one for roles, each with a table and a pane beside it."""

from __future__ import annotations

from typing import Any

from dash import html

from app.asking import Asking
from app.dashboard import texts
from app.dashboard.components import notice
from app.pages import shell, tables
from app.pages.ids import PeopleId
from app.pages.parts import action, dialog, tabs
from app.pages.people import listing
from core.viewer import Permission

GIVING, ENDING, REMOVING = "give-password", "end-sessions", "remove-role"


def draw(asking: Asking, wanted: str) -> list[Any]:
    """The page for who asks; `wanted` is the tab to begin with."""
    near = ("/sources", "/devices")
    if not asking.viewer.may(Permission.PERSON_MANAGE):
        return shell.page("people.title", asking.viewer, near, [notice("people.forbidden", "empty")])
    panels = {
        "people": panel(listing.PEOPLE, PeopleId.ADD, "people.add", PeopleId.PANE, "people.explain"),
        "roles": panel(listing.ROLES, PeopleId.ROLE_ADD, "roles.add", PeopleId.ROLE_PANE, "roles.explain"),
    }
    told = [(name, texts.both(f"people.tab.{name}"), inner) for name, inner in panels.items()]
    content = tabs(PeopleId.TABS.value, told, wanted)
    dialogs = [
        dialog(GIVING, "people.password", "people.password"),
        dialog(ENDING, "people.end", "people.end"),
        dialog(REMOVING, "roles.remove", "roles.remove"),
    ]
    return shell.page("people.title", asking.viewer, near, [content, *dialogs])


def panel(table: tables.Table[Any], add: PeopleId, words: str, pane: PeopleId, explain: str) -> html.Div:
    acts = [action(add.value, words, small=True, data_key=add.value)]
    told = html.P(texts.both(explain), className="quiet above")
    return html.Div(
        [
            html.Div([told, tables.view(table, acts)], className="list"),
            html.Aside(id=pane.value, className="detail scroll"),
        ],
        className="beside",
    )
