"""What the verbs of layers do (app.cli.layers)."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import ValidationError

from app.cli.context import shell_user, transaction
from core import audit
from core.clock import rfc3339, utc_now
from core.db import notify_change
from core.errors import InputError
from core.given import as_input_error
from layers.exports import export
from layers.imports.bring import Outcome, Ready, bring, preview
from layers.imports.opening import open_file
from layers.imports.plan import Plan, suggest
from layers.imports.tables import Table, tables_of
from layers.own import need_layer, read_layers, remove_layer

SHOWN = 10


def import_file(options: argparse.Namespace) -> int:
    with TemporaryDirectory(prefix="onemap-import-") as folder:
        found = open_file(options.path, Path(folder) / "unpacked")
        table = choose(tables_of(found, Path(folder), options.encoding), options.table)
        plan, reference = suggest(table, options.layer or options.path.stem, options.datum, options.key)
        plan = checked(plan, options)
        if not options.json:
            guess = " (a guess)" if reference.found else ""
            written = f", {table.encoding}" if table.encoding else ""
            print(f"{table.name}: {plan.geometry}, {reference.name}{guess}{written}, key {plan.key}")
        if options.dry_run:
            return show(options, table, plan)
        now = utc_now()
        with transaction() as conn:
            told = None if options.json else progress
            outcome = bring(conn, table, plan, shell_user(), now, told or (lambda done, whole: None))
            audit.write(conn, shell_user(), "layer.import", now, {"layer": plan.layer, **figures(outcome)})
    if options.refused and outcome.refused:
        write_refused(options.refused, outcome)
    tell(options, plan, outcome)
    return 0


def choose(tables: Sequence[Table], name: str | None) -> Table:
    """The one that is named, or the only one that has rows."""
    if name is not None:
        named = [table for table in tables if name in (table.name, table.layer)]
        if not named:
            known = ", ".join(table.name for table in tables)
            raise InputError(f"--table: expected one of {known}; got {name!r}", field="--table")
        return named[0]
    filled = [table for table in tables if table.count != 0] or list(tables)
    if len(filled) > 1:
        known = ", ".join(table.name for table in filled)
        raise InputError(f"--table: the file has several; expected one of {known}", field="--table")
    return filled[0]


def checked(plan: Plan, options: argparse.Namespace) -> Plan:
    """The suggestion with what was said, checked as a whole."""
    said: dict[str, Any] = {"zone": options.zone, "classification": options.classification, "title_zh": options.title}
    said["title_en"] = options.title_en or options.title
    said |= {"layer": options.layer, "remove_gone": options.remove_gone, "anywhere": options.anywhere}
    given = {name: value for name, value in said.items() if value is not None}
    try:
        return Plan.model_validate({**plan.model_dump(), **given})
    except ValidationError as exc:
        raise as_input_error(exc) from exc


def show(options: argparse.Namespace, table: Table, plan: Plan) -> int:
    with transaction() as conn:
        rows, outcome = preview(conn, table, plan, SHOWN)
    if options.json:
        print(
            json.dumps({"plan": plan.model_dump(mode="json"), "rows": [shown(row) for row in rows]}, ensure_ascii=False)
        )
        return 0
    for column in plan.columns:
        print(f"  {column.source} -> {column.name}: {column.type}{f' ({column.role})' if column.role else ''}")
    for row in rows:
        print(json.dumps(shown(row), ensure_ascii=False))
    for one in outcome.refusals:
        print(f"row {one['row']}: {one['field']}: {one['why']}")
    return 0


def shown(row: Ready) -> dict[str, Any]:
    return {"row": row.row, "key": row.key, **row.props, "geometry": row.shape.wkt[:120] if row.shape else None}


def progress(done: int, whole: int | None) -> None:
    print(f"\r{done:,}{f' of {whole:,}' if whole else ''} rows", end="", file=sys.stderr, flush=True)


def figures(outcome: Outcome) -> dict[str, int]:
    return {name: value for name, value in asdict(outcome).items() if isinstance(value, int)}


def tell(options: argparse.Namespace, plan: Plan, outcome: Outcome) -> None:
    if options.json:
        told = {"layer": plan.layer, **figures(outcome), "gone_keys": outcome.gone_keys, "refusals": outcome.refusals}
        print(json.dumps(told, ensure_ascii=False))
        return
    print(file=sys.stderr)
    done = figures(outcome)
    print(f"{plan.layer}: " + ", ".join(f"{value:,} {name}" for name, value in done.items()))
    for one in outcome.refusals[:SHOWN]:
        print(f"  row {one['row']}: {one['field']}: {one['why']}")
    if outcome.refused > SHOWN:
        print(f"  and {outcome.refused - SHOWN:,} more; --refused FILE lists them")
    if outcome.gone and not outcome.removed:
        print(f"  not in the file any more: {', '.join(outcome.gone_keys[:SHOWN])}; --remove-gone takes them away")


def write_refused(path: Path, outcome: Outcome) -> None:
    # with a byte-order mark, as Excel wants it
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, ["row", "field", "why"])
        writer.writeheader()
        writer.writerows(outcome.refusals)


def list_(_: argparse.Namespace) -> int:
    with transaction() as conn:
        found = read_layers(conn)
    for layer in found:
        names = f"{layer.title['zh']} / {layer.title['en']}"
        print(f"{layer.id:<24} {layer.geometry:<8} {layer.rows:>9,}  {rfc3339(layer.changed_at)}  {names}")
    return 0


def export_(options: argparse.Namespace) -> int:
    with transaction() as conn:
        count = export(conn, need_layer(conn, options.layer), options.path, options.datum)
    print(f"{options.path}: {count:,} rows")
    return 0


def remove(options: argparse.Namespace) -> int:
    with transaction() as conn:
        remove_layer(conn, options.layer)
        notify_change(conn, "layer", [options.layer])
        audit.write(conn, shell_user(), "layer.remove", utc_now(), {"layer": options.layer})
    print(f"{options.layer}: removed")
    return 0
