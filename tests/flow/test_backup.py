"""The drill on a running `up`: it steps aside, comes back with what the backup held, by the same pid; one that does not
run, and one that was never there, are restored too."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from app.backup.schedule import backups_in
from app.services.account import service_account, service_folder
from tests.support import PATIENCE_S, ROOT, STATE, wait_for

FOLDER = STATE / "drill"
BACKUPS = FOLDER.with_name("drill-backups")
UP = ["up", "--port", "0", "--city", "none", "--no-devices"]
NAMED = "SELECT name_en FROM rule WHERE id = 'gas'"


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "ONEMAP_STATE_DIR": str(FOLDER), **more}


def onemap(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "app.cli", *(str(word) for word in words)]
    return subprocess.run(
        command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=4 * PATIENCE_S, check=False
    )


def facts() -> dict[str, Any]:
    path = FOLDER / "run.json"
    return json.loads(path.read_text()) if path.exists() else {}


def log() -> str:
    return (FOLDER / "up.log").read_text()


def start(times: int = 1) -> subprocess.Popen[str]:
    with (FOLDER / "up.log").open("a") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", *UP],
            cwd=ROOT,
            env=environment(ONEMAP_BACKUP_FOLDER=str(BACKUPS)),
            stdout=out,
            stderr=out,
            text=True,
        )
    wait_for(lambda: log().count("is up:") == times or process.poll() is not None, 2 * PATIENCE_S, "it is up")
    assert process.poll() is None, log()
    return process


def one(query: str) -> Any:
    with psycopg.connect(facts()["database_url"]) as conn:
        row = conn.execute(query.encode()).fetchone()
    return row[0] if row else None


def rename(name: str) -> None:
    with psycopg.connect(facts()["database_url"]) as conn:
        conn.execute("UPDATE rule SET name_en = %s WHERE id = 'gas'", (name,))


@pytest.fixture
def up() -> Iterator[subprocess.Popen[str]]:
    for folder in (FOLDER, BACKUPS, service_folder(FOLDER, service_account())):
        shutil.rmtree(folder, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    process = start()
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE_S)


def test_what_was_backed_up_comes_back_from_every_state(up: subprocess.Popen[str], tmp_path: Path) -> None:
    rename("as it was")
    login, ports = facts()["logins"]["admin"], (FOLDER / "ports.json").read_text()
    made = onemap("backup", tmp_path / "city.backup")
    assert made.returncode == 0, made.stderr

    # while it runs
    rename("a mistake")
    before = facts()["pids"]
    done = onemap("restore", tmp_path / "city.backup", "--verify")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the running up stops its processes" in done.stdout
    assert "tables are as they were" in done.stdout
    wait_for(lambda: log().count("is up:") == 2, 2 * PATIENCE_S, "it is up again")
    assert up.poll() is None, "the very same process"
    assert one(NAMED) == "as it was"
    assert not set(facts()["pids"].values()) & set(before.values())
    assert set(facts()["pids"]) == set(before)
    answer = httpx.post(f"{facts()['http']}/api/token", json=login, trust_env=False, timeout=PATIENCE_S)
    assert answer.status_code == 200

    # and by the clock, from its first minute on
    wait_for(lambda: BACKUPS.is_dir() and backups_in(BACKUPS), what="the first backup by the clock")

    # while it does not run
    rename("another mistake")
    up.send_signal(signal.SIGINT)
    assert up.wait(PATIENCE_S) == 0
    done = onemap("restore", tmp_path / "city.backup", "--verify")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing runs here: starting the database alone" in done.stdout
    assert not (FOLDER / "run.json").exists()

    # on a machine that has nothing but the file
    for folder in (service_folder(FOLDER, service_account()), FOLDER):
        shutil.rmtree(folder, ignore_errors=True)
    done = onemap("restore", tmp_path / "city.backup")
    assert done.returncode == 0, done.stdout + done.stderr
    again = start()
    try:
        # `--city none` has a database of its own name, which the backup knows
        assert one(NAMED) == "as it was"
        assert facts()["logins"]["admin"] == login
        assert (FOLDER / "ports.json").read_text() == ports, "devices keep their address"
    finally:
        again.send_signal(signal.SIGINT)
        assert again.wait(PATIENCE_S) == 0
