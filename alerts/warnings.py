"""Warnings of others (CAP 1.2) as the objects of the API: what each says for the city, where, and what has become of
it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from shapely import Geometry, MultiPolygon, Polygon, box, unary_union
from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from core.cap import Alert, Info, infos_for, parse
from core.clock import rfc3339
from core.errors import InputError, NotFound
from core.exposure import city_box
from core.geodesy import points_around
from core.i18n import say
from core.nouns import LogLine
from core.texts import fit
from core.types import Box
from core.vocabulary import Text, table
from core.warned import in_force, stated

# how many a list looks through, the newest first
AT_MOST = 5000
# a shape is drawn with so many points, and thinned until it has no more
POINTS = 1000
CIRCLE_POINTS = 48
KM_AT_MOST = 2000.0
Ring = list[list[float]]


class Warning(TypedDict):
    """An outside warning: of several info blocks the gravest that is in force and concerns the city.

    `state` since `changed_at`; `level` its colour, 1 red to 4 blue, null where it says none; `until` when it ends,
    thirty days after it was sent where it names no end; `shape` the areas that could be read, as the coordinates of a
    GeoJSON MultiPolygon, empty where there is none; `lon`, `lat` a point in it.
    """

    id: str
    sender: str
    sender_name: str | None
    identifier: str
    sent: str
    msg_type: str
    status: str
    state: str
    changed_at: str
    level: int | None
    names: Text
    event: str | None
    headline: str | None
    description: str | None
    instruction: str | None
    severity: str | None
    urgency: str | None
    certainty: str | None
    area: str | None
    expires: str | None
    until: str
    received_at: str
    lon: float | None
    lat: float | None
    shape: list[list[Ring]]


# --- what a message says ----------------------------------------------------------------------------------------------

# a bureau's signal (暴雨橙色预警) before what severity its sender makes of it
_COLOUR = re.compile("([红橙黄蓝])色?预警")
_LEVELS = {row["colour_zh"][0]: int(level) for level, row in table("levels").items()}
_SEVERITIES = {row["severity"]: int(level) for level, row in table("levels").items()}


@dataclass(frozen=True, slots=True)
class Said:
    """Of a message what its readers are shown. One is read many times and never changes."""

    infos: tuple[Info, ...]
    level: int | None
    names: Text
    area: str | None
    shape: Geometry | None


@lru_cache(maxsize=512)
def read_message(body: str) -> Alert | None:
    """None where it is not ours to read."""
    try:
        return parse(body.encode())
    except InputError:
        return None


def level_of(info: Info) -> int | None:
    found = _COLOUR.search(info.headline or "") or _COLOUR.search(info.event)
    return _LEVELS.get(found[1]) if found else _SEVERITIES.get(info.severity)


def names_of(infos: Sequence[Info], otherwise: str) -> Text:
    """The headline in the languages it comes in; one stands in for another."""
    told: dict[str, str] = {}
    for info in infos:
        words = (info.headline or info.event).strip()
        if words:
            told.setdefault("zh" if info.language.lower().startswith("zh") else "en", words)
    some = next(iter(told.values()), otherwise)
    return {"zh": fit(told.get("zh", some)), "en": fit(told.get("en", some))}


def shape_of(infos: Iterable[Info]) -> Geometry | None:
    """Its areas as one shape: rings that are none, or lie nowhere on Earth, are left out; one that crosses itself is
    mended. None where nothing is left."""
    rings: set[tuple[tuple[float, float], ...]] = set()
    for info in infos:
        for area in info.areas:
            rings.update(area.polygons)
            rings.update(circle_ring(*circle) for circle in area.circles)
    parts = [Polygon(ring).buffer(0) for ring in sorted(rings) if is_ring(ring)]
    whole = unary_union([part for part in parts if not part.is_empty])
    if whole.is_empty:
        return None
    thinner = 1e-4
    while count_points(whole) > POINTS and thinner < 1:
        whole, thinner = whole.simplify(thinner).buffer(0), thinner * 2
    return whole


def circle_ring(lon: float, lat: float, radius_km: float) -> tuple[tuple[float, float], ...]:
    """Empty for what is no circle here: of no width (a point, by CAP's own convention), or wider than a country."""
    if not (0 < radius_km <= KM_AT_MOST and abs(lat) < 85):
        return ()
    ring = points_around(lon, lat, 1000 * radius_km, CIRCLE_POINTS)
    return (*ring, ring[0])


def is_ring(ring: Sequence[tuple[float, float]]) -> bool:
    return len(set(ring)) >= 3 and all(abs(lon) <= 180 and abs(lat) <= 90 for lon, lat in ring)


def polygons_of(shape: Geometry) -> list[Polygon]:
    parts = shape.geoms if isinstance(shape, MultiPolygon) else [shape]
    return [part for part in parts if isinstance(part, Polygon) and not part.is_empty]


def count_points(shape: Geometry) -> int:
    return sum(len(ring.coords) for one in polygons_of(shape) for ring in (one.exterior, *one.interiors))


def coordinates(shape: Geometry) -> list[list[Ring]]:
    """As GeoJSON has them (RFC 7946 section 3.1.7), five decimals: a metre."""
    return [
        [[[round(x, 5), round(y, 5)] for x, y in ring.coords] for ring in (one.exterior, *one.interiors)]
        for one in polygons_of(shape)
    ]


def say_of(body: str, at: datetime, extent: Box | None) -> Said | None:
    alert = read_message(body)
    if alert is None:
        return None
    infos = tuple(infos_for(alert, at, extent))
    return _said(alert, infos)


@lru_cache(maxsize=512)
def _said(alert: Alert, infos: tuple[Info, ...]) -> Said:
    levels = [level for info in infos if (level := level_of(info)) is not None]
    level = min(levels, default=None)
    # the colour drawn is that of the areas under it
    gravest = [info for info in infos if level is None or level_of(info) == level]
    areas = dict.fromkeys(area.description for info in gravest for area in info.areas if area.description)
    return Said(
        infos,
        level,
        names_of(gravest or infos, alert.identifier),
        fit("、".join(areas)) or None,
        shape_of(gravest),
    )


def warning_object(row: Any, at: datetime, extent: Box | None) -> Warning:
    """From a row of core.warned."""
    said = say_of(row.body, at, extent)
    info = said.infos[0] if said and said.infos else None
    shape = said.shape if said else None
    point = middle(shape, extent)
    return {
        "id": f"{row.sender},{row.identifier},{rfc3339(row.sent)}",
        "sender": row.sender,
        "sender_name": info.sender_name if info else None,
        "identifier": row.identifier,
        "sent": rfc3339(row.sent),
        "msg_type": row.msg_type,
        "status": row.status,
        "state": row.state,
        "changed_at": rfc3339(row.changed_at),
        "level": said.level if said else None,
        "names": said.names if said else {"zh": row.headline or row.identifier, "en": row.headline or row.identifier},
        "event": info.event if info else None,
        "headline": info.headline if info else row.headline,
        "description": info.description if info else None,
        "instruction": info.instruction if info else None,
        "severity": info.severity if info else row.severity,
        "urgency": info.urgency if info else None,
        "certainty": info.certainty if info else None,
        "area": said.area if said else None,
        "expires": rfc3339(row.expires) if row.expires else None,
        "until": rfc3339(row.ends),
        "received_at": rfc3339(row.received_at),
        "lon": point[0] if point else None,
        "lat": point[1] if point else None,
        "shape": coordinates(shape) if shape is not None else [],
    }


def middle(shape: Geometry | None, extent: Box | None) -> tuple[float, float] | None:
    """A point inside it, in the city where it reaches there."""
    if shape is None:
        return None
    ours = shape.intersection(box(*extent)) if extent else shape
    point = (shape if ours.is_empty else ours).representative_point()
    return round(point.x, 5), round(point.y, 5)


# --- reading them -----------------------------------------------------------------------------------------------------

_IN_FORCE = text(f"{in_force(':at')} ORDER BY sent DESC, sender, identifier LIMIT {AT_MOST}")
_LISTED = text(f"""
SELECT * FROM ({stated(":at")}) AS w
WHERE w.state = ANY(:states) AND (CAST(:since AS timestamptz) IS NULL OR w.changed_at > :since)
ORDER BY w.sent DESC, w.sender, w.identifier LIMIT {AT_MOST}
""")
# what some senders have said or changed that holds, or has ended so lately that somebody may still see it
_TOUCHED = """w.sender = ANY(:senders) OR EXISTS (SELECT 1 FROM warning o
  WHERE o.sender = ANY(:senders) AND o.refs @> ARRAY[w.sender || ',' || w.identifier])"""
_OF_SENDERS = text(f"""
SELECT * FROM ({stated(":at", _TOUCHED)}) AS w
WHERE w.state = 'in_force' OR w.changed_at > CAST(:at AS timestamptz) - interval '1 hour'
""")
_NAMED = "w.sender = :sender AND w.identifier = :identifier AND date_trunc('milliseconds', w.sent) = :sent"
_ONE = text(stated(":at", _NAMED))


def read_warnings(conn: Connection, at: datetime) -> list[Warning]:
    """Those in force at a moment, newest first."""
    extent = city_box(conn)
    return [warning_object(row, at, extent) for row in conn.execute(_IN_FORCE, {"at": at})]


def list_warnings(
    conn: Connection, at: datetime, states: Sequence[str], since: datetime | None, within: Box | None
) -> list[Warning]:
    """Those in one of these states, newest first: changed since a moment, of an area that reaches into a box."""
    extent = city_box(conn)
    rows = conn.execute(_LISTED, {"at": at, "states": list(states), "since": since})
    found = [warning_object(row, at, extent) for row in rows]
    return found if within is None else [one for one in found if touches(one, box(*within))]


def touches(warning: Warning, area: Geometry) -> bool:
    return any(Polygon(rings[0], rings[1:]).intersects(area) for rings in warning["shape"])


def read_of_senders(conn: Connection, senders: Sequence[str], at: datetime) -> list[Warning]:
    """What holds of some senders, and what has lately ended."""
    extent = city_box(conn)
    rows = conn.execute(_OF_SENDERS, {"at": at, "senders": list(senders)})
    return [warning_object(row, at, extent) for row in rows]


def read_warning(conn: Connection, identity: str, at: datetime) -> Warning:
    """By its id, sender, identifier and time sent."""
    return warning_object(_find(conn, identity, at), at, city_box(conn))


def _find(conn: Connection, identity: str, at: datetime) -> Any:
    sender, _, rest = identity.partition(",")
    identifier, _, sent = rest.rpartition(",")
    try:
        moment = datetime.fromisoformat(sent)
    except ValueError as exc:
        raise NotFound(f"there is no warning {identity!r}") from exc
    given = {"sender": sender, "identifier": identifier, "sent": moment, "at": at}
    row = conn.execute(_ONE, given).one_or_none() if moment.tzinfo else None
    if row is None:
        raise NotFound(f"there is no warning {identity!r}")
    return row


_CHAIN = text(f"""
SELECT o.sender, o.sent, o.msg_type, o.headline, o.identifier FROM warning w JOIN warning o
  ON (o.sender, o.identifier) = (w.sender, w.identifier) OR o.refs && (w.refs || (w.sender || ',' || w.identifier))
    OR w.refs @> ARRAY[o.sender || ',' || o.identifier]
WHERE {_NAMED} AND o.received_at <= :at
ORDER BY o.sent, o.identifier LIMIT 200
""")


def read_chain(conn: Connection, warning: Warning, at: datetime) -> list[LogLine]:
    """Every message of its chain: what it replaces, and what replaces or ends it."""
    given = {"sender": warning["sender"], "identifier": warning["identifier"], "at": at}
    rows = conn.execute(_CHAIN, {**given, "sent": datetime.fromisoformat(warning["sent"])})
    return [
        {
            "time": rfc3339(row.sent),
            "who": row.sender,
            "text": say("warning.message", kind=row.msg_type, headline=fit(row.headline or row.identifier)),
        }
        for row in rows
    ]
