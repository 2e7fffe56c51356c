"""Values of a file as a layer keeps them: JSON of the column's type, or why they cannot be."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from core.texts import fit
from layers.imports.guess import DATE, FALSE, TIME, TRUE, ColumnType
from layers.imports.nouns import Unfit

LONGEST = 10_000
# beyond that a double no longer holds every whole number
EXACT = 2**53
# from UTC: what PostgreSQL reads, and no clock on earth is so far
FARTHEST_ZONE = timedelta(hours=15, minutes=59)
# what a bigint holds
FARTHEST = 2**63
# of a key, what an index takes
KEY_BYTES = 500


def value_of(value: Any, kind: ColumnType, zone: ZoneInfo) -> Any:
    """Unfit says what was expected. None stays None."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    return _time(value, zone) if kind == "time" else MAKERS[kind](value)


def check_key(key: str) -> None:
    """Unfit where it cannot name a row."""
    if not key:
        raise Unfit("key")
    if len(key.encode()) > KEY_BYTES:
        raise Unfit("long", most=KEY_BYTES, got=len(key.encode()))


def shown(value: Any) -> str:
    """As a message quotes it."""
    return repr(str(value)[:60])


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < EXACT:
        value = int(value)  # a code that a table keeps as a number
    words = fit(str(value).strip())
    if len(words) > LONGEST:
        raise Unfit("long", most=f"{LONGEST:,}", got=f"{len(words):,}")
    return words


def _number(value: Any) -> float | int:
    try:
        number = float(str(value).replace(",", ""))
    except ValueError:
        raise Unfit("number", got=shown(value)) from None
    if not math.isfinite(number):
        raise Unfit("finite", got=shown(value))
    return number


def _integer(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        if not -FARTHEST <= value < FARTHEST:
            raise Unfit("whole", got=shown(value))
        return value
    number = _number(value)
    if number != int(number) or abs(number) >= EXACT:
        raise Unfit("whole", got=shown(value))
    return int(number)


def _boolean(value: Any) -> bool:
    if isinstance(value, (bool, int)) and value in (0, 1):
        return bool(value)
    words = str(value).strip().lower()
    if words in TRUE | {"1"}:
        return True
    if words in FALSE | {"0"}:
        return False
    raise Unfit("boolean", got=shown(value))


def _date(value: Any) -> str:
    words = str(value).strip()
    match = DATE.match(words)
    if match is None:
        raise Unfit("date", got=shown(words))
    try:
        return date(*map(int, match.groups())).isoformat()
    except ValueError:
        raise Unfit("calendar", got=shown(words)) from None


def _time(value: Any, zone: ZoneInfo) -> str:
    """RFC 3339; what says no zone is of `zone`."""
    words = str(value).strip()
    match = TIME.fullmatch(words)
    if match is None:
        if not DATE.fullmatch(words):
            raise Unfit("time", got=shown(words))
        words = f"{_date(words)}T00:00"
        match = TIME.fullmatch(words)
        assert match is not None
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    try:
        own = datetime.strptime(offset.replace(":", ""), "%z").tzinfo if offset else zone
        day_part = (int(year), int(month), int(day), int(hour), int(minute), int(second or 0))
        moment = datetime(*day_part, int(float(fraction or 0) * 1_000_000), tzinfo=own)
        return told_by(moment)
    except (ValueError, OverflowError):
        raise Unfit("calendar", got=shown(words)) from None


def told_by(moment: datetime) -> str:
    """As it is kept. ValueError or OverflowError for one that no clock on earth shows, or that is in no year of UTC:
    the database could not read it back."""
    offset = moment.utcoffset()
    if offset is None or abs(offset) > FARTHEST_ZONE:
        raise ValueError(offset)
    moment.astimezone(UTC)
    return moment.isoformat()


MAKERS: Mapping[ColumnType, Callable[[Any], Any]] = {
    "text": _text,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "date": _date,
}
