"""A database cluster and brokers for one purpose (tests, a benchmark), apart from those of `up`, stopped when it is
over."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.services.account import service_account, service_folder
from app.services.mosquitto import Broker, make_broker, start_broker, stop_broker
from app.services.postgres import Cluster, make_cluster, running_pid, start_cluster, stop_cluster
from core.errors import SetupError

BROKER_PID = "mosquitto.pid"


@dataclass(frozen=True, slots=True)
class Private:
    """What runs: the cluster, and the broker with nothing in its queues."""

    cluster: Cluster
    broker: Broker


@contextmanager
def private_services(state: Path, *, lasting: bool = True) -> Iterator[Private]:
    """A cluster and a broker of their own under `state`, one user at a time. What an earlier, killed run left is ended
    first."""
    with private_cluster(state, lasting=lasting) as cluster, private_broker(state) as broker:
        yield Private(cluster, broker)


@contextmanager
def private_cluster(state: Path, *, lasting: bool = True) -> Iterator[Cluster]:
    """A cluster of its own under `state`; the whole folder is its user's until it has stopped. One that is not
    `lasting` may lose its data when the machine falls, and no write waits for the disk."""
    state.mkdir(parents=True, exist_ok=True)
    with (state / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise SetupError(f"another run uses {state}; wait until it has ended", reason="runs_already") from exc
        run_as = service_account()
        cluster = make_cluster(service_folder(state, run_as), run_as, lasting=lasting)
        try:
            start_cluster(cluster, state / "postgres.log")
            yield cluster
        finally:
            if running_pid(cluster) is not None:
                stop_cluster(cluster)


@contextmanager
def private_broker(state: Path) -> Iterator[Broker]:
    """A broker of its own under `state`, which only the caller uses: the account `tester` may say and hear anything
    there."""
    end_broker(state)
    run_as = service_account()
    folder = service_folder(state, run_as)
    shutil.rmtree(folder / "mosquitto", ignore_errors=True)
    broker = make_broker(folder, run_as, tester=True)
    try:
        (state / BROKER_PID).write_text(str(start_broker(broker, state / "mosquitto.log")))
        yield broker
    finally:
        end_broker(state)


def end_broker(state: Path) -> None:
    """Stop the broker whose pid is noted in `state`, if it is still the one of this folder."""
    note = state / BROKER_PID
    if not note.exists():
        return
    pid = int(note.read_text())
    note.unlink()
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return
    if str(service_folder(state, service_account())) in command and pid != os.getpid():
        stop_broker(pid)
