"""The live channel: LISTEN once, read once, encode once, fan out to every session.

Alarms and incidents leave at once and none is dropped unseen; positions, sensor values and video events are conflated to one
message a second. Each client has its own sequence and a bounded queue: where it is too slow the oldest goes, the gap shows in `seq`, and
the client asks for a snapshot.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import anyio.to_thread
import orjson
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from starlette.websockets import WebSocket, WebSocketDisconnect

from alerts.limits import read_limits
from alerts.present import read_alarms, read_cells, read_open_alarms
from app.auth import find_credential
from app.deps import Parts
from app.health.read import read_health
from core.clock import rfc3339, utc_now
from core.db import CHANGE_CHANNEL
from core.log import get_log
from core.process import Pulse, first_line, is_of_connection, take_lease
from core.vocabulary import ENDED_INCIDENT
from dispatch.present import read_incidents, read_units
from layers.sensors import read_sensors
from layers.video import read_shown_events

log = get_log("push")
QUEUE = 256
CONFLATE_S, HEALTH_S, PING_S, SESSION_S = 1.0, 5.0, 10.0, 5.0
SESSION_ENDED = 4401
AT_ONCE = ("alarm", "incident")
SLOW = ("unit", "sensor", "risk_cell", "video_event")
KINDS = ("alarm", "incident", "unit", "sensor", "risk_cell", "video_event", "health")
RENAMED = {"position": "unit", "unit": "unit"}
Json = dict[str, Any]


class Client:
    """One browser: messages wait here, the oldest goes when there are too many."""

    def __init__(self) -> None:
        self.queue: deque[tuple[int, bytes]] = deque(maxlen=QUEUE)
        self.seq = 0
        self.ready = asyncio.Event()

    def put(self, body: bytes) -> None:
        self.seq += 1
        self.queue.append((self.seq, body))
        self.ready.set()


def encode(kind: str, op: str, items: list[Json], now: datetime) -> bytes:
    """The message without its opening brace and sequence number, which differ per client. An item that cannot be written is left
    out and told in the log: the others must reach the screens."""
    head = {"time": rfc3339(now), "kind": kind, "op": op}
    try:
        return orjson.dumps({**head, "items": items})[1:]
    except (TypeError, ValueError):
        return orjson.dumps({**head, "items": [item for item in items if is_encodable(kind, item)]})[1:]


def is_encodable(kind: str, item: Json) -> bool:
    try:
        orjson.dumps(item)
    except (TypeError, ValueError) as exc:
        log.error("item_not_encodable", kind=kind, id=str(item.get("id")), error=str(exc)[:200])
        return False
    return True


class Hub:
    """Everything one serve process pushes."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.clients: set[Client] = set()
        self._dirty: dict[str, set[str] | None] = {}  # kind -> ids, None for all
        self._sensors_read = utc_now()
        self.faults: Counter[str] = Counter()
        self.listening = False
        self._tasks: list[asyncio.Task[None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = asyncio.Event()

    # --- life -----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """On the loop. `listen` is for a thread of its own."""
        self._loop = asyncio.get_running_loop()
        for work in (self._urgent_forever, self._conflated_forever, self._health_forever):
            self._tasks.append(asyncio.create_task(self._again_and_again(work)))

    async def _again_and_again(self, work: Callable[[], Awaitable[None]]) -> None:
        """A task that fails is begun anew: nothing that happens to one message may end the live channel."""
        while True:
            try:
                await work()
            except Exception:
                self.faults["task_failed"] += 1
                log.exception("task_failed", task=work.__name__)
                await asyncio.sleep(1.0)

    def figures(self) -> dict[str, object]:
        """For the heartbeat."""
        return {"clients": len(self.clients), **self.faults}

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def listen(self, stop: threading.Event, pulse: Pulse) -> None:
        """In a thread, under supervision: hand notifications to the loop; after a lost connection everything may have changed."""
        try:
            with take_lease(self.parts.settings, "onemap push") as lease:
                lease.listen([CHANGE_CHANNEL], self._hear, self._heard, stop, pulse)
        finally:
            self.listening = False

    def _heard(self) -> None:
        """After every turn; the first time, whatever was changed while nobody listened is read anew."""
        if not self.listening:
            self.listening = True
            self._hand_over({"kind": "all", "reread": True})

    def _hear(self, notes: list[tuple[str, Json]]) -> None:
        for _, message in notes:
            self._hand_over(message)

    def _hand_over(self, message: Json) -> None:
        if self._loop is not None and not self._loop.is_closed():
            with contextlib.suppress(RuntimeError):  # the loop has ended between the check and the call
                self._loop.call_soon_threadsafe(self.note, message)

    def note(self, message: Json) -> None:
        """Remember what has changed. On the loop."""
        kind = str(message.get("kind", ""))
        if kind == "layer":
            self.parts.layers_changed()
        kinds: tuple[str, ...] = KINDS[:-1] if kind == "all" else (RENAMED.get(kind) or kind,)
        for name in kinds:
            self._mark(name, None if message.get("reread") else message.get("ids", []))
        if any(name in self._dirty for name in AT_ONCE):
            self._wake.set()

    def _mark(self, kind: str, ids: list[str] | None) -> None:
        if kind not in KINDS:
            return
        if ids is None or self._dirty.get(kind, set()) is None:
            self._dirty[kind] = None
        else:
            held = self._dirty.setdefault(kind, set())
            assert held is not None
            held.update(str(i) for i in ids)

    # --- what leaves when -------------------------------------------------------------------------------------------

    async def _urgent_forever(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            for kind in AT_ONCE:
                await self._send_kind(kind)

    async def _conflated_forever(self) -> None:
        while True:
            await asyncio.sleep(CONFLATE_S)
            for kind in SLOW:
                await self._send_kind(kind)

    async def _health_forever(self) -> None:
        turn = 0
        while True:
            await asyncio.sleep(HEALTH_S)
            turn += 1
            await self._guard(self._send_health)
            if turn % int(PING_S / HEALTH_S) == 0:
                self._broadcast([encode("ping", "upsert", [], utc_now())])

    async def _send_health(self) -> None:
        if self.clients:
            self._broadcast(await anyio.to_thread.run_sync(self._read, lambda c: [encode("health", "upsert", self._health(c), utc_now())]))  # fmt: skip

    async def _send_kind(self, kind: str) -> None:
        if kind not in self._dirty:
            return
        ids = self._dirty.pop(kind)
        if not self.clients:
            if kind == "sensor":
                self._sensors_read = utc_now()
            return

        async def send() -> None:
            self._broadcast(await anyio.to_thread.run_sync(self._read, lambda c: self._changes(c, kind, ids)))

        if not await self._guard(send):
            self._mark(kind, None if ids is None else list(ids))

    async def _guard(self, work: Callable[[], Any]) -> bool:
        """Whatever goes wrong with one message, the task that sends the others goes on."""
        try:
            await work()
        except Exception as exc:
            self.faults["push_failed"] += 1
            log.error("push_failed", error=first_line(exc), exc_info=not is_of_connection(exc))
            await asyncio.sleep(0.5)
            return False
        return True

    def _broadcast(self, bodies: list[bytes]) -> None:
        for body in bodies:
            for client in self.clients:
                client.put(body)

    # --- reading (in threads) -----------------------------------------------------------------------------------------

    def _read(self, work: Callable[[Connection], list[bytes]]) -> list[bytes]:
        with self.parts.engine.connect() as conn:
            return work(conn)

    def _changes(self, conn: Connection, kind: str, ids: set[str] | None) -> list[bytes]:
        """Messages that tell what has become of these things; a snapshot where we do not know which they are."""
        now = utc_now()
        if kind == "sensor":
            since, self._sensors_read = self._sensors_read, now - timedelta(seconds=0.5)
            limits = read_limits(conn)
            items = read_sensors(conn, limits, since=since)
            # registered, accepted or retired: told by name, heard or not
            named = read_sensors(conn, limits, ids=sorted(ids)) if ids else []
            gone = sorted((ids or set()) - {s["id"] for s in named})
            items += [s for s in named if s["id"] not in {i["id"] for i in items}]
            bodies = [encode("sensor", "upsert", items, now)] if items else []
            return bodies + ([encode("sensor", "remove", [{"id": i} for i in gone], now)] if gone else [])
        if ids is None:
            return [self._snapshot(conn, kind, now)]
        items, gone = self._changed_apart(conn, kind, sorted(ids))
        bodies = [encode(kind, "upsert", items, now)] if items else []
        return bodies + ([encode(kind, "remove", [{"id": i} for i in gone], now)] if gone else [])

    def _changed_apart(self, conn: Connection, kind: str, ids: list[str]) -> tuple[list[Json], list[str]]:
        """As `_changed`; where that fails, one by one, so that the thing whose fault it is costs itself only."""
        try:
            with conn.begin_nested():
                return self._changed(conn, kind, ids)
        except Exception as exc:
            if is_of_connection(exc):
                raise
            if len(ids) == 1:
                self.faults["unreadable"] += 1
                log.exception("thing_unreadable", kind=kind, id=ids[0])
                return [], []
        half = len(ids) // 2
        first, second = (self._changed_apart(conn, kind, part) for part in (ids[:half], ids[half:]))
        return first[0] + second[0], first[1] + second[1]

    def _changed(self, conn: Connection, kind: str, ids: list[str]) -> tuple[list[Json], list[str]]:
        if kind == "unit":
            return read_units(conn, ids), []
        if kind == "risk_cell":
            return read_cells(conn, ids), []
        if kind == "video_event":  # told by the camera: an event, a change of one, or a picture
            return read_shown_events(conn, utc_now(), ids), []
        read, over = READ[kind]
        items = read(conn, [UUID(i) for i in ids])
        return [i for i in items if not over(i)], [i["id"] for i in items if over(i)]

    def _health(self, conn: Connection) -> list[Json]:
        return [read_health(conn, utc_now(), self.parts.settings.topic_prefix)]

    def _snapshot(self, conn: Connection, kind: str, now: datetime) -> bytes:
        items = self._health(conn) if kind == "health" else SNAPSHOTS[kind](conn)
        return encode(kind, "snapshot", items, now)

    def _snapshots(self, conn: Connection) -> list[bytes]:
        now = utc_now()
        return [self._snapshot(conn, kind, now) for kind in KINDS]

    # --- clients --------------------------------------------------------------------------------------------------

    async def serve(self, socket: WebSocket) -> None:
        """One client from hello to goodbye. It is put among the others before its snapshots are read: nothing falls between."""
        await socket.accept()
        client = Client()
        self.clients.add(client)
        tasks = [
            asyncio.create_task(self._send_forever(socket, client)),
            asyncio.create_task(self._watch_session(socket)),
        ]
        try:
            await self._snapshot_to(client)
            while True:
                message = await socket.receive_text()
                if '"snapshot"' in message[:200]:
                    await self._snapshot_to(client)
        except (WebSocketDisconnect, RuntimeError):
            pass
        finally:
            self.clients.discard(client)
            for task in tasks:
                task.cancel()

    async def _watch_session(self, socket: WebSocket) -> None:
        """Close with 4401 soon after the session has ended: by log-out, by time, by an administrator."""
        credential = find_credential(socket.headers, socket.url.path, b"")
        while credential is not None:
            await asyncio.sleep(SESSION_S)
            with contextlib.suppress(SQLAlchemyError):  # a database that is away ends nobody's session
                if await self.parts.sessions.find(credential) is None:
                    with contextlib.suppress(RuntimeError):  # it has gone meanwhile
                        await socket.close(SESSION_ENDED)
                    return

    async def _snapshot_to(self, client: Client) -> None:
        async def send() -> None:
            for body in await anyio.to_thread.run_sync(self._read, self._snapshots):
                client.put(body)

        await self._guard(send)

    async def _send_forever(self, socket: WebSocket, client: Client) -> None:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            while True:
                await client.ready.wait()
                client.ready.clear()
                while client.queue:
                    seq, body = client.queue.popleft()
                    await socket.send_text(f'{{"seq":{seq},{body.decode()}')


SNAPSHOTS: dict[str, Callable[[Connection], list[Json]]] = {
    "alarm": lambda conn: read_open_alarms(conn),
    "incident": lambda conn: read_incidents(conn),
    "unit": lambda conn: read_units(conn),
    "sensor": lambda conn: read_sensors(conn, read_limits(conn)),
    "risk_cell": lambda conn: read_cells(conn),
    "video_event": lambda conn: read_shown_events(conn, utc_now()),
}
READ: dict[str, tuple[Callable[[Connection, list[UUID]], list[Json]], Callable[[Json], bool]]] = {
    "alarm": (read_alarms, lambda item: item["state"] == "normal"),
    "incident": (read_incidents, lambda item: item["status"] in ENDED_INCIDENT),
}
