"""The private cluster's pid, read while it comes and goes."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from app.services.account import RunAs
from app.services.postgres import Cluster, need_bin, programs_of, running_pid
from core.errors import SetupError


@pytest.fixture
def stopped(tmp_path: Path) -> Cluster:
    return Cluster(tmp_path, 1, "word", RunAs(None, None), "other")


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


def test_data_of_a_version_that_is_gone_say_what_to_do(tmp_path: Path) -> None:
    assert programs_of(tmp_path) == need_bin(), "no data yet: the newest"
    (tmp_path / "PG_VERSION").write_text(f"{need_bin().parent.name}\n")
    assert programs_of(tmp_path) == need_bin()
    (tmp_path / "PG_VERSION").write_text("9\n")
    with pytest.raises(SetupError, match="are of PostgreSQL 9, which is not on this machine"):
        programs_of(tmp_path)
