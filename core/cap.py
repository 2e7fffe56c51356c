"""Common Alerting Protocol 1.2 (OASIS Standard, 2010): a document model, built and parsed.

Times are written as section 3.3.2 asks; polygons are closed and "lat,lon"; nothing is ever taken from entities or DTDs.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from lxml import etree

from core.clock import cap_time
from core.errors import InputError
from core.types import Box

NS = "urn:oasis:names:tc:emergency:cap:1.2"
# control characters but tab, line feed and carriage return; surrogates; the two non-characters
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# tags and entities of HTML: what reads a text aloud reads them too (section 3.3.1)
MARKUP = re.compile(r"</?[A-Za-z][^<>]*>|&(?:[A-Za-z]+|#\d+|#x[0-9A-Fa-f]+);")
_NO_MARKUP = str.maketrans("<>&", "‹›＆")
KM_A_DEGREE = 111.2  # of latitude
_ALERT_REQUIRED = ("identifier", "sender", "sent", "status", "msgType", "scope")


@dataclass(frozen=True, slots=True)
class Area:
    """`polygons` are rings of (lon, lat), closed; `circles` are (lon, lat, radius in km)."""

    description: str
    polygons: tuple[tuple[tuple[float, float], ...], ...] = ()
    circles: tuple[tuple[float, float, float], ...] = ()
    geocodes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Info:
    category: str
    event: str
    urgency: str
    severity: str
    certainty: str
    language: str = "zh-CN"
    response_type: str | None = None
    onset: datetime | None = None
    expires: datetime | None = None
    sender_name: str | None = None
    headline: str | None = None
    description: str | None = None
    instruction: str | None = None
    parameters: tuple[tuple[str, str], ...] = ()
    areas: tuple[Area, ...] = ()


@dataclass(frozen=True, slots=True)
class Alert:
    identifier: str
    sender: str
    sent: datetime
    status: str
    msg_type: str
    scope: str
    restriction: str | None = None
    note: str | None = None
    references: str | None = None
    info: tuple[Info, ...] = ()
    zone: str = "UTC"
    xml: str = field(default="", compare=False, repr=False)


def build(alert: Alert) -> bytes:
    """The alert as XML in UTF-8, its elements in the order of the schema."""
    root = etree.Element(f"{{{NS}}}alert", nsmap={None: NS})
    _add(root, "identifier", alert.identifier)
    _add(root, "sender", alert.sender)
    _add(root, "sent", cap_time(alert.sent, alert.zone))
    _add(root, "status", alert.status)
    _add(root, "msgType", alert.msg_type)
    _add(root, "scope", alert.scope)
    _add(root, "restriction", alert.restriction)
    _add(root, "note", alert.note)
    _add(root, "references", alert.references)
    for info in alert.info:
        _build_info(root, info, alert.zone)
    body: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    return body


def _build_info(root: etree._Element, info: Info, zone: str) -> None:
    node = etree.SubElement(root, f"{{{NS}}}info")
    for name, value in (
        ("language", info.language),
        ("category", info.category),
        ("event", info.event),
        ("responseType", info.response_type),
        ("urgency", info.urgency),
        ("severity", info.severity),
        ("certainty", info.certainty),
        ("onset", cap_time(info.onset, zone) if info.onset else None),
        ("expires", cap_time(info.expires, zone) if info.expires else None),
        ("senderName", info.sender_name),
        ("headline", info.headline),
        ("description", info.description),
        ("instruction", info.instruction),
    ):
        _add(node, name, value)
    for name, value in info.parameters:
        pair = etree.SubElement(node, f"{{{NS}}}parameter")
        _add(pair, "valueName", name)
        _add(pair, "value", value)
    for area in info.areas:
        _build_area(node, area)


def _build_area(parent: etree._Element, area: Area) -> None:
    node = etree.SubElement(parent, f"{{{NS}}}area")
    _add(node, "areaDesc", area.description)
    for ring in area.polygons:
        _add(node, "polygon", " ".join(f"{lat:.6f},{lon:.6f}" for lon, lat in ring))
    for lon, lat, radius_km in area.circles:
        _add(node, "circle", f"{lat:.6f},{lon:.6f} {radius_km:g}")
    for name, value in area.geocodes:
        pair = etree.SubElement(node, f"{{{NS}}}geocode")
        _add(pair, "valueName", name)
        _add(pair, "value", value)


def _add(parent: etree._Element, name: str, value: str | None) -> None:
    if value is not None:
        etree.SubElement(parent, f"{{{NS}}}{name}").text = xml_text(value)


def xml_text(value: str) -> str:
    """`value` without what XML 1.0 (section 2.2, Char) cannot carry: a device's broken name must not keep an alert from
    going out."""
    return _NOT_XML.sub("\ufffd", value)


def plain(value: str) -> str:
    """`value` with what would be markup in it made ordinary signs: a name that somebody gave is a name."""
    return MARKUP.sub(lambda found: found.group().translate(_NO_MARKUP), value)


def references_of(alert: Alert) -> list[str]:
    """`sender,identifier` of the messages that it refers to (section 3.2.1: `sender,identifier,sent`, blanks
    between)."""
    named = (one.split(",") for one in (alert.references or "").split())
    return [f"{parts[0]},{parts[1]}" for parts in named if len(parts) >= 3]


SEVERITIES = ("Extreme", "Severe", "Moderate", "Minor", "Unknown")


def infos_for(alert: Alert, at: datetime, box: Box | None) -> list[Info]:
    """The info blocks that concern whoever is within `box` at that moment, the gravest first: not expired, and of an
    area that reaches into it. One whose areas have no shape may; where none concerns us, all of them."""
    near = [info for info in alert.info if box is None or reaches(info, box)] or list(alert.info)
    valid = [info for info in near if info.expires is None or info.expires > at] or near
    return sorted(valid, key=lambda info: SEVERITIES.index(info.severity) if info.severity in SEVERITIES else 4)


def reaches(info: Info, box: Box) -> bool:
    """Whether one of its areas may touch the box; by their own boxes, which is never too narrow."""
    boxes = [shape for area in info.areas for shape in _boxes(area)]
    west, south, east, north = box
    return not boxes or any(w <= east and e >= west and s <= north and n >= south for w, s, e, n in boxes)


def _boxes(area: Area) -> Iterator[Box]:
    for ring in area.polygons:
        lons, lats = [lon for lon, _ in ring], [lat for _, lat in ring]
        yield min(lons), min(lats), max(lons), max(lats)
    for lon, lat, radius_km in area.circles:
        high = radius_km / KM_A_DEGREE
        wide = min(high / max(math.cos(math.radians(min(abs(lat) + high, 89.9))), 1e-3), 360.0)
        yield lon - wide, lat - high, lon + wide, lat + high


def parse(body: bytes) -> Alert:
    """Read an alert. Raises InputError that names the element; DTDs and entities are refused."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_pis=True)
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as exc:
        raise InputError(f"payload: expected CAP 1.2 XML: {exc}", field="payload") from exc
    if root.getroottree().docinfo.doctype:
        raise InputError("payload: a CAP message has no document type declaration", field="payload")
    if root.tag != f"{{{NS}}}alert":
        raise InputError(f"alert: expected the element alert of {NS}, got {root.tag[:120]!r}", field="alert")
    found = {name: _text(root, name) for name in _ALERT_REQUIRED}
    missing = next((name for name, value in found.items() if not value), None)
    if missing:
        raise InputError(f"{missing}: expected a value (CAP 1.2 section 3.2.1)", field=missing)
    required = {name: value or "" for name, value in found.items()}
    return Alert(
        identifier=required["identifier"],
        sender=required["sender"],
        sent=_time(required["sent"], "sent"),
        status=required["status"],
        msg_type=required["msgType"],
        scope=required["scope"],
        restriction=_text(root, "restriction"),
        references=_text(root, "references"),
        info=tuple(_parse_info(node) for node in root.findall(f"{{{NS}}}info")),
        xml=etree.tostring(root, encoding="unicode"),
    )


def _parse_info(node: etree._Element) -> Info:
    required = {}
    for name in ("category", "event", "urgency", "severity", "certainty"):
        value = _text(node, name)
        if not value:
            raise InputError(f"info.{name}: expected a value (CAP 1.2 section 3.2.2)", field=f"info.{name}")
        required[name] = value
    expires = _text(node, "expires")
    return Info(
        category=required["category"],
        event=required["event"],
        urgency=required["urgency"],
        severity=required["severity"],
        certainty=required["certainty"],
        language=_text(node, "language") or "en-US",
        expires=_time(expires, "info.expires") if expires else None,
        sender_name=_text(node, "senderName"),
        headline=_text(node, "headline"),
        description=_text(node, "description"),
        instruction=_text(node, "instruction"),
        areas=tuple(_parse_area(area) for area in node.findall(f"{{{NS}}}area")),
    )


def _parse_area(node: etree._Element) -> Area:
    """A shape that cannot be read is left out: a warning is not lost for its sake."""
    rings = (_pairs(found.text) for found in node.findall(f"{{{NS}}}polygon"))
    circles = (_circle(found.text) for found in node.findall(f"{{{NS}}}circle"))
    return Area(
        description=_text(node, "areaDesc") or "",
        polygons=tuple(ring for ring in rings if ring),
        circles=tuple(circle for circle in circles if circle),
    )


def _pairs(words: str | None) -> tuple[tuple[float, float], ...]:
    try:
        lats_lons = [tuple(map(float, pair.split(","))) for pair in (words or "").split()]
    except ValueError:
        return ()
    pairs = tuple((pair[1], pair[0]) for pair in lats_lons if len(pair) == 2)
    return pairs if all(math.isfinite(number) for pair in pairs for number in pair) else ()


def _circle(words: str | None) -> tuple[float, float, float] | None:
    """`lat,lon radius`, kilometres."""
    centre, _, radius = (words or "").strip().partition(" ")
    pairs = _pairs(centre)
    try:
        return (*pairs[0], float(radius)) if pairs and math.isfinite(float(radius)) else None
    except ValueError:
        return None


def _text(node: etree._Element, name: str) -> str | None:
    value = node.findtext(f"{{{NS}}}{name}")
    return value.strip() if value else None


def _time(value: str, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as exc:
        raise InputError(
            f"{name}: expected a time like 2026-05-04T08:00:00+08:00, got {value[:40]!r}", field=name
        ) from exc
    if moment.tzinfo is None:
        raise InputError(f"{name}: expected an offset, as in 2026-05-04T08:00:00+08:00", field=name)
    return moment
