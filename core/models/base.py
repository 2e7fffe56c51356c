"""What all tables share: naming of constraints, column types."""

from __future__ import annotations

from datetime import datetime

from geoalchemy2 import Geometry
from sqlalchemy import DateTime, MetaData, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase

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


# marks a table that no report may read: `__table_args__ = (..., {"info": SECRET})`
SECRET = {"secret": True}


def secret_tables() -> frozenset[str]:
    """Tables that hold what gives access."""
    return frozenset(name for name, table in Base.metadata.tables.items() if table.info.get("secret"))


def point() -> Geometry:
    return Geometry("POINT", srid=4326, spatial_index=False)


def shape(kind: str = "GEOMETRY") -> Geometry:
    return Geometry(kind, srid=4326, spatial_index=False)
