"""The live channel: LISTEN once, read once, encode once for all who may see the same, fan out to every session.

Alarms and incidents leave at once and none is dropped unseen; what is not urgent is conflated to one message a second.
A snapshot comes in pages: the first has `op: snapshot` and replaces what a client has of that kind, the others are
upserts. Where a client is too slow the oldest goes, the gap shows in `seq`, and the client asks for a snapshot.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import anyio
import anyio.to_thread
import orjson
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from starlette.websockets import WebSocket, WebSocketDisconnect

from app.auth import cookie_name, find_credential
from app.deps import Parts
from app.live.client import Client
from app.live.kinds import BY_SIGNAL, KINDS, LiveKind, ReadAt
from app.live.told import Sight, Told
from app.seeing import Item, as_seen
from core.clock import rfc3339, utc_now
from core.db import CHANGE_CHANNEL, LAYER_PLACE, Note, Notes
from core.log import get_log
from core.process import Pulse, first_line, is_of_connection, take_lease
from core.viewer import Viewer

log = get_log("push")
CONFLATE_S, HEALTH_S, SESSION_S = 1.0, 5.0, 5.0
# a page takes five seconds of silence for a fault (assets/js/push.mjs)
PING_S = 2.0
SESSION_ENDED = 4401
PAGE = 500
# everything is read for so many clients at once, and for one of them not more often than this
SHOWS_AT_ONCE, SHOW_EVERY_S = 3, 1.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Changes:
    """What has become of things of one kind: as they are, and ids of those that are gone; `whole`: these are all there
    are."""

    kind: LiveKind
    items: Sequence[Item]
    gone: list[str]
    whole: bool = False


def encode(kind: str, op: str, items: Sequence[Item], now: datetime) -> bytes:
    """The message without its opening brace and sequence number, which differ per client. An item that cannot be
    written is left out and told in the log: the others must reach the screens."""
    head = {"time": rfc3339(now), "kind": kind, "op": op}
    try:
        return orjson.dumps({**head, "items": items})[1:]
    except (TypeError, ValueError):
        return orjson.dumps({**head, "items": [item for item in items if is_encodable(kind, item)]})[1:]


def is_encodable(kind: str, item: Item) -> bool:
    try:
        orjson.dumps(item)
    except (TypeError, ValueError) as exc:
        log.error("item_not_encodable", kind=kind, id=str(item.get("id")), error=str(exc)[:200])
        return False
    return True


@dataclass(frozen=True, slots=True)
class Said:
    """What one sight is told of changes: the messages, what is there, and what is gone and is not said."""

    bodies: Sequence[bytes]
    there: Sequence[str]
    unsaid: Sequence[str]


def say_to(viewer: Viewer, changes: Changes, told: Told, now: datetime) -> Said:
    """What they may not see (any more) is gone for them; of what they were never told of they are not told that."""
    kind = changes.kind
    seen = [as_seen(viewer, kind.key, item) for item in changes.items if kind.may_see(viewer, item)]
    there = [item["id"] for item in seen]
    hidden = [] if len(seen) == len(changes.items) else [i["id"] for i in changes.items if not kind.may_see(viewer, i)]
    gone, unsaid = told.take(viewer.sight, kind.key, (*changes.gone, *hidden))
    told.shown(viewer.sight, kind.key, there)
    if changes.whole:
        return Said(list(pages(kind.key, seen, now)), there, unsaid)
    bodies = [encode(kind.key, "upsert", seen, now)] if seen else []
    return Said([*bodies, *removals(kind.key, gone, now)], there, unsaid)


def removals(kind: str, ids: Sequence[str], now: datetime) -> list[bytes]:
    return [encode(kind, "remove", [{"id": i} for i in ids], now)] if ids else []


def pages(kind: str, items: Sequence[Item], now: datetime) -> Iterator[bytes]:
    """A snapshot in pages; an empty one is one page."""
    for start in range(0, max(len(items), 1), PAGE):
        yield encode(kind, "upsert" if start else "snapshot", items[start : start + PAGE], now)


class Hub:
    """Everything one serve process pushes."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.clients: set[Client] = set()
        self._dirty: dict[str, set[str] | None] = {}  # kind -> ids, None for all
        # when kinds that are found by time were last read
        self._read_at: dict[str, datetime] = {key: utc_now() for key, kind in KINDS.items() if kind.by_time}
        self._told = Told()
        self.faults: Counter[str] = Counter()
        self.listening = False
        self._tasks: list[asyncio.Task[None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = asyncio.Event()
        self._shows = anyio.CapacityLimiter(SHOWS_AT_ONCE)

    # --- life -----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """On the loop. `listen` is for a thread of its own."""
        self._loop = asyncio.get_running_loop()
        for work in (self._urgent_forever, self._conflated_forever, self._health_forever, self._ping_forever):
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
        lost = sum(client.lost for client in self.clients)
        return {
            "clients": len(self.clients),
            "waiting_bytes": sum(c.size for c in self.clients),
            "lost": lost,
            **self.faults,
        }

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def listen(self, stop: threading.Event, pulse: Pulse) -> None:
        """In a thread, under supervision: hand notifications to the loop; after a lost connection everything may have
        changed."""
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

    def _hear(self, notes: Notes) -> None:
        for _, message in notes:
            self._hand_over(message)

    def _hand_over(self, message: Note) -> None:
        if self._loop is not None and not self._loop.is_closed():
            with contextlib.suppress(RuntimeError):  # the loop has ended between the check and the call
                self._loop.call_soon_threadsafe(self.note, message)

    def note(self, message: Note) -> None:
        """Remember what has changed. On the loop."""
        signal = str(message.get("kind", ""))
        if signal in ("layer", "all"):  # what changed while nobody listened may be a layer too
            self.parts.layers_changed()
        elif signal == LAYER_PLACE:
            self._place_changed(message)
        if signal == "all":
            touched = [kind for kind in KINDS.values() if not kind.on_clock]
        else:
            touched = list(BY_SIGNAL.get(signal, ()))
        for kind in touched:
            if not kind.on_clock:
                self._mark(kind.key, None if message.get("reread") else message.get("ids", []))
        if any(KINDS[key].urgent for key in self._dirty):
            self._wake.set()

    def _place_changed(self, message: Note) -> None:
        """Tiles of a layer where it has changed; all of them where it is not said where."""
        match message:
            case {"ids": [str(layer)], "box": [float(west), float(south), float(east), float(north)]}:
                self.parts.tiles.drop(layer, (west, south, east, north))
            case _:
                self.parts.tiles.clear()

    def _mark(self, kind: str, ids: Iterable[object] | None) -> None:
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
            await self._send_dirty(urgent=True)

    async def _conflated_forever(self) -> None:
        while True:
            await asyncio.sleep(CONFLATE_S)
            await self._send_dirty(urgent=False)

    async def _health_forever(self) -> None:
        while True:
            await asyncio.sleep(HEALTH_S)
            if self.clients:
                for kind in KINDS.values():
                    if kind.on_clock:
                        await self._guard(lambda kind=kind: self._tell_all(kind))  # type: ignore[misc]

    async def _ping_forever(self) -> None:
        """That nothing was said is told too: a page that hears nothing takes it for a fault."""
        while True:
            await asyncio.sleep(PING_S)
            ping = encode("ping", "upsert", [], utc_now())
            for client in self.clients:
                client.put("ping", ping)

    async def _tell_all(self, kind: LiveKind) -> None:
        items = await self._in_thread(lambda conn: kind.read_all(conn, self._moment()))
        self._broadcast(Changes(kind, items, []))

    async def _send_dirty(self, *, urgent: bool) -> None:
        for key in [key for key in self._dirty if KINDS[key].urgent == urgent]:
            await self._send_kind(KINDS[key])

    async def _send_kind(self, kind: LiveKind) -> None:
        if kind.key not in self._dirty:
            return
        ids = self._dirty.pop(kind.key)
        since = self._read_at.get(kind.key)
        if kind.by_time:
            self._read_at[kind.key] = utc_now()
        if not self.clients:
            return

        async def send() -> None:
            self._broadcast(await self._in_thread(lambda conn: self._changes(conn, kind, ids, since)))

        if not await self._guard(send):
            self._mark(kind.key, ids)
            if kind.by_time and since is not None:
                self._read_at[kind.key] = since

    async def _guard(self, work: Callable[[], Awaitable[None]]) -> bool:
        """Whatever goes wrong with one message, the task that sends the others goes on."""
        try:
            await work()
        except Exception as exc:
            self.faults["push_failed"] += 1
            log.error("push_failed", error=first_line(exc), exc_info=not is_of_connection(exc))
            await asyncio.sleep(0.5)
            return False
        return True

    def _broadcast(self, changes: Changes) -> None:
        """Encode once for each set of clients that may see the same, and give it to each."""
        now = utc_now()
        said: dict[Sight, Said] = {}
        for client in self.clients:
            sight = client.viewer.sight
            if sight not in said:
                said[sight] = say_to(client.viewer, changes, self._told, now)
            client.note(changes.kind.key, said[sight].there, said[sight].unsaid)
            for body in said[sight].bodies:
                client.put(changes.kind.key, body)
        self._told.keep(said)

    # --- reading (in threads) -----------------------------------------------------------------------------------------

    def _moment(self, since: datetime | None = None) -> ReadAt:
        return ReadAt(utc_now(), self.parts.settings, since)

    async def _in_thread(self, work: Callable[[Connection], T]) -> T:
        def read() -> T:
            with self.parts.engine.connect() as conn:
                return work(conn)

        return await anyio.to_thread.run_sync(read)

    def _changes(self, conn: Connection, kind: LiveKind, ids: set[str] | None, since: datetime | None) -> Changes:
        """What has become of these things; all of them where we do not know which they are."""
        if ids is None and not kind.by_time:
            return Changes(kind, kind.read_all(conn, self._moment()), [], whole=True)
        return self._changed(conn, kind, sorted(ids or ()), since)

    def _changed(self, conn: Connection, kind: LiveKind, ids: list[str], since: datetime | None) -> Changes:
        """Those named; where that fails, in halves, so that the thing whose fault it is costs itself only."""
        try:
            items = kind.read_some(conn, ids, self._moment(since))
        except Exception as exc:
            if is_of_connection(exc) or not ids:
                raise
            conn.rollback()  # nothing was written; the others are read in a new transaction
            if len(ids) == 1:
                self.faults["unreadable"] += 1
                log.exception("thing_unreadable", kind=kind.key, id=ids[0])
                return self._changed(conn, kind, [], since) if kind.by_time else Changes(kind, [], [])
            half = len(ids) // 2
            first, second = self._changed(conn, kind, ids[:half], since), self._changed(conn, kind, ids[half:], since)
            return Changes(kind, [*first.items, *second.items], first.gone + second.gone)
        over = [item["id"] for item in items if kind.is_over(item)]
        there = {item["id"] for item in items}
        missing = [i for i in ids if i not in there] if kind.removes_missing else []
        return Changes(kind, [item for item in items if not kind.is_over(item)], [*over, *missing])

    # --- clients --------------------------------------------------------------------------------------------------

    async def serve(self, socket: WebSocket) -> None:
        """One client from hello to goodbye. It is put among the others before its snapshots are read: nothing falls
        between."""
        await socket.accept()
        client = Client(socket.scope["state"]["viewer"])
        self.clients.add(client)
        client.wants_all.set()
        tasks = [
            asyncio.create_task(self._send_forever(socket, client)),
            asyncio.create_task(self._show_forever(client)),
            asyncio.create_task(self._watch_session(socket, client)),
        ]
        try:
            while (message := await socket.receive())["type"] == "websocket.receive":
                if '"snapshot"' in (message.get("text") or "")[:200]:
                    client.wants_all.set()
        except (WebSocketDisconnect, RuntimeError):
            pass
        finally:
            self.clients.discard(client)
            for task in tasks:
                task.cancel()

    async def _watch_session(self, socket: WebSocket, client: Client) -> None:
        """Close with 4401 soon after the session has ended: by log-out, by time, by an administrator. Whose role or
        scope has changed is shown everything anew."""
        cookie = cookie_name(socket.scope, self.parts.settings.public_url)
        credential = find_credential(socket.headers, socket.url.path, b"", cookie)
        while credential is not None:
            await asyncio.sleep(SESSION_S)
            with contextlib.suppress(SQLAlchemyError):  # a database that is away ends nobody's session
                viewer = await self.parts.sessions.find(credential)
                if viewer is None:
                    with contextlib.suppress(RuntimeError):  # it has gone meanwhile
                        await socket.close(SESSION_ENDED)
                    return
                if viewer.sight != client.viewer.sight:
                    client.viewer = viewer
                    client.wants_all.set()

    async def _show_forever(self, client: Client) -> None:
        """Whenever it wants everything: kind by kind, page by page, as fast as it takes them. Asked twice meanwhile is
        asked once."""
        while True:
            await client.wants_all.wait()
            client.wants_all.clear()
            for kind in KINDS.values():
                await client.room()
                if not await self._guard(lambda kind=kind: self._show(client, kind)):  # type: ignore[misc]
                    client.wants_all.set()
                    break
            await asyncio.sleep(SHOW_EVERY_S)

    async def _show(self, client: Client, kind: LiveKind) -> None:
        client.begin(kind.key)
        try:
            async with self._shows:
                items = await self._in_thread(lambda conn: kind.read_all(conn, self._moment()))
            viewer = client.viewer
            seen = [as_seen(viewer, kind.key, item) for item in items if kind.may_see(viewer, item)]
            there = [item["id"] for item in seen]
            self._told.shown(viewer.sight, kind.key, there)
            late = removals(kind.key, client.gone_meanwhile(kind.key, there), utc_now())
            for body in pages(kind.key, seen, utc_now()):
                client.page(body)
                await client.room()
            for body in late:
                client.page(body)
        finally:
            client.end(kind.key)

    async def _send_forever(self, socket: WebSocket, client: Client) -> None:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            while True:
                await client.ready.wait()
                client.ready.clear()
                while (waiting := client.take()) is not None:
                    seq, body = waiting
                    await socket.send_text(f'{{"seq":{seq},{body.decode()}')
