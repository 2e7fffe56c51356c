"""Time as a value. Only edges ask what time it is; everything else gets `now`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


def rfc3339(moment: datetime, zone: str = "UTC") -> str:
    """RFC 3339 with a numeric offset, milliseconds only where there are some."""
    local = moment.astimezone(ZoneInfo(zone))
    return local.isoformat(timespec="milliseconds" if local.microsecond >= 1000 else "seconds")


def cap_time(moment: datetime, zone: str) -> str:
    """The form CAP 1.2 section 3.3.2 asks for: no fractions, a numeric offset, never `Z`."""
    return moment.astimezone(ZoneInfo(zone)).replace(microsecond=0).isoformat()


def seconds(value: float) -> timedelta:
    return timedelta(seconds=value)
