"""`./onemap test`: style, types, import contract and all tests, on a cluster and a broker of their own.

The steps go from quick to slow and end at the first that fails. The tests start their services by themselves
(tests/conftest.py); unit tests come first, then whole ways, then the browser.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from app.services import packages
from app.services.vendor import install_vendor, node_command

FOLDERS = ("core", "ingest", "alerts", "dispatch", "layers", "app", "demo", "bench", "tests")
# a verb of ours that runs in the middle of another one's run must not find that one's system
INHERITED = ("ONEMAP_CHROMIUM",)


def run_checks(rest: Sequence[str]) -> int:
    """All checks, or with `rest` only pytest with these arguments; the exit code of the first that fails, else 0."""
    root = packages.checkout()
    packages.install_missing([packages.POSTGIS, packages.MOSQUITTO, packages.CHROMIUM, packages.DRIVER], say)
    install_vendor(root, say, tools=True)
    for name, command in (*([] if rest else static_checks()), ("tests", [*python("pytest"), *rest])):
        say(name)
        code = run_step(command, root)
        if code:
            return code
    return 0  # pytest's summary is the last line: whoever reads the output looks there


def static_checks() -> list[tuple[str, list[str]]]:
    """What needs no database: (name, command)."""
    root = packages.checkout()
    tools = root / "node_modules" / ".bin"
    page_tests = sorted(str(path.relative_to(root)) for path in (root / "tests" / "js").glob("*.test.mjs"))
    return [
        ("style", [*python("ruff"), "check", *FOLDERS]),
        ("format", [*python("ruff"), "format", "--check", *FOLDERS]),
        ("types", python("mypy")),
        ("import contract", [str(Path(sys.executable).parent / "lint-imports")]),
        ("page lint", [*node_command(root), str(tools / "biome"), "lint", "--error-on-warnings"]),
        ("page types", [*node_command(root), str(tools / "tsc"), "--project", "tsconfig.json"]),
        ("page unit tests", [*node_command(root), "--test", "--test-reporter=dot", *page_tests]),
    ]


def python(module: str) -> list[str]:
    return [sys.executable, "-m", module]


def run_step(command: list[str], root: Path) -> int:
    """Run one step in the foreground. Told to stop, it is interrupted and may clean up before we go."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("ONEMAP_") or k in INHERITED}
    process = subprocess.Popen(command, cwd=root, env=kept | {"PYTHONPATH": str(root)})
    before = signal.signal(signal.SIGTERM, lambda *_: process.send_signal(signal.SIGINT))
    try:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:  # the terminal has told the child as well
                continue
    finally:
        signal.signal(signal.SIGTERM, before)


def say(words: str) -> None:
    print(f"== {words}", flush=True)
