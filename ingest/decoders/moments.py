"""Times as devices write them: ISO 8601 with or without an offset, seconds or milliseconds since 1970, as a number or
as text; a leap second, and the hour that comes twice when summer time ends."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

from core.pgarray import to_pg_us
from ingest.decoders.base import Incoming, check_time, invalid

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# seconds, milliseconds, microseconds, nanoseconds since 1970: each begins where the one before would be the year 5138
SCALES = ((1e11, 1.0), (1e14, 1e3), (1e17, 1e6), (1e20, 1e9))
DIGITS = re.compile(r"[0-9]{9,20}(?:\.[0-9]{1,9})?")
# 20261125130000, as many makers in China write it
RUN_ON = re.compile(r"(?:19|20)[0-9]{12}")
SLASHED = re.compile(r"([0-9]{4})[/.]([0-9]{1,2})[/.]([0-9]{1,2})(?=[ T]|$)")
# a day has one, in UTC, every few years: the last microsecond of the second before it (datetime knows none)
LEAP = re.compile(r"(?<=[0-9]{2}:[0-9]{2}):60(?:[.,][0-9]+)?")
LAST = ":59.999999"


def read_time(value: object, field: str, incoming: Incoming) -> int:
    """A time of the message, checked against its arrival."""
    return check_time(read_moment(value, field, incoming.zone, incoming.now), incoming.now, field)


def read_moment(value: object, field: str, zone: tzinfo, now: int) -> datetime:
    """An aware moment; `zone` is that of text without an offset, `now` when it arrived."""
    if isinstance(value, str):
        return _read_text(value.strip(), field, zone, now)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return read_epoch(value, field)
    raise invalid(field, "expected a time in ISO 8601, or seconds or milliseconds since 1970")


def _read_text(text: str, field: str, zone: tzinfo, now: int) -> datetime:
    if DIGITS.fullmatch(text) and not RUN_ON.fullmatch(text):
        return read_epoch(float(text), field)
    plain = f"{text[:8]}T{text[8:]}" if RUN_ON.fullmatch(text) else LEAP.sub(LAST, SLASHED.sub(_dashed, text))
    try:
        moment = datetime.fromisoformat(plain)
    except ValueError as exc:
        raise invalid(field, f"expected a time in ISO 8601, got {text[:40]!r}") from exc
    return moment if moment.tzinfo else settle(moment, zone, now)


def _dashed(found: re.Match[str]) -> str:
    return f"{found[1]}-{int(found[2]):02}-{int(found[3]):02}"


def read_epoch(number: float, field: str) -> datetime:
    """A number as the seconds, milliseconds, microseconds or nanoseconds since 1970 that its size makes it."""
    scale = next((scale for most, scale in SCALES if abs(number) < most), None)
    if scale is None:
        raise invalid(field, "expected seconds or milliseconds since 1970")
    return EPOCH + timedelta(microseconds=round(number / scale * 1_000_000))


def settle(local: datetime, zone: tzinfo, now: int) -> datetime:
    """A local time in its zone. Of an hour that comes twice (PEP 495) it is the one nearer to its arrival."""
    both = [local.replace(tzinfo=zone, fold=fold) for fold in (0, 1)]
    if both[0].utcoffset() == both[1].utcoffset():
        return both[0]
    try:
        return min(both, key=lambda moment: abs(to_pg_us(moment) - now))
    except OverflowError:  # the ends of the calendar
        return both[0]


def mend_leap(payload: bytes) -> bytes:
    """Text whose times may name a leap second, with the microsecond before it in its place."""
    if b":60" not in payload:
        return payload
    return re.sub(rb"(?<=T[0-9]{2}:[0-9]{2}):60(?:\.[0-9]+)?", LAST.encode(), payload)
