"""The page's frame: four tabs, each a table and a pane beside it."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import html

from app.asking import Asking
from app.dashboard import texts
from app.dashboard.components import notice, wild
from app.pages import shell, tables
from app.pages.ids import SourcesId
from app.pages.parts import action
from app.pages.sources import devices, letters, listing, strangers
from core.viewer import Permission

TABS = {
    "sources": SourcesId.COUNT_SOURCES,
    "devices": SourcesId.COUNT_DEVICES,
    "strangers": SourcesId.COUNT_STRANGERS,
    "letters": SourcesId.COUNT_LETTERS,
}
NEAR = ("/layers", "/devices", "/set-aside", "/quarantine", "/rules", "/routing", "/alarm-load", "/people")


def draw(asking: Asking, wanted: str) -> list[Any]:
    """The page for who asks; `wanted` is the tab to begin with."""
    who = asking.viewer
    if not who.may(Permission.SOURCE_READ):
        return shell.page("sources.title", who, NEAR, [notice("sources.forbidden", "empty")])
    content = tabs(
        wanted if wanted in TABS else "sources",
        is_admin=who.may(Permission.SOURCE_MANAGE),
        may_read=who.may(Permission.LETTER_READ),
    )
    return shell.page("sources.title", who, NEAR, [content])


def tabs(opened: str, *, is_admin: bool, may_read: bool) -> dmc.Tabs:
    panels = {
        "sources": sources_panel(is_admin=is_admin),
        "devices": panel([tables.view(devices.TABLE)], SourcesId.DEVICE, "devices.explain"),
        "strangers": panel([tables.view(strangers.TABLE)], SourcesId.STRANGER, "strangers.explain"),
        "letters": letters_panel(may_read=may_read),
    }
    return dmc.Tabs(
        [
            dmc.TabsList([tab(name, count) for name, count in TABS.items()]),
            *(dmc.TabsPanel(inner, value=name, **wild({"data-panel": name})) for name, inner in panels.items()),
        ],
        id=SourcesId.TABS.value,
        value=opened,
        keepMounted=True,
        activateTabWithKeyboard=True,
    )


def tab(name: str, count: SourcesId) -> dmc.TabsTab:
    label = [*texts.both(f"sources.tab.{name}"), html.Span(id=count.value, className="tab-count")]
    return dmc.TabsTab(html.Span(label), value=name, **wild({"data-tab": name}))


def panel(listed: list[Any], pane: SourcesId, explain: str) -> html.Div:
    told = html.P(texts.both(explain), className="quiet above")
    return html.Div(
        [html.Div([told, *listed], className="list"), html.Aside(id=pane.value, className="detail scroll")],
        className="beside",
    )


def sources_panel(*, is_admin: bool) -> html.Div:
    add = [action(SourcesId.ADD.value, "sources.add", small=True, data_key="add-source")] if is_admin else []
    return panel([tables.view(listing.TABLE, add)], SourcesId.DETAIL, "sources.explain")


def letters_panel(*, may_read: bool) -> html.Div:
    if not may_read:
        # a press elsewhere may set the filter, so it is there for everybody
        hidden = [tables.filter_view(letters.TABLE, one) for one in letters.TABLE.filters if one.hidden]
        return html.Div([notice("letters.forbidden", "empty"), *hidden])
    groups = html.Div(id=SourcesId.GROUPS.value, className="groups", role="group")
    return panel([groups, tables.view(letters.TABLE)], SourcesId.LETTER, "letters.explain")
