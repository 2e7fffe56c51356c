"""What a request that changes features says: OGC API Features Part 4 (20-002), features as GeoJSON, changes as JSON
merge patches (RFC 7396)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from fastapi import Request

from app.problems import GEOJSON
from core.errors import InputError
from core.faults import expects
from core.texts import check_texts
from layers.collection import Collection
from layers.ogc.errors import BadRequest, Unsupported
from layers.ogc.systems import CRS84, SYSTEMS

PATCH = "application/merge-patch+json"
FEATURE = (GEOJSON, "application/json")
# methods that read
READS = ("GET", "OPTIONS")
# members that say the system of the coordinates beside what this API goes by: to pass over them would move the feature
OTHER_SYSTEMS = ("crs", "coordRefSys", "place")
# what `/ogc` gives away in `ETag`: the version of a feature; behind it the system of its coordinates, the coding
TAG = re.compile(r'"([1-9]\d{0,9})(?:-[a-z0-9]+)*"')
TAGS = re.compile(r'\s*((?:W/)?"[\x21\x23-\x7e\x80-\xff]*")\s*(?:,|$)')


def tag_of(version: int, crs: str = CRS84) -> str:
    """A strong entity tag: another system, other coordinates."""
    return f'"{version}"' if crs == CRS84 else f'"{version}-{SYSTEMS[crs][0]}"'


def versions_in(request: Request) -> frozenset[int] | None:
    """Those that `If-Match` takes; None where any will do. A weak tag is never a match (RFC 9110, section 8.8.3.2)."""
    given = request.headers.get("if-match")
    if given is None or given.strip() == "*":
        return None
    tags = TAGS.findall(given)
    if not tags or TAGS.sub("", given).strip():
        raise BadRequest('If-Match: expected * or tags such as "3"', field="If-Match")
    return frozenset(int(found[1]) for tag in tags if (found := TAG.fullmatch(tag)))


def system_in(request: Request) -> str:
    """The one that `Content-Crs` names (18-058r1, section 6.3), else CRS84."""
    given = request.headers.get("content-crs")
    if given is None:
        return CRS84
    wanted = given.strip().removeprefix("<").removesuffix(">")
    if wanted not in SYSTEMS:
        told = f"Content-Crs: expected one of {', '.join(f'<{one}>' for one in SYSTEMS)}; got {given[:80]!r}"
        raise BadRequest(told, field="Content-Crs")
    return wanted


def read_body(request: Request, body: bytes, kinds: tuple[str, ...]) -> dict[str, Any]:
    """A JSON object of one of these media types. BadRequest without a `Content-Type` (20-002, post-content-type)."""
    given = request.headers.get("content-type", "")
    if not given.strip():
        raise BadRequest(f"Content-Type: expected {' or '.join(kinds)}", field="Content-Type")
    if given.partition(";")[0].strip().lower() not in kinds:
        raise Unsupported(f"Content-Type: expected {' or '.join(kinds)}; got {given[:80]!r}", field="Content-Type")
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        raise BadRequest(f"body: expected JSON: {exc.msg}", field="body", reason="not_json") from None
    if not isinstance(found, dict):
        raise BadRequest("body: expected a JSON object", field="body")
    check_texts(found, "body")
    return found


@dataclass(frozen=True, slots=True)
class Feature:
    """What is said of a feature; of a change only what it names."""

    properties: dict[str, Any]
    geometry: Any = None
    has_geometry: bool = True

    def said(self) -> dict[str, Any]:
        return {"values": self.properties, **({"geometry": self.geometry} if self.has_geometry else {})}


def read_feature(body: Mapping[str, Any], one: Collection, key: str | None) -> Feature:
    """A whole feature, for the address `key` where it has one already. Its other members say nothing of it."""
    if body.get("type") != "Feature":
        raise InputError(
            f"type: expected 'Feature', got {str(body.get('type'))[:40]!r}",
            field="type",
            about=expects("type", "one_of", expected="Feature"),
        )
    for name in ("geometry", "properties"):
        if name not in body:
            raise InputError(f"{name}: expected a value, or null", field=name, about=expects(name, "missing"))
    _check(body, key)
    return Feature(_properties(body["properties"] or {}, one), body["geometry"])


def read_patch(body: Mapping[str, Any], one: Collection, key: str) -> Feature:
    """A merge patch of a feature. Its geometry is given whole, or null."""
    known = {"type", "id", "properties", "geometry"}
    for name in body:
        if name not in {*known, *OTHER_SYSTEMS}:
            raise InputError(
                f"{name[:60]}: expected properties or geometry",
                field=name[:60],
                about=expects(name[:60], "extra_forbidden"),
            )
    if body.get("type", "Feature") != "Feature":
        raise InputError("type: expected 'Feature', it cannot be changed", field="type", about=expects("type", "stays"))
    if "id" in body and body["id"] is None:
        raise InputError(f"id: expected {key!r}, it cannot be changed", field="id", about=expects("id", "stays"))
    _check(body, key)
    return Feature(_properties(body.get("properties", {}), one), body.get("geometry"), "geometry" in body)


def _check(body: Mapping[str, Any], key: str | None) -> None:
    if key is not None and body.get("id") is not None and str(body["id"]) != key:
        raise InputError(f"id: expected {key!r}, it cannot be changed", field="id", about=expects("id", "stays"))
    for name in OTHER_SYSTEMS:
        if body.get(name) is not None:
            raise InputError(
                f"{name}: expected the system of coordinates in the header Content-Crs",
                field=name,
                about=expects(name, "content_crs"),
            )


def _properties(given: object, one: Collection) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise InputError("properties: expected an object", field="properties", about=expects("properties", "object"))
    known = {column.name for column in one.columns}
    for name in given:
        if name not in known:
            told = f"{name[:63]}: there is no such column; expected one of {', '.join(sorted(known))}"
            raise InputError(told, field=name[:63], reason="no_column", about={"name": _both(name[:63])})
    return dict(given)


def _both(words: str) -> dict[str, str]:
    return {"zh": words, "en": words}
