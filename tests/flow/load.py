"""Load for fault tests: a publisher that gives up on nothing, and the account of what became of each message.

Every message is a reading of its own (its value is its number), so that after the fault each can be found, once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from core.clock import rfc3339
from core.mqtt import connect, make_client
from core.packed import unpack
from tests.support import PATIENCE_S, System, now, wait_for

SENSORS = 50


@dataclass
class Load:
    """`count` messages at `rate` a second, sent again until the broker has confirmed them; fewer where `enough` is said
    before.

    Their times are `step` apart and have been; `shift` moves the devices' clocks.
    """

    url: str
    count: int
    rate: float = 4000.0
    step: timedelta = timedelta(milliseconds=10)
    shift: timedelta = timedelta(0)
    name: str = "load"
    sent: int = 0
    confirmed: int = 0
    _thread: threading.Thread | None = None
    _enough: threading.Event = field(default_factory=threading.Event)
    _confirmed: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def start(self) -> Load:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def message(self, i: int, start: datetime) -> tuple[str, bytes]:
        moment = rfc3339(start + i * self.step)
        # eighths: all different, and half a million of them are still within what a flow can be
        return (
            f"onemap/observation/{self.name}-{i % SENSORS}",
            f'{{"time": "{moment}", "metric": "flow", "value": {i / 8}}}'.encode(),
        )

    def _run(self) -> None:
        client = make_client(self.url, f"{self.name}-{time.monotonic_ns():x}")
        client.max_inflight_messages_set(400)
        client.reconnect_delay_set(0.1, 0.5)
        connect(client, self.url, clean_start=True, session_expiry_s=600)
        # what is published while the broker is away is kept and sent; only its confirmation says that it has arrived
        client.on_publish = lambda *_: self._confirmed.release()
        client.loop_start()
        # within the hour: neither early nor late
        start = now() - timedelta(minutes=10) + self.shift
        began = time.monotonic()
        for i in range(self.count):
            client.publish(*self.message(i, start), qos=1)
            self.sent = i + 1
            while self.sent > (time.monotonic() - began) * self.rate:
                threading.Event().wait(0.005)
            if self._enough.is_set():
                break
        self.count = self.sent
        self.confirmed = sum(self._confirmed.acquire(timeout=PATIENCE_S) for _ in range(self.count))
        client.disconnect()
        client.loop_stop()

    def enough(self) -> None:
        """Send no more; `count` is what was sent."""
        self._enough.set()

    def join(self) -> None:
        assert self._thread is not None
        self._thread.join(2 * PATIENCE_S)
        assert not self._thread.is_alive(), "the publisher has not come to its end"
        assert self.confirmed == self.count, "the broker has confirmed every message"

    def until(self, share: float) -> None:
        """Wait until this share of the messages has been handed to the client."""
        wait_for(lambda: self.sent >= share * self.count, PATIENCE_S, f"{share:.0%} sent")


def stored(system: System, name: str = "load") -> int:
    return int(system.one("SELECT count(*) FROM observation WHERE sensor_id LIKE %s", f"{name}-%"))


def handed(system: System) -> tuple[int, int]:
    """How many readings wait for the engine, and how many different ones."""
    rows = system.rows("SELECT packed FROM ingest_batch")
    series, times, _ = unpack(bytes(row["packed"]) for row in rows)
    return len(times), len(set(zip(series.tolist(), times.tolist(), strict=True)))


def account(system: System, name: str = "load") -> dict[str, Any]:
    """What became of the messages: rows, different values among them, readings handed to the engine, different ones,
    letters."""
    [rows] = system.rows(
        "SELECT count(*) AS rows, count(DISTINCT value) AS different FROM observation WHERE sensor_id LIKE %s",
        f"{name}-%",
    )
    readings, different = handed(system)
    letters = system.one("SELECT count(*) FROM dead_letter")
    return {**rows, "handed": readings, "handed_different": different, "letters": letters}


def all_well(count: int, letters: int = 0) -> dict[str, Any]:
    """Each message a row, each handed on once, nothing twice."""
    return {"rows": count, "different": count, "handed": count, "handed_different": count, "letters": letters}


def settle(system: System, count: int, what: Callable[[System], int] = stored) -> None:
    """Wait until `count` are there and the ingester has nothing in hand."""
    wait_for(lambda: what(system) >= count, PATIENCE_S, f"{count} are rows")
    wait_for(lambda: system.one("SELECT coalesce(sum((figures->>'waiting')::int), 0) FROM process_state") == 0)
