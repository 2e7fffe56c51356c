"""What decoders produce: one immutable record per fact, ready to be written. Times are microseconds since 2000-01-01 UTC."""

from __future__ import annotations

from typing import NamedTuple


class Reading(NamedTuple):
    """One value of one metric. Key: sensor, metric, time."""

    sensor_id: str
    metric: str
    time: int
    value: float
    unit: str | None
    quality: str
    lon: float | None
    lat: float | None


class VideoEventRow(NamedTuple):
    camera_id: str
    event_id: str
    time: int
    kind: str
    score: float | None
    zone: str | None
    snapshot: str | None
    geom: str | None


class SnapshotRow(NamedTuple):
    camera_id: str
    sha256: str
    event_id: str | None
    body: bytes


class PositionRow(NamedTuple):
    unit_id: str
    time: int
    lon: float
    lat: float
    speed: float | None
    heading: float | None
    accuracy: float | None
    battery: float | None


class UnitReportRow(NamedTuple):
    unit_id: str
    time: int
    status: str


class IncidentReportRow(NamedTuple):
    channel: str
    report_id: str
    time: int
    kind: str
    level: int | None
    title: str
    text: str | None
    address: str | None
    reporter: str | None
    lon: float | None
    lat: float | None


class TaskReplyRow(NamedTuple):
    unit_id: str
    task_id: str
    time: int
    state: str
    text: str | None


class WarningRow(NamedTuple):
    sender: str
    identifier: str
    sent: int
    msg_type: str
    status: str
    headline: str | None
    severity: str | None
    expires: int | None
    body: str


Record = (
    Reading | VideoEventRow | SnapshotRow | PositionRow | UnitReportRow | IncidentReportRow | TaskReplyRow | WarningRow
)
