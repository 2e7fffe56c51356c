"""Asks a server again and again whether it answers, in a thread of its own: who looks at a probe never waits for it.

An answer is whatever the server itself says, a refusal too ("the database system is starting up", "too many clients"):
a server that is busy or recovers must not be taken for one that hangs.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import psycopg
from psycopg.conninfo import make_conninfo

from core.db import KEEPALIVE, libpq_url
from core.log import get_log
from core.mqtt import connect_properties, make_client, parse_mqtt_url
from core.process import first_line, is_of_connection

log = get_log("probe")
EVERY_S = 3.0
# what the server itself says when it lets nobody in
REFUSALS = ("FATAL", "PANIC")
# every broker has it, and every account may at least ask
ASKED_TOPIC = "$SYS/broker/uptime"


class Question(Protocol):
    """`ask` is whether the server has answered within so many seconds; it may take longer, and whatever it raises says
    nothing about the server."""

    def ask(self, within_s: float) -> bool: ...

    def close(self) -> None: ...


class Probe:
    """Asks `question` every few seconds. `silent_s` is for how long now there has been no answer."""

    def __init__(self, question: Question, within_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._question, self._within_s, self._clock = question, within_s, clock
        self._asked_at: float | None = None
        self._stop = threading.Event()
        # whether it has answered since it was started
        self.heard = False

    def start(self) -> Probe:
        threading.Thread(target=self._ask_forever, name="probe", daemon=True).start()
        return self

    def silent_s(self) -> float:
        """Since the first question that has no answer yet; 0 where the newest one has."""
        asked_at = self._asked_at
        return 0.0 if asked_at is None else self._clock() - asked_at

    def forgive(self) -> None:
        """Count from now: the machine or we ourselves slept, and the answer may lie there unread."""
        if self._asked_at is not None:
            self._asked_at = self._clock()

    def begin_anew(self) -> None:
        """The server was started just now."""
        self.heard = False
        self.forgive()

    def close(self) -> None:
        self._stop.set()
        self._question.close()

    def ask_once(self) -> None:
        if self._asked_at is None:
            self._asked_at = self._clock()
        try:
            answered = self._question.ask(self._within_s)
        except Exception as exc:
            # a fault on our side is no sign that the server hangs: nothing of it may end a server
            log.error(
                "probe_failed", error=first_line(exc), kind=type(exc).__name__, exc_info=not is_of_connection(exc)
            )
            self._asked_at = None
            return
        if answered:
            self._asked_at, self.heard = None, True

    def _ask_forever(self) -> None:
        while not self._stop.is_set():
            self.ask_once()
            self._stop.wait(EVERY_S)


class DatabaseQuestion:
    """SELECT 1 over a new connection each time: the postmaster, a new backend and a statement must all come through."""

    def __init__(self, url: str) -> None:
        self._url = libpq_url(url)

    def ask(self, within_s: float) -> bool:
        try:
            with psycopg.connect(
                make_conninfo(self._url, **KEEPALIVE),
                autocommit=True,
                application_name="onemap up",
                connect_timeout=max(2, int(within_s)),
                options=f"-c statement_timeout={int(within_s * 1000)}",
            ) as conn:
                conn.execute("SELECT 1")
        except psycopg.errors.ConnectionTimeout:
            return False
        except psycopg.OperationalError as exc:
            return exc.sqlstate is not None or any(word in str(exc) for word in REFUSALS)
        return True

    def close(self) -> None:
        """Nothing stays open."""


class BrokerQuestion:
    """CONNECT, then SUBSCRIBE again and again over the same connection: each new one would be three lines in its
    log."""

    def __init__(self, url: str, ca: Path | None = None) -> None:
        address = parse_mqtt_url(url)
        self._answered = threading.Event()
        self._client = make_client(url, "", ca)
        self._client.on_connect = lambda *_: self._answered.set()
        self._client.on_subscribe = lambda *_: self._answered.set()
        self._client.reconnect_delay_set(1, 2)
        self._client.connect_async(
            address.host, address.port, keepalive=10, clean_start=True, properties=connect_properties(0)
        )
        self._client.loop_start()

    def ask(self, within_s: float) -> bool:
        self._answered.clear()
        self._client.subscribe(ASKED_TOPIC)  # without a connection this does nothing: the CONNACK is waited for
        return self._answered.wait(within_s)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
