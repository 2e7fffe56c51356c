"""What tests share beside fixtures: waiting, a system of real processes, an MQTT client, the demo city on disk."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
import paho.mqtt.client as mqtt
import psycopg
from psycopg.rows import dict_row
from sqlalchemy import Connection, Engine, text
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as open_socket

from app.services.mosquitto import Broker
from app.services.net import free_port
from app.services.postgres import Cluster
from core.db import make_engine
from core.installation import read_installation
from core.mqtt import connect, make_client
from core.packed import unpack
from core.settings import Settings
from core.tls import trust_holder
from ingest.link import session_name

ROOT = Path(__file__).resolve().parents[1]
STATE = ROOT / ".onemap" / "test"
# the pytest-xdist worker that this process is; "" where nobody runs beside us
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
LOGS = STATE / "log" / WORKER
PASSWORD = "Right-Horse-7"
# how long anything may take before it counts as not coming; a busy machine is no fault, so nothing here measures speed
PATIENCE_S = 90.0
connect_socket = partial(open_socket, max_size=None, proxy=None, open_timeout=PATIENCE_S)
SLOTS = 4  # more ingesters than any test runs
ROLES = ("viewer", "dispatcher", "commander", "admin")
T = TypeVar("T")


def handed_on(conn: Connection) -> tuple[list[int], list[int], list[float]]:
    """Series, times and values of all readings that wait for the engine, in the order of their batches."""
    series, times, values = unpack(conn.scalars(text("SELECT packed FROM ingest_batch ORDER BY id")))
    return series.tolist(), times.tolist(), values.tolist()


def wait_for(condition: Callable[[], T], timeout_s: float = PATIENCE_S, what: str = "") -> T:
    """What `condition` gives once it is true; fails after `timeout_s`, naming `what` and the last value."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what or condition}; last {value!r}"
        threading.Event().wait(0.02)
    return value


@contextmanager
def one_at_a_time(name: str) -> Iterator[None]:
    """Held by one of all workers."""
    STATE.mkdir(parents=True, exist_ok=True)
    with (STATE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build_city(folder: Path, scale: float) -> Path:
    """The demo city thinned to `scale`, built once and again only after its generator has changed."""
    sources = sorted([*(ROOT / "demo" / "city").glob("*.py"), *(ROOT / "demo" / "data").glob("*.json")])
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources) + str(scale).encode()).hexdigest()
    mark = folder / "sources.sha256"
    if not mark.exists() or mark.read_text() != digest:
        subprocess.run(
            [sys.executable, "-m", "demo.city", "--out", str(folder), "--scale", str(scale)],
            check=True, cwd=ROOT, timeout=3 * PATIENCE_S,
        )  # fmt: skip
        mark.write_text(digest)
    return folder


@dataclass
class Mailbox:
    """An MQTT client that remembers what it hears. Publishing waits for the broker's acknowledgement."""

    client: mqtt.Client
    heard: list[tuple[str, bytes]] = field(default_factory=list)

    def publish(self, topic: str, payload: object, qos: int = 1) -> None:
        body = payload if isinstance(payload, bytes) else json.dumps(payload, ensure_ascii=False).encode()
        sent = self.client.publish(topic, body, qos=qos)
        sent.wait_for_publish(PATIENCE_S)
        assert sent.is_published(), f"the broker did not confirm what was said on {topic}"

    def on(self, prefix: str) -> list[Any]:
        """Bodies heard so far on topics that begin with `prefix`; JSON is decoded, XML stays bytes."""
        found = [body for topic, body in list(self.heard) if topic.startswith(prefix)]
        return [json.loads(body) if body[:1] in b"{[" else body for body in found]


@contextmanager
def mailbox(url: str, *topics: str, ca: Path | None = None) -> Iterator[Mailbox]:
    box = Mailbox(make_client(url, f"test-{time.monotonic_ns():x}", ca))
    box.client.max_inflight_messages_set(500)
    ready = threading.Event()
    box.client.on_message = lambda _, __, message: box.heard.append((message.topic, bytes(message.payload)))
    box.client.on_subscribe = lambda *_: ready.set()
    connect(box.client, url)
    box.client.loop_start()
    try:
        if topics:
            box.client.subscribe([(topic, 1) for topic in topics])
            assert ready.wait(PATIENCE_S), "the broker did not confirm the subscription"
        yield box
    finally:
        box.client.disconnect()
        box.client.loop_stop()


def end_session(url: str, client_id: str) -> None:
    """Make the broker forget a persistent session, so that one test's queue does not reach the next test's ingester."""
    client = make_client(url, client_id)
    done = threading.Event()
    client.on_connect = lambda *_: done.set()
    connect(client, url, clean_start=True, session_expiry_s=0)
    client.loop_start()
    assert done.wait(PATIENCE_S)
    client.disconnect()
    client.loop_stop()


@dataclass
class System:
    """Our processes on a database and a broker. Use as a context manager; `start` and `kill` while it lasts."""

    settings: Settings
    broker: Broker
    logs: Path
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    # further settings that the processes shall have
    passed: tuple[str, ...] = ()

    def __enter__(self) -> System:
        self.logs.mkdir(parents=True, exist_ok=True)
        self.end_sessions()
        return self

    def end_sessions(self) -> None:
        """The broker forgets whatever it holds for our ingesters."""
        engine = make_engine(self.settings, pool_size=1, name="onemap test")
        with engine.connect() as conn:
            installation = read_installation(conn)
        engine.dispose()
        for slot in range(SLOTS):
            end_session(self.settings.mqtt_url, session_name(self.settings, installation, slot))

    def __exit__(self, *_: object) -> None:
        for process in reversed(self.running.values()):
            process.terminate()
        for name, process in self.running.items():
            # uvicorn raises the signal again once it has stopped
            assert process.wait(PATIENCE_S) in (0, -signal.SIGTERM), (
                f"{name} ended with {process.returncode}:\n{self.log(name)}"
            )

    @property
    def http(self) -> str:
        return f"{'https' if self.settings.tls_cert else 'http'}://127.0.0.1:{self.settings.http_port}"

    @property
    def trust(self) -> ssl.SSLContext | bool:
        """For `verify`: its own certificate where it has one."""
        return trust_holder(self.settings.tls_cert) if self.settings.tls_cert else True

    @property
    def gateway_url(self) -> str:
        return self.broker.url("gateway")

    def start(self, *names: str) -> System:
        for name in names:
            with (self.logs / f"{name}.log").open("wb") as out:
                verb = name.partition(":")[0]  # "ingest:2" is a second one
                self.running[name] = subprocess.Popen(
                    [sys.executable, "-m", "app.cli", verb], cwd=ROOT, stdout=out, stderr=out, env=self.environment()
                )
        if "serve" in names:
            wait_for(self._answers, what="the page answers")
        for name in names:
            if name.startswith("ingest"):
                wait_for(partial(self.has_subscribed, name), what=f"{name} has subscribed")
        return self

    def has_subscribed(self, name: str) -> bool:
        return '"subscribed"' in self.log(name)

    def subscriptions(self) -> list[int]:
        """To how many topics the ingester has subscribed, each time that it did."""
        whole = [line for line in self.log("ingest").splitlines() if line.endswith("}")]
        return [json.loads(line)["topics"] for line in whole if '"subscribed"' in line]

    def has_taken_up(self, before: int) -> bool:
        """Whether it has subscribed more than `before` times and to all that sources want now: beginning, it may do so
        twice."""
        wanted = self.one("SELECT sum(cardinality(topic_filters)) FROM source WHERE enabled")
        times = self.subscriptions()
        return len(times) > before and times[-1] == wanted

    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "ONEMAP_DATABASE_URL": self.settings.database_url,
            "ONEMAP_MQTT_URL": self.settings.mqtt_url,
            "ONEMAP_HTTP_PORT": str(self.settings.http_port),
            "ONEMAP_STATE_DIR": str(self.logs / "state"),
            "ONEMAP_WARM_TILES": "false",  # a city that nobody looks at
            "ONEMAP_SEND_HOSTS": "127.0.0.0/8",  # receivers of tests are on this machine
            "ONEMAP_CITY_FONTS": "false",  # each system has a state folder of its own: it would be cut for each
            **{f"ONEMAP_{name.upper()}": str(getattr(self.settings, name)) for name in self.passed},
        }

    def kill(self, name: str) -> None:
        """kill -9: no goodbye of any kind."""
        process = self.running.pop(name)
        process.kill()
        process.wait(PATIENCE_S)

    def stop(self, name: str) -> None:
        """SIGTERM, as an orderly end."""
        process = self.running.pop(name)
        process.terminate()
        assert process.wait(PATIENCE_S) in (0, -signal.SIGTERM), self.log(name)

    def log(self, name: str) -> str:
        return (self.logs / f"{name}.log").read_text("utf-8", "replace")

    def _answers(self) -> bool:
        assert self.running["serve"].poll() is None, self.log("serve")
        try:
            return (
                httpx.get(f"{self.http}/readyz", verify=self.trust, trust_env=False, timeout=PATIENCE_S).status_code
                == 200
            )
        except httpx.TransportError:
            return False

    def token(self, role: str = "dispatcher") -> str:
        if role not in self.tokens:
            body = {"username": role, "password": PASSWORD}
            answer = httpx.post(
                f"{self.http}/api/token", json=body, verify=self.trust, trust_env=False, timeout=PATIENCE_S
            )
            assert answer.status_code == 200, answer.text
            self.tokens[role] = answer.json()["token"]
        return self.tokens[role]

    def api(self, role: str = "dispatcher") -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.token(role)}"}
        return httpx.Client(base_url=self.http, headers=headers, verify=self.trust, trust_env=False, timeout=PATIENCE_S)

    @contextmanager
    def push(self, role: str = "viewer") -> Iterator[Listener]:
        address = self.http.replace("http", "ws", 1) + "/push"
        headers = {"Authorization": f"Bearer {self.token(role)}"}
        with connect_socket(address, additional_headers=headers) as socket:
            yield Listener(socket)

    def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        with psycopg.connect(self.settings.database_url, row_factory=dict_row) as conn:
            return conn.execute(query.encode(), values).fetchall()

    def one(self, query: str, *values: object) -> Any:
        [row] = self.rows(query, *values)
        [value] = row.values()
        return value

    def settled(self) -> bool:
        """Nothing waits: every committed reading is judged, every message is out."""
        return not self.one(
            """
SELECT (SELECT count(*) FROM ingest_batch) + (SELECT count(*) FROM outbox WHERE routed_at IS NULL) + (SELECT count(*)
  FROM delivery WHERE state = 'waiting')
"""
        )


@dataclass
class Listener:
    """A client of the live channel that keeps all it was sent."""

    socket: ClientConnection
    messages: list[dict[str, Any]] = field(default_factory=list)

    def until(self, wanted: Callable[[dict[str, Any]], bool], timeout_s: float = PATIENCE_S) -> dict[str, Any]:
        """The first message, of those kept or still to come, that is `wanted`."""
        for held in self.messages:
            if wanted(held):
                return held
        deadline = time.monotonic() + timeout_s
        while (left := deadline - time.monotonic()) > 0:
            try:
                message: dict[str, Any] = json.loads(self.socket.recv(timeout=left))
            except TimeoutError:
                break
            self.messages.append(message)
            if wanted(message):
                return message
        seen = [(m["kind"], m["op"], len(m["items"])) for m in self.messages]
        raise AssertionError(f"no such message within {timeout_s} s; seen: {seen}")


def now() -> datetime:
    return datetime.now(UTC)


Administer = Callable[[Engine], AbstractContextManager[Connection]]


def admin_url(cluster: Cluster, url: str) -> str:
    """The database of `url` as who migrates."""
    return cluster.admin_url(urlsplit(url).path.removeprefix("/"))


def free_settings(database_url: str, mqtt_url: str, **more: Any) -> Settings:
    return Settings(database_url=database_url, mqtt_url=mqtt_url, http_port=free_port(), **more)


@contextmanager
def rolled_back(engine: Engine) -> Iterator[Connection]:
    """A connection whose work is undone at the end, whatever happened."""
    with engine.connect() as conn:
        transaction = conn.begin()
        try:
            yield conn
        finally:
            transaction.rollback()
