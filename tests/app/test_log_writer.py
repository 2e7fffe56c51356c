"""Logs of `up`: nothing is lost or doubled when a file is full, and what is said last is kept."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from app.services.log_writer import KEPT, LogFile
from app.services.logs import Logs
from app.services.supervisor import Supervisor
from tests.support import PATIENCE_S, ROOT, wait_for

LINES = 30_000
SPEAK = f"import sys\nfor n in range({LINES}): sys.stdout.write(f'{{n}}\\n')"
BYTES = sum(len(f"{n}\n") for n in range(LINES))


def said(folder: Path, name: str = "x") -> bytes:
    """All that is kept, the oldest first."""
    paths = [folder / f"{name}.log.{number}" for number in range(KEPT, 0, -1)] + [folder / f"{name}.log"]
    return b"".join(path.read_bytes() for path in paths if path.exists())


def test_child_that_speaks_fast_loses_no_line_and_doubles_none_over_several_files(tmp_path: Path) -> None:
    """It speaks on after its supervisor is gone."""
    logs = Logs(tmp_path, BYTES // KEPT - 100, ["x"], ROOT)
    beat, theirs = os.pipe()
    writer = logs.start_writer(theirs)
    assert os.read(beat, 1) == b"."
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        writer.send_signal(number)
    child = subprocess.Popen([sys.executable, "-u", "-c", SPEAK], stdout=logs.pipe("x"))
    logs.close()
    os.close(theirs)
    assert child.wait(PATIENCE_S) == 0
    assert writer.wait(PATIENCE_S) == 0
    os.close(beat)
    assert (tmp_path / f"x.log.{KEPT}").exists()
    assert said(tmp_path) == b"".join(b"%d\n" % n for n in range(LINES))
    assert all(path.read_bytes().endswith(b"\n") for path in tmp_path.glob("x.log*"))
    assert {path.stat().st_mode & 0o077 for path in tmp_path.iterdir()} == {0}


def test_writer_that_dies_is_started_again_and_its_pipe_has_kept_what_was_said(tmp_path: Path) -> None:
    told: list[str] = []
    logs = Logs(tmp_path, 1_000_000, ["x"], ROOT)
    supervisor = Supervisor(tmp_path / "run.json", logs, told.append)
    os.write(logs.pipe("x"), b"before\n")
    wait_for(lambda: said(tmp_path) == b"before\n")
    first = supervisor.writer.popen
    assert first is not None
    first.kill()
    first.wait(PATIENCE_S)
    os.write(logs.pipe("x"), b"meanwhile\n")
    wait_for(lambda: (supervisor.watch_once(), supervisor.writer.popen not in (None, first))[1])
    os.write(logs.pipe("x"), b"after\n")
    supervisor.close_logs()
    assert said(tmp_path) == b"before\nmeanwhile\nafter\n"
    assert told == ["the writer of the logs ended (exit -9); starting it again in 0.5 s"]
    assert "the writer of the logs ended" in said(tmp_path, "up").decode()


def test_full_pipe_does_not_hold_up_who_watches(tmp_path: Path) -> None:
    logs = Logs(tmp_path, 1_000_000, [], ROOT)
    try:
        for _ in range(200):
            logs.note("x" * 1000)  # nobody reads
    finally:
        logs.close()


@pytest.mark.parametrize(
    ("chunks", "files"),
    [
        ([b"aa\n", b"bb\n"], [b"aa\nbb\n"]),
        ([b"aaaaaaaa\n", b"bb\n"], [b"aaaaaaaa\nbb\n", b""]),
        ([b"aaaa", b"aaaa\nbb\n", b"cc\n"], [b"aaaaaaaa\nbb\n", b"cc\n"]),
        ([b"a" * 25, b"a\nb\n"], [b"a" * 26 + b"\n", b"b\n"]),
        ([b"a" * 15 + b"\n" + b"b" * 15 + b"\n" + b"c\n"], [b"a" * 15 + b"\n", b"b" * 15 + b"\n", b"c\n"]),
    ],
)
def test_file_ends_with_the_line_that_fills_it(tmp_path: Path, chunks: list[bytes], files: list[bytes]) -> None:
    file = LogFile(tmp_path / "x.log", 12)
    for chunk in chunks:
        file.write(chunk)
    assert [p.read_bytes() for p in sorted(tmp_path.iterdir(), reverse=True)] == files


def test_disk_without_room_stops_nobody_and_is_said_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = LogFile(tmp_path / "x.log", 1000)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        file.write(b"lost\n")
        file.write(b"lost too\n")
    file.write(b"kept\n")
    assert (tmp_path / "x.log").read_text() == "\n[14 bytes had no room on the disk]\nkept\n"
