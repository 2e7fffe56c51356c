"""Verbs that keep and bring back: backup, restore."""

from __future__ import annotations

import argparse
from datetime import datetime
from pathlib import Path
from typing import Any

from app.backup import schedule
from app.backup.keys import Keys, read_keys
from app.backup.make import make
from app.backup.place import find_place, place_to_restore
from app.backup.restore import RESTORED, manifest_of, restore
from app.cli.context import shell_user
from core.clock import utc_now
from core.errors import InputError

KEPT = 14
NAMED_AT_MOST = 20


def add_verbs(verbs: Any) -> None:
    backup_ = verbs.add_parser(
        "backup", help="write database, pictures, broker accounts and settings into one file, or by the clock"
    )
    backup_.add_argument("path", type=Path, help="the file; with --every the folder")
    backup_.add_argument("--every", metavar="TIME", help="again and again: 30m, 6h, 1d")
    backup_.add_argument(
        "--keep", type=int, default=KEPT, help=f"with --every: how many newest ones stay (default {KEPT})"
    )
    backup_.add_argument(
        "--recipient", action="append", default=[], metavar="AGE1...", help="encrypt to this age recipient; several may"
    )
    backup_.add_argument("--passphrase-file", type=Path, help="encrypt with the passphrase in this file")
    backup_.add_argument(
        "--without-pictures", action="store_true", help="leave pictures where they lie: their store is kept otherwise"
    )
    backup_.set_defaults(run=backup, identity=None)
    restore_ = verbs.add_parser(
        "restore", help="bring a backup back, into whatever is there; a running up steps aside meanwhile"
    )
    restore_.add_argument("path", type=Path)
    restore_.add_argument("--identity", type=Path, help="file with the age identity that opens it")
    restore_.add_argument("--passphrase-file", type=Path, help="file with the passphrase that opens it")
    restore_.add_argument("--verify", action="store_true", help="compare every table with the backup afterwards")
    restore_.set_defaults(run=restore_verb, recipient=[])


def keys_of(options: argparse.Namespace) -> Keys:
    return read_keys(options.passphrase_file, options.recipient, options.identity)


def backup(options: argparse.Namespace) -> int:
    keys = keys_of(options)
    if options.every is None:
        print(write_one(options.path, keys, utc_now(), pictures=not options.without_pictures), flush=True)
        return 0
    return keep_on(options, keys)


def write_one(path: Path, keys: Keys, now: datetime, *, pictures: bool = True) -> str:
    made = make(find_place(), path, keys, shell_user(), now, pictures=pictures)
    words = f"{made.path}: {made.size:,} bytes, {made.rows:,} rows, {made.pictures:,} pictures"
    return words + (f"; pictures are not in it ({made.why}), they lie in {made.elsewhere}" if made.elsewhere else "")


def keep_on(options: argparse.Namespace, keys: Keys) -> int:
    from core.log import setup_log
    from core.process import stop_on_signal
    from core.settings import load_settings

    every = schedule.parse_every(options.every)
    if options.keep < 1:
        raise InputError("--keep: expected at least 1", field="--keep")
    if not options.path.is_dir():
        raise InputError(f"path: {options.path} is not a folder", field="path")
    setup_log("backup", load_settings().log_level)
    stop = stop_on_signal()

    def write(path: Path, now: datetime) -> str:
        return write_one(path, keys, now, pictures=not options.without_pictures)

    schedule.run(options.path, every, options.keep, write, stop, utc_now)
    return 0


def restore_verb(options: argparse.Namespace) -> int:
    """Exit code 1 where a comparison finds something."""
    keys, say = keys_of(options), lambda words: print(words, flush=True)
    told = manifest_of(options.path, keys, say)
    with place_to_restore(told.database if told else None, say) as place:
        done = restore(place, options.path, told, keys, shell_user(), utc_now(), say, verify=options.verify)
    rows = f", {sum(one.rows for one in told.tables.values()):,} rows" if told else ""
    print(f"restored{rows}, {done.pictures:,} pictures", flush=True)
    print("not in a backup: what waited in the broker when it was made; it still comes where that broker is there")
    if told and told.pictures:
        print(f"· its pictures are not in it: they lay in {told.pictures}")
    if told:
        print(f"the settings it was made with lie in {place.state / RESTORED}")
    if done.differs is None:
        return 0
    for words in done.differs[:NAMED_AT_MOST]:
        print(f"✗ {words}")
    if not done.differs and told:
        print(f"✓ all {len(told.tables)} tables are as they were")
    return 1 if done.differs else 0
