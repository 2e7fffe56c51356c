"""Day partitions of `observation`: made ahead, and for late days when they are needed."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from sqlalchemy import Connection, text

from core.db import lock_key

DAYS_AHEAD = 3
PREFIX = "observation_p"


def partition_name(day: date) -> str:
    return f"{PREFIX}{day:%Y%m%d}"


def days_ahead(now: datetime) -> list[date]:
    """Yesterday (clocks behind us) up to three days ahead (what is later than two is refused)."""
    return [(now + timedelta(days=n)).date() for n in range(-1, DAYS_AHEAD + 1)]


def make_partitions(conn: Connection, days: list[date]) -> None:
    """Create the partitions of `days` that are missing. One at a time across all processes."""
    conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": lock_key("partitions")})
    for day in days:
        conn.execute(text("SELECT make_observation_day(:day)"), {"day": day})
