"""/api/layers/{id}/export: a layer, ours or the city's own, as a file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Literal

from fastapi import APIRouter, BackgroundTasks, Query, Response
from sqlalchemy import Connection
from starlette.responses import FileResponse

from app.deps import PartsDep, Who
from app.files.line import write
from app.problems import Responses
from core.catalogue.nouns import Kind
from core.errors import InputError
from core.texts import check_text
from layers.collection import Collection
from layers.formats import MEDIA, format_of
from layers.ogc.collections import collection
from layers.ogc.errors import BadRequest
from layers.ogc.query import read_wanted, where

# characters: whatever they are, the address that they stand in is one that the server reads (64 KiB)
FILTER = 4_000
router = APIRouter(prefix="/api/layers", tags=["map"])


Format = Literal["gpkg", "geojson", "csv", "xlsx", "zip", "kml"]
FILE: Responses = {200: {"description": "the file", "content": {kind.partition(";")[0]: {} for kind in MEDIA.values()}}}


@router.get("/{name}/export", response_class=Response, responses=FILE)
async def get_export(
    who: Who,
    parts: PartsDep,
    tasks: BackgroundTasks,
    name: str,
    format: Format = "gpkg",
    datum: Annotated[str, Query(max_length=64)] = "WGS84",
    filter: Annotated[str | None, Query(max_length=FILTER)] = None,
    bbox: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """A layer that `/ogc/collections` names as a file, as far as one sees it: in WGS84, CGCS2000, GCJ-02, BD-09 or
    EPSG:n; of its rows those of which `filter` (CQL2 text) is true and that meet `bbox` (west,south,east,north), both
    in WGS84. It is written by a process of its own."""

    def find(conn: Connection) -> Collection:
        """What cannot be asked is said before a process is begun."""
        one = collection(conn, name, who.scope)
        where(one, wanted, who.scope)
        return one

    try:
        check_text(filter or "", "filter")
        wanted = read_wanted(filter, bbox)
        one = await parts.work(find)
    except BadRequest as exc:  # which is 400 under /ogc alone
        raise InputError(exc.message, field=exc.field, about=exc.about) from exc
    async with folder_of(tasks) as folder:
        path = folder / f"{one.id}.{format}"
        async with parts.exporting:
            await write(parts.settings, one.id, path, datum, who.scope, filter, bbox)
    parts.uses.add(Kind.LAYER, one.id, "file", who.username)
    return file_at(path, tasks)


@asynccontextmanager
async def folder_of(tasks: BackgroundTasks) -> AsyncIterator[Path]:
    """A folder that lives until the answer has left, or until what is written into it fails."""
    folder = TemporaryDirectory(prefix="onemap-export-", ignore_cleanup_errors=True)
    tasks.add_task(folder.cleanup)
    try:
        yield Path(folder.name)
    except BaseException:
        folder.cleanup()
        raise


def file_at(path: Path, tasks: BackgroundTasks) -> FileResponse:
    return FileResponse(path, media_type=MEDIA[format_of(path)], filename=path.name, background=tasks)
