"""The broker's doors: who may connect and speak, how far the broker has followed, and what tells this installation from
others."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Double, SmallInteger, text
from sqlalchemy.orm import Mapped, mapped_column

from core.models.base import SECRET, Base, Name

NONE = text("'{}'")


class BrokerAccount(Base):
    """A device, unit or gateway at the broker: its password (Mosquitto's PBKDF2 form) and what it may speak for."""

    __tablename__ = "broker_account"
    __table_args__ = (
        CheckConstraint("kind IN ('device', 'unit', 'gateway')", name="kind"),
        CheckConstraint("name ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$'", name="name"),
        {"info": SECRET},
    )

    name: Mapped[str] = mapped_column(Name, primary_key=True)
    kind: Mapped[str]
    password: Mapped[str]
    sensors: Mapped[list[str]] = mapped_column(server_default=NONE)
    cameras: Mapped[list[str]] = mapped_column(server_default=NONE)
    units: Mapped[list[str]] = mapped_column(server_default=NONE)
    # sources whose topics are open to it, all of them
    sources: Mapped[list[str]] = mapped_column(server_default=NONE)
    # single topics of sources
    topics: Mapped[list[str]] = mapped_column(server_default=NONE)
    # may report incidents, may bring warnings of others
    reports: Mapped[bool] = mapped_column(server_default=text("false"))
    warnings: Mapped[bool] = mapped_column(server_default=text("false"))
    note: Mapped[str | None]
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    rotated_at: Mapped[datetime | None]
    # a revoked account stays, so that its name is never another's
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[str | None]


class BrokerDoor(Base):
    """One row: how many changes there were, and up to which one the broker has been told."""

    __tablename__ = "broker_door"
    __table_args__ = (CheckConstraint("id = 1", name="one"),)

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    wanted: Mapped[int] = mapped_column(BigInteger)
    applied: Mapped[int] = mapped_column(BigInteger)
    applied_at: Mapped[datetime | None]
    error: Mapped[str | None]


class Quarantine(Base):
    """Somebody who floods: an account, a topic or a source (`account:`, `topic:`, `source:` and its name), held back
    until a person lets it through, and then without a bound until `allowed_until`."""

    __tablename__ = "quarantine"
    __table_args__ = (CheckConstraint("kind IN ('rate', 'names')", name="kind"),)

    owner: Mapped[str] = mapped_column(Name, primary_key=True)
    # speaks too often, or names too many sensors
    kind: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[datetime]
    last_at: Mapped[datetime]
    # messages a second, or new names in an hour
    figure: Mapped[float] = mapped_column(Double)
    # messages held back since
    held: Mapped[int] = mapped_column(BigInteger)
    lifted_at: Mapped[datetime | None]
    lifted_by: Mapped[str | None]
    allowed_until: Mapped[datetime | None]


class Installation(Base):
    """One row, made with the database. The secret is part of our MQTT client ids: who does not know it cannot take our
    sessions."""

    __tablename__ = "installation"
    __table_args__ = (CheckConstraint("id = 1", name="one"), {"info": SECRET})

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    secret: Mapped[str]
