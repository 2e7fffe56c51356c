"""What people do: incidents, units, assignments and who may."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Double,
    ForeignKey,
    Identity,
    Index,
    Sequence,
    SmallInteger,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from core.models.base import SECRET, Base, Name, classified, known_class, point
from core.types import JsonObject


class Unit(Base):
    __tablename__ = "unit"

    id: Mapped[str] = mapped_column(Name, primary_key=True)
    kind: Mapped[str]
    name_zh: Mapped[str]
    name_en: Mapped[str]
    capabilities: Mapped[list[str]]
    status: Mapped[str]
    status_at: Mapped[datetime]
    station: Mapped[str | None]
    # of its vehicle, where it has one
    plate: Mapped[str | None]
    # where it stands when it has not said where it is
    home: Mapped[Any | None] = mapped_column(point())


class UnitEvent(Base):
    """Append-only: every change of a unit, by whom, with the whole unit after it."""

    __tablename__ = "unit_event"
    __table_args__ = (Index("ix_unit_event_unit", "unit_id", "time", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    unit_id: Mapped[str] = mapped_column(Name)
    time: Mapped[datetime]
    # imported, status
    what: Mapped[str]
    who: Mapped[str]
    status: Mapped[str]
    incident_id: Mapped[UUID | None]
    assignment_id: Mapped[UUID | None]
    after: Mapped[JsonObject]


class Incident(Base):
    __tablename__ = "incident"
    __table_args__ = (
        Index("ix_incident_changed", "changed_at"),
        Index("ix_incident_geom", "geom", postgresql_using="gist"),
        UniqueConstraint("channel", "report_id"),
        known_class(),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    # what people say over the radio: year, month, day and a serial of at least four digits (dispatch.incidents)
    number: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    level: Mapped[int] = mapped_column(SmallInteger)
    status: Mapped[str]
    titles: Mapped[JsonObject]
    text: Mapped[str | None]
    address: Mapped[str | None]
    reporter: Mapped[str | None]
    channel: Mapped[str]
    report_id: Mapped[str | None]
    district: Mapped[str]
    classification: Mapped[int] = classified()
    # null where nobody has said where
    geom: Mapped[Any | None] = mapped_column(point())
    opened_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    opened_by: Mapped[str]
    risk: Mapped[JsonObject | None]
    version: Mapped[int]
    # people directly in danger, as who reported it says; null where nobody has said
    in_danger: Mapped[int | None]


INCIDENT_SERIAL = Sequence("incident_serial", metadata=Base.metadata)


class IncidentDay(Base):
    """Where `incident_serial` stood when the first incident of a day was opened."""

    __tablename__ = "incident_day"

    # of the city's calendar, as numbers begin: 20260504
    day: Mapped[str] = mapped_column(Name, primary_key=True)
    base: Mapped[int] = mapped_column(BigInteger)


class IncidentEvent(Base):
    """Append-only log of an incident."""

    __tablename__ = "incident_event"
    __table_args__ = (Index("ix_incident_event_incident", "incident_id", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    incident_id: Mapped[UUID] = mapped_column(ForeignKey("incident.id"))
    time: Mapped[datetime]
    what: Mapped[str]
    who: Mapped[str]
    text: Mapped[JsonObject]
    data: Mapped[JsonObject]
    # the whole incident after it, with its assignments and alarms; null in entries from before there were full values
    after: Mapped[JsonObject | None]


class Assignment(Base):
    """One unit sent to one incident; its milestones. Its id is also the id of the task the unit receives."""

    __tablename__ = "assignment"
    __table_args__ = (
        Index("ix_assignment_incident", "incident_id"),
        Index("uq_assignment_unit_active", "unit_id", unique=True, postgresql_where=text("ended_at IS NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    incident_id: Mapped[UUID] = mapped_column(ForeignKey("incident.id"))
    unit_id: Mapped[str] = mapped_column(ForeignKey("unit.id"))
    # assigned, accepted, declined, en_route, on_scene, clear, cancelled
    status: Mapped[str]
    assigned_by: Mapped[str]
    assigned_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    en_route_at: Mapped[datetime | None]
    on_scene_at: Mapped[datetime | None]
    clear_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    eta_s: Mapped[float | None] = mapped_column(Double)
    distance_m: Mapped[float | None] = mapped_column(Double)


class Coverage(Base):
    """Road time of the nearest free unit to an H3 cell, per capability, seconds; null where none can come."""

    __tablename__ = "coverage"

    cell: Mapped[str] = mapped_column(Name, primary_key=True)
    capability: Mapped[str] = mapped_column(Name, primary_key=True)
    eta_s: Mapped[float | None] = mapped_column(Double)
    unit_id: Mapped[str | None]
    computed_at: Mapped[datetime]


class RoleRow(Base):
    """A named set of permissions (core/viewer.py); those of the first day are what core/data/roles.json says."""

    __tablename__ = "role"

    id: Mapped[str] = mapped_column(Name, primary_key=True)
    name_zh: Mapped[str]
    name_en: Mapped[str]
    permissions: Mapped[list[str]]
    built_in: Mapped[bool]
    version: Mapped[int] = mapped_column(server_default=text("1"))


class Account(Base):
    __tablename__ = "account"
    __table_args__ = {"info": SECRET}

    username: Mapped[str] = mapped_column(Name, primary_key=True)
    name: Mapped[str]
    role: Mapped[str] = mapped_column(ForeignKey("role.id"), index=True)
    # how far the person sees (core/scope.py); null is no limit
    departments: Mapped[list[str] | None]
    districts: Mapped[list[str] | None]
    units: Mapped[list[str] | None]
    classification: Mapped[int | None] = mapped_column(SmallInteger)
    # argon2id, PHC string
    password: Mapped[str]
    # somebody else has set the password
    must_change: Mapped[bool] = mapped_column(server_default=text("false"))
    lang: Mapped[str]
    # what the person has chosen of the page (app/people/chosen.py)
    settings: Mapped[JsonObject] = mapped_column(server_default=text("'{}'"))
    enabled: Mapped[bool]
    # made for a demo: refused on any address but loopback
    demo: Mapped[bool]
    created_at: Mapped[datetime]
    # when the account last logged in, or came with a token
    seen_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(server_default=text("1"))


class LoginFailure(Base):
    """How often an address has failed with a name lately, whether there is such an account or not; bounded
    (app/failures.py)."""

    __tablename__ = "login_failure"
    # people type their password where their name belongs
    __table_args__ = {"info": SECRET}

    username: Mapped[str] = mapped_column(Name, primary_key=True)
    # an IPv4 address, or the /64 of an IPv6 one
    address: Mapped[str] = mapped_column(Name, primary_key=True)
    failures: Mapped[int]
    last_at: Mapped[datetime] = mapped_column(index=True)


class LoginAddress(Base):
    """Where an account was opened from: strangers' failures do not slow it there."""

    __tablename__ = "login_address"
    __table_args__ = {"info": SECRET}

    username: Mapped[str] = mapped_column(Name, ForeignKey("account.username", ondelete="CASCADE"), primary_key=True)
    address: Mapped[str] = mapped_column(Name, primary_key=True)
    seen_at: Mapped[datetime]


class Session(Base):
    """A log-in of a browser, a bearer token or a feed token; only the SHA-256 of the secret is kept."""

    __tablename__ = "session"
    __table_args__ = {"info": SECRET}

    digest: Mapped[str] = mapped_column(Name, primary_key=True)
    # by which it is named where people see it: nothing of the secret is in it
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), unique=True)
    username: Mapped[str] = mapped_column(ForeignKey("account.username", ondelete="CASCADE"), index=True)
    # browser, phone, token, feed
    kind: Mapped[str]
    # what a token is called by who made it
    name: Mapped[str | None]
    # of a feed token: the only layers that it opens
    layers: Mapped[list[str] | None]
    # where it was opened from
    address: Mapped[str | None]
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class Phone(Base):
    """A phone of a unit. Until it is bound it has a code, of which only the SHA-256 is kept; from then on an account
    (docs/decisions/0039)."""

    __tablename__ = "phone"
    __table_args__ = (Index("ix_phone_unit", "unit_id", "made_at"), {"info": SECRET})

    id: Mapped[UUID] = mapped_column(primary_key=True)
    unit_id: Mapped[str] = mapped_column(Name, ForeignKey("unit.id"))
    name: Mapped[str]
    made_by: Mapped[str]
    made_at: Mapped[datetime]
    # null once it was used
    code_digest: Mapped[str | None] = mapped_column(Name, unique=True)
    code_expires_at: Mapped[datetime]
    username: Mapped[str | None] = mapped_column(Name)
    paired_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[str | None]


class FieldAct(Base):
    """What a phone sent, once by the id that it gave, and what came of it."""

    __tablename__ = "field_act"
    __table_args__ = (
        CheckConstraint("state IN ('done', 'refused')", name="state"),
        Index("ix_field_act_unit", "unit_id", "received_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    unit_id: Mapped[str] = mapped_column(Name)
    username: Mapped[str]
    # reply, message, report, panic
    kind: Mapped[str]
    # by the phone's own clock
    at: Mapped[datetime]
    received_at: Mapped[datetime]
    body: Mapped[JsonObject]
    state: Mapped[str]
    # of a refused one reason, field and about; of what opened an incident its number
    outcome: Mapped[JsonObject]


class Audit(Base):
    """Append-only: who did what with which result."""

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_time", "time"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    time: Mapped[datetime]
    who: Mapped[str]
    address: Mapped[str | None]
    what: Mapped[str]
    result: Mapped[str]
    data: Mapped[JsonObject]
