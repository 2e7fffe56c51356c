"""Who is told what of alarms, and what keeps a flood readable: routes, inhibitions, silences, and what was told."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Double, Identity, Index, SmallInteger, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from core.models.base import Base, Name, Versioned


class Route(Base):
    """A node of the tree that alarms take to their receivers; the one without a parent is the root."""

    __tablename__ = "route"

    id: Mapped[str] = mapped_column(Name, primary_key=True)
    parent_id: Mapped[str | None] = mapped_column(Name)
    # among those of one parent
    position: Mapped[int]
    name_zh: Mapped[str]
    name_en: Mapped[str]
    # [{"label", "is" | "is_not" | "like": [...]}]
    matchers: Mapped[Any] = mapped_column(JSONB)
    group_by: Mapped[list[str]]
    group_wait_s: Mapped[float] = mapped_column(Double)
    group_interval_s: Mapped[float] = mapped_column(Double)
    # 0: never again
    repeat_interval_s: Mapped[float] = mapped_column(Double)
    # ids of subscriptions; "*": those that no route names
    receivers: Mapped[list[str]]
    # whether what has come here is also offered to the siblings after it
    goes_on: Mapped[bool]
    # one that is off takes nothing, nor do those below it
    enabled: Mapped[bool] = mapped_column(server_default=text("true"))
    version: Mapped[int] = mapped_column(server_default=text("1"))
    changed_at: Mapped[datetime]
    changed_by: Mapped[str | None]


class Inhibition(Base):
    """While an alarm that `source` matches burns, those that `target` matches are not told of, where the labels of
    `equal` are the same."""

    __tablename__ = "inhibition"

    id: Mapped[str] = mapped_column(Name, primary_key=True)
    name_zh: Mapped[str]
    name_en: Mapped[str]
    source: Mapped[Any] = mapped_column(JSONB)
    target: Mapped[Any] = mapped_column(JSONB)
    equal: Mapped[list[str]]
    enabled: Mapped[bool]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    changed_at: Mapped[datetime]
    changed_by: Mapped[str | None]


class Silence(Base):
    """Maintenance and the like: what the matchers take is not told of from `starts_at` to `ends_at`."""

    __tablename__ = "silence"
    __table_args__ = (
        CheckConstraint("ends_at > starts_at", name="bounded"),
        Index("ix_silence_ends_at", "ends_at"),
    )

    id: Mapped[str] = mapped_column(Name, primary_key=True)
    matchers: Mapped[Any] = mapped_column(JSONB)
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    why: Mapped[str]
    created_by: Mapped[str]
    created_at: Mapped[datetime]
    # before its time, by a person
    ended_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    changed_at: Mapped[datetime]
    changed_by: Mapped[str | None]


class RouteVersion(Versioned, Base):
    """Append-only: the whole route after each change; `what`: seeded, added, changed, taken_back, removed."""

    __tablename__ = "route_version"

    route_id: Mapped[str] = mapped_column(Name, primary_key=True)
    why: Mapped[str | None]


class InhibitionVersion(Versioned, Base):
    """Append-only: the whole inhibition after each change; `what`: seeded, added, changed, taken_back."""

    __tablename__ = "inhibition_version"

    inhibition_id: Mapped[str] = mapped_column(Name, primary_key=True)
    why: Mapped[str | None]


class SilenceVersion(Versioned, Base):
    """Append-only: the whole silence after each change; `what`: added, changed, ended."""

    __tablename__ = "silence_version"

    silence_id: Mapped[str] = mapped_column(Name, primary_key=True)


class Told(Base):
    """Whom we have told of an alarm, at which level last; `over`: they were told of its end too."""

    __tablename__ = "told"
    __table_args__ = (Index("ix_told_told_at", "told_at", postgresql_where=text("over")),)

    alarm_id: Mapped[UUID] = mapped_column(primary_key=True)
    subscription_id: Mapped[str] = mapped_column(Name, primary_key=True)
    level: Mapped[int] = mapped_column(SmallInteger)
    told_at: Mapped[datetime]
    over: Mapped[bool]


class HeldChange(Base):
    """A change of an alarm that waits for the next turn of its group."""

    __tablename__ = "held_change"
    __table_args__ = (Index("ix_held_change_group", "route_id", "group_key", "subscription_id", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    route_id: Mapped[str] = mapped_column(Name)
    group_key: Mapped[str]
    subscription_id: Mapped[str] = mapped_column(Name)
    alarm_id: Mapped[UUID]
    what: Mapped[str]
    created_at: Mapped[datetime]


class GroupTurn(Base):
    """When a group of alarms is next told to a subscription."""

    __tablename__ = "group_turn"
    __table_args__ = (Index("ix_group_turn_next_at", "next_at"),)

    route_id: Mapped[str] = mapped_column(Name, primary_key=True)
    group_key: Mapped[str] = mapped_column(primary_key=True)
    subscription_id: Mapped[str] = mapped_column(Name, primary_key=True)
    next_at: Mapped[datetime]
