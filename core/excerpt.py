"""Which part of a list of what is live: the same words for alarms and incidents, as query values and as SQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

from core.types import Box, Params
from core.vocabulary import table

# by risk, by level, the newest first
Order = Literal["score", "level", "time"]


class Cursor(NamedTuple):
    """Where a page ends: what its last row is ordered by, and its id."""

    key: float
    id: UUID


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Those after `cursor` in an order, of equal ones the newest first: of a level, changed since a moment, in a box.
    What is None does not narrow."""

    level: int | None = None
    since: datetime | None = None
    box: Box | None = None
    cursor: Cursor | None = None
    limit: int = 200
    order: Order = "time"

    def params(self) -> Params:
        """For `in_excerpt`; one row more than `limit`, so that the caller knows whether there are more."""
        sides = dict(zip("wsen", self.box or (None,) * 4, strict=True))
        key, identity = self.cursor or (None, None)
        return {
            "level": self.level,
            "since": self.since,
            "key": key,
            "cursor": identity,
            "most": self.limit + 1,
            **sides,
        }

    def cursor_after(self, item: Mapping[str, Any]) -> str:
        """The cursor of the page after an object of the API."""
        key = _KEYS[self.order](item)
        return str(item["id"]) if self.order == "time" else f"{key!r}~{item['id']}"


def middle_of(level: int) -> float:
    """Where what has no score yet stands: in the middle of what its level may have."""
    band = table("risk_bands")[str(level)]
    return (float(band["low"]) + float(band["high"])) / 2


def _score(item: Mapping[str, Any]) -> float:
    risk = item.get("risk")
    return float(risk["score"]) if risk else middle_of(item["level"])


_KEYS: Mapping[Order, Callable[[Mapping[str, Any]], float]] = {
    "score": _score,
    "level": lambda item: float(-item["level"]),
    "time": lambda item: 0.0,
}


def _key_sql(order: Order, of: str) -> str:
    if order == "level":
        return f"(-{of}level)::float8"
    middles = " ".join(f"WHEN {int(level)} THEN {middle_of(int(level))!r}" for level in table("risk_bands"))
    return f"COALESCE(CAST({of}risk->>'score' AS float8), CASE {of}level {middles} END)"


def in_excerpt(of: str = "", order: Order = "time") -> str:
    """The end of a SELECT of rows with id (UUIDv7), level, risk, changed_at and geom; `of` is the table's alias with
    its dot."""
    if order == "time":
        after, by = f"{of}id < :cursor", f"{of}id DESC"
    else:
        key = _key_sql(order, of)
        after, by = f"({key}, {of}id) < (CAST(:key AS float8), CAST(:cursor AS uuid))", f"{key} DESC, {of}id DESC"
    return f"""
  AND (CAST(:level AS int) IS NULL OR {of}level = :level)
  AND (CAST(:since AS timestamptz) IS NULL OR {of}changed_at > :since)
  AND (CAST(:cursor AS uuid) IS NULL OR {after})
  AND (CAST(:w AS float8) IS NULL OR {of}geom && ST_MakeEnvelope(:w, :s, :e, :n, 4326))
ORDER BY {by} LIMIT :most
"""
