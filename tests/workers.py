"""Tests side by side (pytest-xdist): what all workers share, what each has for itself, and who gets which file when.

The controller starts one cluster for all and a broker for each worker, tells the workers where they are, and stops them
however the run ends. Databases of one cluster are told apart by name. A broker is one space of client ids, accounts,
retained messages and topics, and other makers' topics (`tele/+/SENSOR`) have no prefix of ours that could part them; a
second Mosquitto costs 2 MB.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from pydantic import TypeAdapter
from xdist.scheduler import LoadScopeScheduling

from app.services.postgres import Cluster
from app.services.private import BROKER_PID, Private, end_broker, private_broker, private_cluster, private_services
from tests.support import STATE, WORKER

FACTS = TypeAdapter(Private)
# each test has a system of its own and may go to any worker
APART = "tests/flow/test_ingest_faults.py"
# long files of a folder below that share nothing with its others
ALONE = ("tests/app/test_schema.py", "tests/app/test_backup.py", "tests/app/test_permissions.py")
# what one worker gets as a whole: it shares a `serve`, a browser or a city; all else is handed out by file
TOGETHER = ("tests/app/", "tests/browser/", "tests/demo/")
# a folder of those above that takes longer than all else: in two parts, the second from this file on
PARTED = "tests/browser/test_p"
# side by side the long ones begin first, so that workers end together
LONGEST_FIRST = (
    "tests/browser/",
    ALONE,
    APART,
    "tests/demo/",
    "tests/app/",
    "tests/flow/",
)
# one after the other it goes from quick to slow
SLOWEST_LAST = ("tests/flow/", "tests/browser/")


class Controller:
    """The plugin of the process that people start: it runs what all workers stand on. Without workers it has nothing to
    do."""

    def __init__(self) -> None:
        self._running = ExitStack()
        self._cluster: Cluster | None = None

    def pytest_sessionstart(self) -> None:
        # told to stop in any way, also in the background of a shell, fixtures and services come to their end
        for told in (signal.SIGINT, signal.SIGTERM):
            signal.signal(told, signal.default_int_handler)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_setupnodes(self) -> None:
        self._cluster = self._running.enter_context(private_cluster(STATE, lasting=False))
        end_leftovers()
        self._running.callback(end_leftovers)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """A worker is about to start, perhaps in place of one that died."""
        assert self._cluster is not None
        broker = self._running.enter_context(private_broker(STATE / node.gateway.id))
        node.workerinput["services"] = FACTS.dump_json(Private(self._cluster, broker)).decode()

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> LoadScopeScheduling:
        config.option.loadscopereorder = False
        return ByFile(config, log)

    def pytest_unconfigure(self) -> None:
        """After the workers have ended."""
        self._running.close()


class ByFile(LoadScopeScheduling):
    """Tests of a file stay together and in order, for they share fixtures and some tell one story; so do some
    folders."""

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(APART):
            return nodeid
        folder = next((one for one in TOGETHER if nodeid.startswith(one)), None)
        if folder is None or nodeid.startswith(ALONE):
            return nodeid.partition("::")[0]
        return f"{folder}2" if PARTED.startswith(folder) and nodeid >= PARTED else folder


def order(item: pytest.Item) -> int:
    """Sorts tests: from quick to slow, or, beside others, the long ones first."""
    names = LONGEST_FIRST if WORKER else SLOWEST_LAST
    place = next((n for n, name in enumerate(names) if item.nodeid.startswith(name)), None)
    if WORKER:
        return len(names) if place is None else place
    return -1 if place is None else place


@contextmanager
def services(config: pytest.Config) -> Iterator[Private]:
    """The cluster and this process's broker: those that the controller runs, else our own."""
    if hasattr(config, "workerinput"):
        yield FACTS.validate_json(config.workerinput["services"])
        return
    with private_services(STATE, lasting=False) as private:
        end_leftovers()
        yield private


def end_leftovers() -> None:
    """End what a killed worker or an earlier, killed run has left: brokers, and processes that keep their state in our
    folder."""
    for note in STATE.glob(f"gw*/{BROKER_PID}"):
        end_broker(note.parent)
    left = [process for process in psutil.process_iter() if keeps_state_here(process)]
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    for process in psutil.wait_procs(left, 20)[1]:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def keeps_state_here(process: psutil.Process) -> bool:
    try:
        return Path(process.environ().get("ONEMAP_STATE_DIR", "")).is_relative_to(STATE)
    except psutil.Error:
        return False
