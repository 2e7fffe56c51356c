"""Sensor Measurement Lists in JSON (section 5), CBOR (section 6) or XML (section 7) of RFC 8428: packs are resolved
(section 4.6), then each record is a reading.

A resolved name ends in the metric: `urn:dev:ow:10e2073a01080063:temp` is metric `temp` of sensor
`urn:dev:ow:10e2073a01080063`. A name that is a device alone (a four-part URN of RFC 9039, an IPv6 address, anything
that ends in a colon or a slash) is told apart by its unit: the metric is `Cel`, or `value` without one. Positions
(units `lon` and `lat`) go with the other readings of their sensor and moment, as in the example of section 5.1.3.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv6Address
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta, Raw, Struct

from core.errors import DecodeError
from core.types import LonLat
from ingest.decoders.base import (
    AHEAD,
    PAST,
    SECOND,
    Decoder,
    Incoming,
    check_finite,
    check_optional,
    check_place,
    check_unix,
    invalid,
    read,
    spare,
)
from ingest.decoders.freeform import check_name
from ingest.decoders.senml_forms import cbor_as_json, is_cbor, xml_as_json
from ingest.records import Reading, Record

VERSION = 10  # RFC 8428 section 4.4
FEATURES = VERSION | 1 << 4  # RFC 9100: a bit a feature; the fourth is secondary units (RFC 8798)
NO_UNIT = ("/", "1", "")
RELATIVE_BELOW = 2**28  # section 4.5.3: smaller times count from now
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9:./_-]*")  # section 4.5.1
DEVICE = re.compile(r"urn:dev:[a-z]+:[^:/]+")
Unit = Annotated[str, Meta(max_length=32)]
Seconds = Annotated[float, Meta(ge=-1e11, le=1e11)]


class RecordIn(Struct):
    """Section 4.3, table 1."""

    bn: str | None = None
    bt: Seconds | None = None
    bu: Unit | None = None
    bv: float | None = None
    bs: float | None = None
    bver: float | None = None
    n: str = ""
    u: Unit | None = None
    v: float | None = None
    vs: str | None = None
    vb: bool | None = None
    vd: str | None = None
    s: float | None = None
    t: Seconds = 0.0


class Base(NamedTuple):
    """The base fields in force: each holds until a later record of the pack changes it (section 4.1)."""

    name: str = ""
    time: float = 0.0
    unit: str | None = None
    value: float = 0.0
    sum: float | None = None


class Measurement(NamedTuple):
    sensor: str
    metric: str
    time: int
    unit: str | None
    value: float


_PACK = msgspec.json.Decoder(list[RecordIn])
_LABELS = msgspec.json.Decoder(list[dict[str, Raw]])


def decode(incoming: Incoming) -> list[Record]:
    payload = incoming.payload
    if is_cbor(payload):
        payload = cbor_as_json(payload)
    elif payload.lstrip()[:1] == b"<":
        payload = xml_as_json(payload)
    pack: list[RecordIn] = read(_PACK, payload)
    if not pack:
        raise DecodeError("payload: expected at least one record", reason="nothing_usable", field="payload")
    check_labels(read(_LABELS, payload))
    check_versions(pack)
    told = len(incoming.faults or ())
    measurements = list(_resolve(pack, incoming))
    if not measurements and len(incoming.faults or ()) == told:
        message = "payload: expected at least one number, boolean or sum; the pack holds none"
        raise DecodeError(message, reason="nothing_usable", field="payload")
    return list(_place(measurements))


def check_labels(records: list[dict[str, Raw]]) -> None:
    """Section 4.4: a label ending in `_` must be understood, and we know none."""
    for label in (label for record in records for label in record):
        if label.endswith("_"):
            raise DecodeError(
                f"{label[:40]}: a field we must understand, and do not", reason="unknown_field", field=label
            )


def check_versions(pack: list[RecordIn]) -> None:
    versions = {record.bver for record in pack if record.bver is not None}
    if len(versions) > 1:
        raise invalid("bver", "expected one version in the whole pack (RFC 8428 section 4.4)")
    version = max(versions, default=float(VERSION))
    featured = version % 1 == 0 and int(version) | FEATURES == FEATURES
    if version < 1 or (version > VERSION and not featured):
        message = f"bver: expected at most {VERSION}, or {FEATURES} with secondary units (RFC 9100)"
        raise DecodeError(message, reason="version", field="bver")


def _resolve(pack: list[RecordIn], incoming: Incoming) -> Iterator[Measurement]:
    base = Base()
    for record in pack:
        base = _rebase(base, record)
        try:
            found = _measure(record, base, incoming)
        except DecodeError as exc:
            spare(incoming.faults, exc)
            continue
        yield from found


def _measure(record: RecordIn, base: Base, incoming: Incoming) -> list[Measurement]:
    if _is_base(record):
        return []
    _check_values(record, base)
    sensor, metric = _split(base.name + record.n, incoming, record.u or base.unit)
    at = _resolve_time(base.time + record.t, incoming.now)
    unit = check_optional(base.unit if record.u is None else record.u, "u")
    value = _resolve_value(record, base)
    found = [] if value is None else [Measurement(sensor, metric, at, unit, check_finite(value, metric))]
    if record.s is not None or base.sum is not None:
        total = check_finite((base.sum or 0.0) + (record.s or 0.0), "s")
        # section 4.2: a sum is in the unit multiplied by seconds
        found.append(Measurement(sensor, check_name(f"{metric}.sum"), at, f"{unit}.s" if unit else None, total))
    return found


def _rebase(base: Base, record: RecordIn) -> Base:
    return Base(
        name=base.name if record.bn is None else record.bn,
        time=base.time if record.bt is None else record.bt,
        unit=base.unit if record.bu is None else record.bu,
        value=base.value if record.bv is None else record.bv,
        sum=base.sum if record.bs is None else record.bs,
    )


def _is_base(record: RecordIn) -> bool:
    """Whether it sets base fields and says nothing else, as the first record of the example in section 5.1.7."""
    says = (record.u, record.v, record.vs, record.vb, record.vd, record.s)
    sets = (record.bn, record.bt, record.bu, record.bv, record.bver)
    return not record.n and not record.t and says == (None,) * 6 and record.bs is None and sets != (None,) * 5


def _check_values(record: RecordIn, base: Base) -> None:
    given = sum(value is not None for value in (record.v, record.vs, record.vb, record.vd))
    if given > 1:
        raise invalid("v", "expected one value, not several (RFC 8428 section 4.2)")
    if not given and record.s is None and base.sum is None:
        raise invalid("v", "expected a value or a sum (RFC 8428 section 4.2)")


def _resolve_value(record: RecordIn, base: Base) -> float | None:
    """Texts and data are no readings; the base value is added to numbers only."""
    if record.vb is not None:
        return float(record.vb)
    return None if record.v is None else base.value + record.v


def _resolve_time(seconds: float, now: int) -> int:
    if seconds >= RELATIVE_BELOW:
        return check_unix(seconds, now, "t")
    if not -PAST <= seconds * SECOND <= AHEAD:
        message = f"t: expected at most 90 days ago and 2 days ahead, got {seconds:.0f} s from now"
        raise DecodeError(message, reason="time_out_of_range", field="t")
    return now + round(seconds * SECOND)


def _split(name: str, incoming: Incoming, unit: str | None) -> tuple[str, str]:
    """A resolved name as (sensor, metric)."""
    if not NAME.fullmatch(name):
        raise invalid("n", f"expected letters, digits and - : . / _ (RFC 8428 section 4.5.1), got {name[:80]!r}")
    unnamed = "value" if unit in NO_UNIT or unit is None else unit
    if DEVICE.fullmatch(name) or is_address(name):
        return incoming.own(name), check_name(unnamed)
    at = max(name.rfind("/"), name.rfind(":"))
    sensor, metric = (name[:at], name[at + 1 :]) if at > 0 else (incoming.topic.rpartition("/")[2], name)
    return incoming.own(sensor), check_name(metric or unnamed)


def is_address(name: str) -> bool:
    """Whether it is an IPv6 address, as a light's in section 5.1.7."""
    try:
        return name.count(":") > 1 and bool(IPv6Address(name))
    except ValueError:
        return False


def _place(measurements: list[Measurement]) -> Iterator[Reading]:
    """Readings, each with the position its sensor gave for that moment; a position nothing goes with stays two
    readings."""
    fixes = _pair_positions(measurements)
    accompanied = {(m.sensor, m.time) for m in measurements if m.unit not in ("lon", "lat")}
    for m in measurements:
        fix = fixes.get((m.sensor, m.time))
        if m.unit in ("lon", "lat") and fix and (m.sensor, m.time) in accompanied:
            continue
        lon, lat = (fix.lon, fix.lat) if fix else (None, None)
        yield Reading(m.sensor, m.metric, m.time, m.value, m.unit, "good", lon, lat)


def _pair_positions(measurements: list[Measurement]) -> dict[tuple[str, int], LonLat]:
    halves: dict[tuple[str, int], dict[str, float]] = {}
    for m in measurements:
        if m.unit in ("lon", "lat"):
            halves.setdefault((m.sensor, m.time), {})[m.unit] = m.value
    fixes: dict[tuple[str, int], LonLat] = {}
    for key, half in halves.items():
        if len(half) == 2 and (fix := check_place(half["lon"], half["lat"])):
            fixes[key] = fix
    return fixes


DECODER = Decoder("senml", {"zh": "SenML(RFC 8428)", "en": "SenML (RFC 8428)"}, ("senml/#",), decode, coarse=True)
