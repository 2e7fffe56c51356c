"""What came in: append-only rows that ingest writes. `received_at` is the moment of the batch that first wrote a
row."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Double,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from core.models.base import Base, Name, point
from core.types import JsonObject


class Observation(Base):
    """Partitioned by day of `time`; the key lets a distributed engine shard on sensor_id."""

    __tablename__ = "observation"
    __table_args__ = {"postgresql_partition_by": "RANGE (time)"}

    sensor_id: Mapped[str] = mapped_column(Name, primary_key=True)
    metric: Mapped[str] = mapped_column(Name, primary_key=True)
    time: Mapped[datetime] = mapped_column(primary_key=True)
    value: Mapped[float] = mapped_column(Double)
    unit: Mapped[str | None]
    quality: Mapped[str]
    received_at: Mapped[datetime]


class SensorState(Base):
    """The newest value of each sensor and metric: the map never scans history."""

    __tablename__ = "sensor_state"

    sensor_id: Mapped[str] = mapped_column(Name, primary_key=True)
    metric: Mapped[str] = mapped_column(Name, primary_key=True)
    time: Mapped[datetime]
    value: Mapped[float] = mapped_column(Double)
    unit: Mapped[str | None]
    quality: Mapped[str]
    received_at: Mapped[datetime]
    # since when the value has been this one: how a frozen sensor is known
    same_since: Mapped[datetime | None]


class IngestBatch(Base):
    """Readings of one ingest transaction that await judgement; the engine deletes the row in the transaction that
    judges it."""

    __tablename__ = "ingest_batch"
    __table_args__ = (Index("ix_ingest_batch_partition", "partition", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    partition: Mapped[int] = mapped_column(SmallInteger)
    created_at: Mapped[datetime]
    # core.packed: number of the series, time, value
    packed: Mapped[bytes] = mapped_column(LargeBinary)


class Series(Base):
    """A number for each sensor and metric that was ever heard: what the engine is handed."""

    __tablename__ = "series"
    __table_args__ = (UniqueConstraint("sensor_id", "metric", name="uq_series_sensor_id_metric"),)

    number: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    sensor_id: Mapped[str] = mapped_column(Name)
    metric: Mapped[str] = mapped_column(Name)


class VideoEvent(Base):
    __tablename__ = "video_event"
    __table_args__ = (Index("ix_video_event_time", "time"),)

    camera_id: Mapped[str] = mapped_column(Name, primary_key=True)
    event_id: Mapped[str] = mapped_column(Name, primary_key=True)
    time: Mapped[datetime]
    kind: Mapped[str]
    score: Mapped[float | None]
    zone: Mapped[str | None]
    snapshot: Mapped[str | None]
    geom: Mapped[Any | None] = mapped_column(point())
    received_at: Mapped[datetime]
    quality: Mapped[str] = mapped_column(server_default="good")
    # of an event whose maker tells of it again while it lasts
    ended_at: Mapped[datetime | None]
    revised_at: Mapped[datetime | None]


class VideoEventPast(Base):
    """What a video event was until its maker told of it again. Written by a trigger: an upsert cannot tell what it
    overwrites."""

    __tablename__ = "video_event_past"
    __table_args__ = (Index("ix_video_event_past_event", "camera_id", "event_id", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    camera_id: Mapped[str] = mapped_column(Name)
    event_id: Mapped[str] = mapped_column(Name)
    until: Mapped[datetime]
    before: Mapped[JsonObject]


class Snapshot(Base):
    """A JPEG of a camera, known by the SHA-256 of its bytes, which lie in the picture store (core.pictures)."""

    __tablename__ = "snapshot"
    __table_args__ = (
        Index("ix_snapshot_sha256", "sha256"),
        Index("ix_snapshot_unmoved", "received_at", postgresql_where=text("body IS NOT NULL")),
        Index("ix_snapshot_camera", "camera_id", "received_at"),
        Index("ix_snapshot_received", "received_at"),
    )

    camera_id: Mapped[str] = mapped_column(Name, primary_key=True)
    sha256: Mapped[str] = mapped_column(Name, primary_key=True)
    event_id: Mapped[str | None]
    # what it shows, where the camera says so
    label: Mapped[str | None]
    # bytes of rows from before there was a picture store, until housekeeping has moved them there
    body: Mapped[bytes | None] = mapped_column(LargeBinary)
    received_at: Mapped[datetime]


class CameraState(Base):
    """When each camera was last heard, by event and by picture."""

    __tablename__ = "camera_state"

    camera_id: Mapped[str] = mapped_column(Name, primary_key=True)
    event_at: Mapped[datetime | None]
    frame_at: Mapped[datetime | None]


class UnitPosition(Base):
    __tablename__ = "unit_position"
    __table_args__ = (Index("ix_unit_position_time", "time"),)

    unit_id: Mapped[str] = mapped_column(Name, primary_key=True)
    time: Mapped[datetime] = mapped_column(primary_key=True)
    lon: Mapped[float] = mapped_column(Double)
    lat: Mapped[float] = mapped_column(Double)
    # metres a second, degrees from north, metres, share of full
    speed: Mapped[float | None]
    heading: Mapped[float | None]
    accuracy: Mapped[float | None]
    battery: Mapped[float | None]
    received_at: Mapped[datetime]
    quality: Mapped[str] = mapped_column(server_default="good")


class UnitState(Base):
    """Where each unit was last heard."""

    __tablename__ = "unit_state"

    unit_id: Mapped[str] = mapped_column(Name, primary_key=True)
    time: Mapped[datetime]
    lon: Mapped[float] = mapped_column(Double)
    lat: Mapped[float] = mapped_column(Double)
    speed: Mapped[float | None]
    heading: Mapped[float | None]
    accuracy: Mapped[float | None]
    battery: Mapped[float | None]


class UnitReport(Base):
    """A status that a unit sent; dispatch claims it (`handled_at`)."""

    __tablename__ = "unit_report"
    __table_args__ = (Index("ix_unit_report_open", "time", postgresql_where=text("handled_at IS NULL")),)

    unit_id: Mapped[str] = mapped_column(Name, primary_key=True)
    time: Mapped[datetime] = mapped_column(primary_key=True)
    status: Mapped[str]
    received_at: Mapped[datetime]
    handled_at: Mapped[datetime | None]


class IncidentReport(Base):
    """A call or message that tells of something; dispatch makes it an incident (`handled_at`, `incident_id`)."""

    __tablename__ = "incident_report"
    __table_args__ = (Index("ix_incident_report_open", "time", postgresql_where=text("handled_at IS NULL")),)

    channel: Mapped[str] = mapped_column(Name, primary_key=True)
    report_id: Mapped[str] = mapped_column(Name, primary_key=True)
    time: Mapped[datetime]
    kind: Mapped[str]
    level: Mapped[int | None] = mapped_column(SmallInteger)
    title: Mapped[str]
    text: Mapped[str | None]
    address: Mapped[str | None]
    reporter: Mapped[str | None]
    lon: Mapped[float | None] = mapped_column(Double)
    lat: Mapped[float | None] = mapped_column(Double)
    received_at: Mapped[datetime]
    quality: Mapped[str] = mapped_column(server_default="good")
    handled_at: Mapped[datetime | None]
    incident_id: Mapped[UUID | None]
    # people directly in danger, null where nobody has said
    in_danger: Mapped[int | None]


class TaskReplyRow(Base):
    """What a unit answered to a task; dispatch claims it (`handled_at`)."""

    __tablename__ = "task_reply"
    __table_args__ = (Index("ix_task_reply_open", "time", postgresql_where=text("handled_at IS NULL")),)

    unit_id: Mapped[str] = mapped_column(Name, primary_key=True)
    task_id: Mapped[str] = mapped_column(Name, primary_key=True)
    time: Mapped[datetime] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(Name, primary_key=True)
    text: Mapped[str | None]
    received_at: Mapped[datetime]
    handled_at: Mapped[datetime | None]


class Warning(Base):
    """An outside warning, CAP 1.2 as it came."""

    __tablename__ = "warning"
    __table_args__ = (Index("ix_warning_refs", "refs", postgresql_using="gin"),)

    sender: Mapped[str] = mapped_column(Name, primary_key=True)
    identifier: Mapped[str] = mapped_column(Name, primary_key=True)
    sent: Mapped[datetime] = mapped_column(primary_key=True)
    msg_type: Mapped[str]
    status: Mapped[str]
    headline: Mapped[str | None]
    severity: Mapped[str | None]
    expires: Mapped[datetime | None]
    body: Mapped[str]
    received_at: Mapped[datetime]
    # sender and identifier, with a comma, of each message that it replaces
    refs: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))


class PendingThing(Base):
    """A unit or camera that has spoken and that nobody has registered, with what it sent last."""

    __tablename__ = "pending_thing"

    # unit, camera
    kind: Mapped[str] = mapped_column(Name, primary_key=True)
    id: Mapped[str] = mapped_column(Name, primary_key=True)
    # pending, retired: put aside by a person
    status: Mapped[str]
    first_seen_at: Mapped[datetime]
    heard_at: Mapped[datetime]
    messages: Mapped[int] = mapped_column(BigInteger)
    source_id: Mapped[str | None]
    topic: Mapped[str]
    # the beginning of the payload
    sent: Mapped[str]
    # the last place that it told
    lon: Mapped[float | None]
    lat: Mapped[float | None]


class DeadLetter(Base):
    """What could not be read or kept, with its bytes, until somebody mends the cause and replays it."""

    __tablename__ = "dead_letter"
    __table_args__ = (
        Index("ix_dead_letter_received", "received_at"),
        # a topic may be longer than what a tree keeps
        Index("ix_dead_letter_topic", "topic", postgresql_using="hash"),
        Index("ix_dead_letter_waiting", "id", postgresql_where=text("replayed_at IS NULL AND discarded_at IS NULL")),
        Index(
            "ix_dead_letter_fold",
            "fold",
            unique=True,
            postgresql_where=text("fold IS NOT NULL AND replayed_at IS NULL AND discarded_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    received_at: Mapped[datetime]
    topic: Mapped[str]
    payload: Mapped[bytes] = mapped_column(LargeBinary)
    properties: Mapped[JsonObject]
    reason: Mapped[str]
    detail: Mapped[str]
    field: Mapped[str | None]
    # the source it came through; null where none was known
    source_id: Mapped[str | None]
    # when it could be read after all; or when somebody decided that it is worth nothing, and who
    replayed_at: Mapped[datetime | None]
    discarded_at: Mapped[datetime | None]
    handled_by: Mapped[str | None]
    # what is wrong with one thing is one letter a day: what it is, how many messages it stands for, when the first of
    # them came; topic, bytes and time are the newest's
    fold: Mapped[str | None] = mapped_column(Name)
    times: Mapped[int] = mapped_column(BigInteger, server_default=text("1"))
    first_at: Mapped[datetime | None]


class SourceState(Base):
    """What came through a source, as counted by the ingester of one slot in the transactions that wrote it."""

    __tablename__ = "source_state"

    source_id: Mapped[str] = mapped_column(Name, primary_key=True)
    slot: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    messages: Mapped[int] = mapped_column(BigInteger)
    # readings and other records written, repeats left out
    records: Mapped[int] = mapped_column(BigInteger)
    dead_letters: Mapped[int] = mapped_column(BigInteger)
    # of the dead letters, those that could not be decoded
    decode_errors: Mapped[int] = mapped_column(BigInteger)
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
    # the last message of which something was read; the last of which nothing could be
    good_at: Mapped[datetime | None]
    bad_at: Mapped[datetime | None]
    # how long after their own time the newest records were written, seconds; messages a second, falling off over a
    # minute
    lag_s: Mapped[float | None] = mapped_column(Double)
    rate: Mapped[float] = mapped_column(Double)


class BrokerSubscription(Base):
    """What the broker keeps subscribed in the session of one of our client ids: sessions outlive processes."""

    __tablename__ = "broker_subscription"

    client_id: Mapped[str] = mapped_column(Name, primary_key=True)
    topic_filter: Mapped[str] = mapped_column(Name, primary_key=True)


class MetricTitle(Base):
    """How people write a metric whose name is no id of ours; the first spelling stays."""

    __tablename__ = "metric_title"

    metric: Mapped[str] = mapped_column(Name, primary_key=True)
    title: Mapped[str]


class SparkplugBirth(Base):
    """When an edge node (`device` empty) or one of its devices was last born."""

    __tablename__ = "sparkplug_birth"

    node: Mapped[str] = mapped_column(Name, primary_key=True)
    device: Mapped[str] = mapped_column(Name, primary_key=True)
    time: Mapped[datetime]
    # alias -> [name of the metric, its data type]; the name is empty where it is none of ours
    aliases: Mapped[JsonObject]
    # name of the metric -> the unit it states
    units: Mapped[JsonObject] = mapped_column(server_default=text("'{}'"))


class ObservationHourly(Base):
    """One clock hour (UTC) of one metric of one sensor: made from `observation`, kept longer than it."""

    __tablename__ = "observation_hourly"
    __table_args__ = (Index("ix_observation_hourly_hour", "hour", postgresql_using="brin"),)

    sensor_id: Mapped[str] = mapped_column(Name, primary_key=True)
    metric: Mapped[str] = mapped_column(Name, primary_key=True)
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    readings: Mapped[int]
    total: Mapped[float] = mapped_column(Double)
    least: Mapped[float] = mapped_column(Double)
    most: Mapped[float] = mapped_column(Double)
    # value of the latest reading in the hour
    last: Mapped[float] = mapped_column(Double)


class RollupDue(Base):
    """An hour of a sensor's metric that has readings which `observation_hourly` does not know yet."""

    __tablename__ = "rollup_due"
    __table_args__ = (Index("ix_rollup_due_hour", "hour"),)

    sensor_id: Mapped[str] = mapped_column(Name, primary_key=True)
    metric: Mapped[str] = mapped_column(Name, primary_key=True)
    hour: Mapped[datetime] = mapped_column(primary_key=True)


class Trimmed(Base):
    """A day of `observation` out of which a metric with a shorter retention has been taken."""

    __tablename__ = "trimmed"

    day: Mapped[date] = mapped_column(primary_key=True)
    metric: Mapped[str] = mapped_column(Name, primary_key=True)


class SetAside(Base):
    """A row that somebody failed to work through: tried again at `due_at`, never again where that is infinity."""

    __tablename__ = "set_aside"

    # the work: batch, monitor, finding, report, reply, outbox ...
    what: Mapped[str] = mapped_column(Name, primary_key=True)
    id: Mapped[str] = mapped_column(Name, primary_key=True)
    error: Mapped[str]
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
    tries: Mapped[int]
    due_at: Mapped[datetime]
    dropped_at: Mapped[datetime | None]
    handled_by: Mapped[str | None]


class ProcessState(Base):
    """A process that is alive says so here, with its own figures."""

    __tablename__ = "process_state"

    name: Mapped[str] = mapped_column(Name, primary_key=True)
    pid: Mapped[int]
    alive_since: Mapped[datetime]
    seen_at: Mapped[datetime]
    figures: Mapped[JsonObject]
