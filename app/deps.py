"""What request handlers ask for: a connection with its transaction, the viewer, the application's parts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Annotated, TypeVar, cast

import anyio
import anyio.to_thread
from fastapi import Depends, Request
from fastapi.concurrency import contextmanager_in_threadpool
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from app.auth import Attempts, Sessions
from app.base_maps import BaseMaps
from app.catalogue.opening import OpenDoor
from app.files.brought import BroughtFiles
from app.grid_cells.work import Works
from app.own_layers import OwnLayers
from app.passwords import Hashing
from app.tiles import TileCache
from core.catalogue.uses import Uses
from core.clock import utc_now
from core.errors import Unavailable
from core.migrate import head_revision, revision_of
from core.pictures import Pictures
from core.process import transact
from core.settings import Settings
from core.viewer import Viewer
from dispatch.routing import RoadGraph, load_graph

# so many transactions of people at once: fewer than connections (app.main), far fewer than threads. Whoever had a
# connection and locks must never wait for a thread behind those that wait for a connection.
TURNS, TURN_S = 16, 30.0
T = TypeVar("T")


@dataclass
class Parts:
    """What one serve process holds; made by app.main, reached through `request.app.state.parts`."""

    settings: Settings
    engine: Engine
    sessions: Sessions
    attempts: Attempts
    pictures: Pictures
    started_at: datetime
    graph: RoadGraph | None = None
    graph_lock: Lock = field(default_factory=Lock)
    tiles: TileCache = field(default_factory=TileCache)
    uses: Uses = field(default_factory=Uses)
    open_door: OpenDoor = field(default_factory=OpenDoor)
    own_layers: OwnLayers = field(init=False)
    base_maps: BaseMaps = field(init=False)
    hashing: Hashing = field(default_factory=Hashing)
    files: BroughtFiles = field(init=False)
    grid_cells: Works = field(init=False)
    # layers written as files, so many at once
    exporting: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(2))
    turns: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(TURNS))
    # whether the live channel hears of changes; set by app.main
    is_listening: Callable[[], bool] = lambda: False

    def __post_init__(self) -> None:
        self.own_layers = OwnLayers(self.engine)
        self.base_maps = BaseMaps(self.engine)
        self.files = BroughtFiles(self.settings)
        self.grid_cells = Works(self.settings, self.files.turn)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Hold one of the transactions of people; waiting for it takes neither a thread nor a connection."""
        try:
            with anyio.fail_after(TURN_S):
                await self.turns.acquire()
        except TimeoutError as exc:
            raise Unavailable("too many ask at once; try again later", reason="database_busy") from exc
        try:
            yield
        finally:
            self.turns.release()

    async def work(self, work: Callable[[Connection], T]) -> T:
        """`work(conn)` in a transaction of its own, in a thread."""
        async with self.turn():
            return await anyio.to_thread.run_sync(transact, self.engine, work)

    def road_graph(self, conn: Connection) -> RoadGraph:
        """The road graph, read on first use and again after an import."""
        with self.graph_lock:
            if self.graph is None:
                self.graph = load_graph(conn)
            return self.graph

    def lacking(self) -> list[str]:
        """What this process needs and has not: empty where it can serve."""
        lacks = [] if self.is_listening() else ["live_channel"]
        try:
            with self.engine.connect() as conn:
                known = revision_of(conn)
        except SQLAlchemyError:
            return [*lacks, "database"]
        return lacks if known == head_revision() else [*lacks, "migrations"]

    def layers_changed(self) -> None:
        self.tiles.clear()
        self.own_layers.clear()
        self.base_maps.clear()
        self.graph = None


def get_parts(request: Request) -> Parts:
    return cast(Parts, request.app.state.parts)


async def get_conn(request: Request) -> AsyncIterator[Connection]:
    """One transaction a request: committed when the handler returns, rolled back when it raises."""
    parts = get_parts(request)
    async with parts.turn(), contextmanager_in_threadpool(parts.engine.begin()) as conn:
        yield conn


def get_viewer(request: Request) -> Viewer:
    return cast(Viewer, request.state.viewer)


PartsDep = Annotated[Parts, Depends(get_parts)]
Conn = Annotated[Connection, Depends(get_conn, scope="function")]
Who = Annotated[Viewer, Depends(get_viewer)]
Now = Annotated[datetime, Depends(utc_now)]
