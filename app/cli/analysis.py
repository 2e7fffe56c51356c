"""Verb `analysis`: things grouped by place, time and kind, at the command line."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from app.analysis.asking import analyse, describe_subjects
from app.cli.context import transaction
from core.analysis import AnalysisObject, Asked
from core.analysis.asked import COUNT
from core.clock import utc_now
from core.scope import EVERYTHING
from layers.styles import figure


def add_verbs(verbs: argparse._SubParsersAction[Any]) -> None:
    one = verbs.add_parser("analysis", help="count what there is, by place, time and kind")
    one.add_argument("subject", nargs="?", help="what; left out, all that can be analysed is listed")
    one.add_argument("--by", help="district, h3:7 to h3:10, layer:ID, hour, weekday, day, week, month, year, a column")
    one.add_argument("--then", help="a second of these")
    one.add_argument("--measure", default=COUNT, help="count, sum:COLUMN or mean:COLUMN")
    one.add_argument("--time", help="which of its times, where it has several")
    one.add_argument("--from", dest="since", help="2026-05-04, or a moment with its offset")
    one.add_argument("--to", dest="until", help="the last day, or the moment after the last")
    one.add_argument("--district", help="six-digit code")
    one.add_argument("--column", help="a column, of which only --value is counted")
    one.add_argument("--value")
    one.add_argument("--json", action="store_true", help="the answer as the API gives it")
    one.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    with transaction() as conn:
        if options.subject is None:
            for one in describe_subjects(conn, EVERYTHING):
                print(f"{one['id']:<24} {one['title']['zh']} / {one['title']['en']}")
                print(f"{'':<24} {', '.join(grouping['id'] for grouping in one['groupings'])}")
            return 0
        names = ("by", "then", "measure", "time", "since", "until", "district", "column", "value")
        asked = Asked(**{name: getattr(options, name) for name in names})
        found, _ = analyse(conn, EVERYTHING, options.subject, asked, utc_now())
    if options.json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        tell(found)
    return 0


def tell(found: AnalysisObject) -> None:
    for group in found["groups"]:
        names = "\t".join(key["words"]["zh"] for key in group["keys"])
        print(f"{names}\t{figure(group['value'])}")
    total, left = found["total"], found["left_out"]
    lost = ", ".join(f"{n:,} without {name}" for name, n in left.items() if n)
    cut = found["groups_in_all"] - len(found["groups"])
    print(
        f"{total['count']:,} in {found['groups_in_all']:,} groups{f'; {lost}' if lost else ''}"
        f"{f'; the {cut:,} smallest groups are not listed' if cut else ''}",
        file=sys.stderr,
    )
