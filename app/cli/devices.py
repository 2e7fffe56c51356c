"""Verb devices: accounts at the broker, added, changed, given a new secret, revoked, listed, imported. A secret is
printed once."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Engine

from app.cli.context import find_system, open_engine, shell_user
from core.clock import utc_now
from core.errors import InputError
from core.given import as_input_error
from core.settings import Settings
from ingest.doors.accounts import (
    AccountIn,
    Credentials,
    add_account,
    change_account,
    read_accounts,
    read_door,
    revoke_account,
    rotate_account,
)
from ingest.doors.many import Imported, Line, import_accounts, read_csv, read_text

KINDS = ("device", "unit", "gateway")
TOLD_S = 10.0
SHOWN_AT_MOST = 100_000


def add_verbs(verbs: Any) -> None:
    devices = verbs.add_parser("devices", help="accounts at the broker: who may connect, and what they speak for")
    acts = devices.add_subparsers(dest="act", required=True, metavar="ACT")
    add = acts.add_parser("add", help="a new account; its secret is printed once")
    change = acts.add_parser("set", help="what an account speaks for from now on, as a whole; its secret stays")
    for verb, run in ((add, add_), (change, set_)):
        verb.add_argument("name", help="user name, and client id; with nothing else said it is a sensor of that name")
        verb.add_argument("--kind", choices=KINDS, default="device")
        for word, field in (("sensor", "sensors"), ("camera", "cameras"), ("unit", "units")):
            verb.add_argument(
                f"--{word}", dest=field, action="append", default=[], help=f"id of a {word} it speaks for"
            )
        verb.add_argument("--source", dest="sources", action="append", default=[], help="a source, all its topics")
        verb.add_argument("--topic", dest="topics", action="append", default=[], help="a single topic of a source")
        verb.add_argument("--reports", action="store_true", help="it may report incidents")
        verb.add_argument("--warnings", action="store_true", help="it may bring warnings of other centres")
        verb.add_argument("--note")
        verb.set_defaults(run=run)
    rotate = acts.add_parser("rotate", help="a new secret for an account, printed once")
    revoke = acts.add_parser("revoke", help="nobody connects with this account any more")
    listing = acts.add_parser("list", help="all accounts and what they speak for")
    for verb, run in ((rotate, rotate_), (revoke, revoke_)):
        verb.add_argument("name")
        verb.set_defaults(run=run)
    listing.set_defaults(run=list_)
    many = acts.add_parser("import", help="accounts of a CSV (name, kind, sensors, …); their secrets are printed once")
    many.add_argument("file", type=Path)
    many.set_defaults(run=import_)
    for verb in (add, rotate, listing, many):
        verb.add_argument("--json", action="store_true", help="as JSON")


def add_(options: argparse.Namespace) -> int:
    settings = find_system()
    given = account_of(options)
    with open_engine(settings) as engine:
        with engine.begin() as conn:
            made = add_account(conn, given, settings.topic_prefix, shell_user(), utc_now())
        print_credentials(made, as_json=options.json)
        return wait_told(engine)


def set_(options: argparse.Namespace) -> int:
    settings = find_system()
    given = account_of(options)
    with open_engine(settings) as engine:
        with engine.begin() as conn:
            change_account(conn, given, settings.topic_prefix, shell_user(), utc_now())
        print("saved")
        return wait_told(engine)


def rotate_(options: argparse.Namespace) -> int:
    with open_engine() as engine:
        with engine.begin() as conn:
            made = rotate_account(conn, options.name, shell_user(), utc_now())
        print_credentials(made, as_json=options.json)
        return wait_told(engine)


def revoke_(options: argparse.Namespace) -> int:
    with open_engine() as engine:
        with engine.begin() as conn:
            revoke_account(conn, options.name, shell_user(), utc_now())
        print(f"{options.name} is revoked")
        return wait_told(engine)


def list_(options: argparse.Namespace) -> int:
    with open_engine() as engine, engine.connect() as conn:
        found = read_accounts(conn, None, SHOWN_AT_MOST)
    if options.json:
        print(json.dumps(found, ensure_ascii=False, indent=2))
        return 0
    for account in found:
        owns = [*account["sensors"], *account["cameras"], *account["units"], *account["sources"], *account["topics"]]
        shown = ", ".join(owns[:5]) + (f" and {len(owns) - 5} more" if len(owns) > 5 else "")
        heard = account["heard_at"] or "never heard"
        print(f"{account['name']:<24} {account['kind']:<8} {account['state']:<8} {heard:<24} {shown}")
    return 0


def import_(options: argparse.Namespace) -> int:
    """Lines that cannot be used are named; the others are in."""
    settings = find_system()
    try:
        lines = read_csv(read_text(options.file.read_bytes()))
    except OSError as exc:
        raise InputError(f"file: {options.file} cannot be read: {exc.strerror}", field="file") from exc
    with open_engine(settings) as engine:
        done = write_all(engine, lines, settings)
        if options.json:
            print(json.dumps([imported_object(one) for one in done], ensure_ascii=False, indent=2))
        else:
            for one in done:
                if one.credentials is not None:
                    print(f"{one.credentials['username']},{one.credentials['password']}")
        bad = [one for one in done if one.error is not None]
        for one in bad:
            print(f"line {one.line}: {one.error.message if one.error else ''}", file=sys.stderr)
        print(f"{len(done) - len(bad)} added, {len(bad)} refused", file=sys.stderr)
        return max(wait_told(engine), 1 if bad else 0)


def write_all(engine: Engine, lines: list[Line], settings: Settings) -> list[Imported]:
    with engine.begin() as conn:
        return import_accounts(conn, lines, settings.topic_prefix, shell_user(), utc_now())


def imported_object(one: Imported) -> dict[str, object]:
    if one.error is not None:
        return {"line": one.line, "name": one.name, "error": one.error.message}
    return {"line": one.line, "name": one.name, **(one.credentials or {})}


def account_of(options: argparse.Namespace) -> AccountIn:
    names = [name for name in AccountIn.model_fields if hasattr(options, name)]
    try:
        return AccountIn.model_validate({name: getattr(options, name) for name in names})
    except ValidationError as exc:
        raise as_input_error(exc) from exc


def print_credentials(made: Credentials, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(made))
        return
    print(f"user name  {made['username']}\npassword   {made['password']}   (shown this once)")


def wait_told(engine: Engine) -> int:
    """Until the broker has followed; 0 even where it has not yet, for the change stands, but it says so."""
    deadline = time.monotonic() + TOLD_S
    while True:
        with engine.connect() as conn:
            state = read_door(conn)
        if state["open"]:
            return 0
        if time.monotonic() > deadline:
            why = f": {state['error']}" if state["error"] else "; is `./onemap doors` running beside it?"
            print(f"saved, but the broker has not been told yet{why}", file=sys.stderr)
            return 0
        time.sleep(0.05)
