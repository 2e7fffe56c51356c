"""The table of accounts, and how far the broker has followed them."""

from __future__ import annotations

from typing import Any

from dash import html

from app.asking import Asking
from app.dashboard import texts
from app.pages import tables
from app.pages.parts import lamp
from app.pages.tables import TEXT, Cell, Column, ColumnFilter, Filter, Found, Table, Wanted, cells
from core.viewer import Permission
from ingest.doors import accounts as book

Account = book.AccountObject
SHOWN_AT_MOST = 4
STATES = {"active": "fresh", "revoked": "off"}


def name_cells(row: Account) -> list[Cell]:
    name = cells.press("open", cells.plain(row["name"]), key=f"account-{row['name']}", id=row["name"])
    return cells.stack([name], [cells.quiet(row["note"] or "")])


def owned(row: Account) -> list[str]:
    return [*row["sensors"], *row["cameras"], *row["units"], *row["sources"], *row["topics"]]


def owned_cells(row: Account) -> list[Cell]:
    all_ = owned(row)
    more = [cells.words("sources.more", n=len(all_) - SHOWN_AT_MOST)] if len(all_) > SHOWN_AT_MOST else []
    everything = [cells.words("accounts.everything")] if row["kind"] == "gateway" else []
    may = {"reports": row["reports"], "warnings": row["warnings"]}
    also = [cells.words(f"accounts.may.{name}") for name, granted in may.items() if granted]
    return [*everything, *(cells.code(one) for one in all_[:SHOWN_AT_MOST]), *more, *also]


TABLE: Table[Account] = Table(
    "accounts",
    "accounts",
    (
        Column("name", "accounts.field.name", name_cells, flex=2, filter=TEXT),
        Column(
            "kind",
            "accounts.field.kind",
            lambda row: [cells.words(f"accounts.kind.{row['kind']}")],
            width=130,
            rank=2,
            filter=ColumnFilter(texts.family("accounts.kind")),
        ),
        Column(
            "state",
            "sources.state",
            lambda row: [cells.lamp(STATES[row["state"]], f"accounts.is.{row['state']}")],
            width=130,
            filter=ColumnFilter(texts.family("accounts.is")),
        ),
        Column("speaks_for", "accounts.speaks_for", owned_cells, owned, sortable=False, flex=4, rank=2, filter=TEXT),
        Column("heard_at", "devices.last", lambda row: [cells.age(row["heard_at"])], width=130, rank=2),
        Column("created_at", "accounts.created", lambda row: [cells.age(row["created_at"])], width=130, rank=3),
    ),
    filters=(Filter("q", "accounts.search"),),
    row_height=54,
    row_id="name",
    order="name",
)
COLUMNS = {column.name: column.name for column in TABLE.columns}


def read_rows(asking: Asking, wanted: Wanted) -> Found[Account]:
    asking.viewer.require(Permission.DEVICE_MANAGE)
    sql, params = book.find_accounts(wanted.asks("q"))
    rows, total = tables.select(asking.conn, sql, params, wanted, COLUMNS, TABLE)
    return Found([book.account_object(row) for row in rows], total)


def door_view(asking: Asking) -> list[Any]:
    """Where devices connect, and whether the broker has been told of every change."""
    state = book.read_door(asking.conn)
    address = asking.parts.settings.device_url
    where = [html.Span(texts.both("accounts.address")), html.Code(address)] if address else []
    if state["open"]:
        told = lamp("fresh", "accounts.told")
    else:
        told = html.Span([lamp("dead", "accounts.untold"), html.Span(state["error"] or "", className="quiet")])
    return [*where, told]
