"""The information resource catalogue: what is said of sources and layers, measured of them, asked for and read of
them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, SmallInteger, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from core.models.base import Base, Name

KIND = "kind IN ('source', 'layer')"


class CatalogueEntry(Base):
    """What somebody has said of a source or a layer. What nobody has said of anything is no row."""

    __tablename__ = "catalogue_entry"
    __table_args__ = (
        CheckConstraint(KIND, name="kind"),
        CheckConstraint("NOT open OR sharing = 'unconditional'", name="open"),
    )

    kind: Mapped[str] = mapped_column(Name, primary_key=True)
    id: Mapped[str] = mapped_column(Name, primary_key=True)
    # the number of the catalogue
    code: Mapped[str | None]
    # a key of catalogue_classes: base, theme, department
    category: Mapped[str | None]
    provider: Mapped[str | None]
    # its code, as scopes of accounts have it
    department: Mapped[str | None]
    contact: Mapped[str | None]
    summary_zh: Mapped[str | None]
    summary_en: Mapped[str | None]
    # a key of update_cycles
    cycle: Mapped[str | None]
    # a key of sharing_classes; `terms` are the conditions, or the ground on which it is not shared
    sharing: Mapped[str | None]
    terms: Mapped[str | None]
    # also for the public, once open data is on
    open: Mapped[bool] = mapped_column(server_default=text("false"))
    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    changed_by: Mapped[str]


class CatalogueDay(Base):
    """How a source or a layer was on a day of the city, as last measured on it."""

    __tablename__ = "catalogue_day"
    __table_args__ = (CheckConstraint(KIND, name="kind"),)

    day: Mapped[date] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Name, primary_key=True)
    id: Mapped[str] = mapped_column(Name, primary_key=True)
    provider: Mapped[str | None]
    # shares, 0 to 1: of the fields of its entry that are said; of its values that are there; of what came in that was
    # refused
    described: Mapped[float]
    filled: Mapped[float | None]
    refused: Mapped[float | None]
    rows: Mapped[int | None] = mapped_column(BigInteger)
    updated_at: Mapped[datetime | None]
    # whether it was as fresh as promised; null where nothing is promised or known
    in_cycle: Mapped[bool | None]
    # others that hold the same things: [{kind, id, share}]
    overlapping: Mapped[Any] = mapped_column(JSONB, server_default=text("'[]'::jsonb"))
    measured_at: Mapped[datetime]


class CatalogueUse(Base):
    """How often somebody has read something on a day, and which way. `who` is empty for the public."""

    __tablename__ = "catalogue_use"
    __table_args__ = (Index("ix_catalogue_use_day", "day"),)

    kind: Mapped[str] = mapped_column(Name, primary_key=True)
    id: Mapped[str] = mapped_column(Name, primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    # map, gis, file, series, open
    way: Mapped[str] = mapped_column(Name, primary_key=True)
    who: Mapped[str] = mapped_column(Name, primary_key=True)
    times: Mapped[int] = mapped_column(BigInteger)


class AccessRequest(Base):
    """A department asks for what is shared on conditions."""

    __tablename__ = "access_request"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'granted', 'refused')", name="state"),
        Index("ix_access_request_open", "kind", "resource", postgresql_where=text("state = 'open'")),
        Index("ix_access_request_answered", "asked_by", postgresql_where=text("state <> 'open' AND seen_at IS NULL")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    kind: Mapped[str] = mapped_column(Name)
    resource: Mapped[str] = mapped_column(Name)
    # the code of the department that asks, and for what it is needed
    department: Mapped[str]
    purpose: Mapped[str]
    asked_by: Mapped[str]
    asked_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(server_default=text("'open'"))
    answer: Mapped[str | None]
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    # when whoever asked has opened the answer
    seen_at: Mapped[datetime | None]


class OpenData(Base):
    """The one row that says whether the public is served at all."""

    __tablename__ = "open_data"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    enabled: Mapped[bool]
    changed_by: Mapped[str]
    changed_at: Mapped[datetime]
