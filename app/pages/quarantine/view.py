"""What stands on the page, and where its rows come from."""

from __future__ import annotations

from typing import Any

from dash import html
from typing_extensions import TypedDict

from app.asking import Asking
from app.dashboard import texts
from app.dashboard.components import notice
from app.pages import shell, tables
from app.pages.ids import QuarantineId
from app.pages.parts import action
from app.pages.tables import TEXT, Cell, Column, ColumnFilter, Filter, Found, Table, Wanted, cells
from core.viewer import Permission
from ingest.admin import quarantine

# between kind and owner in a row's key; an owner may hold anything else
SIGN = ":"


class HeldRow(TypedDict):
    """Somebody held back, as the table shows it."""

    key: str
    owner: str
    kind: str
    figure: float
    held: int
    since: str
    last_at: str


def owner_cells(row: HeldRow) -> list[Cell]:
    sort, _, name = row["owner"].partition(":")
    return cells.stack([cells.code(name or "–")], [{**cells.known("quarantine.owner", sort), "look": "quiet"}])


def kind_cells(row: HeldRow) -> list[Cell]:
    figure = cells.words(f"quarantine.figure.{row['kind']}", n=f"{row['figure']:,.0f}")
    return cells.stack([cells.lamp("dead", f"quarantine.kind.{row['kind']}")], [{**figure, "look": "quiet"}])


TABLE: Table[HeldRow] = Table(
    "quarantine",
    "quarantine",
    (
        Column("owner", "quarantine.who", owner_cells, flex=4, filter=TEXT),
        Column("kind", "quarantine.why", kind_cells, flex=3, filter=ColumnFilter(texts.family("quarantine.kind"))),
        Column("held", "quarantine.held", lambda row: [cells.plain(f"{row['held']:,}", "figure")], width=130, rank=2),
        Column("since", "quarantine.since", lambda row: [cells.age(row["since"])], width=140, rank=2),
        Column("last_at", "quarantine.last", lambda row: [cells.age(row["last_at"])], width=140, rank=3),
    ),
    filters=(Filter("q", "quarantine.search"),),
    row_height=54,
    row_id="key",
    selects=True,
    order="owner, kind",
)
COLUMNS = {column.name: column.name for column in TABLE.columns}


def read_rows(asking: Asking, wanted: Wanted) -> Found[HeldRow]:
    asking.viewer.require(Permission.QUARANTINE_READ)
    sql, params = quarantine.find_open(wanted.asks("q"))
    rows, total = tables.select(asking.conn, sql, params, wanted, COLUMNS, TABLE)
    return Found([row_object(row) for row in rows], total)


def row_object(row: Any) -> HeldRow:
    told = quarantine.quarantined(row)
    return {"key": f"{told['kind']}{SIGN}{told['owner']}", **told}


def draw(asking: Asking, _: str) -> list[Any]:
    """The page for who asks."""
    content = notice("quarantine.forbidden", "empty")
    if asking.viewer.may(Permission.QUARANTINE_READ):
        content = page_view(is_admin=asking.viewer.may(Permission.QUARANTINE_LIFT))
    return shell.page("quarantine.title", asking.viewer, ("/sources", "/devices"), [content])


def page_view(*, is_admin: bool) -> html.Div:
    lift = action(QuarantineId.LIFT.value, "quarantine.lift", small=True, disabled=True, data_key="lift")
    told = html.P(texts.both("quarantine.explain" if is_admin else "quarantine.read_only"), className="quiet")
    listed = tables.view(TABLE, [lift] if is_admin else ())
    return html.Div([html.Div([told], className="above"), listed], className="list")
