"""Runs our processes: starts them, starts again what dies or hangs (with backoff), stops all, keeps run.json true.

Every child dies with us: the kernel sends it a signal when we are gone, however we went (app.services.ending). A child
of ours that beats (core.process.Pulse) and then stops beating is taken for hung and started again.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from app.services.ending import ending_with_parent
from core.process import BEAT_FD

BACKOFF_FIRST_S, BACKOFF_MOST_S = 0.5, 20.0
STEADY_S = 30.0
STOP_S = 15.0
HUNG_S = 30.0
# until its first beat a process may take longer: a slow machine, many migrations
FIRST_BEAT_S = 180.0
LOGS_KEPT, LOGS_LOOK_S = 3, 10.0


@dataclass
class Child:
    """One process under our care. `beat` is our end of the pipe it beats through."""

    name: str
    start: Callable[[int], subprocess.Popen[bytes]]
    popen: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    retry_at: float = 0.0
    wait_s: float = BACKOFF_FIRST_S
    restarts: int = 0
    beat: int | None = None
    beat_at: float | None = None


@dataclass
class Service:
    """A server of ours (PostgreSQL, Mosquitto): its pid, how to start it again, whether it lives."""

    name: str
    pid: int
    start: Callable[[], int]
    alive: Callable[[int], bool]
    retry_at: float = 0.0
    wait_s: float = BACKOFF_FIRST_S


@dataclass
class Supervisor:
    run_file: Path
    facts: dict[str, object]
    log_folder: Path
    say: Callable[[str], None]
    children: list[Child] = field(default_factory=list)
    services: list[Service] = field(default_factory=list)
    log_bytes: int = 20_000_000
    _logs_at: float = 0.0

    def add(self, name: str, command: list[str], environment: dict[str, str], cwd: Path) -> None:
        """Start `command` under the name; its output goes to a log file of that name."""
        ending = ending_with_parent(signal.SIGTERM)

        def start(beat: int) -> subprocess.Popen[bytes]:
            with (self.log_folder / f"{name}.log").open("ab") as out:
                return subprocess.Popen(
                    command,
                    stdout=out,
                    stderr=out,
                    stdin=subprocess.DEVNULL,
                    env={**environment, BEAT_FD: str(beat)},
                    cwd=cwd,
                    # a session of its own: Ctrl-C reaches us first, and we stop things in their order
                    start_new_session=True,
                    pass_fds=(beat,),
                    preexec_fn=ending,
                )

        child = Child(name, start)
        self._start(child)
        self.children.append(child)

    def _start(self, child: Child) -> None:
        self._forget_pipe(child)
        ours, theirs = os.pipe()
        os.set_blocking(ours, False)
        try:
            child.popen = child.start(theirs)
        finally:
            os.close(theirs)
        child.beat, child.beat_at = ours, None
        child.started_at = time.monotonic()

    @staticmethod
    def _forget_pipe(child: Child) -> None:
        if child.beat is not None:
            os.close(child.beat)
            child.beat = None

    def pids(self) -> dict[str, int]:
        pids = {service.name: service.pid for service in self.services}
        return pids | {child.name: child.popen.pid for child in self.children if child.popen}

    def write_run_file(self) -> None:
        """Replace run.json in one step; only its owner may read it."""
        temporary = self.run_file.with_suffix(".tmp")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as out:
            json.dump({**self.facts, "pids": self.pids()}, out, indent=2)
        temporary.replace(self.run_file)

    def watch_once(self) -> None:
        """Restart what has died or hangs and is due; keep the logs within bounds."""
        now = time.monotonic()
        changed = self._watch_services(now)
        for child in self.children:
            self._end_if_hung(child, now)
            if child.popen is not None and child.popen.poll() is not None:
                if now - child.started_at > STEADY_S:
                    child.wait_s = BACKOFF_FIRST_S
                self.say(
                    f"{child.name} ended (exit {child.popen.returncode}); starting it again in {child.wait_s:.1f} s"
                )
                child.popen, child.retry_at = None, now + child.wait_s
                child.wait_s = min(child.wait_s * 2, BACKOFF_MOST_S)
            if child.popen is None and now >= child.retry_at:
                self._start(child)
                child.restarts += 1
                changed = True
        if changed:
            self.write_run_file()
        if now >= self._logs_at:
            self._logs_at = now + LOGS_LOOK_S
            for path in sorted(self.log_folder.glob("*.log")):
                rotate(path, self.log_bytes)

    def _end_if_hung(self, child: Child, now: float) -> None:
        """End a process that has not beaten for too long; it is started again like one that has died."""
        if child.popen is None or child.beat is None or child.popen.poll() is not None:
            return
        try:
            if os.read(child.beat, 4096):
                child.beat_at = now
        except BlockingIOError:
            pass
        if child.beat_at is None:
            return  # it does not beat (yet); a process that never does is watched for its end only
        if now - child.beat_at > HUNG_S:
            self.say(f"{child.name} hangs (nothing heard for {now - child.beat_at:.0f} s); it is ended")
            child.popen.kill()
            child.popen.wait()

    def _watch_services(self, now: float) -> bool:
        changed = False
        for service in self.services:
            if service.alive(service.pid) or now < service.retry_at:
                continue
            self.say(f"{service.name} ended; starting it again")
            service.retry_at = now + service.wait_s
            service.wait_s = min(service.wait_s * 2, BACKOFF_MOST_S)
            service.pid = service.start()
            changed = True
        return changed

    def stop(self) -> None:
        """Stop our processes in reverse order, each given time to finish what it holds."""
        for child in reversed(self.children):
            if child.popen is not None and child.popen.poll() is None:
                child.popen.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_S
        for child in reversed(self.children):
            self._forget_pipe(child)
            if child.popen is None:
                continue
            try:
                child.popen.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self.say(f"{child.name} does not stop; it is ended")
                child.popen.kill()
                child.popen.wait()
        with contextlib.suppress(FileNotFoundError):
            self.run_file.unlink()


def rotate(path: Path, most: int) -> None:
    """Keep `path` below `most` bytes: what it holds becomes `.1`, what was `.1` becomes `.2`. The file itself stays,
    for its writers have it open (they append, so they go on at its new end)."""
    if path.stat().st_size < most:
        return
    for number in range(LOGS_KEPT - 1, 0, -1):
        older = path.with_name(f"{path.name}.{number}")
        if older.exists():
            older.replace(path.with_name(f"{path.name}.{number + 1}"))
    shutil.copyfile(path, path.with_name(f"{path.name}.1"))
    os.truncate(path, 0)
