"""The native payloads of the contract (docs/integrators.md), read strictly: no `true` or `"1"` for a number."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from core.errors import DecodeError
from core.vocabulary import MOST_IN_DANGER, TaskReply, UnitStatus, label, table
from ingest.decoders.base import (
    Decoder,
    Incoming,
    Options,
    check_finite,
    check_optional,
    check_place,
    check_position,
    check_text,
    check_time,
    explain,
    invalid,
    read,
)
from ingest.decoders.cap import decode_warning
from ingest.decoders.jpeg import snapshot_row
from ingest.decoders.moments import mend_leap
from ingest.records import (
    IncidentReportRow,
    PositionRow,
    Reading,
    Record,
    TaskReplyRow,
    UnitReportRow,
    VideoEventRow,
)
from ingest.topics import NATIVE, read_topic

Moment = Annotated[datetime, Meta(tz=True)]
Share = Annotated[float, Meta(ge=0, le=1)]
Short = Annotated[str, Meta(min_length=1, max_length=500)]
Longer = Annotated[str, Meta(max_length=10_000)]
Metric = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.:-]{1,64}$")]


class NativeOptions(Options):
    """`prefix`: first topic part, where it is not our own (a gateway whose positions are in another datum, say)."""

    prefix: str | None = None


class ObservationIn(Struct):
    time: Moment
    metric: Metric | None = None
    value: float | None = None
    values: dict[Metric, float] | None = None
    unit: Annotated[str, Meta(max_length=32)] | None = None
    lon: float | None = None
    lat: float | None = None
    quality: Literal["good", "suspect", "bad"] | None = None


class VideoEventIn(Struct):
    id: Metric
    time: Moment
    kind: Annotated[str, Meta(min_length=1, max_length=64)]
    score: Share | None = None
    zone: Annotated[str, Meta(max_length=200)] | None = None
    lon: float | None = None
    lat: float | None = None
    snapshot: Annotated[str, Meta(max_length=2000)] | None = None


class IncidentIn(Struct):
    id: Metric
    time: Moment
    kind: Annotated[str, Meta(min_length=1, max_length=64)]
    title: Short
    channel: Metric
    level: Annotated[int, Meta(ge=1, le=4)] | None = None
    text: Longer | None = None
    lon: float | None = None
    lat: float | None = None
    address: Short | None = None
    reporter: Short | None = None
    # people directly in danger
    in_danger: Annotated[int, Meta(ge=0, le=MOST_IN_DANGER)] | None = None


class PositionIn(Struct):
    time: Moment
    lon: float
    lat: float
    speed: Annotated[float, Meta(ge=0, le=300)] | None = None
    heading: Annotated[float, Meta(ge=0, le=360)] | None = None
    accuracy: Annotated[float, Meta(ge=0)] | None = None
    battery: Share | None = None


class StatusIn(Struct):
    time: Moment
    status: UnitStatus


class RefusedIn(Struct):
    """What a gateway could make nothing of (ingest.gateways.refused)."""

    sender: str
    detail: str
    field: str | None = None
    body: str = ""


class ReplyIn(Struct):
    time: Moment
    state: TaskReply
    text: Longer | None = None


_ONE = msgspec.json.Decoder(ObservationIn)
_MANY = msgspec.json.Decoder(list[ObservationIn])
_VIDEO = msgspec.json.Decoder(VideoEventIn)
_INCIDENT = msgspec.json.Decoder(IncidentIn)
_POSITION = msgspec.json.Decoder(PositionIn)
_STATUS = msgspec.json.Decoder(StatusIn)
_REFUSED = msgspec.json.Decoder(RefusedIn)
_REPLY = msgspec.json.Decoder(ReplyIn)
# a Reading from its values in their order, in half the time of Reading(…)
_read = partial(tuple.__new__, Reading)


def decode_observation(message: Incoming, ids: tuple[str, ...]) -> list[Record]:
    try:
        return _decode_observation(message, ids)
    except DecodeError as exc:
        if message.faults is None or (kept := _keep_good(message, ids[0])) is None:
            raise
        if not kept:
            # a name or a value among several: only we can say which
            named = next((one for one in message.faults if (one.field or "").startswith(f"{exc.field}.")), exc)
            message.faults.clear()
            raise named from exc
        return kept


def _keep_good(message: Incoming, sensor: str) -> list[Record] | None:
    """The good ones of several values or observations, what is wrong with the others told; None where there are not
    several."""
    assert message.faults is not None
    try:
        body = json.loads(message.payload)  # it takes NaN, which is no JSON and yet sent
    except (ValueError, RecursionError):
        return None
    items = body if isinstance(body, list) else [body]
    kept: list[Record] = []
    for item in items:
        values = item.get("values") if isinstance(item, dict) else None
        if isinstance(values, dict):
            item = {**item, "values": {m: v for m, v in values.items() if _is_good(m, v, message.faults)}}
        elif len(items) == 1:
            return None
        try:
            kept += _readings(sensor, read(_ONE, json.dumps(item).encode()), message.now)
        except DecodeError as exc:
            message.faults.append(exc)
    return kept


def _is_good(metric: str, value: object, faults: list[DecodeError]) -> bool:
    try:
        number = msgspec.convert({metric: value}, dict[Metric, float])[metric]
        check_finite(number, metric)
    except msgspec.ValidationError as exc:
        faults.append(invalid(f"values.{metric[:60]}", explain(str(exc))[1]))
    except DecodeError as exc:
        faults.append(exc)
    else:
        return True
    return False


def _decode_observation(message: Incoming, ids: tuple[str, ...]) -> list[Record]:
    payload, now = message.payload, message.now
    if payload[:1] != b"{" and payload.lstrip()[:1] == b"[":
        items: list[ObservationIn] = read(_MANY, payload)
        if not items:
            raise invalid("payload", "expected at least one observation")
        return [reading for item in items for reading in _readings(ids[0], item, now)]
    return _readings(ids[0], read(_ONE, payload), now)


def _readings(sensor: str, item: ObservationIn, now: int) -> list[Record]:
    at = check_time(item.time, now)
    lon, lat = item.lon, item.lat
    if lon is not None or lat is not None:
        place = check_place(lon, lat)
        lon, lat = (place.lon, place.lat) if place else (None, None)
    unit = item.unit if item.unit is None else check_text(item.unit, "unit")
    quality = item.quality or "good"
    if item.values is None and item.metric is not None and item.value is not None:
        return [_read((sensor, item.metric, at, check_finite(item.value, item.metric), unit, quality, lon, lat))]
    return [
        Reading(sensor, metric, at, check_finite(value, metric), unit, quality, lon, lat)
        for metric, value in _values(item).items()
    ]


def _values(item: ObservationIn) -> dict[str, float]:
    if item.values is None or item.metric is not None or item.value is not None:
        field = "value" if item.metric is not None else "metric"
        raise invalid(field, "expected either metric and value, or values")
    if not item.values:
        raise invalid("values", "expected at least one metric")
    return item.values


def decode_video_event(message: Incoming, ids: tuple[str, ...]) -> list[Record]:
    event: VideoEventIn = read(_VIDEO, message.payload)
    position = check_place(event.lon, event.lat)
    return [
        VideoEventRow(
            camera_id=ids[0],
            event_id=event.id,
            time=check_time(event.time, message.now),
            kind=check_text(event.kind, "kind"),
            score=event.score,
            zone=check_optional(event.zone, "zone"),
            snapshot=check_optional(event.snapshot, "snapshot"),
            lon=position.lon if position else None,
            lat=position.lat if position else None,
        )
    ]


def decode_snapshot(message: Incoming, ids: tuple[str, ...]) -> list[Record]:
    return [snapshot_row(ids[0], message.properties.get("event"), None, message.payload)]


def decode_incident(message: Incoming, ids: tuple[str, ...]) -> list[Record]:
    report: IncidentIn = read(_INCIDENT, message.payload)
    if report.kind not in table("incident_kinds"):
        known = ", ".join(sorted(table("incident_kinds")))
        raise invalid("kind", f"expected one of {known}; got {report.kind!r}")
    position = check_place(report.lon, report.lat)
    return [
        IncidentReportRow(
            channel=report.channel,
            report_id=report.id,
            time=check_time(report.time, message.now),
            kind=report.kind,
            level=report.level,
            title=readable(check_text(report.title, "title"), report.kind),
            text=check_optional(report.text, "text"),
            address=check_optional(report.address, "address"),
            reporter=check_optional(report.reporter, "reporter"),
            lon=position.lon if position else None,
            lat=position.lat if position else None,
            in_danger=report.in_danger,
        )
    ]


def readable(title: str, kind: str) -> str:
    """A title of which nothing can be seen says what kind of incident it is."""
    return title if title.strip() else label("incident_kinds", kind)["zh"]


def decode_position(message: Incoming, ids: tuple[str, ...]) -> list[Record]:
    fix: PositionIn = read(_POSITION, message.payload)
    position = check_position(fix.lon, fix.lat)
    assert position is not None
    at = check_time(fix.time, message.now)
    return [PositionRow(ids[0], at, position.lon, position.lat, fix.speed, fix.heading, fix.accuracy, fix.battery)]


def decode_unit_status(message: Incoming, ids: tuple[str, ...]) -> list[Record]:
    report: StatusIn = read(_STATUS, message.payload)
    return [UnitReportRow(ids[0], check_time(report.time, message.now), report.status.value)]


def decode_task_reply(message: Incoming, ids: tuple[str, ...]) -> list[Record]:
    reply: ReplyIn = read(_REPLY, message.payload)
    return [
        TaskReplyRow(
            ids[0], ids[1], check_time(reply.time, message.now), reply.state.value, check_optional(reply.text, "text")
        )
    ]


def decode_cap(message: Incoming, _: tuple[str, ...]) -> list[Record]:
    return decode_warning(message.payload, message.now, message.extent)


def decode_refused(message: Incoming, ids: tuple[str, ...]) -> list[Record]:
    """What a gateway could make nothing of is a dead letter, with the gateway's words for it."""
    told: RefusedIn = read(_REFUSED, message.payload)
    words = f"{told.field or 'message'}: {ids[0]} made nothing of a message of {told.sender}: {told.detail}"
    once = f"{told.field} of {told.sender} at {ids[0]}"
    raise DecodeError(words, reason="gateway_refused", field=told.field, once=once)


KINDS: dict[str, Callable[[Incoming, tuple[str, ...]], list[Record]]] = {
    "observation": decode_observation,
    "video_event": decode_video_event,
    "snapshot": decode_snapshot,
    "incident": decode_incident,
    "position": decode_position,
    "unit_status": decode_unit_status,
    "task_reply": decode_task_reply,
    "warning": decode_cap,
    "refused": decode_refused,
}


def decode(message: Incoming) -> list[Record]:
    address = read_topic(message.topic, message.options.prefix)
    if b":60" in message.payload and address.kind != "snapshot":
        message = message._replace(payload=mend_leap(message.payload))
    return KINDS[address.kind](message, address.ids)


DECODER = Decoder(
    key="native",
    names={"zh": "原生协议", "en": "Native topics"},
    filters=tuple(
        "{prefix}/" + "/".join("+" if part.startswith("{") else part for part in t.split("/")) for t in NATIVE.values()
    ),
    decode=decode,
    options=NativeOptions,
    exact=True,
    prepare=lambda options, prefix: NativeOptions(prefix=options.prefix or prefix),
)
