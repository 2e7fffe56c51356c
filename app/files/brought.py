"""Files that are brought over the network: kept on disk while they come, then read by a process each; one that is
looked at first stays until it is loaded, given up, or nobody has asked for it for an hour.

What is known of them lives in the process that took them, as what they may become does in the database.
"""

from __future__ import annotations

import asyncio
import secrets
import shutil
from collections.abc import AsyncIterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import anyio
import anyio.to_thread

from app.files.line import failure_of, read
from app.files.nouns import FileObject, ImportIn, ImportObject, MappingIn, Mode, State
from core.errors import Conflict, Forbidden, NotFound, OneMapError, Unavailable
from core.log import get_log
from core.settings import Settings
from core.viewer import Permission, Viewer

log = get_log("imports")
FOLDER = "imports"
# so long one stays that nobody asks for, so many one person may have here
KEPT, EACH = timedelta(hours=1), 4


@dataclass(slots=True)
class BroughtFile:
    """One of them."""

    id: str
    name: str
    path: Path
    size: int
    owner: str
    asked_at: datetime
    state: State = "here"
    mode: Mode | None = None
    done: int = 0
    whole: int | None = None
    answer: ImportObject | None = None
    error: OneMapError | None = None
    task: asyncio.Task[None] | None = None
    # it comes, or is read: not to be given up for another
    busy: int = 0

    def told(self) -> FileObject:
        return {
            "id": self.id,
            "name": self.name,
            "size": self.size,
            "state": self.state,
            "mode": self.mode,
            "done": self.done,
            "whole": self.whole,
            "answer": self.answer,
            "failure": None if self.error is None else failure_of(self.error),
        }


class BroughtFiles:
    """All of them. Its methods run in the event loop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._files: dict[str, BroughtFile] = {}
        # imports are heavy: one after the other; first rows are not
        self.turn = anyio.CapacityLimiter(1)
        self._looks = anyio.CapacityLimiter(2)

    @property
    def folder(self) -> Path:
        return self._settings.state_dir.resolve() / FOLDER

    async def take(self, body: AsyncIterable[bytes], name: str, who: Viewer, now: datetime) -> BroughtFile:
        """Keep what comes; the oldest of this person's makes room."""
        self.forget(now)
        own = sorted((one for one in self._files.values() if one.owner == who.username), key=lambda one: one.asked_at)
        idle = [one for one in own if one.state != "working" and not one.busy]
        surplus = max(len(own) - EACH + 1, 0)
        if surplus > len(idle):
            raise Conflict(f"{len(own)} files are being worked on; wait for one", reason="import_running")
        for one in idle[:surplus]:
            self.drop(one)
        identity = secrets.token_urlsafe(12)
        folder = self.folder / identity
        folder.mkdir(mode=0o700, parents=True)
        # what a person calls it names nothing on disk
        path = folder / f"file{Path(name).suffix[:10]}"
        taken = BroughtFile(identity, name, path, 0, who.username, now, busy=1)
        self._files[identity] = taken
        try:
            async with await anyio.open_file(path, "wb") as file:
                async for block in body:
                    taken.size += len(block)
                    self._make_room(taken)
                    await file.write(block)
        except BaseException:
            self.drop(taken)
            raise
        finally:
            taken.busy -= 1
        return taken

    def _make_room(self, taken: BroughtFile) -> None:
        """Files that nobody works on go, the longest unasked for first, so that all together stay within the space
        there is for them. Unavailable where that does not do."""
        most = self._settings.import_space_mb << 20
        while sum(one.size for one in self._files.values()) > most:
            idle = [one for one in self._files.values() if one.state != "working" and not one.busy]
            if not idle:
                raise Unavailable(f"files together are over {most:,} bytes; wait for others", reason="import_space")
            self.drop(min(idle, key=lambda one: one.asked_at))

    def need(self, identity: str, who: Viewer, now: datetime) -> BroughtFile:
        """NotFound where there is none, or it is somebody else's."""
        found = self._files.get(identity)
        if found is None or found.owner != who.username:
            raise NotFound(f"there is no file {identity[:60]!r} any more", reason="file_gone")
        found.asked_at = now
        return found

    async def bring(self, body: AsyncIterable[bytes], given: ImportIn, who: Viewer, now: datetime) -> ImportObject:
        """All in one: taken, worked through, forgotten."""
        check_may(given, who)
        file = await self.take(body, given.name, who, now)
        try:
            return await self.read(file, given, "check" if given.dry_run else "load", who)
        finally:
            self.drop(file)

    def start(self, file: BroughtFile, given: MappingIn, mode: Mode, who: Viewer) -> None:
        """Work through it; `file` says how far that is. Conflict while it is worked on already."""
        if file.state == "working":
            raise Conflict("the file is being worked on", reason="import_running")
        file.state, file.mode, file.done, file.whole = "working", mode, 0, None
        file.answer, file.error = None, None
        file.task = asyncio.create_task(self._work(file, given, mode, who))

    def stop(self, file: BroughtFile) -> None:
        """End the work on it; nothing of it is kept."""
        if file.task is not None and file.task.cancel() and file.state == "working":
            file.state = "stopped"  # also where it had not begun

    def drop(self, file: BroughtFile) -> None:
        self.stop(file)
        self._files.pop(file.id, None)
        shutil.rmtree(file.path.parent, ignore_errors=True)

    def forget(self, now: datetime) -> None:
        """Those that nobody asks for any more, and what another life has left."""
        for one in list(self._files.values()):
            if one.state != "working" and not one.busy and now - one.asked_at > KEPT:
                self.drop(one)
        if self.folder.is_dir():
            for left in self.folder.iterdir():
                if left.name not in self._files and now.timestamp() - left.stat().st_mtime > KEPT.total_seconds():
                    shutil.rmtree(left, ignore_errors=True)

    async def close(self) -> None:
        """The server ends."""
        for one in list(self._files.values()):
            task = one.task
            self.drop(one)
            if task is not None:
                with suppress(asyncio.CancelledError):
                    await task

    async def read(self, file: BroughtFile, given: MappingIn, mode: Mode, who: Viewer) -> ImportObject:
        check_may(given, who)
        whole = ImportIn.model_validate({**given.model_dump(exclude={"name", "dry_run"}), "name": file.name})

        def told(done: int, of: int | None) -> None:
            file.done, file.whole = done, of

        file.busy += 1
        try:
            async with self._looks if mode == "look" else self.turn:
                return await read(self._settings, file.path, whole, mode, who, told)
        finally:
            file.busy -= 1

    async def _work(self, file: BroughtFile, given: MappingIn, mode: Mode, who: Viewer) -> None:
        try:
            file.answer = await self.read(file, given, mode, who)
            file.state = "done"
        except asyncio.CancelledError:
            file.state = "stopped"
        except OneMapError as exc:
            file.error, file.state = exc, "failed"
        except Exception as exc:  # whoever waits for it is told, whatever it was
            log.exception("import_failed", file=file.name[:60])
            file.error, file.state = Unavailable(str(exc)[:200], reason="import_failed"), "failed"


# registers that more than layers hang on
NEEDS = dict.fromkeys(("sensors", "cameras", "units"), Permission.SENSOR_MANAGE)


def check_may(given: MappingIn, who: Viewer) -> None:
    """Nobody makes what they could not see, nor fills a register that is not theirs."""
    who.require(NEEDS.get(given.layer or "", Permission.LAYER_EDIT))
    if given.classification is not None and given.classification > who.scope.classification:
        raise Forbidden("classification: above your own", field="classification", reason="layer_beyond_own")
