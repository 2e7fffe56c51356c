"""What the alert engine thinks: rules, alarms, their history, risk, alerts that went out."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Double,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    SmallInteger,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from core.models.base import Base, Name, Versioned, point
from core.types import JsonObject


class Rule(Base):
    __tablename__ = "rule"

    id: Mapped[str] = mapped_column(Name, primary_key=True)
    # the code that judges: threshold, aggregate, stale
    kind: Mapped[str]
    # what its alarms are called, a key of alarm_kinds
    alarm_kind: Mapped[str]
    name_zh: Mapped[str]
    name_en: Mapped[str]
    # which things: {"sensor_kinds": [...], "metric": ...}
    watches: Mapped[JsonObject]
    params: Mapped[JsonObject]
    enabled: Mapped[bool]
    changed_at: Mapped[datetime]
    changed_by: Mapped[str | None]
    version: Mapped[int] = mapped_column(server_default=text("1"))


class RuleVersion(Versioned, Base):
    """Append-only: the whole rule after each change; `what`: seeded, changed, armed, disarmed."""

    __tablename__ = "rule_version"

    rule_id: Mapped[str] = mapped_column(Name, primary_key=True)
    why: Mapped[str | None]


class RuleState(Base):
    """The engine's checkpoint for one rule and thing, written with the batch that changed it."""

    __tablename__ = "rule_state"

    rule_id: Mapped[str] = mapped_column(Name, primary_key=True)
    thing_id: Mapped[str] = mapped_column(Name, primary_key=True)
    state: Mapped[JsonObject]


class RuleMemory(Base):
    """What a rule that learns has learnt of a thing, as its kind writes it; what came since is learnt anew from the
    readings."""

    __tablename__ = "rule_memory"

    rule_id: Mapped[str] = mapped_column(Name, primary_key=True)
    thing_id: Mapped[str] = mapped_column(Name, primary_key=True)
    body: Mapped[bytes] = mapped_column(LargeBinary)


class Alarm(Base):
    """One occurrence: from the first finding until it is back to normal. At most one not normal per rule and thing."""

    __tablename__ = "alarm"
    __table_args__ = (
        Index(
            "uq_alarm_active",
            "rule_id",
            "thing_type",
            "thing_id",
            unique=True,
            postgresql_where=text("state <> 'normal'"),
        ),
        Index("ix_alarm_changed", "changed_at"),
        Index("ix_alarm_raised", "raised_at"),
        Index("ix_alarm_geom", "geom", postgresql_using="gist"),
        Index("ix_alarm_chattering", "id", postgresql_where=text("chattering_since IS NOT NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    rule_id: Mapped[str] = mapped_column(Name)
    kind: Mapped[str]
    thing_type: Mapped[str]
    thing_id: Mapped[str] = mapped_column(Name)
    names: Mapped[JsonObject]
    level: Mapped[int] = mapped_column(SmallInteger)
    # the worst level it has had
    peak_level: Mapped[int] = mapped_column(SmallInteger)
    state: Mapped[str]
    # whether the condition still holds, whatever people did with the alarm
    active: Mapped[bool]
    raised_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    # time of the reading that raised or last changed it
    observed_at: Mapped[datetime]
    metric: Mapped[str | None]
    value: Mapped[float | None] = mapped_column(Double)
    unit: Mapped[str | None]
    # the probability by chance alone of what was found, as it was computed then; of kinds that compute it
    p: Mapped[float | None] = mapped_column(Double)
    message: Mapped[JsonObject]
    district: Mapped[str]
    geom: Mapped[Any | None] = mapped_column(point())
    risk: Mapped[JsonObject | None]
    acknowledged_by: Mapped[str | None]
    acknowledged_at: Mapped[datetime | None]
    shelved_until: Mapped[datetime | None]
    shelved_by: Mapped[str | None]
    shelved_reason: Mapped[str | None]
    incident_id: Mapped[UUID | None]
    # what keeps it from being told: {"stage", "by", "cause", "since", "why"}
    muted: Mapped[Any | None] = mapped_column(JSONB)
    # it comes and goes; set while that is damped
    chattering_since: Mapped[datetime | None]
    # what an operator said of it: it was not useful, or it was
    useful: Mapped[bool | None]
    # once it is over it stays until somebody resets it
    latches: Mapped[bool] = mapped_column(server_default=text("false"))
    # acknowledged until it clears: what is no worse than this does not ring again
    quiet_level: Mapped[int | None] = mapped_column(SmallInteger)
    # who sees to it
    owner: Mapped[str | None]
    # whom it was passed on to because nobody acknowledged it: {step, to, at}
    escalated: Mapped[JsonObject | None] = mapped_column(JSONB)
    version: Mapped[int]


class AlarmEvent(Base):
    """Append-only: every change of an alarm, by whom and why."""

    __tablename__ = "alarm_event"
    __table_args__ = (
        Index("ix_alarm_event_alarm", "alarm_id", "id"),
        # figures of a month are read from the index alone
        Index("ix_alarm_event_time", "time", "alarm_id", "what", "level", "who"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    alarm_id: Mapped[UUID] = mapped_column(ForeignKey("alarm.id"))
    time: Mapped[datetime]
    # raised, raised_again, worsened, eased, returned, acknowledged, unacknowledged, shelved, unshelved, linked,
    # muted, unmuted, chattering, settled
    what: Mapped[str]
    state: Mapped[str]
    level: Mapped[int] = mapped_column(SmallInteger)
    value: Mapped[float | None] = mapped_column(Double)
    # time of the reading that did it; null where a person or the clock did
    observed_at: Mapped[datetime | None]
    who: Mapped[str]
    note: Mapped[str | None]
    # the whole alarm after it; null in events from before there were full values
    after: Mapped[JsonObject | None]


class RiskEvent(Base):
    """Append-only: every score that was ever shown, of an alarm, an incident or an H3 cell. Housekeeping takes old ones
    away."""

    __tablename__ = "risk_event"
    __table_args__ = (
        Index("ix_risk_event_thing", "type", "thing_id", "time", "id"),
        Index("ix_risk_event_time", "time", postgresql_using="brin"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    # alarm, incident, cell
    type: Mapped[str] = mapped_column(Name)
    thing_id: Mapped[str] = mapped_column(Name)
    time: Mapped[datetime]
    # of the alarm or incident that was scored
    version: Mapped[int | None]
    score: Mapped[float] = mapped_column(Double)
    # of a cell, the level its score is shown as
    level: Mapped[int | None] = mapped_column(SmallInteger)
    risk: Mapped[JsonObject]


class RiskCell(Base):
    """The present score of an H3 cell."""

    __tablename__ = "risk_cell"

    cell: Mapped[str] = mapped_column(Name, primary_key=True)
    score: Mapped[float]
    level: Mapped[int | None] = mapped_column(SmallInteger)
    terms: Mapped[JsonObject]
    people: Mapped[int | None]
    # those it touches
    districts: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    scored_at: Mapped[datetime]
    # band, q, confidence, faded: how much of the score is left at this distance
    placed: Mapped[JsonObject | None]


class CapAlert(Base):
    """A CAP 1.2 message that we issued, as it went out."""

    __tablename__ = "cap_alert"
    __table_args__ = (
        UniqueConstraint("alarm_id", "alarm_version"),
        Index("ix_cap_alert_sent", "sent"),
    )

    identifier: Mapped[str] = mapped_column(Name, primary_key=True)
    alarm_id: Mapped[UUID] = mapped_column(ForeignKey("alarm.id"))
    alarm_version: Mapped[int]
    sender: Mapped[str]
    sent: Mapped[datetime]
    msg_type: Mapped[str]
    level: Mapped[int] = mapped_column(SmallInteger)
    district: Mapped[str]
    headline: Mapped[JsonObject]
    expires: Mapped[datetime]
    # sender,identifier,sent of what it replaces
    references: Mapped[str | None]
    replaced: Mapped[bool]
    body: Mapped[str]
    geom: Mapped[Any | None] = mapped_column(point())
