"""Tiles that were made, as many as fit into a bound of bytes; each is made once at a time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from hashlib import blake2b
from threading import Condition

from core.types import Box
from layers.grids import GRIDS

BYTES_AT_MOST = 256_000_000
# what a key and the book-keeping cost besides the body
EACH = 200
# of a tile's side, what it has of its neighbours (layers.served.TILE)
MARGIN = 1 / 32


class Touched:
    """Which tiles show something of a box: of keys (layer, grid, level, column, row, …); a tile shows a little more
    than its square."""

    def __init__(self, layer: str, box: Box) -> None:
        self._layer, self._box = layer, box
        # by grid and level: columns and rows, from and to
        self._spans: dict[tuple[str, int], tuple[float, float, float, float]] = {}

    def __contains__(self, key: Hashable) -> bool:
        if not isinstance(key, tuple) or key[0] != self._layer:
            return False
        _, grid, z, x, y, *_ = key
        span = self._spans.get((grid, z)) or self._span(grid, z)
        return bool(span[0] <= x <= span[1] and span[2] <= y <= span[3])

    def _span(self, grid: str, z: int) -> tuple[float, float, float, float]:
        west, south, east, north = self._box
        left, top = GRIDS[grid].place(west, north, z)
        right, bottom = GRIDS[grid].place(east, south, z)
        span = (left - 1 - MARGIN, right + MARGIN, top - 1 - MARGIN, bottom + MARGIN)
        self._spans[grid, z] = span
        return span


class Kept:
    """A tile, its tag, and the forms in which it leaves: packed once for each coding, with their headers."""

    __slots__ = ("body", "forms", "tag")

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.tag = blake2b(body, digest_size=12).hexdigest()
        self.forms: dict[str, tuple[bytes, list[tuple[bytes, bytes]]]] = {}

    @property
    def size(self) -> int:
        return len(self.body) + EACH + sum(len(packed) for packed, _ in self.forms.values() if packed is not self.body)


class TileCache:
    """The least recently used go first. `clear` forgets all, those that are being made just now too. `generation`
    changes with whatever is forgotten."""

    def __init__(self, most: int = BYTES_AT_MOST) -> None:
        self._most = most
        self._held: OrderedDict[Hashable, Kept] = OrderedDict()
        self._making: set[Hashable] = set()
        self._changed = Condition()
        self.generation = 0
        self.size = 0

    def get(self, key: Hashable, make: Callable[[], bytes]) -> bytes:
        """What is kept under `key`, else what `make` gives; others who ask meanwhile wait for it instead of making it
        too."""
        with self._changed:
            while key in self._making and key not in self._held:
                self._changed.wait()
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key].body
            self._making.add(key)
            generation = self.generation
        try:
            body = make()
        except BaseException:
            with self._changed:
                self._making.discard(key)
                self._changed.notify_all()
            raise
        with self._changed:
            self._making.discard(key)
            if generation == self.generation:  # else something has changed since it was begun: not to be kept
                self._keep(key, body)
            self._changed.notify_all()
        return body

    def peek(self, key: Hashable) -> Kept | None:
        """What is kept under `key`; nobody waits, nothing is made."""
        with self._changed:
            kept = self._held.get(key)
            if kept is not None:
                self._held.move_to_end(key)
            return kept

    def add_form(self, key: Hashable, kept: Kept, coding: str, form: tuple[bytes, list[tuple[bytes, bytes]]]) -> None:
        """Another form of a tile; it counts as long as the tile is kept."""
        with self._changed:
            before = kept.size
            kept.forms[coding] = form
            if self._held.get(key) is kept:
                self.size += kept.size - before
                self._shrink()

    def _keep(self, key: Hashable, body: bytes) -> None:
        kept = self._held[key] = Kept(body)
        self.size += kept.size
        self._shrink()

    def _shrink(self) -> None:
        while self.size > self._most and self._held:
            _, old = self._held.popitem(last=False)
            self.size -= old.size

    def drop(self, layer: str, box: Box) -> None:
        """Forget the tiles of a layer that a box (degrees) touches; the others stay. Keys begin with the layer,
        grid, level, column and row."""
        touched = Touched(layer, box)
        with self._changed:
            self.generation += 1
            for key in [key for key in self._held if key in touched]:
                self.size -= self._held.pop(key).size

    def clear(self) -> None:
        with self._changed:
            self.generation += 1
            self._held.clear()
            self.size = 0
