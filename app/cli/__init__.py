"""The command line: `./onemap VERB`. Each verb is a function in one of the modules here; errors are sentences, not
tracebacks."""

from __future__ import annotations

import argparse
import sys

from app.cli import backup, data, devices, gateways, run, sources, tools, users
from core.errors import OneMapError


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="onemap", description="OneMap (一张图): a city sees itself on one map and acts."
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for part in (run, data, backup, sources, devices, users, tools, gateways):
        part.add_verbs(verbs)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Exit codes: 0 done, 1 could not be done (said why), 2 the call's words are off, 130 interrupted."""
    options = make_parser().parse_args(argv)
    try:
        return int(options.run(options) or 0)
    except OneMapError as exc:
        print(f"onemap {options.verb}: {exc.message}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
