"""What `/ogc` says of itself: what it conforms to, and its OpenAPI 3.0 document (17-069r4, section 9)."""

from __future__ import annotations

from collections.abc import Sequence

from app.api.layers import TILE_TYPE
from app.ogc.editing import FEATURE, PATCH
from app.ogc.place import HTML, JSON, SCHEMA, Json
from app.ogc.qgis import LAYER_TYPE, PROJECT_TYPE
from app.problems import GEOJSON
from layers.collection import Collection
from layers.columns import SCHEMAS
from layers.grids import GRIDS
from layers.ogc.expressions import LANGUAGES, TEXT
from layers.ogc.query import LIMIT, MOST, PARAMETERS
from layers.ogc.systems import CRS84, SYSTEMS

CLASSES: dict[str, tuple[str, ...]] = {
    "ogcapi-features-1/1.0": ("core", "oas30", "geojson"),
    "ogcapi-features-2/1.0": ("crs",),
    "ogcapi-features-3/1.0": ("queryables", "queryables-query-parameters", "filter", "features-filter"),
    **dict.fromkeys(
        # the names of the draft that stands, and those of the one before it, by which programs ask
        ("ogcapi-common-5/1.0", "ogcapi-features-4/1.0"),
        ("create-replace-delete", "update", "optimistic-locking-etags"),
    ),
    "cql2/1.0": (
        "cql2-text",
        "cql2-json",
        "basic-cql2",
        "advanced-comparison-operators",
        "case-insensitive-comparison",
        "accent-insensitive-comparison",
        "basic-spatial-functions",
        "basic-spatial-functions-plus",
        "temporal-functions",
        "property-property",
        "arithmetic",
    ),
    "ogcapi-tiles-1/1.0": ("core", "tileset", "tilesets-list", "geodata-tilesets", "mvt"),
    "tms/2.0": ("tilematrixset", "json-tilematrixset"),
}
CLASSES["ogcapi-features-4/1.0"] += ("features",)
CONFORMS = tuple(f"http://www.opengis.net/spec/{part}/conf/{name}" for part, names in CLASSES.items() for name in names)
WORDS: Json = {"type": "string"}
SYSTEM: Json = {"type": "string", "format": "uri", "enum": list(SYSTEMS), "default": CRS84}
# name -> schema, and what it is
ASKED: dict[str, tuple[Json, str]] = {
    "f": ({"type": "string", "enum": ["json", "geojson", "html"]}, "the format, where `Accept` is not to say it"),
    "limit": (
        {"type": "integer", "minimum": 1, "maximum": MOST, "default": LIMIT},
        "how many features a page has at most",
    ),
    "bbox": (
        {"type": "array", "minItems": 4, "maxItems": 6, "items": {"type": "number"}},
        "a box that features intersect: the smaller corner, then the larger one, as the axes of `bbox-crs` are ordered",
    ),
    "bbox-crs": (SYSTEM, "the system of `bbox`"),
    "crs": (SYSTEM, "the system of the answer"),
    "datetime": (WORDS, "a moment, or two as begin/end of which one may be `..` (RFC 3339)"),
    "after": (WORDS, "what the link `next` says"),
    "before": (WORDS, "what the link `prev` says"),
    "filter": (WORDS, "a condition in CQL2"),
    "filter-lang": ({"type": "string", "enum": list(LANGUAGES), "default": TEXT}, "how `filter` is written"),
    "filter-crs": (SYSTEM, "the system of the places in `filter`"),
}

# headers of requests that change features (OGC 20-002), and of their answers
SAID: dict[str, tuple[Json, str]] = {
    "If-Match": (WORDS, "the `ETag` that was seen: 412 where the feature has changed since"),
    "Content-Crs": (WORDS, "the system of the geometry in angle brackets, one of those of the layer; CRS84 without"),
}
ANSWERED = {"ETag": "the version of the feature", "Location": "where the new feature is"}
# what may be wrong with what is sent
REFUSED = ("400", "401", "403", "404", "405", "409", "412", "413", "415", "422", "500", "503")


def describe(found: Sequence[Collection], base: str) -> Json:
    """Of these collections, served at `base`. Each has an address of its own for its features, where its columns are
    parameters (19-079r2)."""
    parameters: Json = {
        name: {
            "name": name,
            "in": "query",
            "description": told,
            "required": False,
            "schema": schema,
            "style": "form",
            "explode": False,
        }
        for name, (schema, told) in ASKED.items()
    }
    inside = {
        "collectionId": ({"type": "string", "enum": [one.id for one in found]}, "a layer"),
        "featureId": (WORDS, "a feature of the layer"),
        "tileMatrixSetId": ({"type": "string", "enum": list(GRIDS)}, "a grid"),
        "tileMatrix": ({"type": "integer", "minimum": 0}, "a level of the grid"),
        "tileRow": ({"type": "integer", "minimum": 0}, "a row, from the north"),
        "tileCol": ({"type": "integer", "minimum": 0}, "a column, from the west"),
    }
    parameters |= {
        name: {"name": name, "in": "header", "description": told, "required": False, "schema": schema}
        for name, (schema, told) in SAID.items()
    }
    parameters |= {
        name: {"name": name, "in": "path", "description": told, "required": True, "schema": schema}
        for name, (schema, told) in inside.items()
    }
    layer = "/collections/{collectionId}"
    tiles = f"{layer}/tiles/{{tileMatrixSetId}}"
    return {
        "openapi": "3.0.3",
        "info": {"title": "OneMap layers", "version": "1.0", "license": {"name": "Apache-2.0"}},
        "servers": [{"url": base}],
        "security": [{"token": []}],
        "paths": {
            "/": _get("Landing page", (JSON, HTML), ["f"]),
            "/conformance": _get("Conformance classes", (JSON, HTML), ["f"]),
            "/collections": _get("Layers", (JSON, HTML), ["f"]),
            layer: _get("A layer", (JSON, HTML), ["f"], layer),
            f"{layer}/queryables": _get("What can be asked by", (SCHEMA, HTML), ["f"], layer),
            f"{layer}/items": _get("Its features", (GEOJSON, HTML), list(ASKED), layer),
            f"{layer}/items/{{featureId}}": _get(
                "A feature", (GEOJSON, HTML), ["f", "crs"], f"{layer}/items/{{featureId}}"
            )
            | _edits(f"{layer}/items/{{featureId}}"),
            **{f"/collections/{one.id}/items": _items(one) for one in found},
            "/onemap.qgz": _get("All layers as a QGIS project", (PROJECT_TYPE,), []),
            f"{layer}/onemap.qlr": _get("A layer for QGIS", (LAYER_TYPE,), [], layer),
            "/tileMatrixSets": _get("Grids of tiles", (JSON,), []),
            "/tileMatrixSets/{tileMatrixSetId}": _get("A grid", (JSON,), [], "/{tileMatrixSetId}"),
            f"{layer}/tiles": _get("Tilesets of a layer", (JSON,), [], layer),
            tiles: _get("A tileset", (JSON,), [], tiles),
            f"{tiles}/tilejson.json": _get("TileJSON 3.0.0", (JSON,), [], tiles),
            f"{tiles}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}": _get(
                "A vector tile", (TILE_TYPE,), [], f"{tiles}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}"
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
            "headers": {name: {"description": told, "schema": WORDS} for name, told in ANSWERED.items()},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _items(one: Collection) -> Json:
    told = _get(f"Features of {one.id}", (GEOJSON, HTML), list(ASKED))
    told["get"]["responses"]["404"] = {"$ref": "#/components/responses/bad"}
    if "POST" in one.edits:
        told["post"] = _edit(f"A new feature of {one.id}", "201", FEATURE, _feature(one), ["Content-Crs"])
    told["get"]["parameters"] += [
        {
            "name": column.name,
            "in": "query",
            "description": column.title["en"],
            "required": False,
            "schema": dict(SCHEMAS[column.type]),
            "style": "form",
            "explode": False,
        }
        for column in one.columns
        if column.name not in PARAMETERS
    ]
    return told


def _get(summary: str, kinds: tuple[str, ...], asked: list[str], path: str = "") -> Json:
    """One address: what it is, in which formats it answers, what of the query and of the path it takes."""
    inside = [part.partition("}")[0] for part in path.split("{")[1:]]
    content = {
        kind: {"schema": {"type": "string" if kind in (HTML, TILE_TYPE, PROJECT_TYPE, LAYER_TYPE) else "object"}}
        for kind in kinds
    }
    answers: Json = {"200": {"description": summary, "content": content}}
    if TILE_TYPE in kinds:
        answers["204"] = {"description": "nothing is in it"}
    bad = ("400", "401", *(("404",) if inside else ()), "500", "503")
    answers |= {status: {"$ref": "#/components/responses/bad"} for status in bad}
    refs = [{"$ref": f"#/components/parameters/{name}"} for name in (*inside, *asked)]
    return {"get": {"summary": summary, "parameters": refs, "responses": answers}}


def _edits(path: str) -> Json:
    """What changes one feature; what its properties are, the layer's queryables say."""
    feature: Json = {
        "type": "object",
        "required": ["type", "geometry", "properties"],
        "properties": {
            "type": {"type": "string", "enum": ["Feature"]},
            "geometry": {"type": "object", "nullable": True},
            "properties": {"type": "object", "nullable": True},
        },
    }
    patch: Json = {
        "type": "object",
        "properties": {"geometry": {"type": "object", "nullable": True}, "properties": {"type": "object"}},
    }
    both = ["If-Match", "Content-Crs"]
    return {
        "put": _edit("The whole feature anew", "204", FEATURE, feature, both, path),
        "patch": _edit("Some of it", "204", (PATCH,), patch, both, path),
        "delete": _edit("Remove it", "204", (), {}, ["If-Match"], path),
    }


def _feature(one: Collection) -> Json:
    """As it is made: every column may be left out or null, but for the one that names the rows."""
    columns = {c.name: {**SCHEMAS[c.type], "title": c.title["en"], "nullable": True} for c in one.columns}
    return {
        "type": "object",
        "required": ["type", "geometry", "properties"],
        "properties": {
            "type": {"type": "string", "enum": ["Feature"]},
            "geometry": {"type": "object", "nullable": True},
            "properties": {"type": "object", "nullable": True, "properties": columns, "additionalProperties": False},
        },
    }


def _edit(summary: str, status: str, kinds: tuple[str, ...], body: Json, said: list[str], path: str = "") -> Json:
    """A method that changes features."""
    inside = [part.partition("}")[0] for part in path.split("{")[1:]]
    refs = [{"$ref": f"#/components/parameters/{name}"} for name in (*inside, *said)]
    names = [*(["Location"] if status == "201" else []), *(["ETag"] if kinds else [])]
    done: Json = {"description": summary}
    if names:
        done["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
    bad = {refused: {"$ref": "#/components/responses/bad"} for refused in REFUSED}
    told: Json = {"summary": summary, "parameters": refs, "responses": {status: done, **bad}}
    if kinds:
        told["requestBody"] = {"required": True, "content": {kind: {"schema": body} for kind in kinds}}
    return told
