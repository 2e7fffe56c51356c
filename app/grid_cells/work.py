"""Grid cells that are being made: who asked for them, how far it is, what came of it. Known to the process that was
asked, until the next is asked for by the same person."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, cast

import anyio
from typing_extensions import TypedDict

from app.files.line import as_told, ask, failure_of
from app.files.nouns import Failure
from core.errors import Conflict, NotFound, OneMapError, Unavailable
from core.log import get_log
from core.settings import Settings
from core.viewer import Permission, Viewer
from layers.grid_cells.nouns import GridCellsIn, GridCellsMade

log = get_log("grid_cells")
# a province of empty land takes hours; whoever waits sees how far it is and may end it
PATIENCE_S = 6 * 3600.0
State = Literal["working", "done", "stopped", "failed"]


class GridCellsWork(TypedDict):
    """The making of grid cells: about how many are done, of how many (null before that is known). `dry_run`: nothing
    is kept."""

    id: str
    state: State
    dry_run: bool
    done: int
    whole: int | None
    answer: GridCellsMade | None
    failure: Failure | None


@dataclass(slots=True)
class Work:
    id: str
    owner: str
    given: GridCellsIn
    dry_run: bool
    state: State = "working"
    done: int = 0
    whole: int | None = None
    answer: GridCellsMade | None = None
    error: OneMapError | None = None
    task: asyncio.Task[None] | None = None

    def told(self) -> GridCellsWork:
        return {
            "id": self.id,
            "state": self.state,
            "dry_run": self.dry_run,
            "done": self.done,
            "whole": self.whole,
            "answer": self.answer,
            "failure": None if self.error is None else failure_of(self.error),
        }


class Works:
    """One a person, the last. Its methods run in the event loop; `turn` is shared with imports: heavy work is done one
    after the other."""

    def __init__(self, settings: Settings, turn: anyio.CapacityLimiter) -> None:
        self._settings, self._turn = settings, turn
        self._works: dict[str, Work] = {}

    def start(self, given: GridCellsIn, who: Viewer, *, dry_run: bool) -> Work:
        """Conflict while this person's last is not done."""
        who.require(Permission.LAYER_EDIT)
        last = self._works.get(who.username)
        if last is not None and last.state == "working":
            raise Conflict("grid cells are being made; stop it or wait", reason="cells_running")
        work = Work(secrets.token_urlsafe(12), who.username, given, dry_run)
        self._works[who.username] = work
        work.task = asyncio.create_task(self._run(work, who))
        return work

    def need(self, identity: str, who: Viewer) -> Work:
        """NotFound where there is none, or it is somebody else's."""
        who.require(Permission.LAYER_EDIT)
        work = self._works.get(who.username)
        if work is None or work.id != identity:
            raise NotFound(f"no grid cells {identity[:60]!r} are being made", reason="work_gone")
        return work

    def last(self, who: Viewer) -> Work | None:
        """What this person asked for last."""
        return self._works.get(who.username)

    def stop(self, work: Work) -> None:
        """End it; nothing of it is kept."""
        if work.task is not None and work.task.cancel() and work.state == "working":
            work.state = "stopped"  # also where it had not begun

    async def close(self) -> None:
        """The server ends."""
        for work in self._works.values():
            self.stop(work)
            if work.task is not None:
                with suppress(asyncio.CancelledError):
                    await work.task

    async def _run(self, work: Work, who: Viewer) -> None:
        asked: dict[str, Any] = {
            "given": work.given.model_dump(mode="json"),
            "dry_run": work.dry_run,
            "who": who.username,
            "scope": as_told(who.scope),
        }

        def told(done: int, whole: int | None) -> None:
            work.done, work.whole = done, whole

        try:
            async with self._turn:
                answer = await ask(self._settings, "app.grid_cells.making", asked, told, PATIENCE_S)
            work.answer = cast(GridCellsMade, answer)
            work.state = "done"
        except asyncio.CancelledError:
            work.state = "stopped"
        except OneMapError as exc:
            work.error, work.state = exc, "failed"
        except Exception as exc:  # whoever waits for it is told, whatever it was
            log.exception("grid_cells_failed", layer=work.given.layer)
            work.error, work.state = Unavailable(str(exc)[:200], reason="import_failed"), "failed"
