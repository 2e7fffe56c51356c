"""Files that are brought stay within the space there is for them, whoever brings them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from app.files.brought import BroughtFiles
from core.errors import NotFound, Unavailable
from core.settings import Settings
from core.viewer import Viewer
from tests.support import now

NOW = now()
MIB = 1 << 20
ONE = Viewer("one", "One", "gis_officer", frozenset())


async def body(mib: int) -> AsyncIterator[bytes]:
    for _ in range(mib):
        yield bytes(MIB)


def test_files_that_nobody_works_on_make_room(settings: Settings, tmp_path: Path) -> None:
    asyncio.run(_make_room(settings.model_copy(update={"state_dir": tmp_path, "import_space_mb": 16})))


async def _make_room(settings: Settings) -> None:
    files = BroughtFiles(settings)
    viewers = [replace(ONE, username=f"v{n}") for n in range(3)]
    first = await files.take(body(7), "a.csv", viewers[0], NOW)
    second = await files.take(body(7), "b.csv", viewers[1], NOW + timedelta(seconds=1))
    files.need(first.id, viewers[0], NOW + timedelta(seconds=2))
    third = await files.take(body(7), "c.csv", viewers[2], NOW + timedelta(seconds=3))
    with pytest.raises(NotFound):
        files.need(second.id, viewers[1], NOW)
    assert files.need(first.id, viewers[0], NOW) is first, "it was asked for later than the other"
    assert not second.path.exists()
    first.busy = third.busy = 1
    with pytest.raises(Unavailable) as caught:
        await files.take(body(7), "d.csv", viewers[1], NOW)
    assert caught.value.reason == "import_space"
    left = sorted(one.name for one in files.folder.iterdir())
    assert left == sorted([first.id, third.id]), "nothing of it stays"
    first.busy = third.busy = 0
    with pytest.raises(Unavailable):
        await files.take(body(17), "e.csv", viewers[1], NOW)
