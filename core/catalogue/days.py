"""How sources and layers were, day by day (table `catalogue_day`), and what that is worth in a month."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from core.catalogue.nouns import Kind, Measured, Name

# points of a hundred for what a department has in the catalogue: that it is described, that anything is in it, that it
# comes when promised, that somebody uses it (quantity, timeliness and use, as data-sharing rules weigh them)
DESCRIBED, THERE, TIMELY, USED = 20, 30, 30, 20
_WRITE = text("""
INSERT INTO catalogue_day (day, kind, id, provider, described, filled, refused, rows, updated_at, in_cycle, overlapping,
  measured_at)
VALUES (:day, :kind, :id, :provider, :described, :filled, :refused, :rows, :updated_at, :in_cycle,
  CAST(:overlapping AS jsonb), :now)
ON CONFLICT (day, kind, id) DO UPDATE SET provider = EXCLUDED.provider, described = EXCLUDED.described,
  filled = EXCLUDED.filled, refused = EXCLUDED.refused, rows = EXCLUDED.rows, updated_at = EXCLUDED.updated_at,
  in_cycle = EXCLUDED.in_cycle, overlapping = EXCLUDED.overlapping, measured_at = EXCLUDED.measured_at
""")
# of each, the newest day it was measured on
_LATEST = text("""
SELECT DISTINCT ON (kind, id) kind, id, filled, refused, rows, overlapping, measured_at FROM catalogue_day
WHERE day > :since AND (CAST(:kind AS text) IS NULL OR (kind = :kind AND id = :id)) ORDER BY kind, id, day DESC
""")
# a resource counts by the days it was there under the provider's name
_MONTH = text("""
WITH of_month AS (
  SELECT d.provider, d.kind, d.id, avg(d.described) AS described,
    bool_or(COALESCE(d.rows, 0) > 0) AS there,
    avg(COALESCE(d.in_cycle, false)::int) AS timely, avg(d.filled) AS filled, count(*) AS days
  FROM catalogue_day d WHERE d.day >= :first AND d.day < :after AND d.provider IS NOT NULL
    AND (CAST(:names AS text[]) IS NULL OR d.kind || '/' || d.id = ANY(CAST(:names AS text[])))
  GROUP BY d.provider, d.kind, d.id
), used AS (
  SELECT kind, id, sum(times)::bigint AS times FROM catalogue_use WHERE day >= :first AND day < :after
  GROUP BY kind, id
)
SELECT m.provider, count(*) AS resources, avg(m.described) AS described, avg(m.there::int) AS there,
  avg(m.timely) AS timely,
  count(*) FILTER (WHERE u.times > 0) AS used, COALESCE(sum(u.times), 0)::bigint AS uses, avg(m.filled) AS filled,
  max(m.days) AS days
FROM of_month m LEFT JOIN used u USING (kind, id)
GROUP BY m.provider ORDER BY m.provider
""")


@dataclass(frozen=True, slots=True)
class Day:
    """What was measured last."""

    measured: Measured
    at: datetime


class ScoreObject(TypedDict):
    """What a provider's part of the catalogue is worth in a month, of 100: `parts` are the points of 20 for what is
    described, 30 for what is there, 30 for what came when promised (0 where nothing is promised), 20 for what was used.
    `days`: so many of the month were measured."""

    provider: str
    month: str
    resources: int
    score: float
    parts: dict[str, float]
    uses: int
    filled: float | None
    days: int


def write_day(
    conn: Connection,
    day: date,
    name: Name,
    measured: Measured,
    now: datetime,
    *,
    provider: str | None,
    described: float,
    updated_at: datetime | None,
    in_cycle: bool | None,
) -> None:
    conn.execute(
        _WRITE,
        {
            **name._asdict(),
            "day": day,
            "provider": provider,
            "described": described,
            "filled": measured.filled,
            "refused": measured.refused,
            "rows": measured.rows,
            "updated_at": updated_at,
            "in_cycle": in_cycle,
            "overlapping": json.dumps(list(measured.overlaps)),
            "now": now,
        },
    )


def read_days(conn: Connection, since: date, name: Name | None = None) -> dict[Name, Day]:
    """Of each the newest after `since`."""
    given = {"since": since, "kind": name.kind if name else None, "id": name.id if name else None}
    return {
        Name(Kind(row.kind), row.id): Day(
            Measured(row.rows, row.filled, row.refused, tuple(row.overlapping)), row.measured_at
        )
        for row in conn.execute(_LATEST, given)
    }


def month_after(first: date) -> date:
    return date(first.year + first.month // 12, first.month % 12 + 1, 1)


def read_scores(conn: Connection, first: date, names: Collection[Name] | None = None) -> list[ScoreObject]:
    """Of the month that begins with `first`, the best first; of these resources only, where they are named: who may
    not know of some is not told how their provider does with them."""
    told = None if names is None else sorted(f"{one.kind}/{one.id}" for one in names)
    rows = conn.execute(_MONTH, {"first": first, "after": month_after(first), "names": told})
    return sorted((_score(row, first) for row in rows), key=lambda one: (-one["score"], one["provider"]))


def _score(row: Any, first: date) -> ScoreObject:
    parts = {
        "described": round(DESCRIBED * float(row.described), 1),
        "there": round(THERE * float(row.there), 1),
        "timely": round(TIMELY * float(row.timely or 0), 1),
        "used": round(USED * row.used / row.resources, 1),
    }
    return {
        "provider": row.provider,
        "month": f"{first:%Y-%m}",
        "resources": row.resources,
        "score": round(sum(parts.values()), 1),
        "parts": parts,
        "uses": row.uses,
        "filled": None if row.filled is None else round(float(row.filled), 3),
        "days": row.days,
    }
