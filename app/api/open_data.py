"""/open: what the city shows everybody without a log-in, once an administrator has turned it on: layers that are shared
without conditions and marked as open. Everything is read as a stranger reads."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import orjson
from fastapi import APIRouter, BackgroundTasks, Depends, Query, Request, Response

from app.api.exports import FILE, Format, file_at, folder_of
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
from layers.ogc.collections import collection
from layers.ogc.query import read_asked, read_items

HTML = "text/html"


def address_of(request: Request) -> str:
    return request.client.host if request.client else ""


async def pass_turnstile(request: Request) -> None:
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
    here = f"{base_of(request, parts.settings.public_url)}{request.url.path}"

    def link(rel: str, **changed: str) -> dict[str, str]:
        query = urlencode({**request.query_params, **changed})
        return {"rel": rel, "type": GEOJSON, "href": f"{here}?{query}" if query else here}

    links = [link("self")] + ([link("next", after=found.next)] if found.next is not None else [])
    body: dict[str, Any] = {
        "type": "FeatureCollection",
        "timeStamp": rfc3339(now),
        "features": found.features,
        "links": links,
    }
    return Response(orjson.dumps(body), media_type=GEOJSON)


@router.get("/layers/{layer}/export", response_class=Response, responses=FILE)
async def get_export(
    request: Request,
    parts: PartsDep,
    now: Now,
    tasks: BackgroundTasks,
    layer: str,
    format: Format = "gpkg",
) -> Response:
    """The whole of it as a file, WGS84. Six a minute for one address; 503 where too many are asked for."""
    parts.open_door.files.pass_through(address_of(request))

    async def check() -> None:
        await parts.work(lambda conn: need_open(conn, layer, now))

    await check()
    async with folder_of(tasks) as folder:
        path = folder / f"{layer}.{format}"
        async with parts.open_door.turn():
            # it may have been closed while we waited, or while it was written
            await check()
            await write(parts.settings, layer, path, "WGS84", scope_of(layer))
        await check()
    parts.uses.add(Kind.LAYER, layer, "open", PUBLIC)
    return file_at(path, tasks)
