"""Verbs that look: doctor, bench."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from app.backup.schedule import parse_every
from app.cli.context import find_system, run_outside, transaction
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
from core.errors import OneMapError
from core.settings import Settings, load_settings
from ingest.admin.letters import read_reasons

# benches that run parts of ours
MEASURED = ("ingest", "alarm", "rules", "trial", "state", "page", "search", "tiles", "load", "risk")
# benches that read a table and need no server
STATISTICS = ("anomaly", "clusters", "hotspots")


def add_verbs(verbs: Any) -> None:
    look = verbs.add_parser("doctor", help="say in plain words what is wrong, if anything")
    look.add_argument(
        "--as-device", action="store_true", help="also ask the broker as a device would, with an account made for that"
    )
    look.set_defaults(run=doctor)
    bench = verbs.add_parser("bench", help="measure against a ceiling in the same run")
    bench.add_argument("what", choices=(*MEASURED, *STATISTICS))
    bench.add_argument("rest", nargs=argparse.REMAINDER)
    bench.set_defaults(run=run_bench)


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
        *check_take_overs(state / "log" / "mosquitto.log", utc_now()),
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
