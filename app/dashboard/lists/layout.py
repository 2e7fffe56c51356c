"""Right panel: the work lists in tabs. Rows come from the live channel straight into AG Grid."""

from typing import Any

import dash_ag_grid as dag
import dash_mantine_components as dmc
from dash import html

from app.dashboard import texts
from app.dashboard.components import edge, icon_button, notice, spoken, wild
from app.dashboard.ids import Id

ROW_HEIGHT_PX = 40

# list -> (grid id, renderer in assets/js/cells.js)
LISTS = {
    "incidents": (Id.GRID_INCIDENTS, "IncidentRow"),
    "alarms": (Id.GRID_ALARMS, "AlarmRow"),
    "shelved": (Id.GRID_SHELVED, "ShelvedRow"),
    "units": (Id.GRID_UNITS, "UnitRow"),
    "warnings": (Id.GRID_WARNINGS, "WarningRow"),
}
# in the tab of another list, behind a switch
BEHIND = {"shelved": "alarms"}
# work, by what it may be ordered
ORDERED, ORDERS = ("incidents", "alarms"), ("risk", "level", "time")
TABS = [name for name in LISTS if name not in BEHIND]


def right_panel() -> html.Aside:
    """The lists; folds to its edge."""
    heading = html.Div(
        [
            html.H2(texts.both("lists.title"), id="right-title"),
            html.Button(texts.both("report.title"), id="incident-new", className="action small", type="button"),
            icon_button(Id.RIGHT_FOLD.value, "fold-right", "lists.fold"),
        ],
        className="panel-head",
    )
    tabs = dmc.Tabs(
        [dmc.TabsList([_tab(name) for name in TABS], grow=True), *map(_panel, TABS)],
        id=Id.TABS.value,
        value="incidents",
        keepMounted=True,
        activateTabWithKeyboard=True,
    )
    return html.Aside(
        [heading, tabs, edge("right")], id=Id.RIGHT.value, className="panel", **wild({"aria-labelledby": "right-title"})
    )


def _tab(name: str) -> Any:
    label = [*texts.both(f"lists.{name}"), html.Span("", className="tab-count", id=f"tab-count-{name}")]
    return dmc.TabsTab(html.Span(label, **wild({"data-testid": f"tab-{name}"})), value=name)


def _panel(name: str) -> Any:
    behind = [other for other, tab in BEHIND.items() if tab == name]
    body: list[Any] = _list(name)
    if name in ORDERED:
        body = [html.Div(body, className="front")]
        switches = [part for other in behind for part in (_returned(), _switch(other))]
        behind_it = [html.Div(_list(other), className="behind") for other in behind]
        body += [*behind_it, html.Div([_order(), *switches], className="list-foot")]
    words = texts.entry(f"lists.{name}")
    return dmc.TabsPanel(body, value=name, **wild({"data-list": name, "data-zh": words["zh"], "data-en": words["en"]}))


def _order() -> html.Div:
    """By what a work list is ordered: the risk, where nobody wants another (`assets/js/lists.mjs`)."""
    buttons = [
        html.Button(
            texts.both(f"lists.order.{order}"),
            type="button",
            className="switch-list",
            **wild({"data-order": order, "aria-pressed": str(order == "risk").lower()}),
        )
        for order in ORDERS
    ]
    words = texts.named("lists.order")
    return html.Div(buttons, className="list-order", role="group", **wild({"aria-label": words}))


def _returned() -> html.Button:
    """Acknowledges all that are back to normal by themselves, which can be taken back for a moment; out of sight where
    there are none."""
    words = [html.Span(texts.both("lists.returned"), className="label"), html.B(id="returned-count", className="label")]
    call = {"data-method": "POST", "data-url": "/api/alarms/acknowledge-returned", "data-body": "{}"}
    return html.Button(
        words,
        id="acknowledge-returned",
        className="action small",
        type="button",
        hidden=True,
        **wild(call),
    )


def _switch(name: str) -> html.Button:
    """Shows the list behind, and the one in front again (`assets/js/lists.mjs`); out of sight while there is nothing in
    it."""
    count = html.B(id=f"tab-count-{name}")
    return html.Button(
        [html.Span(texts.both(f"lists.{name}")), count],
        id=f"switch-{name}",
        className="switch-list",
        type="button",
        hidden=True,
        **wild({"aria-pressed": "false"}),
    )


def _list(name: str) -> list[Any]:
    held = html.Button(
        [html.B(id=f"held-count-{name}"), html.Span(texts.both("lists.held"))],
        className="held",
        id=f"held-{name}",
        hidden=True,
        type="button",
    )
    empty = html.Div(notice(f"lists.{name}.empty", "calm"), className="list-empty", id=f"empty-{name}", hidden=True)
    return [held, _grid(name), empty]


def _grid(name: str) -> Any:
    grid, renderer = LISTS[name]
    return dag.AgGrid(
        id=grid.value,
        className="list",
        columnDefs=[
            {
                "colId": "row",
                "valueGetter": {"function": "params.data"},
                "cellDataType": False,
                "cellRenderer": renderer,
                "flex": 1,
                "headerName": texts.named("lists.column"),
            }
        ],
        defaultColDef={"sortable": False, "resizable": False, "suppressMovable": True},
        rowData=[],
        getRowId="params.data.id",
        dashGridOptions={
            "theme": {"function": "themeQuartz.withParams({browserColorScheme: 'inherit'})"},
            "headerHeight": 0,
            "rowHeight": ROW_HEIGHT_PX,
            "rowSelection": {"mode": "singleRow", "checkboxes": False, "enableClickSelection": True},
            "suppressCellFocus": False,
            "animateRows": False,
            "suppressNoRowsOverlay": True,
            "suppressScrollOnNewData": True,
        },
    )


def emergency_banner() -> html.Div:
    """Where an alarm of level I or II announces itself; it lies beside the panels and never over a control."""
    return html.Div(spoken("banner.label"), id=Id.BANNER.value, role="alert", hidden=True)
