"""Which rows are wanted, of rows at hand or by SQL: narrowed, sorted, counted, a page of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, text

from app.pages.tables.model import Found, R, Table, Wanted
from core.types import Params


def choose(rows: Iterable[R], wanted: Wanted, table: Table[R], searched: Callable[[R], str]) -> Found[R]:
    """From rows at hand, for things a city has some hundreds of. The order given stands where none is wanted; None
    comes last."""
    sought = wanted.asks("q").casefold()
    by_name = {column.name: column for column in table.columns}
    narrowed = [(by_name[name], words) for name, words in wanted.narrowed.items()]
    found = [
        row
        for row in rows
        if sought in searched(row).casefold() and all(column.fits(row, words) for column, words in narrowed)
    ]
    for name, descending in reversed(wanted.sort):
        value = by_name[name].value
        known = [row for row in found if value(row) is not None]
        found = sorted(known, key=value, reverse=descending) + [row for row in found if value(row) is None]
    return Found(found[wanted.start : wanted.end], len(found))


def select(
    conn: Connection, sql: str, params: Params, wanted: Wanted, columns: Mapping[str, str], table: Table[R]
) -> tuple[Sequence[Any], int]:
    """From a SELECT: narrowed and sorted by columns (`columns` has their SQL), in the end by `table.order`, and how
    many there are."""
    order = [f"{columns[name]} {'DESC' if down else 'ASC'} NULLS LAST" for name, down in wanted.sort if name in columns]
    where = [narrow_sql(columns[name], f"narrow_{name}", table, name) for name in wanted.narrowed]
    given = {**params, **{f"narrow_{name}": words for name, words in wanted.narrowed.items()}}
    narrowed = f"SELECT * FROM ({sql}) AS r WHERE {' AND '.join(['true', *where])}"
    total = conn.scalar(text(f"SELECT count(*) FROM ({narrowed}) AS n"), given)
    rows = conn.execute(
        text(f"{narrowed} ORDER BY {', '.join([*order, table.order])} LIMIT :limit_ OFFSET :offset_"),
        {**given, "limit_": wanted.end - wanted.start, "offset_": wanted.start},
    )
    return rows.all(), int(total or 0)


def narrow_sql(sql: str, param: str, table: Table[R], name: str) -> str:
    column = table.column(name)
    if column is not None and column.has_choices:
        return f"CAST({sql} AS text) = :{param}"
    return f"strpos(lower(CAST({sql} AS text)), lower(:{param})) > 0"
