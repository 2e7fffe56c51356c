"""Alembic's entry: runs migrations on the connection it is given, or on one of its own."""

from __future__ import annotations

from typing import Any

from alembic import context
from sqlalchemy import Connection, create_engine

from core.models import Base

FOREIGN = ("spatial_ref_sys",)


def is_ours(obj: Any, name: str | None, type_: str, reflected: bool, compare_to: Any) -> bool:
    """PostGIS brings a table of its own; day partitions of `observation` are made by the ingester."""
    if type_ != "table":
        return True
    return name not in FOREIGN and not (name or "").startswith("observation_p")


def run(conn: Connection) -> None:
    context.configure(
        connection=conn,
        target_metadata=Base.metadata,
        include_object=is_ours,
        compare_type=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


given: Connection | None = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    engine = create_engine(context.config.attributes["url"])
    with engine.connect() as own:
        run(own)
    engine.dispose()
