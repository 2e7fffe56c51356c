"""The pipes through which `up` and its children speak to the writer of the logs (app.services.log_writer)."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

# the log of `up` itself
OURS = "up"


class Logs:
    """One pipe for each log, open at both ends as long as we live: neither a child's end nor the writer's breaks it."""

    def __init__(self, folder: Path, most: int, names: Iterable[str], root: Path) -> None:
        self.folder = folder
        self._most, self._root = most, root
        self._pipes = {name: os.pipe() for name in (OURS, *names)}
        # who watches must not wait for the writer
        os.set_blocking(self.pipe(OURS), False)

    def pipe(self, name: str) -> int:
        """Where what is to stand in the log `name` is written to."""
        return self._pipes[name][1]

    def path(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def note(self, words: str) -> None:
        """A line in our own log; left out where there is no room in the pipe."""
        line = f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')} {words}\n"
        with contextlib.suppress(BlockingIOError):
            os.write(self.pipe(OURS), line.encode())

    def start_writer(self, beat: int) -> subprocess.Popen[bytes]:
        """Without a signal at our death: it ends after the last who speaks."""
        reading = {name: pipe[0] for name, pipe in self._pipes.items()}
        return subprocess.Popen(
            [
                *(sys.executable, "-S", "-m", "app.services.log_writer"),
                *(str(self.folder), str(self._most), str(beat)),
                *(f"{name}={fd}" for name, fd in reading.items()),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            cwd=self._root,
            start_new_session=True,
            pass_fds=(beat, *reading.values()),
        )

    def close(self) -> None:
        """Let the writer go."""
        for pipe in self._pipes.values():
            for end in pipe:
                os.close(end)
        self._pipes.clear()
