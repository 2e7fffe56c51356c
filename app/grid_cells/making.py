"""Grid cells are made: what the command line and the API both do, the latter in a process of its own
(`python -m app.grid_cells.making`; app.files.line is the other end)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from sqlalchemy import Connection, text

from app.files.line import Told, scope_of, serve
from core import audit
from core.clock import utc_now
from core.db import make_engine, within
from core.scope import EVERYTHING, Scope
from core.settings import load_settings
from layers.grid_cells.making import make_grid_cells
from layers.grid_cells.nouns import GridCellsIn, GridCellsMade

# a statement that fills in the cells of half a million components
STATEMENT_S = 900.0


def run_making(
    transaction: Callable[[], AbstractContextManager[Connection]],
    given: GridCellsIn,
    who: str,
    *,
    dry_run: bool,
    scope: Scope = EVERYTHING,
    told: Told = lambda done, whole: None,
) -> GridCellsMade:
    """`transaction()` opens one that is committed at its end; a dry run makes all and keeps nothing."""
    with transaction() as conn:
        within(conn, STATEMENT_S)
        kept = conn.begin_nested()
        now = utc_now()
        made = make_grid_cells(conn, given, who, now, scope, told)
        if dry_run:
            kept.rollback()
            return made
        kept.commit()
        figures = {name: made[name] for name in ("added", "changed", "same", "removed", "assets")}
        data = {"layer": given.layer, "district": given.district, "size_m2": given.size_m2, **figures}
        audit.write(conn, who, "grid_cells.make", now, data)
    return made


def main() -> None:
    """Asked `{given, dry_run, who, scope}`."""

    def work(asked: dict[str, Any], told: Told) -> GridCellsMade:
        engine = make_engine(load_settings(), pool_size=1, name="onemap grid cells")

        @contextmanager
        def transaction() -> Iterator[Connection]:
            with engine.begin() as conn:
                # where this process is ended, so is what the database does for it
                conn.execute(text("SET LOCAL client_connection_check_interval = '2s'"))
                yield conn

        given, scope = GridCellsIn.model_validate(asked["given"]), scope_of(asked["scope"])
        return run_making(transaction, given, asked["who"], dry_run=asked["dry_run"], scope=scope, told=told)

    serve(work)


if __name__ == "__main__":
    main()
