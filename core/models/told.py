"""Who is told what, and what came of it: the outbox, subscriptions with what opens their receivers, deliveries."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Identity, Index, Integer, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from core.models.base import SECRET, Base, Name, Versioned
from core.types import JsonObject


class Outbox(Base):
    """A change, or a message ready to go, that the outside is to be told; routed once (core.outbox)."""

    __tablename__ = "outbox"
    __table_args__ = (Index("ix_outbox_waiting", "id", postgresql_where=text("routed_at IS NULL")),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    created_at: Mapped[datetime]
    # alarm, message
    kind: Mapped[str]
    # id of what has changed
    subject: Mapped[str] = mapped_column(Name)
    what: Mapped[str]
    # of a message
    topic: Mapped[str | None]
    payload: Mapped[str | None]
    routed_at: Mapped[datetime | None]


class Subscription(Base):
    """Who is told what, by which sender, in which language, and when not."""

    __tablename__ = "subscription"
    __table_args__ = (Index("ix_subscription_owner", "owner"),)

    id: Mapped[str] = mapped_column(Name, primary_key=True)
    name_zh: Mapped[str]
    name_en: Mapped[str]
    # whose it is: told only what this account may see; none: the city's own
    owner: Mapped[str | None]
    # key of a sender (alerts/senders)
    sender: Mapped[str]
    # what concerns it (alerts/stages/route)
    filter: Mapped[JsonObject]
    # of the sender
    options: Mapped[JsonObject] = mapped_column(server_default=text("'{}'"))
    lang: Mapped[str] = mapped_column(server_default=text("'zh'"))
    # {"begins": "22:00", "ends": "07:00"} on the city's clock, in which only level I is told
    quiet: Mapped[JsonObject | None]
    # what comes within so many seconds is told together; 0: each at once
    digest_s: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    # told again after so many seconds, until somebody acknowledges it; 0: never
    repeat_s: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    enabled: Mapped[bool]
    # why it was stopped without a person: the receiver is gone
    stopped_why: Mapped[str | None]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    changed_at: Mapped[datetime] = mapped_column(server_default=text("now()"))
    changed_by: Mapped[str | None]


class SubscriptionSecret(Base):
    """What opens a receiver: never given out again."""

    __tablename__ = "subscription_secret"
    __table_args__ = {"info": SECRET}

    subscription_id: Mapped[str] = mapped_column(Name, primary_key=True)
    name: Mapped[str] = mapped_column(Name, primary_key=True)
    value: Mapped[str]


class SubscriptionVersion(Versioned, Base):
    """Append-only: the whole subscription, without secrets, after each change; `what`: added, changed, stopped,
    removed."""

    __tablename__ = "subscription_version"

    subscription_id: Mapped[str] = mapped_column(Name, primary_key=True)
    why: Mapped[str | None]


class Delivery(Base):
    """One change for one subscription: sent at least once, in the order of the ids, with its own waits."""

    __tablename__ = "delivery"
    __table_args__ = (
        Index("ix_delivery_waiting", "subscription_id", "id", postgresql_where=text("state = 'waiting'")),
        Index("ix_delivery_subscription", "subscription_id", "id"),
        Index("ix_delivery_subject", "kind", "subject", "id"),
        Index("ix_delivery_done", "done_at", postgresql_where=text("done_at IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    subscription_id: Mapped[str] = mapped_column(Name)
    # alarm, message, test
    kind: Mapped[str]
    subject: Mapped[str] = mapped_column(Name)
    what: Mapped[str]
    topic: Mapped[str | None]
    payload: Mapped[str | None]
    # what each stage decided, and why
    reason: Mapped[Any] = mapped_column(JSONB)
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    # waiting, sent, refused (by the receiver), failed (given up)
    state: Mapped[str]
    attempts: Mapped[int]
    error: Mapped[str | None]
    done_at: Mapped[datetime | None]
    # confirmed by the receiver
    seen_at: Mapped[datetime | None]
    seen_by: Mapped[str | None]
