"""What `serve` does beside answering: it listens for changes, says that it lives, writes down what was used, measures
the catalogue's resources, makes the city's tiles, renews what is expected of incidents."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter

import anyio.to_thread
from sqlalchemy import Engine

from app.catalogue.measuring import Keeper
from app.deps import Parts
from app.hotspots import Renewer
from app.live import Hub
from app.warming import Warmer
from core.process import Chores, Crew, Heartbeat, Pulse


class Background:
    """Supervised threads, from `start` to `stop`."""

    def __init__(self, engine: Engine, parts: Parts, hub: Hub, pulse: Pulse) -> None:
        self._crew = crew = Crew(threading.Event(), pulse)
        figures: Counter[str] = Counter()
        self._hub, self._warms = hub, parts.settings.warm_tiles
        self._keeper = Keeper(engine, parts.uses, figures)
        self._warming = Chores("warming", [Warmer(engine, parts.tiles, figures).chore(time.monotonic())], figures)
        self._renewer = renewer = Renewer(engine, parts.settings, figures)
        self._heartbeat = Heartbeat(
            engine,
            f"serve-{os.getpid()}",
            lambda: {**hub.figures(), **crew.figures(), **renewer.told(), **figures},
        )

    def start(self) -> None:
        self._crew.start("lease", self._hub.listen)
        self._crew.start("heartbeat", self._heartbeat.run)
        self._crew.start("catalogue", self._keeper.run)
        if self._warms:
            self._crew.start("warming", self._warming.run)
        if self._renewer.every:
            self._crew.start("hotspots", self._renewer.run)

    def tell_to_stop(self) -> None:
        self._crew.stop.set()
        self._keeper.chores.sign()
        self._warming.sign()
        self._renewer.chores.sign()

    async def join(self) -> None:
        await anyio.to_thread.run_sync(self._crew.join)
