"""The verb `rules`: show, change, arm and disarm alarm rules; try one on what was recorded."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from alerts.rules import administer, editing
from alerts.rules.base import RuleRow
from alerts.trial import Tried, try_beside
from app.cli.context import shell_user, transaction
from core.clock import utc_now
from core.errors import InputError
from core.exposure import city_zone


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
    trial = acts.add_parser("try", help="run a rule over what was recorded; nothing is written")
    trial.add_argument("rule", help="a rule that is kept, or a file with one as JSON")
    trial.add_argument(
        "--from", dest="start", required=True, help="the beginning, as 2026-11-01 or 2026-11-01T08:00+08:00"
    )
    trial.add_argument("--to", dest="end", required=True, help="the end")
    trial.add_argument("--against", help="another rule, or a file, over the same period")
    trial.add_argument("--json", action="store_true", help="everything, as JSON")
    trial.set_defaults(run=run_trial)
    for name, on in (("arm", True), ("disarm", False)):
        verb = acts.add_parser(name, help=f"{name} a rule")
        verb.add_argument("rule")
        verb.set_defaults(run=switch_rule, on=on)


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


def run_trial(options: argparse.Namespace) -> int:
    with transaction() as conn:
        conn.execute(text("SET TRANSACTION READ ONLY"))
        zone = ZoneInfo(city_zone(conn))
        start, end = (
            moment_of(words, zone, name) for words, name in ((options.start, "--from"), (options.end, "--to"))
        )
        rule, against = (find_rule(conn, name) if name else None for name in (options.rule, options.against))
        assert rule is not None
        tried = try_beside(conn, rule, start, end, against)
    if options.json:
        print(json.dumps(tried, ensure_ascii=False, indent=2))
        return 0
    for one in (tried, tried["against"]):
        if one is not None:
            print(*told_of(one), sep="\n")
    return 0


def find_rule(conn: Connection, name: str) -> RuleRow:
    """A file where there is one, else the rule of that id."""
    path = Path(name)
    if not path.is_file():
        return administer.stored_row(conn, name)
    try:
        return administer.row_of(administer.read_given(json.loads(path.read_text("utf-8"))))
    except ValueError as exc:
        raise InputError(f"{name}: expected a rule as JSON: {exc}", field="rule") from exc


def moment_of(words: str, zone: ZoneInfo, name: str) -> datetime:
    """A moment; without an offset it is the city's clock."""
    try:
        moment = datetime.fromisoformat(words)
    except ValueError as exc:
        raise InputError(f"{name}: expected a moment such as 2026-11-01T08:00, got {words!r}", field=name) from exc
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def told_of(tried: Tried) -> list[str]:
    """What a trial came to, in lines."""
    load, rate = tried["load"], tried["load"]["raw"]
    lines = [
        f"{tried['rule']} ({tried['kind']}): {tried['count']} alarms of {tried['things']} things, "
        f"{tried['readings']:,} readings, {tried['took_s']} s",
        f"  {rate['count']} annunciations: {rate['mean']} in 10 minutes, at most {rate['max']}; floods "
        f"{rate['floods']} of {rate['windows']} periods; levels {load['levels']}; chattering {len(load['chattering'])}",
    ]
    if tried["incident_kind"] is not None:
        lines.append(
            f"  against incidents ({tried['incident_kind']}): {len(tried['hits'])} hits, "
            f"{len(tried['misses'])} misses, {tried['unmatched']} alarms near none"
        )
    lines += [
        f"  {alarm['start']} - {alarm['end'] or '...'}  level {alarm['level']}  {alarm['message']['zh']}"
        for alarm in tried["alarms"][:20]
    ]
    if tried["count"] > 20:
        lines.append(f"  ... and {tried['count'] - 20} more (--json prints them)")
    return lines


def switch_rule(options: argparse.Namespace) -> int:
    with transaction() as conn:
        editing.switch(conn, options.rule, options.on, shell_user(), utc_now())
    print("armed" if options.on else "off")
    return 0
