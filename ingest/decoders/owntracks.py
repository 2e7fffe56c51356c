"""OwnTracks: where the phones of field teams are, `owntracks/<user>/<device>` (OwnTracks booklet, JSON)."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct, field

from core.errors import DecodeError
from ingest.decoders.base import Decoder, Incoming, Options, check_position, check_unix, invalid, read, safe_name
from ingest.records import PositionRow, Record

# messages that tell of no position of the unit
SILENT = frozenset(
    {
        "lwt",
        "waypoint",
        "waypoints",
        "transition",
        "cmd",
        "card",
        "steps",
        "beacon",
        "configuration",
        "dump",
        "request",
        "status",
    }
)
KMH = 1 / 3.6
MAX_SPEED = 300.0


class OwnTracksOptions(Options):
    # what names the unit: the topic's device, user and device, or the two-letter tracker id
    unit: Literal["device", "user-device", "tid"] = "device"


class LocationIn(Struct):
    """vel in km/h, cog in degrees, acc in metres, batt in percent, tst in seconds since 1970."""

    type: str = field(name="_type")
    lat: float | None = None
    lon: float | None = None
    tst: Annotated[float, Meta(ge=0, le=1e11)] | None = None
    acc: float | None = None
    batt: float | None = None
    vel: float | None = None
    cog: float | None = None
    tid: str | None = None


class TypedIn(Struct):
    type: str = field(name="_type")


_TYPED = msgspec.json.Decoder(TypedIn)
_LOCATION = msgspec.json.Decoder(LocationIn)


def decode(incoming: Incoming) -> list[Record]:
    kind: str = read(_TYPED, incoming.payload).type
    if kind in SILENT:
        return []
    if kind == "encrypted":
        raise DecodeError("payload: encrypted by the phone; we hold no key for it", reason="encrypted", field="payload")
    if kind != "location":
        raise invalid("_type", f"expected location, got {kind[:40]!r}")
    return [_read_location(read(_LOCATION, incoming.payload), incoming)]


def _read_location(fix: LocationIn, incoming: Incoming) -> PositionRow:
    position = check_position(fix.lon, fix.lat)
    if position is None:
        raise invalid("lat", "expected a value, it is missing")
    if fix.tst is None:
        raise invalid("tst", "expected seconds since 1970, it is missing")
    speed = _check_known(fix.vel, MAX_SPEED / KMH, "vel")
    battery = _check_known(fix.batt, 100, "batt")
    return PositionRow(
        unit_id=_name_unit(fix, incoming),
        time=check_unix(fix.tst, incoming.now, "tst"),
        lon=position.lon,
        lat=position.lat,
        speed=None if speed is None else speed * KMH,
        heading=_check_known(fix.cog, 360, "cog"),
        accuracy=_check_known(fix.acc, float("inf"), "acc"),
        battery=None if battery is None else battery / 100,
    )


def _check_known(value: float | None, most: float, name: str) -> float | None:
    """Phones say -1 for what they do not know."""
    if value is None or value < 0:
        return None
    if value > most:
        raise invalid(name, f"expected at most {most:g}, got {value:g}")
    return value


def _name_unit(fix: LocationIn, incoming: Incoming) -> str:
    options: OwnTracksOptions = incoming.options
    if options.unit == "tid":
        if not fix.tid:
            raise invalid("tid", "expected a value, it is missing")
        return safe_name(fix.tid)
    parts = incoming.topic.split("/")
    if len(parts) < 3 or not all(parts[-2:]):
        message = f"topic: expected owntracks/user/device, got {incoming.topic[:120]!r}"
        raise DecodeError(message, reason="topic", field="topic")
    return safe_name(parts[-1] if options.unit == "device" else "-".join(parts[-2:]))


DECODER = Decoder(
    "owntracks", {"zh": "OwnTracks", "en": "OwnTracks"}, ("owntracks/+/+",), decode, OwnTracksOptions, coarse=True
)
