"""Who ends with whom: children that die with us, and what a killed `up` has left behind."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from core.errors import SetupError

PR_SET_PDEATHSIG = 1
LEAVE_S = 20.0


def ending_with_parent(number: int) -> Callable[[], None] | None:
    """For `preexec_fn`: the child gets this signal when we die (Linux, prctl(2) PR_SET_PDEATHSIG); None where there is
    no such thing."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def arrange() -> None:
        prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
        if os.getppid() != parent:  # we have died between the fork and here
            os.kill(os.getpid(), number)

    return arrange


def hold(path: Path, words: str) -> IO[str]:
    """A lock that dies with its owner, however that ends; keep what is returned open. Raises SetupError with
    `words`."""
    lock = path.open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        lock.close()
        raise SetupError(words, reason="runs_already") from exc
    return lock


def is_held(path: Path) -> bool:
    """Whether somebody has the lock that `hold` takes."""
    try:
        with path.open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def read_facts(run_file: Path) -> dict[str, object]:
    """What a running (or killed) `up` said of itself; empty where it said nothing that can be read."""
    try:
        facts = json.loads(run_file.read_text())
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def end_leftovers(run_file: Path, marks: tuple[str, ...], say: Callable[[str], None]) -> None:
    """End what a killed `up` has left: processes named in its run file that are still ours (one of `marks` stands in
    their command line). They have been told by the kernel already; who does not listen is killed."""
    pids = read_facts(run_file).get("pids")
    left = {name: pid for name, pid in pids.items() if is_ours(pid, marks)} if isinstance(pids, dict) else {}
    if left:
        say(f"ending what an earlier run has left: {', '.join(sorted(left))}")
        for name, pid in left.items():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGINT if name == "postgres" else signal.SIGTERM)
        deadline = time.monotonic() + LEAVE_S
        while (still := [pid for pid in left.values() if is_ours(pid, marks)]) and time.monotonic() < deadline:
            time.sleep(0.1)
        for pid in still:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    run_file.unlink(missing_ok=True)


def is_ours(pid: object, marks: tuple[str, ...]) -> bool:
    """Whether this process runs (a zombie does not) and is one of ours."""
    if not isinstance(pid, int):
        return False
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0]
    except OSError:
        return False
    return state != "Z" and any(mark in command for mark in marks)


def is_running(pid: int) -> bool:
    """Whether this process, a child of ours or not, has not ended; one of ours that has is reaped."""
    try:
        if os.waitpid(pid, os.WNOHANG)[0] == pid:
            return False
    except ChildProcessError:
        pass
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] != "Z"
    except OSError:
        return False


def signal_if_running(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
