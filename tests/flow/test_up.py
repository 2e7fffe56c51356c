"""`./onemap up`: one command brings everything up, tells where it is, restarts what dies, and takes everything down
again."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest

from app.services.account import account_of_processes, service_account
from app.services.up import SERVERS
from core.clock import rfc3339, utc_now
from tests.support import PATIENCE_S, ROOT, STATE, mailbox, wait_for

FOLDER = STATE / "up"
COMMAND = [sys.executable, "-m", "app.cli", "up", "--port", "0", "--city", "none", "--no-devices"]
PROCESSES = {"postgres", "mosquitto", "serve", "ingest", "alerts", "dispatch", "doors"}


def start() -> subprocess.Popen[str]:
    FOLDER.mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "ONEMAP_STATE_DIR": str(FOLDER),
        "ONEMAP_HUNG_S": "12",
    }
    with (FOLDER / "up.log").open("w") as out:
        return subprocess.Popen(COMMAND, cwd=ROOT, env=environment, stdout=out, stderr=out, text=True)


def start_second() -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "ONEMAP_STATE_DIR": str(FOLDER)}
    return subprocess.run(
        COMMAND, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )


def facts() -> dict[str, Any]:
    path = FOLDER / "run.json"
    return json.loads(path.read_text()) if path.exists() else {}


def log() -> str:
    return (FOLDER / "up.log").read_text()


def alive(pid: int) -> bool:
    stat_file = Path(f"/proc/{pid}/stat")
    return stat_file.exists() and stat_file.read_text().rsplit(") ", 1)[1][0] != "Z"


@pytest.fixture(scope="module")
def up() -> Iterator[subprocess.Popen[str]]:
    process = start()
    try:
        wait_for(lambda: "is up" in log() or process.poll() is not None, 2 * PATIENCE_S, "the address is printed")
        assert process.poll() is None, log()
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE_S)


def test_run_file_tells_everything_and_only_to_its_owner(up: subprocess.Popen[str]) -> None:
    told = facts()
    assert stat.S_IMODE((FOLDER / "run.json").stat().st_mode) == 0o600
    assert set(told) == {"http", "mqtt_url", "database_url", "logins", "pids"}
    assert set(told["pids"]) == PROCESSES
    assert all(alive(pid) for pid in told["pids"].values())
    assert not told["http"].endswith("/")
    assert told["http"] in log()


def test_processes_are_not_root_where_another_can_read_what_they_need(up: subprocess.Popen[str]) -> None:
    ours, why = account_of_processes(ROOT, FOLDER, "", service_account())
    found = {Path(f"/proc/{pid}").stat().st_uid for name, pid in facts()["pids"].items() if name not in SERVERS}
    assert found == {os.geteuid() if ours.uid is None else ours.uid}
    assert (f"the processes run as root: {why}" in log()) is bool(why)
    login = urlsplit(facts()["database_url"]).username
    assert login == "onemap_app"


@pytest.mark.parametrize("role", ["viewer", "dispatcher", "commander", "admin"])
def test_printed_login_works(up: subprocess.Popen[str], role: str) -> None:
    told = facts()
    login = told["logins"][role]
    assert login["password"] in log()
    answer = httpx.post(f"{told['http']}/api/token", json=login, trust_env=False, timeout=PATIENCE_S)
    assert answer.status_code == 200
    headers = {"Authorization": f"Bearer {answer.json()['token']}"}
    assert (
        httpx.get(f"{told['http']}/api/me", headers=headers, trust_env=False, timeout=PATIENCE_S).json()["role"] == role
    )


def test_second_up_says_where_the_first_runs(up: subprocess.Popen[str]) -> None:
    second = start_second()
    assert second.returncode == 1
    assert facts()["http"] in second.stderr
    assert up.poll() is None


def test_what_dies_is_started_again_and_told(up: subprocess.Popen[str]) -> None:
    before = facts()["pids"]
    for name in ("ingest", "mosquitto"):
        os.kill(before[name], signal.SIGKILL)
        wait_for(lambda name=name: facts()["pids"][name] != before[name], what=f"{name} is started again")
    after = facts()["pids"]
    assert all(alive(pid) for pid in after.values())
    assert {n for n in PROCESSES if after[n] != before[n]} == {"ingest", "mosquitto"}


def test_everything_in_the_state_folder_is_readable_by_its_owner_only(up: subprocess.Popen[str]) -> None:
    up_log = FOLDER / "up.log"  # the test's own
    services = FOLDER / "services"
    files = [p for p in FOLDER.rglob("*") if p.is_file() and p != up_log]
    assert len(files) > 5
    assert [str(p) for p in files if stat.S_IMODE(p.stat().st_mode) & 0o077] == []
    assert stat.S_IMODE(FOLDER.stat().st_mode) & 0o066 == 0
    assert not services.exists() or stat.S_IMODE(services.stat().st_mode) & 0o077 == 0


def test_process_that_hangs_is_ended_and_started_again(up: subprocess.Popen[str]) -> None:
    before = facts()["pids"]
    os.kill(before["dispatch"], signal.SIGSTOP)
    wait_for(
        lambda: facts()["pids"]["dispatch"] != before["dispatch"], 2 * PATIENCE_S, "the stopped process is replaced"
    )
    assert "dispatch hangs" in log()
    after = facts()["pids"]
    assert not alive(before["dispatch"])
    assert {n for n in PROCESSES if after[n] != before[n]} == {"dispatch"}


def test_servers_that_hang_are_ended_and_started_again(up: subprocess.Popen[str]) -> None:
    """SIGSTOP of the postmaster, all of its children and the broker: none of them can listen to any polite word."""
    told = facts()
    before = told["pids"]
    os.kill(before["postgres"], signal.SIGSTOP)
    stopped = [before["mosquitto"], *children(before["postgres"])]
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    wait_for(
        lambda: {"postgres", "mosquitto"} <= {n for n, pid in facts()["pids"].items() if pid != before[n]},
        2 * PATIENCE_S,
        "the stopped servers are replaced",
    )
    assert "postgres hangs (no answer" in log()
    assert "mosquitto hangs (no answer" in log()
    assert "postgres hangs (no answer" in (FOLDER / "log" / "up.log").read_text()
    assert len(stopped) > 5
    assert not [pid for pid in (before["postgres"], *stopped) if alive(pid)]
    wait_for(lambda: is_stored(told), 2 * PATIENCE_S, "what is said afterwards is stored")
    after = facts()["pids"]
    assert {n for n in PROCESSES if after[n] != before[n]} == {"postgres", "mosquitto"}


def test_killed_database_is_started_again_though_one_of_its_children_hangs(up: subprocess.Popen[str]) -> None:
    """What is left of the old server must be gone before a new one writes to its directory."""
    told = facts()
    before = told["pids"]
    orphan = children(before["postgres"])[0]
    os.kill(orphan, signal.SIGSTOP)
    os.kill(before["postgres"], signal.SIGKILL)
    wait_for(lambda: facts()["pids"].get("postgres") not in (None, before["postgres"]), what="it is started again")
    assert not alive(orphan)
    wait_for(lambda: is_stored(told), 2 * PATIENCE_S, "what is said afterwards is stored")
    after = facts()["pids"]
    assert {n for n in PROCESSES if after[n] != before[n]} == {"postgres"}


def children(parent: int) -> list[int]:
    found = []
    for stat_file in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat_file.read_text().rsplit(") ", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            found.append(int(stat_file.parent.name))
    return found


def is_stored(told: dict[str, Any]) -> bool:
    """Whether a reading said just now is stored. Servers just started may not listen yet, and a killed broker has
    forgotten who listened: the one who asks again says another one."""
    sensor = f"after-{time.time_ns()}"
    try:
        with mailbox(told["mqtt_url"]) as mouth, psycopg.connect(told["database_url"], autocommit=True) as conn:
            mouth.publish(f"onemap/observation/{sensor}", {"time": rfc3339(utc_now()), "metric": "noise", "value": 1})
            for _ in range(50):
                if conn.execute("SELECT 1 FROM observation WHERE sensor_id = %s", (sensor,)).fetchone():
                    return True
                threading.Event().wait(0.02)
    except (OSError, psycopg.OperationalError):
        pass
    return False


def test_killed_up_takes_its_children_along_and_the_next_starts_cleanly(up: subprocess.Popen[str]) -> None:
    """kill -9 of the supervisor; one of its children is stopped and cannot listen to any signal."""
    told = facts()
    postgres_log = FOLDER / "log" / "postgres.log"
    said = postgres_log.stat().st_size
    os.kill(told["pids"]["alerts"], signal.SIGSTOP)
    up.kill()
    up.wait(PATIENCE_S)
    others = {name: pid for name, pid in told["pids"].items() if name != "alerts"}
    wait_for(lambda: not [n for n, pid in others.items() if alive(pid)], 2 * PATIENCE_S, "the children end with it")
    assert alive(told["pids"]["alerts"])
    # the writer of the logs outlives them all
    last = b"database system is shut down"
    wait_for(lambda: last in postgres_log.read_bytes()[said:], what="its last words are in the log")
    again = start()
    try:
        wait_for(lambda: "is up" in log() or again.poll() is not None, 2 * PATIENCE_S, "it comes back")
        assert again.poll() is None, log()
        assert "ending what an earlier run has left: alerts" in log()
        assert not alive(told["pids"]["alerts"])
        now_told = facts()
        assert set(now_told["pids"]) == PROCESSES
        assert not set(now_told["pids"].values()) & set(told["pids"].values())
        assert now_told["mqtt_url"] == told["mqtt_url"], "devices keep their address"
        second = start_second()
        assert second.returncode == 1
        assert now_told["http"] in second.stderr
    finally:
        again.send_signal(signal.SIGINT)
        assert again.wait(PATIENCE_S) == 0
    assert not [name for name, pid in now_told["pids"].items() if alive(pid)]


def test_interrupt_stops_everything_and_keeps_the_data() -> None:
    first = start()
    wait_for(lambda: "is up" in log() or first.poll() is not None, 2 * PATIENCE_S, "the address is printed")
    told = facts()
    first.send_signal(signal.SIGINT)
    assert first.wait(PATIENCE_S) == 0
    assert not (FOLDER / "run.json").exists()
    assert not [name for name, pid in told["pids"].items() if alive(pid)]
    again = start()
    try:
        wait_for(lambda: "is up" in log() or again.poll() is not None, 2 * PATIENCE_S, "it comes back")
        assert facts()["logins"] == told["logins"]
        assert facts()["mqtt_url"] == told["mqtt_url"], "devices keep their address"
    finally:
        again.send_signal(signal.SIGINT)
        assert again.wait(PATIENCE_S) == 0
