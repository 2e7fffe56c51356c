"""The private cluster's pid, read while it comes and goes."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from app.services.account import RunAs
from app.services.postgres import Cluster, running_pid


@pytest.fixture
def stopped(tmp_path: Path) -> Cluster:
    return Cluster(tmp_path, 1, "word", RunAs(None, None))


@pytest.mark.parametrize("body", ["", "\n", "soon\n", "999999999\n", "ourselves"])
def test_file_that_names_no_server_of_ours_is_no_server(stopped: Cluster, body: str) -> None:
    (stopped.data / "postmaster.pid").write_text(body.replace("ourselves", str(os.getpid())))
    assert running_pid(stopped) is None


def test_file_that_is_removed_while_it_is_looked_at_is_no_fault(stopped: Cluster) -> None:
    """Seen one time in thirty on a busy machine: it was there at one look and gone at the next."""
    file = stopped.data / "postmaster.pid"
    stop = threading.Event()

    def come_and_go() -> None:
        while not stop.is_set():
            file.write_text("1\n")
            file.unlink()

    thread = threading.Thread(target=come_and_go)
    thread.start()
    try:
        assert {running_pid(stopped) for _ in range(20_000)} == {None}
    finally:
        stop.set()
        thread.join()
