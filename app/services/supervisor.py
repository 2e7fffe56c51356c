"""Runs our processes: starts them, starts again what dies or hangs (with backoff), stops all, keeps run.json true.

Every child dies with us: the kernel sends it a signal when we are gone, however we went (app.services.ending). A child
of ours that beats (core.process.Pulse) and then stops beating is taken for hung and started again; so is a server of
ours that does not answer (app.services.probe). What children say goes through pipes to one writer
(app.services.log_writer), itself a child that beats.
"""

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

from app.services.account import OURSELVES, RunAs
from app.services.ending import ending_with_parent
from app.services.logs import Logs
from app.services.net import wait_until
from app.services.probe import Probe
from core.errors import SetupError
from core.process import BEAT_FD

BACKOFF_FIRST_S, BACKOFF_MOST_S = 0.5, 20.0
STEADY_S = 30.0
STOP_S, SERVICE_STOP_S = 15.0, 60.0
# until its first answer a server may take longer: a slow machine, much to read before it listens
FIRST_ANSWER_S = 90.0
# asked to end, a server that hangs has so long before it is killed
LEAVE_S = 5.0
# when we come round later than this, we were stopped ourselves (Ctrl-Z) or held up
LAPSE_S = 5.0


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
    """A server of ours (PostgreSQL, Mosquitto): how to start it, ask it to end, kill it with all that belongs to it.
    `start` does not wait until it answers. `pid` is None while it could not be started."""

    name: str
    start: Callable[[], int]
    alive: Callable[[int], bool]
    end: Callable[[int], None]
    kill: Callable[[int], None]
    probe: Probe
    pid: int | None = None
    started_at: float = 0.0
    retry_at: float = 0.0
    kill_at: float | None = None
    wait_s: float = BACKOFF_FIRST_S


@dataclass
class Outsider:
    """A server that is not ours: we tell when it falls silent and when it speaks again, and leave it alone."""

    name: str
    probe: Probe
    silent: bool = False


@dataclass
class Supervisor:
    run_file: Path
    logs: Logs
    tell: Callable[[str], None]
    hung_s: float = 30.0
    facts: dict[str, object] = field(default_factory=dict)
    children: list[Child] = field(default_factory=list)
    services: list[Service] = field(default_factory=list)
    outsiders: list[Outsider] = field(default_factory=list)
    writer: Child = field(init=False)
    _watched_at: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.writer = Child("the writer of the logs", self.logs.start_writer)
        self._start(self.writer)

    def say(self, words: str) -> None:
        """On the terminal and in a log of our own."""
        self.tell(words)
        self.logs.note(words)

    def add(
        self, name: str, command: list[str], environment: dict[str, str], cwd: Path, run_as: RunAs = OURSELVES
    ) -> None:
        """Start `command` under the name; its output goes to the log of that name."""
        ending = ending_with_parent(signal.SIGTERM)
        out = self.logs.pipe(name)

        def start(beat: int) -> subprocess.Popen[bytes]:
            return subprocess.Popen(  # type: ignore[call-overload,no-any-return]
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
                **run_as.popen_args(),
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
        pids = {service.name: service.pid for service in self.services if service.pid is not None}
        return pids | {child.name: child.popen.pid for child in self.children if child.popen}

    def write_run_file(self) -> None:
        """Replace run.json in one step; only its owner may read it."""
        temporary = self.run_file.with_suffix(".tmp")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as out:
            json.dump({**self.facts, "pids": self.pids()}, out, indent=2)
        temporary.replace(self.run_file)

    def watch_once(self) -> None:
        """Restart what has died or hangs and is due. Never waits for an answer."""
        now = time.monotonic()
        if now - self._watched_at > LAPSE_S:
            for probe in self._probes():
                probe.forgive()
        self._watched_at = now
        self._watch_child(self.writer, now)
        changed = [self._watch_service(service, now) for service in self.services]
        changed += [self._watch_child(child, now) for child in self.children]
        for outsider in self.outsiders:
            self._watch_outsider(outsider)
        if any(changed):
            self.write_run_file()

    def _watch_child(self, child: Child, now: float) -> bool:
        """Whether it was started again."""
        self._end_if_hung(child, now)
        if child.popen is not None and child.popen.poll() is not None:
            if now - child.started_at > STEADY_S:
                child.wait_s = BACKOFF_FIRST_S
            self.say(f"{child.name} ended (exit {child.popen.returncode}); starting it again in {child.wait_s:.1f} s")
            child.popen, child.retry_at = None, now + child.wait_s
            child.wait_s = min(child.wait_s * 2, BACKOFF_MOST_S)
        if child.popen is not None or now < child.retry_at:
            return False
        self._start(child)
        child.restarts += 1
        return True

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
        if now - child.beat_at > self.hung_s:
            self.say(f"{child.name} hangs (nothing heard for {now - child.beat_at:.0f} s); it is ended")
            child.popen.kill()
            child.beat_at = None  # its end is seen like any other: what the kernel holds must not hold us

    def _watch_service(self, service: Service, now: float) -> bool:
        """Whether it was started again."""
        if service.pid is not None and service.alive(service.pid):
            self._end_if_silent(service, service.pid, now)
            return False
        if now < service.retry_at:
            return False
        if now - service.started_at > STEADY_S:
            service.wait_s = BACKOFF_FIRST_S
        self.say(f"{service.name} ended; starting it again")
        service.pid, service.kill_at = None, None
        service.retry_at = now + service.wait_s
        service.wait_s = min(service.wait_s * 2, BACKOFF_MOST_S)
        try:
            service.pid = service.start()
        except (SetupError, OSError) as exc:
            self.say(f"{service.name} cannot be started: {exc}")
            return False
        service.started_at = now
        service.probe.begin_anew()
        return True

    def _end_if_silent(self, service: Service, pid: int, now: float) -> None:
        """Ask a server that has not answered for too long to end, and kill it where it does not do that either."""
        if service.kill_at is not None:
            if now >= service.kill_at:
                service.kill(pid)
            return
        silent_s = service.probe.silent_s()
        if silent_s > (self.hung_s if service.probe.heard else max(self.hung_s, FIRST_ANSWER_S)):
            self.say(f"{service.name} hangs (no answer for {silent_s:.0f} s); it is ended")
            service.kill_at = now + LEAVE_S
            service.end(pid)

    def _watch_outsider(self, outsider: Outsider) -> None:
        silent_s = outsider.probe.silent_s()
        if outsider.silent and not silent_s:
            self.say(f"{outsider.name} answers again")
            outsider.silent = False
        elif not outsider.silent and silent_s > self.hung_s:
            self.say(f"{outsider.name} has not answered for {silent_s:.0f} s; it is not ours and is left alone")
            outsider.silent = True

    def stop(self) -> None:
        """Stop our processes and take the run file away."""
        self.stop_children()
        with contextlib.suppress(FileNotFoundError):
            self.run_file.unlink()

    def stop_children(self) -> None:
        """Stop our processes in reverse order, each given time to finish what it holds. They are no longer ours to
        watch."""
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
        self.children.clear()

    def stop_services(self) -> None:
        """Stop the servers, the last one first; one that does not end is killed."""
        for probe in self._probes():
            probe.close()
        for service in reversed(self.services):
            if service.pid is not None and service.alive(service.pid):
                self._stop_service(service, service.pid)

    def _stop_service(self, service: Service, pid: int) -> None:
        service.end(pid)
        try:
            wait_until(lambda: not service.alive(pid), SERVICE_STOP_S, f"the stop of {service.name}")
        except SetupError:
            self.say(f"{service.name} does not stop; it is ended")
            service.kill(pid)

    def _probes(self) -> list[Probe]:
        return [service.probe for service in self.services] + [outsider.probe for outsider in self.outsiders]

    def close_logs(self) -> None:
        """Once all have ended: the writer ends when it has written what they said last."""
        self.logs.close()
        self._forget_pipe(self.writer)
        if self.writer.popen is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.writer.popen.wait(STOP_S)
