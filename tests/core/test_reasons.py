"""Every reason that the code can give has words in both languages: nobody is told a key."""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from core import errors

ROOT = Path(__file__).parents[2]
PAGE = json.loads((files("core.i18n") / "page.json").read_text("utf-8"))
# what these raise is said in a terminal, where nobody but whoever runs the machine reads
TERMINAL = (
    "app/services",
    "app/backup",
    "app/cli",
    "core/process/lease.py",
    "core/registry.py",
    "ingest/doors/watch.py",
)
RAISED = (
    "OneMapError",
    *(name for name, one in inspect.getmembers(errors, inspect.isclass) if one.__module__ == errors.__name__),
)


TREES = {
    str(path.relative_to(ROOT)): ast.parse(path.read_text("utf-8"))
    for package in ("app", "alerts", "core", "dispatch", "ingest", "layers")
    for path in sorted((ROOT / package).rglob("*.py"))
}
# a reason may be given by the name of a constant, of its own module or of another
CONSTANTS = {
    target.id: node.value.value
    for tree in TREES.values()
    for node in tree.body
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    for target in node.targets
    if isinstance(target, ast.Name)
}


def reasons_in(tree: ast.AST) -> Iterator[str]:
    """The reason of every error raised and every problem answered."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name not in (*RAISED, "problem"):
            continue
        for given in node.keywords:
            if given.arg == "reason" and isinstance(given.value, ast.Constant):
                yield str(given.value.value)
            elif given.arg == "reason" and isinstance(given.value, ast.Name) and given.value.id in CONSTANTS:
                yield CONSTANTS[given.value.id]


def reasons() -> Iterator[tuple[str, str]]:
    """(reason, file)"""
    for place, tree in TREES.items():
        if not place.startswith(TERMINAL):
            yield from ((reason, place) for reason in reasons_in(tree))


FOUND = sorted({*reasons(), *((getattr(errors, name).reason, "core/errors.py") for name in RAISED)})


def test_reasons_are_found() -> None:
    assert {"stale_version", "unit_busy", "not_json", "forbidden", "lost_race"} <= {reason for reason, _ in FOUND}


@pytest.mark.parametrize(("reason", "place"), FOUND)
def test_reason_has_words(reason: str, place: str) -> None:
    assert f"error.{reason}" in PAGE or f"reason.{reason}" in PAGE
