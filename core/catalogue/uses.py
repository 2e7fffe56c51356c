"""Who reads what, and which way (table `catalogue_use`): counted in memory and written now and then, so that reading
takes nothing from reading."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from threading import Lock
from typing import NamedTuple

from sqlalchemy import Connection, text

from core.catalogue.nouns import Kind, Name

KEPT = timedelta(days=400)
RECENT = timedelta(days=30)
HELD_AT_MOST = 100_000
PUBLIC = ""
_ADD = text("""
INSERT INTO catalogue_use AS u (kind, id, day, way, who, times)
SELECT k, i, :day, w, a, t FROM unnest(CAST(:kinds AS text[]), CAST(:ids AS text[]), CAST(:ways AS text[]),
  CAST(:whos AS text[]), CAST(:times AS bigint[])) AS given (k, i, w, a, t) ORDER BY k, i, w, a
ON CONFLICT (kind, id, day, way, who) DO UPDATE SET times = u.times + EXCLUDED.times
""")


class Used(NamedTuple):
    times: int
    people: int


class Uses:
    """What was read since it was last written."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counted: Counter[tuple[Kind, str, str, str]] = Counter()
        # a map that is looked at asks for hundreds of tiles: on one day (of the city, as uses are written by) one use
        self._day: date | None = None
        self._looked: set[tuple[Kind, str, str, str]] = set()

    def add(self, kind: Kind, name: str, way: str, who: str) -> None:
        with self._lock:
            if len(self._counted) < HELD_AT_MOST or (kind, name, way, who) in self._counted:
                self._counted[kind, name, way, who] += 1

    def look(self, kind: Kind, name: str, way: str, who: str) -> None:
        """By tiles: once a day and person. Of more people than a city has nobody is told apart, nor counted."""
        one = (kind, name, way, who)
        if one in self._looked:
            return
        with self._lock:
            if len(self._looked) >= HELD_AT_MOST:
                return
            self._looked.add(one)
        self.add(kind, name, way, who)

    def write(self, conn: Connection, day: date) -> None:
        """The caller commits; where it fails nothing is lost but these."""
        with self._lock:
            counted, self._counted = self._counted, Counter()
            if day != self._day:
                self._day, self._looked = day, set()
        if not counted:
            return
        kinds, ids, ways, whos = zip(*counted, strict=True)
        given = {"day": day, "kinds": list(kinds), "ids": list(ids), "ways": list(ways), "whos": list(whos)}
        conn.execute(_ADD, {**given, "times": list(counted.values())})


def read_uses(conn: Connection, since: date) -> dict[Name, Used]:
    rows = conn.execute(
        text(
            "SELECT kind, id, sum(times)::bigint AS times, count(DISTINCT who) AS people FROM catalogue_use "
            "WHERE day >= :since GROUP BY kind, id"
        ),
        {"since": since},
    )
    return {Name(Kind(row.kind), row.id): Used(row.times, row.people) for row in rows}


def forget_old(conn: Connection, today: date) -> None:
    conn.execute(text("DELETE FROM catalogue_use WHERE day < :before"), {"before": today - KEPT})
