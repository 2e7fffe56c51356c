"""A file becomes a layer of the city's own: what the command line and the API both do.

Files of strangers are read by GDAL in a process of its own (`python -m app.files.incoming`): one that is made to harm
harms nobody else, and the page goes on meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection, text

from app.files.line import scope_of, serve
from app.files.nouns import ImportIn, ImportObject, Mode
from core import audit
from core.clock import utc_now
from core.db import make_engine
from core.errors import Conflict, InputError
from core.faults import expects, listed
from core.given import as_input_error
from core.scope import EVERYTHING, Scope
from core.settings import load_settings
from core.types import JsonObject
from layers.imports.bring import Outcome, Ready, Told, bring, preview
from layers.imports.opening import open_file
from layers.imports.ours import bring_ours, fitted, preview_ours
from layers.imports.plan import Plan
from layers.imports.registers import REGISTERS
from layers.imports.suggest import suggest
from layers.imports.tables import Table, tables_of
from layers.own import OwnLayer, lock_layer, need_everything, need_sight, need_whole, read_layer

PREVIEWED = 10
# of rows that are refused, in an answer
REFUSED_TOLD = 1000


def run_import(
    transaction: Callable[[], Any],
    path: Path,
    given: ImportIn,
    who: str,
    mode: Mode,
    scope: Scope = EVERYTHING,
    told: Told = lambda done, whole: None,
    folder: Path | None = None,
) -> ImportObject:
    """`transaction()` opens one that is committed at its end; what is unpacked lies in `folder` meanwhile. Of a layer
    that is there what is not said stays as it is. InputError; Conflict; Forbidden where a layer that is there reaches
    beyond the scope."""
    with TemporaryDirectory(prefix="onemap-import-", dir=folder) as own:
        found = open_file(path, Path(own) / "unpacked")
        tables = [called(table, path, given.name) for table in tables_of(found, Path(own), given.encoding)]
        table = choose(tables, given.table, first=mode == "look")
        _check_names(given, [field.name for field in table.fields])
        place = [name for name in (given.x, given.y) if name]
        key = None if given.columns else given.key
        plan, reference = suggest(table, given.layer or Path(given.name).stem, given.datum, key, place)
        register = REGISTERS.get(given.layer or "")
        show, take = (preview_ours, bring_ours) if register else (preview, bring)
        with transaction() as conn:
            if register:
                need_everything(scope)
                before = None
                plan = fitted(_checked(plan, given, before), register)
            else:
                if mode == "load":
                    lock_layer(conn, given.layer or plan.layer)
                before = read_layer(conn, given.layer or plan.layer, lock=mode == "load")
                if before is not None:
                    need_whole(before, scope)
                    check_version(before, given)
                plan = _checked(plan, given, before)
                need_sight(plan, scope)
            rows, outcome = show(conn, table, plan, PREVIEWED)
            if mode == "check":
                with_all = conn.begin_nested()
                outcome = take(conn, table, plan, who, utc_now(), told, file=given.name)
                with_all.rollback()
            elif mode == "load":
                now = utc_now()
                outcome = take(conn, table, plan, who, now, told, file=given.name)
                audit.write(conn, who, "layer.import", now, {"layer": plan.layer, **figures(outcome)})
        return {
            "tables": [{"name": one.name, "rows": one.count} for one in tables],
            "table": table.name,
            "reference": reference.name,
            "guessed": reference.found,
            "encoding": table.encoding,
            "known": bool(before or register),
            "version": version_of(before, mode),
            "plan": plan.model_dump(mode="json"),
            "rows": [_shown(row) for row in rows],
            "figures": figures(outcome),
            "gone_keys": outcome.gone_keys,
            "refused": outcome.refusals,
        }


def check_version(before: OwnLayer, given: ImportIn) -> None:
    """Conflict where the layer is another than the one that was looked at: what is said of it was said of that."""
    if given.version is not None and given.version != before.version:
        raise Conflict("layer: somebody else has changed it meanwhile", field="layer", reason="stale_version")


def version_of(before: OwnLayer | None, mode: Mode) -> int | None:
    """Of the layer as it is after the work; None where there is none."""
    if mode == "load":
        return 1 if before is None else before.version + 1
    return None if before is None else before.version


def called(table: Table, path: Path, name: str) -> Table:
    """A table that is called like the file is called as people call that."""
    return replace(table, name=Path(name).stem) if table.name == path.stem else table


def choose(tables: list[Table], name: str | None, *, first: bool = False) -> Table:
    """The one that is named, or the only one that has rows, or the first of those."""
    if name is not None:
        named = [table for table in tables if name in (table.name, table.layer)]
        if not named:
            known = ", ".join(table.name for table in tables)
            raise InputError(
                f"table: expected one of {known}; got {name!r}",
                field="table",
                about=expects("table", "one_of", expected=known),
            )
        return named[0]
    filled = [table for table in tables if table.count != 0] or tables
    if len(filled) > 1 and not first:
        known = ", ".join(table.name for table in filled)
        raise InputError(
            f"table: the file has several; expected one of {known}",
            field="table",
            about=expects("table", "one_of", expected=known),
        )
    return filled[0]


def _checked(plan: Plan, given: ImportIn, before: OwnLayer | None) -> Plan:
    """The suggestion with what the layer has already and what was said, checked as a whole."""
    said = {
        "layer": given.layer,
        "title_zh": given.title,
        "title_en": given.title_en or given.title,
        "group": given.group,
        "zone": given.zone,
        "key": given.key,
        "x": given.x,
        "y": given.y,
        "columns": given.columns,
        "classification": given.classification,
        "departments": given.departments,
        "remove_gone": given.remove_gone,
        "anywhere": given.anywhere,
    }
    known = {name: value for name, value in said.items() if value is not None}
    if given.columns is not None:
        plan = plan.model_copy(update={"key": None})  # whoever names the columns names the key
    try:
        return Plan.model_validate({**plan.model_dump(), **(_kept(before, given) if before else {}), **known})
    except ValidationError as exc:
        raise as_input_error(exc) from exc


def _check_names(given: ImportIn, names: list[str]) -> None:
    """What is said of columns is of columns that are there."""
    said = [("columns", column.source) for column in given.columns or ()]
    for field, name in (*said, ("x", given.x), ("y", given.y)):
        if name is not None and name not in names:
            raise InputError(
                f"{field}: expected one of {', '.join(names)}; got {name!r}",
                field=field,
                about=expects(field, "one_of", expected=listed(list(names))),
            )


def _kept(before: OwnLayer, given: ImportIn) -> dict[str, Any]:
    """What a layer keeps where nothing else is said; a file without its key is refused, for its rows could not be
    told."""
    return {
        "title_zh": before.title["zh"],
        "title_en": before.title["en"],
        "group": before.group,
        "classification": before.classification,
        "departments": None if before.departments is None else list(before.departments),
        "key": given.key or before.key,
    }


def _shown(row: Ready) -> JsonObject:
    return {"row": row.row, "key": row.key, **row.props, "geometry": row.shape.wkt[:120] if row.shape else None}


def figures(outcome: Outcome) -> dict[str, int]:
    return {name: value for name, value in asdict(outcome).items() if isinstance(value, int)}


def main() -> None:
    """Asked `{path, given, mode, who, scope}`."""

    def work(asked: dict[str, Any], told: Told) -> ImportObject:
        engine = make_engine(load_settings(), pool_size=1, name="onemap import")

        @contextmanager
        def transaction() -> Iterator[Connection]:
            with engine.begin() as conn:
                # where this process is ended, so is what the database does for it
                conn.execute(text("SET LOCAL client_connection_check_interval = '2s'"))
                yield conn

        path, given = Path(asked["path"]), ImportIn.model_validate(asked["given"])
        scope, who = scope_of(asked["scope"]), asked["who"]
        done = run_import(transaction, path, given, who, asked["mode"], scope=scope, told=told, folder=path.parent)
        done["refused"] = done["refused"][:REFUSED_TOLD]
        return done

    serve(work)


if __name__ == "__main__":
    main()
