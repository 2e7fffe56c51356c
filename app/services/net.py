"""Free ports and waiting for them."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Callable

from core.errors import SetupError

# below what systems take for outgoing connections (Linux from 32768, others from 49152): what is free stays free until
# it is bound
LISTENING = range(20_000, 32_000)
ANY = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port(preferred: int = 0, host: str = "127.0.0.1") -> int:
    """`preferred` where it is free at this address of ours, else any free port that no client's connection will take
    meanwhile."""
    if preferred and is_free(preferred, host):
        return preferred
    for port in random.sample(LISTENING, 100):
        if is_free(port, host):
            return port
    raise SetupError(f"no free port was found at {host}", reason="no_port")


def reached_at(host: str, everywhere: str = "127.0.0.1") -> str:
    """As it stands in an address; `everywhere` for who listens on all addresses."""
    if host in ANY:
        return everywhere
    return f"[{host}]" if ":" in host else host


def wait_until(ready: Callable[[], bool], timeout_s: float, what: str) -> None:
    """Returns once `ready()`; a SetupError that names `what` after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not ready():
        if time.monotonic() > deadline:
            raise SetupError(f"{what} did not come up within {timeout_s:.0f} s", reason="not_up")
        time.sleep(0.1)
