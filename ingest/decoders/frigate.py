"""Frigate NVR: tracked objects (`<prefix>/events`), review items (`<prefix>/reviews`) and snapshots
(`<prefix>/<camera>/<label>/snapshot`).

The prefix is the owner's to choose: topics are told apart by their ends.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct, field

from core.errors import DecodeError
from ingest.decoders.base import Decoder, Incoming, check_text, check_unix, invalid, read, safe_name
from ingest.decoders.jpeg import snapshot_row
from ingest.records import Record, TrackedEventRow

Change = Literal["new", "update", "end"]
Share = Annotated[float, Meta(ge=0, le=1)]
Seconds = Annotated[float, Meta(ge=0, le=1e11)]
Label = Annotated[str, Meta(min_length=1, max_length=64)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
MAX_ZONE = 200


class TrackedIn(Struct):
    """A tracked object; times in seconds since 1970."""

    id: Name
    camera: Name
    label: Label
    start_time: Seconds
    end_time: Seconds | None = None
    frame_time: Seconds | None = None
    score: Share | None = None
    top_score: Share | None = None
    false_positive: bool | None = None
    entered_zones: list[str] = field(default_factory=list)


class EventIn(Struct):
    type: Change
    after: TrackedIn


class ReviewDataIn(Struct):
    zones: list[str] = field(default_factory=list)


class ReviewedIn(Struct):
    id: Name
    camera: Name
    start_time: Seconds
    severity: Literal["alert", "detection"]
    end_time: Seconds | None = None
    data: ReviewDataIn = field(default_factory=ReviewDataIn)


class ReviewIn(Struct):
    type: Change
    after: ReviewedIn


_EVENT = msgspec.json.Decoder(EventIn)
_REVIEW = msgspec.json.Decoder(ReviewIn)


def decode(incoming: Incoming) -> list[Record]:
    """Counts, states and settings on the other topics are no events."""
    parts = incoming.topic.split("/")
    if len(parts) < 2:
        raise DecodeError(
            f"topic: expected frigate/events, got {incoming.topic[:120]!r}", reason="topic", field="topic"
        )
    if parts[-1] == "events":
        return _read_event(incoming)
    if parts[-1] == "reviews":
        return _read_review(incoming)
    if parts[-1] == "snapshot" and len(parts) >= 4:
        return [snapshot_row(safe_name(parts[-3]), None, _check_label(parts[-2]), incoming.payload)]
    return []


def _read_event(incoming: Incoming) -> list[Record]:
    event: EventIn = read(_EVENT, incoming.payload)
    tracked = event.after
    if tracked.false_positive and event.type == "new":
        return []
    # the last frame of a finished object may be older than its end
    revised = max(time for time in (tracked.start_time, tracked.frame_time, tracked.end_time) if time is not None)
    row = TrackedEventRow(
        camera_id=safe_name(tracked.camera),
        event_id=safe_name(tracked.id),
        time=check_unix(tracked.start_time, incoming.now, "after.start_time"),
        kind=check_text(tracked.label, "after.label"),
        score=tracked.top_score or tracked.score,
        zone=_join_zones(tracked.entered_zones),
        ended=_find_end(tracked.end_time, incoming.now),
        revised=check_unix(revised, incoming.now, "after.frame_time"),
    )
    return [row]


def _read_review(incoming: Incoming) -> list[Record]:
    review: ReviewIn = read(_REVIEW, incoming.payload)
    item = review.after
    began = check_unix(item.start_time, incoming.now, "after.start_time")
    ended = _find_end(item.end_time, incoming.now)
    row = TrackedEventRow(
        camera_id=safe_name(item.camera),
        event_id=safe_name(item.id),
        time=began,
        kind=f"review_{item.severity}",
        score=None,
        zone=_join_zones(item.data.zones),
        ended=ended,
        revised=began if ended is None else max(began, ended),
    )
    return [row]


def _find_end(end: float | None, now: int) -> int | None:
    return None if end is None else check_unix(end, now, "after.end_time")


def _join_zones(zones: list[str]) -> str | None:
    joined = ",".join(zones)
    if len(joined) > MAX_ZONE:
        raise invalid("after.entered_zones", f"expected at most {MAX_ZONE} characters of zones")
    return check_text(joined, "after.entered_zones") or None


def _check_label(label: str) -> str:
    if not 1 <= len(label) <= 64:
        raise DecodeError("topic: expected a label of 1 to 64 characters", reason="topic", field="topic")
    return check_text(label, "topic")


DECODER = Decoder(
    "frigate",
    {"zh": "Frigate 视频分析", "en": "Frigate NVR"},
    ("frigate/events", "frigate/reviews", "frigate/+/+/snapshot"),
    decode,
)
