"""/open: what the city shows everybody without a log-in, once an administrator has turned it on: layers that are shared
without conditions and marked as open. Everything is read as a stranger reads."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Literal
from urllib.parse import quote

import orjson
from fastapi import APIRouter, BackgroundTasks, Depends, Query, Request, Response
from starlette.responses import FileResponse

from app.api.feeds import base_of
from app.api.shapes import Name
from app.catalogue.opening import need_open, read_open, scope_of
from app.catalogue.pages import layer_page, list_page
from app.catalogue.programs import DCAT, GEOJSON, JSON_LD, read_open_dcat, title_of
from app.dashboard.login import language_of
from app.dashboard.texts import Lang
from app.deps import Conn, Now, PartsDep, get_parts
from app.files.line import write
from app.problems import describes, gives
from core.catalogue.nouns import Kind
from core.catalogue.uses import PUBLIC
from core.clock import rfc3339
from layers.formats import MEDIA
from layers.ogc.collections import collection
from layers.ogc.query import read_asked, read_items

HTML = "text/html"


def address_of(request: Request) -> str:
    return request.client.host if request.client else ""


def pass_turnstile(request: Request) -> None:
    """So many requests a minute from one address."""
    get_parts(request).open_door.asks.pass_through(address_of(request))


router = APIRouter(prefix="/open", tags=["open data"], dependencies=[Depends(pass_turnstile)], responses=describes(429))
Language = Annotated[Literal["zh", "en"] | None, Query()]


def language(request: Request, lang: Language = None) -> Lang:
    """The one asked for, else the browser's."""
    return lang or ("en" if language_of(request) == "en" else "zh")


Spoken = Annotated[Lang, Depends(language)]


@router.get("", response_class=Response, responses=gives(HTML))
def get_list(conn: Conn, now: Now, lang: Spoken) -> Response:
    """A page of what is open. 404 as long as open data is off."""
    return list_page(read_open(conn, now), title_of(conn), lang)


@router.get("/catalogue", response_class=Response, responses=DCAT)
def get_catalogue(request: Request, conn: Conn, now: Now, parts: PartsDep) -> Response:
    """The same as DCAT 3 in JSON-LD."""
    host = base_of(request, parts.settings.public_url)
    return Response(read_open_dcat(conn, read_open(conn, now), host), media_type=JSON_LD)


@router.get("/layers/{layer}", response_class=Response, responses=gives(HTML))
def get_layer(conn: Conn, now: Now, lang: Spoken, layer: str) -> Response:
    """A page about one of them."""
    return layer_page(need_open(conn, layer, now), title_of(conn), lang)


@router.get("/layers/{layer}/items", response_class=Response, responses=gives(GEOJSON))
def get_items(
    request: Request,
    conn: Conn,
    now: Now,
    parts: PartsDep,
    layer: str,
    bbox: Annotated[str | None, Query(max_length=200, description="west,south,east,north")] = None,
    after: Name = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """A page of its features; `next` among the links leads to the ones after it."""
    need_open(conn, layer, now)
    sight = scope_of(layer)
    one = collection(conn, layer, sight)
    given = {"bbox": bbox, "after": after, "limit": str(limit)}
    asked = read_asked([(name, value) for name, value in given.items() if value is not None], one.columns)
    found = read_items(conn, one, asked, sight)
    parts.uses.add(Kind.LAYER, layer, "open", PUBLIC)
    here = request.url.include_query_params
    base = base_of(request, parts.settings.public_url)
    links = [{"rel": "self", "type": GEOJSON, "href": f"{base}{path_of(str(request.url), request)}"}]
    if found.next is not None:
        links.append({"rel": "next", "type": GEOJSON, "href": f"{base}{path_of(str(here(after=found.next)), request)}"})
    body: dict[str, Any] = {
        "type": "FeatureCollection",
        "timeStamp": rfc3339(now),
        "features": found.features,
        "links": links,
    }
    return Response(orjson.dumps(body), media_type=GEOJSON)


def path_of(address: str, request: Request) -> str:
    return address.removeprefix(str(request.base_url).rstrip("/"))


@router.get(
    "/layers/{layer}/export",
    response_class=Response,
    responses={200: {"description": "the file", "content": {kind.partition(";")[0]: {} for kind in MEDIA.values()}}},
)
async def get_export(
    request: Request,
    parts: PartsDep,
    now: Now,
    tasks: BackgroundTasks,
    layer: str,
    format: Literal["gpkg", "geojson", "csv", "xlsx", "zip", "kml"] = "gpkg",
) -> Response:
    """The whole of it as a file, WGS84. Six a minute for one address; 503 where too many are asked for."""
    parts.open_door.files.pass_through(address_of(request))

    async def check() -> None:
        await parts.work(lambda conn: need_open(conn, layer, now))

    await check()
    folder = TemporaryDirectory(prefix="onemap-open-", ignore_cleanup_errors=True)
    tasks.add_task(folder.cleanup)
    path = Path(folder.name) / f"{quote(layer, safe='')}.{format}"
    try:
        async with parts.open_door.turn():
            # it may have been closed while we waited, or while it was written
            await check()
            await write(parts.settings, layer, path, "WGS84", scope_of(layer))
        await check()
    except BaseException:
        folder.cleanup()
        raise
    parts.uses.add(Kind.LAYER, layer, "open", PUBLIC)
    return FileResponse(path, media_type=MEDIA[format], filename=path.name, background=tasks)
