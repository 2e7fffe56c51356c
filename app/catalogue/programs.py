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
from layers.ogc.collections import collections
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
    served = {one.id for one in collections(conn)}
    ways = {
        one["id"]: ways_of(one["id"], f"{host}/ogc/collections/{{}}/items", f"{host}/api/layers/{{}}/export")
        for one in entries
        if one["kind"] == Kind.LAYER and one["reach"] and one["id"] in served
    }
    return orjson.dumps(dcat.document(title_of(conn), entries, f"{host}/api", ways))


def read_open_dcat(conn: Connection, entries: Sequence[EntryObject], host: str) -> bytes:
    """DCAT of what is open to the public, with the ways that need no log-in."""
    layer = f"{host}/open/layers/{{}}"
    ways = {one["id"]: ways_of(one["id"], f"{layer}/items", f"{layer}/export") for one in entries}
    return orjson.dumps(dcat.document(title_of(conn), entries, f"{host}/open", ways))


def ways_of(layer: str, items: str, export: str) -> list[dict[str, Any]]:
    """As GeoJSON in pages, as files."""
    name = quote(layer, safe="")
    files = [dcat.distribution(f"{export.format(name)}?format={kind}", media, kind) for kind, media in MEDIA.items()]
    return [dcat.distribution(items.format(name), GEOJSON, "GeoJSON"), *files]


def title_of(conn: Connection) -> Text:
    """A simulated city says so to whoever reads of it."""
    city = read_city(conn)
    name, demo = city["name"], city["simulated"]
    return {
        "zh": f"{name['zh']}信息资源目录{'（演示数据）' if demo else ''}",
        "en": f"Resource catalogue of {name['en']}{' (demo data)' if demo else ''}",
    }
