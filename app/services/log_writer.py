"""The process that writes the logs: it reads what `up` and its children say through pipes, and begins a new file when
one is full.

A process of its own and deaf to signals: it ends once nobody can say anything any more, so that what children say in
their last moment is kept though `up` was killed. Nothing is lost or doubled when a file is full: the one who writes is
the one who renames. Standard library only: it is small and starts at once.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import sys
import time
from pathlib import Path

KEPT = 3
CHUNK = 65_536
BEAT_S = 2.0


class LogFile:
    """`path`, about `most` bytes at most: full, it becomes `.1`, what was `.1` becomes `.2`. No line is cut in two."""

    def __init__(self, path: Path, most: int) -> None:
        self._path, self._most = path, most
        self._lost = 0
        self._open()

    def _open(self) -> None:
        self._fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._size = os.fstat(self._fd).st_size

    def write(self, chunk: bytes) -> None:
        while self._size + len(chunk) >= self._most and (cut := self._cut(chunk)):
            self._put(chunk[:cut])
            self._begin_new()
            chunk = chunk[cut:]
        self._put(chunk)

    def _cut(self, chunk: bytes) -> int:
        """How much of it still belongs into the file: to the end of the line that fills it; 0 where that is not
        here."""
        return chunk.find(b"\n", max(0, self._most - self._size - 1)) + 1

    def _put(self, chunk: bytes) -> None:
        """A full disk must not stop those who speak: what has no room is counted and said once there is room again."""
        spoken = len(chunk)
        if self._lost:
            chunk = b"\n[%d bytes had no room on the disk]\n" % self._lost + chunk
        try:
            while chunk:
                written = os.write(self._fd, chunk)
                self._size += written
                self._lost, chunk = 0, chunk[written:]
        except OSError:
            self._lost += min(len(chunk), spoken)

    def _begin_new(self) -> None:
        for number in range(KEPT - 1, -1, -1):
            older = self._path.with_name(f"{self._path.name}.{number}") if number else self._path
            with contextlib.suppress(OSError):
                older.replace(self._path.with_name(f"{self._path.name}.{number + 1}"))
        before = self._fd
        try:
            self._open()
        except OSError:
            self._size = 0  # on with the one that is open; the next try comes when it has grown as much again
        else:
            os.close(before)


def write_until_all_have_ended(pipes: dict[int, LogFile], beat_fd: int) -> None:
    """Write what comes through each pipe to its file, until every pipe is closed at its other end; beat meanwhile."""
    os.set_blocking(beat_fd, False)
    beaten_at = 0.0
    with selectors.DefaultSelector() as selector:
        for pipe, file in pipes.items():
            selector.register(pipe, selectors.EVENT_READ, file)
        while selector.get_map():
            if time.monotonic() - beaten_at >= BEAT_S:
                beaten_at = time.monotonic()
                with contextlib.suppress(OSError):
                    os.write(beat_fd, b".")
            for key, _ in selector.select(BEAT_S):
                chunk = os.read(key.fd, CHUNK)
                if chunk:
                    key.data.write(chunk)
                else:
                    selector.unregister(key.fd)


def main(folder: str, most: str, beat_fd: str, *pipes: str) -> None:
    """`FOLDER BYTES BEAT_FD NAME=FD ...`"""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    named = [pipe.partition("=")[::2] for pipe in pipes]
    files = {int(fd): LogFile(Path(folder) / f"{name}.log", int(most)) for name, fd in named}
    write_until_all_have_ended(files, int(beat_fd))


if __name__ == "__main__":
    main(*sys.argv[1:])
