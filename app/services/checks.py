"""`./onemap test`: style, types, import contract and all tests, on a cluster and brokers of their own.

The steps go from quick to slow and end at the first that fails. The tests start their services by themselves
(tests/workers.py): most run side by side, those that measure or starve the machine after them and alone.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from app.services import packages
from app.services.vendor import install_vendor, node_command

FOLDERS = ("core", "ingest", "alerts", "dispatch", "layers", "app", "demo", "bench", "tests")
# a verb of ours that runs in the middle of another one's run must not find that one's system
INHERITED = ("ONEMAP_CHROMIUM",)
TESTS_FAILED = 1  # pytest's exit code where tests ran and some failed
MOST_WORKERS = 5


def run_checks(rest: Sequence[str]) -> int:
    """All checks, or with `rest` only pytest with these arguments; the exit code of the first that fails, else 0."""
    root = packages.checkout()
    packages.install_missing([packages.POSTGIS, packages.MOSQUITTO, packages.CHROMIUM, packages.DRIVER], say)
    install_vendor(root, say, tools=True)
    if rest:
        return run_step([*python("pytest"), *rest], root)
    for name, command in static_checks():
        say(name)
        code = run_step(command, root)
        if code:
            return code
    return run_tests(root)


def run_tests(root: Path) -> int:
    """Both parts of the tests. The last line is their sum: whoever reads the output looks there."""
    counts: Counter[str] = Counter()
    failed = 0
    for name, words in parts_of_the_tests():
        say(name)
        report = root / ".onemap" / "test" / "report.xml"
        report.unlink(missing_ok=True)
        code = run_step([*python("pytest"), *words, f"--junit-xml={report}"], root)
        part = read_report(report)
        counts += part
        if code and not part["failed"]:
            counts["failed"] += 1  # it did not come as far as to say so itself
        failed = failed or code
        if code not in (0, TESTS_FAILED):
            break
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped", flush=True)
    return failed


def parts_of_the_tests() -> list[tuple[str, list[str]]]:
    """(name, arguments of pytest)"""
    return [
        ("tests side by side", ["-n", str(worker_count()), "-m", "not alone"]),
        ("tests that want the machine for themselves", ["-m", "alone"]),
    ]


def worker_count() -> int:
    """One for each core, and one more for the time that tests wait."""
    return min(len(os.sched_getaffinity(0)), MOST_WORKERS - 1) + 1


def read_report(report: Path) -> Counter[str]:
    """How many tests passed, failed (errors are failures) and were skipped, of pytest's JUnit file; nothing where there
    is none."""
    counts: Counter[str] = Counter()
    if not report.exists():
        return counts
    for suite in ElementTree.parse(report).getroot().iter("testsuite"):  # noqa: S314 - pytest has just written it
        told = {name: int(suite.get(name, 0)) for name in ("tests", "failures", "errors", "skipped")}
        counts["failed"] += told["failures"] + told["errors"]
        counts["skipped"] += told["skipped"]
        counts["passed"] += told["tests"] - sum(told[name] for name in ("failures", "errors", "skipped"))
    return counts


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
    kept.pop("PYTHONDONTWRITEBYTECODE", None)  # many processes read the same modules
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
