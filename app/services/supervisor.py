"""Runs our processes: starts them, starts again what dies (with backoff), stops all, keeps run.json true."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

BACKOFF_FIRST_S, BACKOFF_MOST_S = 0.5, 20.0
STEADY_S = 30.0
STOP_S = 15.0


@dataclass
class Child:
    """One process under our care. `start` returns its pid; `popen` is None for services that are started otherwise."""

    name: str
    start: Callable[[], subprocess.Popen[bytes]]
    popen: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    retry_at: float = 0.0
    wait_s: float = BACKOFF_FIRST_S
    restarts: int = 0


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

    def add(self, name: str, command: list[str], environment: dict[str, str], cwd: Path) -> None:
        """Start `command` under the name; its output goes to a log file of that name."""

        def start() -> subprocess.Popen[bytes]:
            with (self.log_folder / f"{name}.log").open("ab") as out:
                # a session of its own: Ctrl-C reaches us first, and we stop things in their order
                return subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, env=environment, cwd=cwd, start_new_session=True)  # fmt: skip

        child = Child(name, start)
        self._start(child)
        self.children.append(child)

    def _start(self, child: Child) -> None:
        child.popen = child.start()
        child.started_at = time.monotonic()

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
        """Restart what has died and is due."""
        now = time.monotonic()
        changed = self._watch_services(now)
        for child in self.children:
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
