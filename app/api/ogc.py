"""/ogc: the city's layers for GIS programs, OGC API Features Part 1 (17-069r4), Part 2 (18-058r1) and Part 3
(19-079r2), read only.

Session, bearer token, or a feed token in the address or the header: programs keep no session.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import orjson
from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection

from app.api.feeds import base_of
from app.dashboard import texts
from app.dashboard.texts import Lang
from app.deps import Conn, Now, PartsDep, Who
from app.problems import GEOJSON
from core.clock import rfc3339
from core.errors import InputError
from core.exposure import city_box
from core.texts import check_text
from core.viewer import Viewer
from layers.columns import SCHEMAS
from layers.ogc.collections import Collection, collection, collections
from layers.ogc.errors import BadRequest
from layers.ogc.expressions import LANGUAGES, TEXT
from layers.ogc.query import LIMIT, MOST, PARAMETERS, read_asked, read_extent, read_item, read_items
from layers.ogc.systems import CRS84, SYSTEMS

router = APIRouter(prefix="/ogc", include_in_schema=False)
JSON, SCHEMA, OPENAPI = "application/json", "application/schema+json", "application/vnd.oai.openapi+json;version=3.0"
PROFILE = "http://www.opengis.net/spec/"
CONFORMS = (
    f"{PROFILE}ogcapi-features-1/1.0/conf/core",
    f"{PROFILE}ogcapi-features-1/1.0/conf/oas30",
    f"{PROFILE}ogcapi-features-1/1.0/conf/geojson",
    f"{PROFILE}ogcapi-features-2/1.0/conf/crs",
    f"{PROFILE}ogcapi-features-3/1.0/conf/queryables",
    f"{PROFILE}ogcapi-features-3/1.0/conf/queryables-query-parameters",
    f"{PROFILE}ogcapi-features-3/1.0/conf/filter",
    f"{PROFILE}ogcapi-features-3/1.0/conf/features-filter",
    f"{PROFILE}cql2/1.0/conf/cql2-text",
    f"{PROFILE}cql2/1.0/conf/cql2-json",
    f"{PROFILE}cql2/1.0/conf/basic-cql2",
    f"{PROFILE}cql2/1.0/conf/advanced-comparison-operators",
    f"{PROFILE}cql2/1.0/conf/case-insensitive-comparison",
    f"{PROFILE}cql2/1.0/conf/accent-insensitive-comparison",
    f"{PROFILE}cql2/1.0/conf/basic-spatial-functions",
    f"{PROFILE}cql2/1.0/conf/basic-spatial-functions-plus",
    f"{PROFILE}cql2/1.0/conf/temporal-functions",
    f"{PROFILE}cql2/1.0/conf/property-property",
    f"{PROFILE}cql2/1.0/conf/arithmetic",
)
QUERYABLES = "http://www.opengis.net/def/rel/ogc/1.0/queryables"
# JSON Schema of a place, by what a collection's places are (19-079r2, section 6.3)
PLACE = {"format": "geometry-any", "x-ogc-role": "primary-geometry"}
Json = dict[str, Any]
# read by the middleware (app.auth)
ANYWHERE = frozenset({"f", "token"})


class Place:
    """Where this is served, for links; a token in the address goes on in them."""

    def __init__(self, request: Request, public_url: str) -> None:
        self.base = f"{base_of(request, public_url)}/ogc"
        token = request.query_params.get("token")
        self._kept = {"token": token} if token else {}

    def link(self, path: str, rel: str, kind: str, title: str, query: Mapping[str, Any] | None = None) -> Json:
        asked = urlencode({**(query or {}), **self._kept})
        href = f"{self.base}{path}{'?' + asked if asked else ''}"
        return {"href": href, "rel": rel, "type": kind, "title": title}


def check(request: Request, known: frozenset[str] = ANYWHERE) -> None:
    """BadRequest for a parameter that is not known, text that cannot be, or a format that there is not."""
    for name, value in request.query_params.multi_items():
        try:
            check_text(value, name)
        except InputError as exc:
            raise BadRequest(exc.message, field=exc.field) from exc
        if name not in known:
            shown = name.encode("unicode_escape").decode()[:60]
            raise BadRequest(
                f"{shown}: there is no such parameter; expected one of {', '.join(sorted(known))}", field=shown
            )
        if name == "f" and value not in ("json", "geojson"):
            raise BadRequest(f"f: expected json, got {value[:40]!r}", field="f")


def language(request: Request, who: Viewer) -> Lang:
    """The one asked for (Accept-Language), else the account's."""
    asked = request.headers.get("accept-language", "").lower()[:2]
    return "en" if (asked if asked in texts.LANGS else who.lang) == "en" else "zh"


def answer(body: Any, kind: str = JSON, headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body), media_type=kind, headers=dict(headers or {}))


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
            place.link(f"{path}/items", "items", GEOJSON, one.title["en"]),
            place.link(f"{path}/queryables", QUERYABLES, SCHEMA, "Queryables"),
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
def get_landing(request: Request, who: Who, parts: PartsDep) -> Response:
    check(request)
    place = Place(request, parts.settings.public_url)
    links = [
        place.link("", "self", JSON, "OneMap"),
        place.link("/api", "service-desc", OPENAPI, "What can be asked"),
        place.link("/conformance", "conformance", JSON, "What it conforms to"),
        place.link("/collections", "data", JSON, "Layers"),
    ]
    return answer({"title": "OneMap", "description": "城市一张图图层 Layers of the city", "links": links})


@router.get("/conformance")
def get_conformance(request: Request, who: Who) -> Response:
    check(request)
    return answer({"conformsTo": list(CONFORMS)})


@router.get("/collections")
def get_collections(request: Request, conn: Conn, who: Who, parts: PartsDep) -> Response:
    check(request)
    place, box = Place(request, parts.settings.public_url), whole_city(conn)
    listed = [about(place, one, box) for one in collections(conn, who.scope)]
    return answer(
        {"links": [place.link("/collections", "self", JSON, "Layers")], "crs": list(SYSTEMS), "collections": listed}
    )


@router.get("/collections/{name}")
def get_collection(request: Request, conn: Conn, who: Who, parts: PartsDep, name: str) -> Response:
    check(request)
    one = collection(conn, name, who.scope)
    return answer(about(Place(request, parts.settings.public_url), one, read_extent(conn, one, who.scope)))


@router.get("/collections/{name}/queryables")
def get_queryables(request: Request, conn: Conn, who: Who, parts: PartsDep, name: str) -> Response:
    """What can be asked by, as a JSON Schema (Part 3, 19-079r2, section 6.2)."""
    check(request)
    one = collection(conn, name, who.scope)
    lang = language(request, who)
    place = Place(request, parts.settings.public_url)
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
    """A page of features; `next` leads to the one after it, with all that was asked."""
    one = collection(conn, name, who.scope)
    params = request.query_params.multi_items()
    check(request, PARAMETERS | frozenset(column.name for column in one.columns))
    asked = read_asked([(k, v) for k, v in params if k not in ANYWHERE], one.columns)
    found = read_items(conn, one, asked, who.scope)
    place = Place(request, parts.settings.public_url)
    path = f"/collections/{quote(one.id)}"
    kept = {k: v for k, v in params if k not in ("after", "token")}
    links = [
        place.link(f"{path}/items", "self", GEOJSON, "This page", dict(params)),
        place.link(path, "collection", JSON, one.title["en"]),
    ]
    if found.next is not None:
        links.insert(1, place.link(f"{path}/items", "next", GEOJSON, "The next page", {**kept, "after": found.next}))
    body: Json = {
        "type": "FeatureCollection",
        "timeStamp": rfc3339(now),
        "numberReturned": len(found.features),
        "features": found.features,
        "links": links,
    }
    if asked.after is None and found.next is None:
        body["numberMatched"] = len(found.features)
    return answer(body, GEOJSON, {"Content-Crs": f"<{asked.crs}>"})


@router.get("/collections/{name}/items/{key:path}")
def get_item(request: Request, conn: Conn, who: Who, parts: PartsDep, name: str, key: str) -> Response:
    one = collection(conn, name, who.scope)
    check(request, ANYWHERE | {"crs"})
    crs = read_asked([(k, v) for k, v in request.query_params.multi_items() if k == "crs"], ()).crs
    feature = read_item(conn, one, key, crs, who.scope)
    place = Place(request, parts.settings.public_url)
    path = f"/collections/{quote(one.id)}"
    feature["links"] = [
        place.link(f"{path}/items/{quote(key, safe='')}", "self", GEOJSON, "This feature"),
        place.link(path, "collection", JSON, one.title["en"]),
    ]
    return answer(feature, GEOJSON, {"Content-Crs": f"<{crs}>"})


@router.get("/api")
def get_api(request: Request, conn: Conn, who: Who, parts: PartsDep) -> Response:
    """An OpenAPI 3.0 document of what stands here."""
    check(request)
    return answer(
        describe([one.id for one in collections(conn, who.scope)], base_of(request, parts.settings.public_url)), OPENAPI
    )


def describe(names: list[str], base: str) -> Json:
    text_of = {"type": "string"}
    given: Json = {
        "f": {"type": "string", "enum": ["json", "geojson"]},
        "limit": {"type": "integer", "minimum": 1, "maximum": MOST, "default": LIMIT},
        "bbox": {"type": "array", "minItems": 4, "maxItems": 6, "items": {"type": "number"}},
        "bbox-crs": {"type": "string", "enum": list(SYSTEMS)},
        "crs": {"type": "string", "enum": list(SYSTEMS)},
        "datetime": text_of,
        "after": text_of,
        "filter": text_of,
        "filter-lang": {"type": "string", "enum": list(LANGUAGES), "default": TEXT},
        "filter-crs": {"type": "string", "format": "uri", "enum": list(SYSTEMS), "default": CRS84},
    }
    parameters = {
        name: {"name": name, "in": "query", "required": False, "schema": schema, "style": "form", "explode": False}
        for name, schema in given.items()
    }
    inside = [
        {"name": "collectionId", "in": "path", "required": True, "schema": {"type": "string", "enum": names}},
    ]
    one_feature = {"name": "featureId", "in": "path", "required": True, "schema": text_of}

    def get(summary: str, kind: str, asked: list[str], path: list[Json] | None = None) -> Json:
        refs = [{"$ref": f"#/components/parameters/{name}"} for name in asked]
        told = {"description": summary, "content": {kind: {"schema": {"type": "object"}}}}
        answers = {"200": told, "400": {"$ref": "#/components/responses/bad"}}
        answers |= {"401": {"$ref": "#/components/responses/bad"}}
        if path:
            answers["404"] = {"$ref": "#/components/responses/bad"}
        return {"get": {"summary": summary, "parameters": [*(path or []), *refs], "responses": answers}}

    return {
        "openapi": "3.0.3",
        "info": {"title": "OneMap layers", "version": "1.0"},
        "servers": [{"url": f"{base}/ogc"}],
        "security": [{"token": []}],
        "paths": {
            "/": get("Landing page", JSON, ["f"]),
            "/conformance": get("Conformance classes", JSON, ["f"]),
            "/collections": get("Layers", JSON, ["f"]),
            "/collections/{collectionId}": get("A layer", JSON, ["f"], inside),
            "/collections/{collectionId}/queryables": get("Its columns", SCHEMA, ["f"], inside),
            "/collections/{collectionId}/items": get("Its features", GEOJSON, list(given), inside),
            "/collections/{collectionId}/items/{featureId}": get(
                "A feature", GEOJSON, ["f", "crs"], [*inside, one_feature]
            ),
        },
        "components": {
            "parameters": parameters,
            "responses": {
                "bad": {
                    "description": "what is wrong (RFC 9457)",
                    "content": {"application/problem+json": {"schema": {"type": "object"}}},
                }
            },
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }
