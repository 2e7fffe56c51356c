"""The native payloads of the contract (docs/integrators.md), read strictly: no `true` or `"1"` for a number.

`now` is microseconds since 2000-01-01 UTC. Times before now-90 d or after now+2 d are refused; more than 5 minutes ahead is
kept and flagged `future`.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from core import cap
from core.errors import DecodeError, InputError
from core.pgarray import to_pg_us
from core.types import DEVICE_ID, LonLat
from core.vocabulary import Quality, TaskReply, UnitStatus, table
from ingest.records import (
    IncidentReportRow,
    PositionRow,
    Reading,
    Record,
    SnapshotRow,
    TaskReplyRow,
    UnitReportRow,
    VideoEventRow,
    WarningRow,
)

SECOND = 1_000_000
DAY = 86_400 * SECOND
PAST, AHEAD, FUTURE = 90 * DAY, 2 * DAY, 300 * SECOND
Moment = Annotated[datetime, Meta(tz=True)]
Share = Annotated[float, Meta(ge=0, le=1)]
Short = Annotated[str, Meta(min_length=1, max_length=500)]
Longer = Annotated[str, Meta(max_length=10_000)]
Metric = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.:-]{1,64}$")]
JPEG_START = b"\xff\xd8\xff"
MAX_SNAPSHOT = 8 * 2**20


class ObservationIn(Struct):
    time: Moment
    metric: Metric | None = None
    value: float | None = None
    values: dict[Metric, float] | None = None
    unit: Annotated[str, Meta(max_length=32)] | None = None
    lon: float | None = None
    lat: float | None = None
    quality: Quality | None = None


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
_REPLY = msgspec.json.Decoder(ReplyIn)


# msgspec's words for a type, in a person's words
WORDS = {
    "float | null": "a number", "float": "a number", "int | null": "a whole number", "int": "a whole number", "str | null": "text",
    "str": "text", "datetime": "a time with an offset (RFC 3339)", "object | null": "an object", "object": "an object", "array": "a list",
}  # fmt: skip
MISSING = re.compile(r"Object missing required field `(.+)`")
MISMATCH = re.compile(r"Expected `(.+?)`, got `(.+?)`")


def read(decoder: Any, payload: bytes) -> Any:
    """`payload` as the decoder's type; a DecodeError that names the field otherwise."""
    try:
        return decoder.decode(payload)
    except msgspec.ValidationError as exc:
        field, sentence = explain(str(exc))
        raise DecodeError(f"{field}: {sentence}", reason="invalid_field", field=field) from exc
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise DecodeError(f"payload: expected JSON in UTF-8: {exc}", reason="not_json", field="payload") from exc


def explain(told: str) -> tuple[str, str]:
    """msgspec's sentence as (field, what was expected)."""
    sentence, _, path = told.partition(" - at `")
    field = path.rstrip("`").removeprefix("$").removeprefix(".")
    if missing := MISSING.match(sentence):
        return ".".join(part for part in (field, missing[1]) if part), "expected a value, it is missing"
    if mismatch := MISMATCH.match(sentence):
        return field or "payload", f"expected {WORDS.get(mismatch[1], mismatch[1])}, got {mismatch[2]}"
    return field or "payload", sentence[:1].lower() + sentence[1:]


def check_time(moment: datetime, now: int, field: str = "time") -> int:
    try:
        at = to_pg_us(moment)
    except OverflowError as exc:
        raise DecodeError(f"{field}: out of range", reason="time_out_of_range", field=field) from exc
    if not now - PAST <= at <= now + AHEAD:
        message = f"{field}: expected it between 90 days ago and 2 days ahead, got {moment.isoformat()}"
        raise DecodeError(message, reason="time_out_of_range", field=field)
    return at


def check_finite(value: float, field: str) -> float:
    if not math.isfinite(value):
        raise DecodeError(f"{field}: expected a finite number, got {value}", reason="invalid_field", field=field)
    return value


def check_text(value: str | None, field: str) -> str | None:
    if value is not None and "\x00" in value:
        raise DecodeError(f"{field}: a NUL character cannot be stored", reason="invalid_field", field=field)
    return value


def check_position(lon: float | None, lat: float | None) -> LonLat | None:
    """Both or neither; raises DecodeError naming the one at fault."""
    if lon is None and lat is None:
        return None
    if lon is None or lat is None:
        field = "lon" if lon is None else "lat"
        raise DecodeError(f"{field}: expected both lon and lat, or neither", reason="invalid_field", field=field)
    try:
        return LonLat(lon, lat)
    except InputError as exc:
        raise DecodeError(exc.message, reason="invalid_field", field=exc.field) from exc


def decode_observation(payload: bytes, ids: tuple[str, ...], _: Mapping[str, str], now: int) -> list[Record]:
    many = payload.lstrip()[:1] == b"["
    items: list[ObservationIn] = read(_MANY, payload) if many else [read(_ONE, payload)]
    if not items:
        raise DecodeError("payload: expected at least one observation", reason="invalid_field", field="payload")
    return [reading for item in items for reading in _readings(ids[0], item, now)]


def _readings(sensor: str, item: ObservationIn, now: int) -> list[Record]:
    at = check_time(item.time, now)
    position = check_position(item.lon, item.lat)
    lon, lat = (position.lon, position.lat) if position else (None, None)
    quality = Quality.FUTURE if at > now + FUTURE else (item.quality or Quality.GOOD)
    unit = check_text(item.unit, "unit")
    return [
        Reading(sensor, metric, at, check_finite(value, metric), unit, quality.value, lon, lat)
        for metric, value in _pairs(item)
    ]


def _pairs(item: ObservationIn) -> list[tuple[str, float]]:
    if item.values is not None and item.metric is None and item.value is None:
        if not item.values:
            raise DecodeError("values: expected at least one metric", reason="invalid_field", field="values")
        return list(item.values.items())
    if item.values is None and item.metric is not None and item.value is not None:
        return [(item.metric, item.value)]
    field = "value" if item.metric is not None else "metric"
    raise DecodeError(f"{field}: expected either metric and value, or values", reason="invalid_field", field=field)


def decode_video_event(payload: bytes, ids: tuple[str, ...], _: Mapping[str, str], now: int) -> list[Record]:
    event: VideoEventIn = read(_VIDEO, payload)
    position = check_position(event.lon, event.lat)
    return [
        VideoEventRow(
            camera_id=ids[0],
            event_id=event.id,
            time=check_time(event.time, now),
            kind=check_text(event.kind, "kind") or "",
            score=event.score,
            zone=check_text(event.zone, "zone"),
            snapshot=check_text(event.snapshot, "snapshot"),
            geom=position.ewkt if position else None,
        )
    ]


def decode_snapshot(payload: bytes, ids: tuple[str, ...], properties: Mapping[str, str], now: int) -> list[Record]:
    if not payload.startswith(JPEG_START):
        raise DecodeError("payload: expected a JPEG image", reason="not_jpeg", field="payload")
    if len(payload) > MAX_SNAPSHOT:
        raise DecodeError(f"payload: expected at most {MAX_SNAPSHOT} bytes", reason="too_large", field="payload")
    event = properties.get("event")
    if event is not None and not DEVICE_ID.fullmatch(event):
        raise DecodeError("event: expected the id of a video event", reason="invalid_field", field="event")
    return [SnapshotRow(ids[0], hashlib.sha256(payload).hexdigest(), event, payload)]


def decode_incident(payload: bytes, ids: tuple[str, ...], _: Mapping[str, str], now: int) -> list[Record]:
    report: IncidentIn = read(_INCIDENT, payload)
    if report.kind not in table("incident_kinds"):
        known = ", ".join(sorted(table("incident_kinds")))
        raise DecodeError(f"kind: expected one of {known}; got {report.kind!r}", reason="invalid_field", field="kind")
    position = check_position(report.lon, report.lat)
    return [
        IncidentReportRow(
            channel=report.channel,
            report_id=report.id,
            time=check_time(report.time, now),
            kind=report.kind,
            level=report.level,
            title=check_text(report.title, "title") or "",
            text=check_text(report.text, "text"),
            address=check_text(report.address, "address"),
            reporter=check_text(report.reporter, "reporter"),
            lon=position.lon if position else None,
            lat=position.lat if position else None,
        )
    ]


def decode_position(payload: bytes, ids: tuple[str, ...], _: Mapping[str, str], now: int) -> list[Record]:
    fix: PositionIn = read(_POSITION, payload)
    position = check_position(fix.lon, fix.lat)
    assert position is not None
    at = check_time(fix.time, now)
    return [PositionRow(ids[0], at, position.lon, position.lat, fix.speed, fix.heading, fix.accuracy, fix.battery)]


def decode_unit_status(payload: bytes, ids: tuple[str, ...], _: Mapping[str, str], now: int) -> list[Record]:
    report: StatusIn = read(_STATUS, payload)
    return [UnitReportRow(ids[0], check_time(report.time, now), report.status.value)]


def decode_task_reply(payload: bytes, ids: tuple[str, ...], _: Mapping[str, str], now: int) -> list[Record]:
    reply: ReplyIn = read(_REPLY, payload)
    return [
        TaskReplyRow(ids[0], ids[1], check_time(reply.time, now), reply.state.value, check_text(reply.text, "text"))
    ]


def decode_warning(payload: bytes, ids: tuple[str, ...], _: Mapping[str, str], now: int) -> list[Record]:
    try:
        alert = cap.parse(payload)
    except InputError as exc:
        raise DecodeError(exc.message, reason="not_cap", field=exc.field) from exc
    info = alert.info[0] if alert.info else None
    return [
        WarningRow(
            sender=alert.sender,
            identifier=alert.identifier,
            sent=check_time(alert.sent, now, "sent"),
            msg_type=alert.msg_type,
            status=alert.status,
            headline=info.headline if info else None,
            severity=info.severity if info else None,
            expires=to_pg_us(info.expires) if info and info.expires else None,
            body=alert.xml,
        )
    ]


DECODERS = {
    "observation": decode_observation,
    "video_event": decode_video_event,
    "snapshot": decode_snapshot,
    "incident": decode_incident,
    "position": decode_position,
    "unit_status": decode_unit_status,
    "task_reply": decode_task_reply,
    "warning": decode_warning,
}
