"""Verbs that look: rules, doctor, bench."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from alerts.rules import editing
from app.backup.schedule import parse_every
from app.cli.context import find_system, run_outside, shell_user, transaction
from app.health.backups import check_backups
from app.health.certificate import check_certificate
from app.health.doctor import check_broker, check_health, check_letters, check_tables
from app.health.door_probe import probe_as_device
from app.health.doors import check_doors, check_filters, check_take_overs, probe_filters
from app.health.front import check_front
from app.health.read import read_health
from app.health.remark import Remark
from app.health.rights import check_accounts, check_programs, check_role
from app.services import packages
from app.services.ending import read_facts
from core.clock import utc_now
from core.errors import InputError, OneMapError
from core.settings import Settings, load_settings
from ingest.admin.letters import read_reasons

# benches that read a table and need no server
STATISTICS = ("anomaly", "clusters", "hotspots")


def add_verbs(verbs: Any) -> None:
    rules = verbs.add_parser("rules", help="show, change, arm and disarm alarm rules")
    acts = rules.add_subparsers(dest="act", required=True, metavar="ACT")
    acts.add_parser("list", help="all rules").set_defaults(run=list_rules)
    show = acts.add_parser("show", help="one rule as JSON")
    show.add_argument("rule")
    show.set_defaults(run=show_rule)
    change = acts.add_parser(
        "set", help="give a rule new parameters: JSON on standard input, checked before it is saved"
    )
    change.add_argument("rule")
    change.set_defaults(run=set_rule)
    for name, on in (("arm", True), ("disarm", False)):
        verb = acts.add_parser(name, help=f"{name} a rule")
        verb.add_argument("rule")
        verb.set_defaults(run=switch_rule, on=on)
    look = verbs.add_parser("doctor", help="say in plain words what is wrong, if anything")
    look.add_argument(
        "--as-device", action="store_true", help="also ask the broker as a device would, with an account made for that"
    )
    look.set_defaults(run=doctor)
    bench = verbs.add_parser("bench", help="measure against a ceiling in the same run")
    bench.add_argument("what", choices=("ingest", "alarm", "state", "page", "risk", "search", "tiles", *STATISTICS))
    bench.add_argument("rest", nargs=argparse.REMAINDER)
    bench.set_defaults(run=run_bench)


def list_rules(_: argparse.Namespace) -> int:
    with transaction() as conn:
        for row in editing.list_rules(conn):
            print(f"{row.id:<20} {row.kind:<10} {'armed' if row.enabled else 'off':<6} {row.name_zh} / {row.name_en}")
    return 0


def show_rule(options: argparse.Namespace) -> int:
    with transaction() as conn:
        row = editing.read_rule(conn, options.rule)
    shown = {name: getattr(row, name) for name in ("kind", "alarm_kind", "watches", "params", "enabled", "version")}
    print(json.dumps(shown, ensure_ascii=False, indent=2))
    return 0


def set_rule(options: argparse.Namespace) -> int:
    try:
        params = json.load(sys.stdin)
    except ValueError as exc:
        raise InputError(f"params: expected JSON: {exc}", field="params") from exc
    if not isinstance(params, dict):
        raise InputError("params: expected a JSON object", field="params")
    with transaction() as conn:
        editing.set_params(conn, options.rule, params, None, shell_user(), utc_now())
    print("saved; the engine takes it up at once")
    return 0


def switch_rule(options: argparse.Namespace) -> int:
    with transaction() as conn:
        editing.switch(conn, options.rule, options.on, shell_user(), utc_now())
    print("armed" if options.on else "off")
    return 0


def doctor(options: argparse.Namespace) -> int:
    """Exit code 1 where something is wrong."""
    try:
        settings = find_system()
    except OneMapError as exc:
        print(f"✗ {exc.message}")
        return 1
    state = packages.checkout() / settings.state_dir
    pids = read_facts(state / "run.json").get("pids")
    remarks = [
        *check_database(settings),
        *check_broker(settings),
        *check_take_overs(state / "log" / "mosquitto.log"),
        *check_front(settings),
        *check_accounts(pids),
        *check_programs(pids),
    ]
    if options.as_device:
        remarks += probe_as_device(lambda: transaction(settings), settings)
    if settings.backup_folder:
        remarks += check_backups(settings.backup_folder, parse_every(settings.backup_every), utc_now())
    if settings.tls_cert:
        remarks += check_certificate(settings.tls_cert, utc_now())
    for remark in remarks:
        print(f"{'✗' if remark.wrong else '·'} {remark.words}")
    wrong = any(remark.wrong for remark in remarks)
    if not wrong:
        print("✓ database, broker, processes, sources and feeds are well")
    return 1 if wrong else 0


def check_database(settings: Settings) -> list[Remark]:
    try:
        with transaction(settings) as conn:
            now = utc_now()
            return [
                *check_health(read_health(conn, now, settings.topic_prefix), settings),
                *check_letters(read_reasons(conn)),
                *check_tables(conn, now),
                *check_doors(conn, now),
                *check_filters(conn, settings.topic_prefix),
                *probe_filters(conn, settings),
                *check_role(conn),
            ]
    except SQLAlchemyError as exc:
        return [Remark(f"the database does not answer or is not migrated: {str(exc).splitlines()[0]}")]


def run_bench(options: argparse.Namespace) -> int:
    if options.what not in STATISTICS:
        packages.install_missing([packages.POSTGIS, packages.MOSQUITTO], lambda words: print(words, file=sys.stderr))
        return run_outside(f"bench.{options.what}", options.rest, load_settings())
    # a bench runs in the checkout; files and folders are named from where one is
    rest = [word if word.startswith("-") or is_number(word) else str(Path(word).resolve()) for word in options.rest]
    return run_outside(f"bench.{options.what}", rest, load_settings())


def is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
