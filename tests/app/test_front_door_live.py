"""Whoever asks the live channel for everything, again and again, costs a bounded number of reads at once."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from app.deps import Parts
from app.live import hub as module
from app.live.client import Client
from app.live.hub import SHOWS_AT_ONCE, Hub
from app.live.kinds import KINDS
from core.viewer import Role
from tests.people import person
from tests.support import PATIENCE_S

VIEWER = person(Role.VIEWER)


class Counted(Hub):
    """Reads nothing, and counts how often and how many at once."""

    def __init__(self) -> None:
        super().__init__(cast(Parts, SimpleNamespace()))
        self.now = self.most = self.reads = 0
        self.done = asyncio.Event()

    async def _in_thread(self, work: Any) -> Any:
        self.now += 1
        self.reads += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0)
        self.now -= 1
        if self.reads >= 30 * len(KINDS):
            self.done.set()
        return []


def test_snapshots_are_read_for_few_at_once() -> None:
    async def many() -> Counted:
        hub = Counted()
        clients = [Client(VIEWER) for _ in range(30)]
        tasks = [asyncio.create_task(hub._show_forever(client)) for client in clients]
        for client in clients:
            client.wants_all.set()
        await asyncio.wait_for(hub.done.wait(), PATIENCE_S)
        for task in tasks:
            task.cancel()
        return hub

    assert asyncio.run(many()).most == SHOWS_AT_ONCE


def test_client_that_asks_without_end_is_shown_everything_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    turn = asyncio.sleep

    async def note(seconds: float) -> None:
        if seconds:
            slept.append(seconds)
        await turn(0)

    async def asking() -> Counted:
        hub, client = Counted(), Client(VIEWER)
        task = asyncio.create_task(hub._show_forever(client))
        while hub.reads < 5 * len(KINDS):
            client.wants_all.set()
            client.take()
            await turn(0)
        task.cancel()
        return hub

    monkeypatch.setattr(module.asyncio, "sleep", note)
    asyncio.run(asking())
    assert slept[:4] == [module.SHOW_EVERY_S] * 4
