"""/api/layers/import, /api/layers/{id}: layers of the city's own come in, change and go."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import ValidationError

from app.api.shapes import Name
from app.deps import Conn, Now, PartsDep, Who
from app.files.nouns import ImportIn, ImportObject
from core import audit
from core.db import notify_change
from core.given import as_input_error
from core.viewer import Permission
from layers.own import OwnLayerObject, layer_object, need_layer, need_whole, remove_layer
from layers.own_changes import LayerChange, change_layer

router = APIRouter(prefix="/api/layers", tags=["map"])
Words64 = Annotated[str | None, Query(min_length=1, max_length=64)]


def import_in(
    name: Annotated[str, Query(min_length=1, max_length=255)],
    layer: Annotated[str | None, Query(min_length=1, max_length=48)] = None,
    title: Name = None,
    title_en: Name = None,
    table: Name = None,
    datum: Words64 = None,
    encoding: Words64 = None,
    zone: Words64 = None,
    key: Name = None,
    classification: Annotated[int | None, Query(ge=0, le=2)] = None,
    remove_gone: bool = False,
    anywhere: bool = False,
    dry_run: bool = False,
) -> ImportIn:
    """The query of an import; `name` is the file's."""
    given = {
        "name": name,
        "layer": layer,
        "title": title,
        "title_en": title_en,
        "table": table,
        "datum": datum,
        "encoding": encoding,
        "zone": zone,
        "key": key,
        "classification": classification,
        "remove_gone": remove_gone,
        "anywhere": anywhere,
        "dry_run": dry_run,
    }
    try:
        return ImportIn.model_validate(given)
    except ValidationError as exc:
        raise as_input_error(exc) from exc


@router.post(
    "/import",
    openapi_extra={"requestBody": {"required": True, "content": {"application/octet-stream": {"schema": {}}}}},
)
async def post_import(
    request: Request, who: Who, parts: PartsDep, now: Now, given: Annotated[ImportIn, Depends(import_in)]
) -> ImportObject:
    """The file is the body, as it is; what it becomes, or with `dry_run` would become, is the answer. GeoPackage,
    shapefiles in an archive, GeoJSON, KML, file geodatabases in an archive, CSV, XLSX, OpenStreetMap, DXF."""
    who.require(Permission.LAYER_EDIT)
    return await parts.files.bring(request.stream(), given, who, now)


@router.get("/{name}")
def get_layer(conn: Conn, who: Who, name: str) -> OwnLayerObject:
    """A layer of the city's own."""
    return layer_object(need_layer(conn, name, who.scope))


@router.patch("/{name}")
def patch_layer(conn: Conn, who: Who, now: Now, name: str, change: LayerChange) -> OwnLayerObject:
    """What it is called, where it stands, how it is drawn, who may see it."""
    who.require(Permission.LAYER_EDIT)
    return layer_object(change_layer(conn, name, change, who.scope, who, now))


@router.delete("/{name}", status_code=204)
def delete_layer(conn: Conn, who: Who, now: Now, name: str) -> None:
    """A layer of the city's own, with all its rows."""
    who.require(Permission.LAYER_EDIT)
    layer = need_layer(conn, name, who.scope)
    need_whole(layer, who.scope)
    remove_layer(conn, layer.id)
    notify_change(conn, "layer", [layer.id])
    audit.write(conn, who, "layer.remove", now, {"layer": layer.id})
