"""Values of a file as a layer keeps them: JSON of the column's type, or why they cannot be."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from core.texts import fit
from layers.imports.guess import DATE, FALSE, TIME, TRUE, ColumnType

LONGEST = 10_000
# beyond that a double no longer holds every whole number
EXACT = 2**53


def value_of(value: Any, kind: ColumnType, zone: ZoneInfo) -> Any:
    """ValueError says what was expected. None stays None."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    return _time(value, zone) if kind == "time" else MAKERS[kind](value)


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < EXACT:
        value = int(value)  # a code that a table keeps as a number
    words = fit(str(value).strip())
    if len(words) > LONGEST:
        raise ValueError(f"expected at most {LONGEST:,} characters, got {len(words):,}")
    return words


def _number(value: Any) -> float | int:
    try:
        number = float(str(value).replace(",", ""))
    except ValueError:
        raise ValueError(f"expected a number, got {str(value)[:60]!r}") from None
    if not math.isfinite(number):
        raise ValueError(f"expected a finite number, got {str(value)[:60]!r}")
    return number


def _integer(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    number = _number(value)
    if number != int(number) or abs(number) >= EXACT:
        raise ValueError(f"expected a whole number, got {str(value)[:60]!r}")
    return int(number)


def _boolean(value: Any) -> bool:
    if isinstance(value, (bool, int)) and value in (0, 1):
        return bool(value)
    words = str(value).strip().lower()
    if words in TRUE | {"1"}:
        return True
    if words in FALSE | {"0"}:
        return False
    raise ValueError(f"expected yes or no, got {str(value)[:60]!r}")


def _date(value: Any) -> str:
    words = str(value).strip()
    match = DATE.match(words)
    if match is None:
        raise ValueError(f"expected a date such as 2026-05-04, got {words[:60]!r}")
    try:
        return date(*map(int, match.groups())).isoformat()
    except ValueError as exc:
        raise ValueError(f"{words[:60]!r}: {exc}") from None


def _time(value: Any, zone: ZoneInfo) -> str:
    """RFC 3339; what says no zone is of `zone`."""
    words = str(value).strip()
    match = TIME.fullmatch(words)
    if match is None:
        if DATE.fullmatch(words):
            return datetime.fromisoformat(_date(words)).replace(tzinfo=zone).isoformat()
        raise ValueError(f"expected a time such as 2026-05-04T08:00:00+08:00, got {words[:60]!r}")
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    own = datetime.strptime(offset.replace(":", ""), "%z").tzinfo if offset else zone
    try:
        day_part = (int(year), int(month), int(day), int(hour), int(minute), int(second or 0))
        moment = datetime(*day_part, int(float(fraction or 0) * 1_000_000), tzinfo=own)
    except ValueError as exc:
        raise ValueError(f"{words[:60]!r}: {exc}") from None
    return moment.isoformat()


MAKERS: Mapping[ColumnType, Callable[[Any], Any]] = {
    "text": _text,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "date": _date,
}
