"""What stands on the page, and where its rows come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import html
from typing_extensions import TypedDict

from app.asking import Asking
from app.dashboard import texts
from app.dashboard.components import notice
from app.pages import shell, tables
from app.pages.ids import AsideId
from app.pages.parts import action, dialog
from app.pages.tables import TEXT, Cell, Column, ColumnFilter, Filter, Found, Table, Wanted, cells
from core import set_aside
from core.clock import rfc3339
from core.viewer import Permission

NAMED_AT_MOST = 5
DROPPING = "drop"
STATES = {"aside": "dead", "waiting": "old"}


class AsideRow(TypedDict):
    """Something put aside as the table shows it; `due_at` null where a person must decide."""

    key: str
    what: str
    id: str
    error: str
    state: str
    tries: int
    first_at: str
    last_at: str
    due_at: str | None


def what_cells(row: AsideRow) -> list[Cell]:
    return cells.stack([cells.known("aside.kind", row["what"])], [cells.quiet(row["id"])])


def state_cell(row: AsideRow) -> list[Cell]:
    return [cells.lamp(STATES[row["state"]], f"aside.is.{row['state']}")]


TABLE: Table[AsideRow] = Table(
    "set-aside",
    "aside",
    (
        Column("what", "aside.what", what_cells, flex=2, filter=ColumnFilter(texts.family("aside.kind"))),
        Column("id", "aside.id", flex=2, rank=3, filter=TEXT),
        Column("error", "aside.error", flex=4, rank=2, filter=TEXT),
        Column("state", "sources.state", state_cell, width=150, filter=ColumnFilter(texts.family("aside.is"))),
        Column("tries", "aside.tries", lambda row: [cells.plain(row["tries"], "figure")], width=90, rank=2),
        Column("first_at", "aside.first", lambda row: [cells.age(row["first_at"])], width=130, rank=3),
        Column("last_at", "aside.last", lambda row: [cells.age(row["last_at"])], width=130, rank=2),
        Column("due_at", "aside.due", lambda row: [due_cell(row)], width=130, rank=3),
    ),
    filters=(Filter("q", "aside.search"),),
    row_height=54,
    row_id="key",
    selects=True,
    order="what, id",
)
COLUMNS = {column.name: column.name for column in TABLE.columns}


def due_cell(row: AsideRow) -> Cell:
    """When it is tried again by itself; never where a person must decide."""
    return cells.quiet("–") if row["due_at"] is None else cells.moment(row["due_at"])


def read_rows(asking: Asking, wanted: Wanted) -> Found[AsideRow]:
    asking.viewer.require(Permission.ASIDE_READ)
    sql, params = set_aside.find_open(wanted.asks("q"))
    rows, total = tables.select(asking.conn, sql, params, wanted, COLUMNS, TABLE)
    return Found([row_object(row) for row in rows], total)


def row_object(row: Any) -> AsideRow:
    """One row with a key made of both parts of its name."""
    return {
        "key": f"{row.what}:{row.id}",
        "what": row.what,
        "id": row.id,
        "error": row.error,
        "state": row.state,
        "tries": row.tries,
        "first_at": rfc3339(row.first_at),
        "last_at": rfc3339(row.last_at),
        "due_at": rfc3339(row.due_at) if row.due_at else None,
    }


def draw(asking: Asking, _: str) -> list[Any]:
    """The page for who asks."""
    if not asking.viewer.may(Permission.ASIDE_READ):
        content = [notice("aside.forbidden", "empty")]
    else:
        counts = set_aside.count_asides(asking.conn)
        content = [page_view(counts, is_admin=asking.viewer.may(Permission.ASIDE_DECIDE))]
    return shell.page("aside.title", asking.viewer, ("/sources", "/devices"), content)


def page_view(counts: Sequence[set_aside.AsideCount], *, is_admin: bool) -> html.Div:
    acts = [
        action(AsideId.RETRY.value, "aside.retry", small=True, disabled=True, data_key="retry"),
        action(AsideId.DROP.value, "aside.drop", small=True, disabled=True, data_key="drop"),
    ]
    told = html.P(texts.both("aside.explain" if is_admin else "aside.read_only"), className="quiet")
    return html.Div(
        [
            html.Div(
                [told, html.Ul(count_views(counts), id=AsideId.COUNTS.value, className="tallies")], className="above"
            ),
            tables.view(TABLE, acts if is_admin else ()),
            dialog(DROPPING, "aside.drop.title", "aside.drop"),
        ],
        className="list",
    )


def count_views(counts: Sequence[set_aside.AsideCount]) -> list[html.Li]:
    """By kind: how many a person must decide on, how many are tried again by themselves."""
    return [
        html.Li(
            [
                html.B(str(one["aside"] + one["waiting"])),
                html.Span(texts.known("aside.kind", one["what"])),
                html.Span(texts.both("aside.of_which", n=one["aside"]), className="quiet"),
            ],
            className="tally",
        )
        for one in counts
    ]


def ask_words(keys: Sequence[str]) -> list[Any]:
    """What is about to be dropped, by name."""
    named = [html.Li(html.Code(key.partition(":")[2])) for key in keys[:NAMED_AT_MOST]]
    more = [html.Li(texts.both("sources.more", n=len(keys) - NAMED_AT_MOST))] if len(keys) > NAMED_AT_MOST else []
    return [html.Span(texts.both("aside.drop.ask", n=len(keys))), html.Ul([*named, *more])]
