"""A file becomes a layer of the city's own: what the command line and the API both do.

Files of strangers are read by GDAL in a process of its own (`python -m app.importing`): one that is made to harm harms
nobody else, and the page goes on meanwhile.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection

from app.imports import REFUSED, ImportIn, ImportObject
from core import audit
from core.clock import utc_now
from core.db import make_engine
from core.errors import InputError, OneMapError
from core.given import as_input_error
from core.settings import load_settings
from core.types import JsonObject
from layers.imports.bring import Outcome, Ready, Told, bring, preview
from layers.imports.opening import open_file
from layers.imports.plan import Plan, suggest
from layers.imports.tables import Table, tables_of

PREVIEWED = 10
# of rows that are refused, in an answer
REFUSED_TOLD = 1000


def run_import(
    transaction: Callable[[], Any], path: Path, given: ImportIn, who: str, told: Told = lambda done, whole: None
) -> ImportObject:
    """`transaction()` opens one that is committed at its end. InputError, Conflict."""
    with TemporaryDirectory(prefix="onemap-import-") as folder:
        found = open_file(path, Path(folder) / "unpacked")
        table = choose(tables_of(found, Path(folder), given.encoding), given.table)
        plan, reference = suggest(table, given.layer or Path(given.name).stem, given.datum, given.key)
        plan = _checked(plan, given)
        with transaction() as conn:
            rows, outcome = preview(conn, table, plan, PREVIEWED)
            if not given.dry_run:
                outcome = _bring(conn, table, plan, who, told)
        return {
            "table": table.name,
            "reference": reference.name,
            "guessed": reference.found,
            "encoding": table.encoding,
            "plan": plan.model_dump(mode="json"),
            "rows": [_shown(row) for row in rows],
            "figures": figures(outcome),
            "gone_keys": outcome.gone_keys,
            "refused": outcome.refusals,
        }


def _bring(conn: Connection, table: Table, plan: Plan, who: str, told: Told) -> Outcome:
    now = utc_now()
    outcome = bring(conn, table, plan, who, now, told)
    audit.write(conn, who, "layer.import", now, {"layer": plan.layer, **figures(outcome)})
    return outcome


def choose(tables: list[Table], name: str | None) -> Table:
    """The one that is named, or the only one that has rows."""
    if name is not None:
        named = [table for table in tables if name in (table.name, table.layer)]
        if not named:
            known = ", ".join(table.name for table in tables)
            raise InputError(f"table: expected one of {known}; got {name!r}", field="table")
        return named[0]
    filled = [table for table in tables if table.count != 0] or tables
    if len(filled) > 1:
        known = ", ".join(table.name for table in filled)
        raise InputError(f"table: the file has several; expected one of {known}", field="table")
    return filled[0]


def _checked(plan: Plan, given: ImportIn) -> Plan:
    """The suggestion with what was said, checked as a whole."""
    said = {
        "layer": given.layer,
        "title_zh": given.title,
        "title_en": given.title_en or given.title,
        "zone": given.zone,
        "classification": given.classification,
        "remove_gone": given.remove_gone,
        "anywhere": given.anywhere,
    }
    known = {name: value for name, value in said.items() if value is not None}
    try:
        return Plan.model_validate({**plan.model_dump(), **known})
    except ValidationError as exc:
        raise as_input_error(exc) from exc


def _shown(row: Ready) -> JsonObject:
    return {"row": row.row, "key": row.key, **row.props, "geometry": row.shape.wkt[:120] if row.shape else None}


def figures(outcome: Outcome) -> dict[str, int]:
    return {name: value for name, value in asdict(outcome).items() if isinstance(value, int)}


def main() -> None:
    """Reads `{path, given, who}` from standard input, writes the answer to standard output."""
    os.nice(5)
    asked = json.load(sys.stdin)
    engine = make_engine(load_settings(), pool_size=1, name="onemap import")
    try:
        done = run_import(engine.begin, Path(asked["path"]), ImportIn.model_validate(asked["given"]), asked["who"])
    except OneMapError as exc:
        told = {"kind": type(exc).__name__, "message": exc.message, "field": exc.field, "reason": exc.reason}
        json.dump(told, sys.stdout, ensure_ascii=False)
        sys.exit(REFUSED)
    done["refused"] = done["refused"][:REFUSED_TOLD]
    json.dump(done, sys.stdout, ensure_ascii=False)


if __name__ == "__main__":
    main()
