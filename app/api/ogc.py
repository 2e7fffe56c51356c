"""/ogc: the city's layers for GIS programs, OGC API Features Part 1 (17-069r4), Part 2 (18-058r1) and Part 3
(19-079r2); for people the same as pages. What is written stands in app.api.ogc_edit.

Session, bearer token, or a feed token in the address or the header: programs keep no session.
"""

from __future__ import annotations

from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection

from app.dashboard import texts
from app.deps import Conn, Now, PartsDep, Who
from app.ogc import pages
from app.ogc.document import CONFORMS, describe
from app.ogc.editing import tag_of
from app.ogc.place import (
    ANYWHERE,
    HTML,
    JSON,
    OPENAPI,
    RELATION,
    SCHEMA,
    Json,
    Place,
    answer,
    check,
    language,
    own_language,
    wants_html,
)
from app.people.chosen import read_settings
from app.problems import GEOJSON
from core.catalogue.nouns import Kind
from core.clock import rfc3339
from core.exposure import city_box
from core.viewer import Viewer
from layers.collection import Collection
from layers.columns import SCHEMAS
from layers.ogc.collections import collection, collections
from layers.ogc.query import PARAMETERS, read_asked, read_extent, read_items, read_versioned
from layers.ogc.systems import CRS84, SYSTEMS
from layers.ogc.tiles import has_tiles

router = APIRouter(prefix="/ogc", include_in_schema=False)
QUERYABLES = f"{RELATION}queryables"
# JSON Schema of a place (19-079r2, section 6.2)
PLACE = {"format": "geometry-any", "x-ogc-role": "primary-geometry"}


def frame_of(conn: Connection, who: Viewer, place: Place, kind: str = JSON) -> pages.Frame:
    """What a page has around it, as the account has chosen."""
    form = "geojson" if kind == GEOJSON else "json"
    theme = read_settings(conn, who.username).get("theme", "dark")
    return pages.Frame(place, own_language(who), theme, kind, place.other(kind, form)["href"])


def about(place: Place, one: Collection, box: list[float] | None) -> Json:
    """A collection as it is listed."""
    path = f"/collections/{quote(one.id)}"
    told: Json = {
        "id": one.id,
        "title": f"{one.title['zh']} {one.title['en']}",
        "itemType": "feature",
        "crs": list(SYSTEMS),
        "storageCrs": CRS84,
        "links": [
            place.link(path, "self", JSON, one.title["en"]),
            place.other(HTML, "html", path),
            place.link(f"{path}/items", "items", GEOJSON, one.title["en"]),
            place.link(f"{path}/queryables", QUERYABLES, SCHEMA, "Queryables"),
            *([place.link(f"{path}/tiles", f"{RELATION}tilesets-vector", JSON, "Tiles")] if has_tiles(one) else []),
        ],
    }
    if box is not None:
        told["extent"] = {"spatial": {"bbox": [box], "crs": CRS84}}
    return told


def whole_city(conn: Connection) -> list[float] | None:
    box = city_box(conn)
    return None if box is None else list(box)


@router.get("")
@router.get("/")
def get_landing(request: Request, conn: Conn, who: Who, parts: PartsDep) -> Response:
    check(request)
    place = Place(request, parts.settings.public_url)
    if wants_html(request):
        return pages.landing(frame_of(conn, who, place))
    links = [
        place.link("", "self", JSON, "OneMap"),
        place.other(HTML, "html"),
        place.link("/api", "service-desc", OPENAPI, "What can be asked"),
        place.link("/conformance", "conformance", JSON, "What it conforms to"),
        place.link("/collections", "data", JSON, "Layers"),
        place.link("/tileMatrixSets", f"{RELATION}tiling-schemes", JSON, "Grids of tiles"),
    ]
    return answer({"title": "OneMap", "description": "城市一张图图层 Layers of the city", "links": links})


@router.get("/conformance")
def get_conformance(request: Request, conn: Conn, who: Who, parts: PartsDep) -> Response:
    check(request)
    place = Place(request, parts.settings.public_url)
    if wants_html(request):
        return pages.conformance(frame_of(conn, who, place), CONFORMS)
    return answer({"links": [place.other(HTML, "html")], "conformsTo": list(CONFORMS)})


@router.get("/collections")
def get_collections(request: Request, conn: Conn, who: Who, parts: PartsDep) -> Response:
    check(request)
    place, found = Place(request, parts.settings.public_url), collections(conn, who.scope)
    if wants_html(request):
        return pages.listed(frame_of(conn, who, place), found)
    box = whole_city(conn)
    links = [place.link("/collections", "self", JSON, "Layers"), place.other(HTML, "html")]
    return answer({"links": links, "crs": list(SYSTEMS), "collections": [about(place, one, box) for one in found]})


@router.get("/collections/{name}")
def get_collection(request: Request, conn: Conn, who: Who, parts: PartsDep, name: str) -> Response:
    check(request)
    one = collection(conn, name, who.scope)
    place, box = Place(request, parts.settings.public_url), read_extent(conn, one, who.scope)
    if wants_html(request):
        return pages.collection(frame_of(conn, who, place), one, box)
    return answer(about(place, one, box))


@router.get("/collections/{name}/queryables")
def get_queryables(request: Request, conn: Conn, who: Who, parts: PartsDep, name: str) -> Response:
    """What can be asked by, as a JSON Schema (Part 3, 19-079r2, section 6.2)."""
    check(request)
    one = collection(conn, name, who.scope)
    place = Place(request, parts.settings.public_url)
    if wants_html(request):
        return pages.queryables(frame_of(conn, who, place, SCHEMA), one)
    lang = language(request, who)
    properties: Json = {column.name: {**SCHEMAS[column.type], "title": column.title[lang]} for column in one.columns}
    properties[one.geometry] = {**PLACE, "title": texts.text("ogc.geometry", lang)}
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{place.base}/collections/{quote(one.id)}/queryables",
        "type": "object",
        "title": one.title[lang],
        "properties": properties,
        "additionalProperties": False,
    }
    return answer(schema, SCHEMA, {"Content-Language": texts.HTML_LANG[lang], "Vary": "Accept-Language"})


@router.get("/collections/{name}/items")
def get_items(request: Request, conn: Conn, who: Who, now: Now, parts: PartsDep, name: str) -> Response:
    """A page of features; `next` and `prev` lead to the ones after and before it, with all that was asked."""
    one = collection(conn, name, who.scope)
    params = request.query_params.multi_items()
    check(request, PARAMETERS | frozenset(column.name for column in one.columns))
    asked = read_asked([(k, v) for k, v in params if k not in ANYWHERE], one.columns)
    found = read_items(conn, one, asked, who.scope)
    parts.uses.add(Kind.LAYER, one.id, "gis", who.username)
    place = Place(request, parts.settings.public_url)
    path = f"/collections/{quote(one.id)}"
    kept = {k: v for k, v in params if k not in ("after", "before", "token")}
    turns: dict[str, Json] = {}
    if asked.after is not None or asked.before is not None:
        turns["first"] = kept
    if found.previous is not None:
        turns["prev"] = {**kept, "before": found.previous}
    if found.next is not None:
        turns["next"] = {**kept, "after": found.next}
    if wants_html(request):
        return pages.items(frame_of(conn, who, place, GEOJSON), one, found, turns)
    asked_by = place.link(f"{path}/queryables", QUERYABLES, SCHEMA, "Queryables")
    links = [
        place.link(f"{path}/items", "self", GEOJSON, "This page", dict(params)),
        place.other(HTML, "html"),
        *(place.link(f"{path}/items", rel, GEOJSON, TURNS[rel], query) for rel, query in turns.items()),
        place.link(path, "collection", JSON, one.title["en"]),
        asked_by,
    ]
    body: Json = {
        "type": "FeatureCollection",
        "timeStamp": rfc3339(now),
        "numberReturned": len(found.features),
        "features": found.features,
        "links": links,
    }
    if asked.after is None and asked.before is None and found.next is None:
        body["numberMatched"] = len(found.features)
    told = {"Content-Crs": f"<{asked.crs}>", "Link": f'<{asked_by["href"]}>; rel="{QUERYABLES}"; type="{SCHEMA}"'}
    return answer(body, GEOJSON, told)


TURNS = {"first": "The first page", "prev": "The page before", "next": "The next page"}


@router.get("/collections/{name}/items/{key:path}")
def get_item(request: Request, conn: Conn, who: Who, parts: PartsDep, name: str, key: str) -> Response:
    one = collection(conn, name, who.scope)
    check(request, ANYWHERE | {"crs"})
    crs = read_asked([(k, v) for k, v in request.query_params.multi_items() if k == "crs"], ()).crs
    feature, version = read_versioned(conn, one, key, crs, who.scope)
    place = Place(request, parts.settings.public_url)
    if wants_html(request):
        return pages.item(frame_of(conn, who, place, GEOJSON), one, feature)
    path = f"/collections/{quote(one.id)}"
    here = f"{path}/items/{quote(key, safe='')}"
    feature["links"] = [
        place.link(here, "self", GEOJSON, "This feature"),
        place.other(HTML, "html", here),
        place.link(path, "collection", JSON, one.title["en"]),
    ]
    tag = {} if version is None else {"ETag": tag_of(version, crs)}
    return answer(feature, GEOJSON, {"Content-Crs": f"<{crs}>", **tag})


@router.get("/api")
def get_api(request: Request, conn: Conn, who: Who, parts: PartsDep) -> Response:
    """An OpenAPI 3.0 document of what stands here."""
    check(request, formats=("json",))
    place = Place(request, parts.settings.public_url)
    return answer(describe(collections(conn, who.scope), place.base), OPENAPI)
