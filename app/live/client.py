"""One browser at the live channel. What waits for it is bounded in bytes, however slow it is and however often it
asks."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable

from core.viewer import Viewer

# what may wait for one client; beyond it the oldest goes, the gap shows in `seq` and the client asks for everything
# again
BYTES_AT_MOST = 8_000_000
# the next page of a snapshot is read when so little waits
BYTES_TO_GO_ON = 1_000_000
HEAD = 32


class Client:
    """Messages in their order, numbered. Used on the event loop only.

    While the snapshot of a kind is being read, changes of that kind are held back and follow it: what was read before a
    change must not be laid over it.
    """

    def __init__(self, viewer: Viewer, most: int = BYTES_AT_MOST) -> None:
        self.viewer = viewer
        self.seq = 0
        self.size = 0
        # how often something was lost for being too slow
        self.lost = 0
        self.ready = asyncio.Event()
        self.wants_all = asyncio.Event()
        self._most = most
        self._queue: deque[tuple[int, bytes]] = deque()
        self._held: dict[str, list[bytes]] = {}
        self._held_size = 0
        # of a kind whose snapshot is being read: what is gone and was not said, since nobody had been told of it
        self._unsaid: dict[str, set[str]] = {}
        self._room = asyncio.Event()
        self._room.set()

    @property
    def waiting(self) -> int:
        return len(self._queue)

    def put(self, kind: str, body: bytes) -> None:
        """A change of this kind."""
        if kind not in self._held:
            self._add(body)
            return
        self._held[kind].append(body)
        self._held_size += len(body)
        if self._held_size > self._most:  # its snapshot takes too long: what was held is in the next one
            self._forget_held()
            self.seq += 1
            self.lost += 1

    def _forget_held(self) -> None:
        for bodies in self._held.values():
            bodies.clear()
        self._held_size = 0

    def begin(self, kind: str) -> None:
        """From now on changes of this kind are held back."""
        self._held[kind] = []
        self._unsaid[kind] = set()

    def note(self, kind: str, there: Iterable[str], unsaid: Iterable[str]) -> None:
        """What a change of this kind said is there, and what it did not say is gone."""
        if kind in self._unsaid:
            self._unsaid[kind].difference_update(there)
            self._unsaid[kind].update(unsaid)

    def gone_meanwhile(self, kind: str, ids: Iterable[str]) -> list[str]:
        """Of a snapshot, what went while it was read."""
        unsaid = self._unsaid.pop(kind, set())
        return [one for one in ids if one in unsaid]

    def page(self, body: bytes) -> None:
        """A page of a snapshot."""
        self._add(body)

    def end(self, kind: str) -> None:
        """The snapshot of this kind is queued, or was given up: what was held back follows."""
        self._unsaid.pop(kind, None)
        for body in self._held.pop(kind, []):
            self._held_size -= len(body)
            self._add(body)

    async def room(self) -> None:
        """Wait until it has taken most of what waits for it."""
        await self._room.wait()

    def take(self) -> tuple[int, bytes] | None:
        if not self._queue:
            return None
        seq, body = self._queue.popleft()
        self._shrink(body)
        return seq, body

    def _add(self, body: bytes) -> None:
        self.seq += 1
        self._queue.append((self.seq, body))
        self.size += len(body) + HEAD
        while self.size > self._most and len(self._queue) > 1:
            self.lost += 1
            self._shrink(self._queue.popleft()[1])
        if self.size > BYTES_TO_GO_ON:
            self._room.clear()
        self.ready.set()

    def _shrink(self, body: bytes) -> None:
        self.size -= len(body) + HEAD
        if self.size <= BYTES_TO_GO_ON:
            self._room.set()
