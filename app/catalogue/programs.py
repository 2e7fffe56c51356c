"""The catalogue as programs read it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import orjson
from sqlalchemy import Connection

from app.problems import Responses
from core.catalogue import dcat
from core.catalogue.nouns import EntryObject, Kind
from core.vocabulary import Text
from layers.formats import MEDIA
from layers.ogc.collections import OURS
from layers.place import read_city

JSON_LD = "application/ld+json"
GEOJSON = "application/geo+json"
# of a catalogue; what a node holds beside its type is DCAT's to say
DCAT: Responses = {
    200: {
        "description": "DCAT 3 as JSON-LD 1.1",
        "content": {
            JSON_LD: {
                "schema": {
                    "type": "object",
                    "required": ["@context", "@id", "@type", "dct:title", "dcat:dataset"],
                    "properties": {
                        "@context": {"type": "object"},
                        "@id": {"type": "string"},
                        "@type": {"type": "string", "enum": ["dcat:Catalog"]},
                        "dct:title": {"type": "array", "items": {"type": "object"}},
                        "dcat:dataset": {"type": "array", "items": {"type": "object", "required": ["@id", "@type"]}},
                    },
                }
            }
        },
    }
}


def read_dcat(conn: Connection, entries: Sequence[EntryObject], host: str) -> bytes:
    """DCAT of what somebody may know of; ways to a layer only where they may read it."""
    ours = {one.id for one in OURS}
    ways = {
        one["id"]: layer_ways(one["id"], host, own=one["id"] not in ours)
        for one in entries
        if one["kind"] == Kind.LAYER and one["reach"] and (one["id"] in ours or one["lineage"])
    }
    return orjson.dumps(dcat.document(title_of(conn), entries, f"{host}/api", ways))


def read_open_dcat(conn: Connection, entries: Sequence[EntryObject], host: str) -> bytes:
    """DCAT of what is open to the public, with the ways that need no log-in."""
    ours = {one.id for one in OURS}
    ways = {one["id"]: open_ways(one["id"], host, own=one["id"] not in ours) for one in entries}
    return orjson.dumps(dcat.document(title_of(conn), entries, f"{host}/open", ways))


def open_ways(layer: str, host: str, *, own: bool) -> list[dict[str, Any]]:
    base = f"{host}/open/layers/{quote(layer, safe='')}"
    files = [dcat.distribution(f"{base}/export?format={kind}", media, kind) for kind, media in MEDIA.items()]
    return [dcat.distribution(f"{base}/items", GEOJSON, "GeoJSON"), *(files if own else [])]


def title_of(conn: Connection) -> Text:
    city = read_city(conn)["name"]
    return {"zh": f"{city['zh']}信息资源目录", "en": f"Resource catalogue of {city['en']}"}


def layer_ways(layer: str, host: str, *, own: bool) -> list[dict[str, Any]]:
    """OGC API Features; files of a layer of the city's own."""
    name = quote(layer, safe="")
    ways = [dcat.distribution(f"{host}/ogc/collections/{name}/items", GEOJSON, "OGC API Features")]
    if own:
        export = f"{host}/api/layers/{name}/export?format="
        ways += [dcat.distribution(f"{export}{kind}", media, kind) for kind, media in MEDIA.items()]
    return ways
