"""Tiles of the city are made before anybody asks for them, at the zooms at which a person first looks; made anew when
something of them was forgotten."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from itertools import islice

from sqlalchemy import Connection, Engine

from app.tiles import TileCache
from core.exposure import city_box
from core.log import get_log
from core.process import Chore, first_line, is_of_connection
from core.scope import EVERYTHING
from core.types import Box
from layers.grids import MERCATOR
from layers.own import read_layers
from layers.served import COMPOSITE, LAYERS, read_tile, sight_of_tiles

log = get_log("warming")
LOOK_S, FIRST_AFTER_S = 20.0, 10.0
# a chore that does not come round is taken for one that hangs
TURN_S = 3.0
# what the page asks for first; a city of 30 km has some 150 tiles of a layer at these
FROM_ZOOM, TO_ZOOM = 9, 13
TILES_AT_MOST = 12_000
Place = tuple[str, int, int, int]


class Warmer:
    """A chore; it remembers up to which forgetting of the cache everything is there. One tile after the other, on one
    connection: whoever asks for something is not held up."""

    def __init__(self, engine: Engine, tiles: TileCache, figures: Counter[str], *, turn_s: float = TURN_S) -> None:
        self._engine, self._tiles, self._figures = engine, tiles, figures
        self._turn_s = turn_s
        self._warm: int | None = None
        # how far this round has come, and what it makes
        self._round: tuple[int, list[Place], int] | None = None

    def chore(self, seconds: float) -> Chore:
        """`seconds`: now, as its scheduler counts them; the start of the process goes first."""
        return Chore("warm", LOOK_S, self.work, due=seconds + FIRST_AFTER_S)

    def work(self, now: datetime) -> bool:
        """Some seconds of it; whether there is more to do. What is forgotten meanwhile is of the next round."""
        if self._round is None:
            generation = self._tiles.generation
            if generation == self._warm:
                return False
            with self._engine.connect() as conn:
                self._round = generation, list(islice(wanted(conn), TILES_AT_MOST)), 0
        generation, places, at = self._round
        until = time.monotonic() + self._turn_s
        with self._engine.connect() as conn:
            while at < len(places):
                self._make(conn, places[at])
                at += 1
                if time.monotonic() > until:
                    break
        self._round = (generation, places, at) if at < len(places) else None
        if self._round is None:
            self._warm = generation
        return self._round is not None

    def _make(self, conn: Connection, place: Place) -> None:
        name, *where = place
        key = (name, MERCATOR.id, *where, sight_of_tiles(name, EVERYTHING))
        if self._tiles.peek(key) is not None:
            return
        try:
            self._tiles.get(key, partial(read_tile, conn, *place, EVERYTHING, MERCATOR))
            self._figures["tiles_warmed"] += 1
        except Exception as exc:
            if is_of_connection(exc):
                raise
            log.warning("tile_not_made", place="/".join(map(str, place)), error=first_line(exc))
        finally:
            conn.rollback()  # a layer that is changed meanwhile shall not wait for us


def wanted(conn: Connection) -> Iterator[Place]:
    """The tiles of the city's box, all layers at one zoom before the next."""
    box = city_box(conn)
    if box is None:
        return
    layers = [(COMPOSITE, FROM_ZOOM)]
    layers += [(layer.id, max(layer.min_zoom, FROM_ZOOM)) for layer in LAYERS if layer.tile is not None]
    layers += [(own.id, max(own.min_zoom, FROM_ZOOM)) for own in read_layers(conn) if own.visible]
    for zoom in range(FROM_ZOOM, TO_ZOOM + 1):
        for name, first in layers:
            if zoom >= first:
                yield from ((name, zoom, x, y) for x, y in squares(box, zoom))


def squares(box: Box, zoom: int) -> Iterator[tuple[int, int]]:
    """Columns and rows that a box (degrees) touches."""
    west, south, east, north = box
    left, top = MERCATOR.place(west, north, zoom)
    right, bottom = MERCATOR.place(east, south, zoom)
    most = (1 << zoom) - 1
    for x in range(max(0, math.floor(left)), min(most, math.floor(right)) + 1):
        for y in range(max(0, math.floor(top)), min(most, math.floor(bottom)) + 1):
            yield x, y
