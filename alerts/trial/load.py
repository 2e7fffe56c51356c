"""How a rule would have loaded whoever watches alarms: the figures of alerts.figures, of annunciations that were never
made."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from typing_extensions import TypedDict

from alerts.figures import Period, Rate, priorities, rate
from alerts.trial.fold import ANNUNCIATED, Episode
from core.pgarray import to_pg_us
from core.vocabulary import Text, table


class Often(TypedDict):
    """One of the things that made most of it."""

    thing: str
    names: Text
    count: int
    share: float


class Load(TypedDict):
    """Figures of a period: annunciations in periods of ten minutes, by level, by thing; `chattering` things that came
    and went quickly, `stale` alarms that held for more than a day."""

    raw: Rate
    levels: dict[str, int]
    priorities: dict[str, float]
    top: list[Often]
    top_share: float
    chattering: list[Often]
    stale: int


def load_of(episodes: Sequence[Episode], start: datetime, end: datetime) -> Load:
    limits = table("alarm_load")
    period = Period(start, end, timedelta(seconds=limits["rate"]["window_s"]))
    begins, length = to_pg_us(start), int(limits["rate"]["window_s"] * 1e6)
    told = [(at, episode, level) for episode in episodes for at, what, level in episode.changes if what in ANNUNCIATED]
    counts = Counter((at - begins) // length for at, _, _ in told)
    levels = {str(level): 0 for level in (1, 2, 3, 4)}
    for _, _, level in told:
        levels[str(level)] += 1
    by_thing: dict[str, list[int]] = defaultdict(list)
    names: dict[str, Text] = {}
    for at, episode, _ in told:
        by_thing[episode.first.thing.id].append(at)
        names[episode.first.thing.id] = episode.first.thing.names
    total = len(told)
    top = _often(by_thing, names, total)[: limits["top"]["count"]]
    quick = {thing: times for thing, times in by_thing.items() if _chatters(sorted(times), limits["chattering"])}
    longest = int(limits["stale"]["after_s"] * 1e6)
    until = to_pg_us(end)
    return {
        "raw": rate(counts, period, 0, period.windows, limits),
        "levels": levels,
        "priorities": priorities(levels),
        "top": top,
        "top_share": round(sum(one["count"] for one in top) / total, 4) if total else 0.0,
        "chattering": _often(quick, names, total),
        "stale": sum((e.end if e.end is not None else until) - e.begin > longest for e in episodes),
    }


def _often(by_thing: dict[str, list[int]], names: dict[str, Text], total: int) -> list[Often]:
    ordered = sorted(by_thing.items(), key=lambda item: (-len(item[1]), item[0]))
    return [
        {"thing": thing, "names": names[thing], "count": len(times), "share": round(len(times) / total, 4)}
        for thing, times in ordered
    ]


def _chatters(times: Sequence[int], limit: dict[str, float]) -> bool:
    raises, within = int(limit["raises"]), int(limit["window_s"] * 1e6)
    return any(last - first <= within for first, last in _pairs(times, raises - 1))


def _pairs(times: Sequence[int], apart: int) -> Iterable[tuple[int, int]]:
    return zip(times, times[apart:], strict=False)
