"""What all tables share: naming of constraints, column types."""

from __future__ import annotations

from datetime import datetime

from geoalchemy2 import Geometry
from sqlalchemy import CheckConstraint, DateTime, MetaData, SmallInteger, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from core.types import JsonObject

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

Name = Text(collation="C")


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {
        datetime: DateTime(timezone=True),
        JsonObject: JSONB,
        list[str]: ARRAY(Text),
        str: Text,
    }


class Versioned:
    """Append-only: the whole of a thing after each change. Its key is that of the thing and this."""

    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, sort_order=1)
    time: Mapped[datetime]
    what: Mapped[str]
    who: Mapped[str]
    after: Mapped[JsonObject]


# marks a table that no report may read: `__table_args__ = (..., {"info": SECRET})`
SECRET = {"secret": True}


def secret_tables() -> frozenset[str]:
    """Tables that hold what gives access."""
    return frozenset(name for name, table in Base.metadata.tables.items() if table.info.get("secret"))


def classified() -> Mapped[int]:
    """How far a thing may be shown (core.scope.Classification); its table has the constraint of `known_class`."""
    return mapped_column(SmallInteger, server_default=text("0"))


def known_class() -> CheckConstraint:
    return CheckConstraint("classification BETWEEN 0 AND 2", name="classification")


def point() -> Geometry:
    return Geometry("POINT", srid=4326, spatial_index=False)


def shape(kind: str = "GEOMETRY") -> Geometry:
    return Geometry(kind, srid=4326, spatial_index=False)
