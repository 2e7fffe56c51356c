"""What decoders produce: one immutable record per fact, ready to be written. Times are microseconds since 2000-01-01
UTC."""

from __future__ import annotations

from typing import NamedTuple


class Reading(NamedTuple):
    """One value of one metric. Key: sensor, metric, time. Booleans are 1 and 0; whether a device is there is metric
    `online`."""

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
    lon: float | None
    lat: float | None


class TrackedEventRow(NamedTuple):
    """A video event that its maker tells of again and again while it lasts. Key: camera, event; the newest `revised`
    counts."""

    camera_id: str
    event_id: str
    # when it began
    time: int
    kind: str
    score: float | None
    zone: str | None
    ended: int | None
    revised: int


class SnapshotRow(NamedTuple):
    """A JPEG of a camera. `label`: what it shows, where the camera says so without naming an event."""

    camera_id: str
    sha256: str
    event_id: str | None
    label: str | None
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
    in_danger: int | None = None


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
    # sender and identifier, with a comma, of each message that it replaces; a blank between two
    refs: str = ""


class BirthRow(NamedTuple):
    """Sparkplug B BIRTH: what the aliases of an edge node (`device` empty) or of a device mean from `time` on, and in
    which units its metrics are."""

    # group/edge node
    node: str
    device: str
    time: int
    # alias, name of the metric (empty where it is none of ours), its data type (Sparkplug 3.0.0 section 6.4.16; 0: not
    # told)
    aliases: tuple[tuple[int, str, int], ...]
    # name of the metric, the unit it states (property `engUnit`)
    units: tuple[tuple[str, str], ...] = ()


class BornValue(NamedTuple):
    """Sparkplug B DATA that leaves to its BIRTH what it means: its metric's name, where there is an alias alone, and
    its unit. The writer looks them up and makes it a Reading.

    Aliases are unique within an edge node and its devices (Sparkplug 3.0.0 section 6.4.6,
    tck-id-payloads-alias-uniqueness).
    """

    node: str
    device: str
    sensor_id: str
    # None: the metric is named
    alias: int | None
    name: str
    time: int
    value: float
    # width of an integer that came without its data type and was read as signed; 0 where nothing is open
    bits: int
    unit: str | None


class DeathRow(NamedTuple):
    """Sparkplug B DEATH: an edge node with all its devices (`device` empty), or one device, is no longer there."""

    node: str
    device: str
    time: int


Record = (
    Reading
    | VideoEventRow
    | TrackedEventRow
    | SnapshotRow
    | PositionRow
    | UnitReportRow
    | IncidentReportRow
    | TaskReplyRow
    | WarningRow
    | BirthRow
    | BornValue
    | DeathRow
)
