"""What the verbs of layers do (app.cli.layers)."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from pydantic import ValidationError

from app.cli.context import shell_user, transaction
from app.files.incoming import run_import
from app.files.nouns import ImportIn, ImportObject, Mode, refused_csv
from core import audit
from core.clock import rfc3339, utc_now
from core.db import notify_change
from core.given import as_input_error
from layers.exports import export
from layers.imports.plan import Plan
from layers.ogc.collections import collection
from layers.ogc.query import read_wanted
from layers.own import read_layers, remove_layer

SHOWN = 10


def import_file(options: argparse.Namespace) -> int:
    given = said(options)
    told = None if options.json else progress
    mode: Mode = "check" if given.dry_run else "load"
    done = run_import(transaction, options.path, given, shell_user(), mode, told=told or (lambda done, whole: None))
    if options.refused and done["refused"]:
        write_refused(options.refused, done)
    if options.json:
        print(json.dumps(done, ensure_ascii=False))
    else:
        tell(done, dry_run=given.dry_run)
    return 0


def said(options: argparse.Namespace) -> ImportIn:
    names = [name for name in ImportIn.model_fields if name in options]
    try:
        return ImportIn(name=options.path.name, **{name: getattr(options, name) for name in names})
    except ValidationError as exc:
        raise as_input_error(exc) from exc


def progress(done: int, whole: int | None) -> None:
    print(f"\r{done:,}{f' of {whole:,}' if whole else ''} rows", end="", file=sys.stderr, flush=True)


def tell(done: ImportObject, *, dry_run: bool) -> None:
    plan = Plan.model_validate(done["plan"])
    guess = " (a guess)" if done["guessed"] else ""
    written = f", {done['encoding']}" if done["encoding"] else ""
    print(f"{done['table']}: {plan.geometry}, {done['reference']}{guess}{written}, key {plan.key}")
    if dry_run:
        for column in plan.columns:
            print(f"  {column.source} -> {column.name}: {column.type}{f' ({column.role})' if column.role else ''}")
        for row in done["rows"]:
            print(json.dumps(row, ensure_ascii=False))
    print(file=sys.stderr)
    print(f"{plan.layer}: " + ", ".join(f"{value:,} {name}" for name, value in done["figures"].items()))
    for one in done["refused"][:SHOWN]:
        print(f"  row {one['row']}: {one['field']}: {one['why']['en']}")
    if len(done["refused"]) > SHOWN:
        print(f"  and {done['figures']['refused'] - SHOWN:,} more; --refused FILE lists them")
    if done["figures"]["gone"] and not done["figures"]["removed"]:
        print(f"  not in the file any more: {', '.join(done['gone_keys'][:SHOWN])}; --remove-gone takes them away")


def write_refused(path: Path, done: ImportObject) -> None:
    # with a byte-order mark, as Excel wants it
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        file.write(refused_csv(done["refused"]))


def list_(_: argparse.Namespace) -> int:
    with transaction() as conn:
        found = read_layers(conn)
    for layer in found:
        names = f"{layer.title['zh']} / {layer.title['en']}"
        print(f"{layer.id:<24} {layer.geometry:<8} {layer.rows:>9,}  {rfc3339(layer.changed_at)}  {names}")
    return 0


def export_(options: argparse.Namespace) -> int:
    with transaction() as conn:
        wanted = read_wanted(options.filter, options.bbox)
        count = export(conn, collection(conn, options.layer), options.path, options.datum, asked=wanted)
    print(f"{options.path}: {count:,} rows")
    return 0


def remove(options: argparse.Namespace) -> int:
    with transaction() as conn:
        remove_layer(conn, options.layer)
        notify_change(conn, "layer", [options.layer])
        audit.write(conn, shell_user(), "layer.remove", utc_now(), {"layer": options.layer})
    print(f"{options.layer}: removed")
    return 0
