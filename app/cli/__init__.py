"""The command line: `./onemap VERB`. Each verb is a function in one of the modules here; errors are sentences, not
tracebacks."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module

from core.errors import OneMapError

# which module has which verbs: a process that starts, perhaps after it was killed, loads what it needs and no more
PARTS = {
    "run": ("up", "serve", "ingest", "alerts", "dispatch", "doors", "migrate", "simulate", "test"),
    "data": ("import", "replay"),
    "backup": ("backup", "restore"),
    "sources": ("sources",),
    "devices": ("devices",),
    "users": ("user",),
    "layers": ("layers",),
    "grid_cells": ("cells",),
    "analysis": ("analysis",),
    "rules": ("rules",),
    "cap": ("cap",),
    "hotspots": ("hotspots",),
    "tools": ("doctor", "bench"),
    "gateways": ("gateway",),
}

# what `import` brings in besides a file
IMPORTS = ("city", "osm", "layer", "file")


def make_parser(verb: str | None = None) -> argparse.ArgumentParser:
    """With all verbs; with those of one module where `verb` is one of its."""
    parser = argparse.ArgumentParser(
        prog="onemap", description="OneMap (一张图): a city sees itself on one map and acts."
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    own = [part for part, names in PARTS.items() if verb in names]
    for part in own or PARTS:
        import_module(f"app.cli.{part}").add_verbs(verbs)
    return parser


def spelled(words: list[str]) -> list[str]:
    """`import FILE` is `import file FILE`."""
    if words[:1] == ["import"] and len(words) > 1 and words[1] not in IMPORTS and not words[1].startswith("-"):
        return ["import", "file", *words[1:]]
    return words


def main(argv: list[str] | None = None) -> int:
    """Exit codes: 0 done, 1 could not be done (said why), 2 the call's words are off, 130 interrupted."""
    words = spelled(sys.argv[1:] if argv is None else argv)
    options = make_parser(words[0] if words else None).parse_args(words)
    try:
        return int(options.run(options) or 0)
    except OneMapError as exc:
        print(f"onemap {options.verb}: {exc.message}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
