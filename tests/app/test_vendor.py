"""npm is asked for what is missing and no more: the page's libraries, and its tools where they are wanted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from app.services.vendor import install_vendor, node_command

# notes how it was called and leaves an empty node_modules, as a package without dependencies would
NPM = """#!/bin/sh
echo "$@" >> calls
rm -rf node_modules
mkdir node_modules
"""
Install = Callable[..., list[str]]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Installs into a checkout with a lock file; the result is what npm was called with."""
    (tmp_path / "bin").mkdir()
    for name in ("npm", "node"):
        (tmp_path / "bin" / name).write_text(NPM)
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    (tmp_path / "package-lock.json").write_text("{}")
    calls = tmp_path / "calls"

    def run(*, tools: bool = False) -> list[str]:
        calls.write_text("")
        install_vendor(tmp_path, lambda words: None, tools=tools)
        return calls.read_text().splitlines()

    return run


def test_who_only_runs_the_page_is_spared_the_tools(install: Install) -> None:
    [call] = install()
    assert "--omit=dev" in call
    assert "--ignore-scripts" in call


def test_tools_come_when_they_are_wanted(install: Install) -> None:
    install()
    [call] = install(tools=True)
    assert call.startswith("ci ")
    assert "--omit" not in call


@pytest.mark.parametrize("tools", [False, True])
def test_nothing_is_installed_twice(install: Install, tools: bool) -> None:
    install(tools=tools)
    assert install(tools=tools) == []


def test_tools_that_are_there_stay_when_the_page_is_run(install: Install) -> None:
    install(tools=True)
    assert install() == []
    assert install(tools=True) == []


def test_another_lock_file_is_installed_anew(install: Install, tmp_path: Path) -> None:
    install(tools=True)
    (tmp_path / "package-lock.json").write_text('{"name": "other"}')
    assert len(install()) == 1


def test_node_is_the_one_beside_npm(install: Install, tmp_path: Path) -> None:
    assert node_command(tmp_path) == [str(tmp_path / "bin" / "node")]
