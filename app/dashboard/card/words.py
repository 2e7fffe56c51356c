"""Words of the API's vocabulary, and figures with their units, as the card shows them."""

from collections.abc import Mapping
from typing import Any

from app.dashboard import texts


class Vocabulary:
    """``GET /api/vocabulary``: what the field calls its states and kinds, in both languages."""

    def __init__(self, tables: Mapping[str, Any]) -> None:
        self._tables = tables

    def words(self, table: str, key: Any) -> list[Any]:
        """The two spans of one entry; the bare key where the vocabulary does not know it."""
        known = self._tables.get(table, {}).get(str(key))
        return texts.pair(known) if known else [str(key)] if key else []

    def unit_of(self, metric: str) -> str:
        """Unit symbol of a metric, empty where it has none."""
        return str(self._tables.get("metrics", {}).get(metric, {}).get("unit") or "")


def duration(seconds: float | None) -> list[Any]:
    """``312`` becomes 5 min, in both languages; empty where it is not known."""
    if seconds is None:
        return []
    if seconds < 60:
        return texts.both("unit.s", n=round(seconds))
    if seconds < 5400:
        return texts.both("unit.min", n=round(seconds / 60))
    return texts.both("unit.h", n=f"{seconds / 3600:.1f}")


def distance(metres: float | None) -> list[Any]:
    """``1530`` becomes 1.5 km, in both languages; empty where it is not known."""
    if metres is None:
        return []
    if metres < 1000:
        return texts.both("unit.m", n=round(metres / 10) * 10 if metres >= 100 else round(metres))
    return texts.both("unit.km", n=f"{metres / 1000:.1f}")


def figure(value: Any) -> str:
    """A number as people write it: no trailing zeros, at most three decimals; other values as they are."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "–" if value is None else str(value)
    if float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:,.3f}".rstrip("0").rstrip(".") if abs(value) < 10 else f"{value:,.1f}"
