"""The index of our alerts: Atom (RFC 4287), RSS 2.0 with GeoRSS, GeoJSON. One entry per alert that still counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Literal

from lxml import etree
from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from core.cap import xml_text
from core.clock import cap_time, rfc3339
from core.nouns import Point
from core.scope import EVERYTHING, Scope, alarm_classification, seen_incident
from core.vocabulary import Text

ATOM, GEORSS = "http://www.w3.org/2005/Atom", "http://www.georss.org/georss"
CAP_TYPE = "application/cap+xml"
LISTED_AT_MOST = 500


@dataclass(frozen=True, slots=True)
class Entry:
    identifier: str
    sent: datetime
    msg_type: str
    level: int
    district: str
    headline: Text
    sender: str
    lon: float | None
    lat: float | None


class AlertProperties(TypedDict):
    """One of our alerts; `cap` is the address of its document."""

    sent: str
    msgType: str
    level: int
    district: str
    headline: Text
    cap: str


class AlertFeature(TypedDict):
    type: Literal["Feature"]
    id: str
    geometry: Point | None
    properties: AlertProperties


class AlertCollection(TypedDict):
    """GeoJSON (RFC 7946)."""

    type: Literal["FeatureCollection"]
    features: list[AlertFeature]


_SEEN = seen_incident("a.incident_id", "a.district", alarm_classification("a.thing_type", "a.thing_id"))
_ENTRIES = text(f"""
SELECT c.identifier, c.sent, c.msg_type, c.level, c.district, c.headline, c.sender, ST_X(c.geom) AS lon,
  ST_Y(c.geom) AS lat
FROM cap_alert c JOIN alarm a ON a.id = c.alarm_id
WHERE NOT c.replaced AND c.expires > :now AND (CAST(:district AS text) IS NULL OR c.district = :district) AND {_SEEN}
ORDER BY c.sent DESC, c.identifier LIMIT :most
""")
_BODY = text(f"SELECT c.body FROM cap_alert c JOIN alarm a ON a.id = c.alarm_id WHERE c.identifier = :id AND {_SEEN}")


def list_entries(conn: Connection, now: datetime, district: str | None, scope: Scope = EVERYTHING) -> list[Entry]:
    """The newest message of each alarm that the scope sees, unless expired; a Cancel stays listed until it expires.
    Newest first."""
    given = {"now": now, "district": district, "most": LISTED_AT_MOST, **scope.params()}
    rows = conn.execute(_ENTRIES, given)
    return [Entry(**row._mapping) for row in rows]


def read_alert(conn: Connection, identifier: str, scope: Scope = EVERYTHING) -> str | None:
    """The XML of one message."""
    body: str | None = conn.scalar(_BODY, {"id": identifier, **scope.params()})
    return body


def atom(entries: list[Entry], base: str, zone: str, now: datetime, lang: str) -> bytes:
    feed = etree.Element(f"{{{ATOM}}}feed", nsmap={None: ATOM, "georss": GEORSS})
    _atom(feed, "id", f"{base}/feeds/alerts.atom")
    _atom(feed, "title", "OneMap CAP")
    _atom(feed, "updated", cap_time(entries[0].sent if entries else now, zone))
    etree.SubElement(feed, f"{{{ATOM}}}link", rel="self", href=f"{base}/feeds/alerts.atom")
    for entry in entries:
        node = etree.SubElement(feed, f"{{{ATOM}}}entry")
        _atom(node, "id", f"{base}/feeds/alerts/{entry.identifier}.cap")
        _atom(node, "title", entry.headline[lang])
        _atom(node, "updated", cap_time(entry.sent, zone))
        _atom(etree.SubElement(node, f"{{{ATOM}}}author"), "name", entry.sender)
        etree.SubElement(node, f"{{{ATOM}}}link", href=f"{base}/feeds/alerts/{entry.identifier}.cap", type=CAP_TYPE)
        for term in (f"district:{entry.district}", f"level:{entry.level}", f"type:{entry.msg_type}"):
            etree.SubElement(node, f"{{{ATOM}}}category", term=term)
        _atom(node, "summary", entry.headline[lang])
        if entry.lon is not None:
            etree.SubElement(node, f"{{{GEORSS}}}point").text = f"{entry.lat:.6f} {entry.lon:.6f}"
    return _document(feed)


def rss(entries: list[Entry], base: str, zone: str, lang: str) -> bytes:
    root = etree.Element("rss", version="2.0", nsmap={"georss": GEORSS})
    channel = etree.SubElement(root, "channel")
    for name, value in (("title", "OneMap CAP"), ("link", f"{base}/feeds/alerts.rss"), ("description", "CAP 1.2")):
        etree.SubElement(channel, name).text = value
    for entry in entries:
        node = etree.SubElement(channel, "item")
        link = f"{base}/feeds/alerts/{entry.identifier}.cap"
        pub = format_datetime(entry.sent.astimezone(UTC))
        for name, value in (("title", entry.headline[lang]), ("link", link), ("guid", link), ("pubDate", pub)):
            etree.SubElement(node, name).text = xml_text(value)
        if entry.lon is not None:
            etree.SubElement(node, f"{{{GEORSS}}}point").text = f"{entry.lat:.6f} {entry.lon:.6f}"
    return _document(root)


def geojson(entries: list[Entry], base: str) -> AlertCollection:
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "id": e.identifier,
                "geometry": None
                if e.lon is None or e.lat is None
                else {"type": "Point", "coordinates": [e.lon, e.lat]},
                "properties": {
                    "sent": rfc3339(e.sent),
                    "msgType": e.msg_type,
                    "level": e.level,
                    "district": e.district,
                    "headline": e.headline,
                    "cap": f"{base}/feeds/alerts/{e.identifier}.cap",
                },
            }
            for e in entries
        ],
    }


def _atom(parent: etree._Element, name: str, value: str) -> None:
    etree.SubElement(parent, f"{{{ATOM}}}{name}").text = xml_text(value)


def _document(root: etree._Element) -> bytes:
    body: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    return body
