"""/api/layers/files: a file that becomes a layer step by step: brought, looked at, checked, loaded or given up."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from app.deps import Now, PartsDep, Who
from app.files.brought import BroughtFile
from app.files.nouns import FileObject, ImportObject, MappingIn, refused_csv
from core.viewer import Permission

router = APIRouter(prefix="/api/layers/files", tags=["map"])


def need_file(
    parts: PartsDep, who: Who, now: Now, file_id: Annotated[str, Path(min_length=1, max_length=60)]
) -> BroughtFile:
    who.require(Permission.LAYER_EDIT)
    return parts.files.need(file_id, who, now)


File = Annotated[BroughtFile, Depends(need_file)]


@router.post(
    "",
    status_code=201,
    openapi_extra={"requestBody": {"required": True, "content": {"application/octet-stream": {"schema": {}}}}},
)
async def post_file(
    request: Request,
    who: Who,
    parts: PartsDep,
    now: Now,
    name: Annotated[str, Query(min_length=1, max_length=255)],
) -> FileObject:
    """Keep a file for an hour: it is the body, as it is, of the kinds that `POST /api/layers/import` takes."""
    who.require(Permission.LAYER_EDIT)
    return (await parts.files.take(request.stream(), name, who, now)).told()


@router.get("/{file_id}")
async def get_file(file: File) -> FileObject:
    """How far the work on it is, and what came of it."""
    return file.told()


@router.post("/{file_id}/look")
async def post_look(file: File, who: Who, parts: PartsDep, given: MappingIn) -> ImportObject:
    """What it would become, by its first rows."""
    return await parts.files.read(file, given, "look", who)


@router.post("/{file_id}/check", status_code=202)
async def post_check(file: File, who: Who, parts: PartsDep, given: MappingIn) -> FileObject:
    """Work through all of it and keep nothing: what would be new, changed, gone, refused."""
    parts.files.start(file, given, "check", who)
    return file.told()


@router.post("/{file_id}/load", status_code=202)
async def post_load(file: File, who: Who, parts: PartsDep, given: MappingIn) -> FileObject:
    """Make it a layer."""
    parts.files.start(file, given, "load", who)
    return file.told()


@router.post("/{file_id}/stop")
async def post_stop(file: File, parts: PartsDep) -> FileObject:
    """End the work on it: nothing of it is kept."""
    parts.files.stop(file)
    return file.told()


@router.delete("/{file_id}", status_code=204)
async def delete_file(file: File, parts: PartsDep) -> None:
    """Give it up."""
    parts.files.drop(file)


@router.get(
    "/{file_id}/refused",
    response_class=Response,
    responses={200: {"description": "row, field, why_zh, why_en", "content": {"text/csv": {}}}},
)
async def get_refused(file: File) -> Response:
    """The rows that are refused, and why."""
    # with a byte-order mark, as Excel wants it
    return Response(
        refused_csv(file.answer["refused"] if file.answer else ()).encode("utf-8-sig"),
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": 'attachment; filename="refused.csv"'},
    )
