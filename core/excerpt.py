"""Which part of a list of what is live: the same words for alarms and incidents, as query values and as SQL."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from core.types import Box, Params


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Newest first, those after `cursor`: of a level, changed since a moment, in a box. What is None does not
    narrow."""

    level: int | None = None
    since: datetime | None = None
    box: Box | None = None
    cursor: UUID | None = None
    limit: int = 200

    def params(self) -> Params:
        """For `in_excerpt`; one row more than `limit`, so that the caller knows whether there are more."""
        sides = dict(zip("wsen", self.box or (None,) * 4, strict=True))
        return {"level": self.level, "since": self.since, "cursor": self.cursor, "most": self.limit + 1, **sides}


def in_excerpt(of: str = "") -> str:
    """The end of a SELECT of rows with id (UUIDv7), level, changed_at and geom; `of` is the table's alias with its
    dot."""
    return f"""
  AND (CAST(:level AS int) IS NULL OR {of}level = :level)
  AND (CAST(:since AS timestamptz) IS NULL OR {of}changed_at > :since)
  AND (CAST(:cursor AS uuid) IS NULL OR {of}id < :cursor)
  AND (CAST(:w AS float8) IS NULL OR {of}geom && ST_MakeEnvelope(:w, :s, :e, :n, 4326))
ORDER BY {of}id DESC LIMIT :most
"""
