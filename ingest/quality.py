"""Quality of readings: flagged, never dropped (QARTOD's tests: gross range, rate of change, flat line, location; and
the clock).

Limits stand with each metric in core/data/metrics.json: `range` [least, most], `jump` (change in a minute), `frozen_s`
(the same value for so long). What a check remembers is the newest value of each sensor and metric, read from
`sensor_state` on first sight: with several ingesters each compares with what it has itself seen since.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from core.vocabulary import Quality, table
from ingest.records import Reading

MINUTE, HOUR = 60_000_000, 3_600_000_000
FUTURE = 5 * MINUTE
LATE = HOUR
# after so long a silence a change is no jump
JUMP_GAP = HOUR
GOOD = Quality.GOOD.value
# no measurement of anything is larger; sums, means and squares of what is smaller stay finite
ABSURD = 1e100


class Limits(NamedTuple):
    least: float
    most: float
    # change a minute, and microseconds without change; None: not checked
    jump: float | None
    frozen: int | None


class Seen(NamedTuple):
    """The newest value of one metric of one sensor, and since when it has been that value."""

    time: int
    value: float
    since: int


class Extent(NamedTuple):
    """The city's bounding box, degrees."""

    west: float
    south: float
    east: float
    north: float

    def holds(self, lon: float, lat: float) -> bool:
        return self.west <= lon <= self.east and self.south <= lat <= self.north


@cache
def limits_of(metric: str) -> Limits:
    row = table("metrics").get(metric, {})
    least, most = row.get("range", (-ABSURD, ABSURD))
    frozen = row.get("frozen_s")
    return Limits(least, most, row.get("jump"), None if frozen is None else int(frozen * 1_000_000))


def flag(reading: Reading, before: Seen | None, extent: Extent | None, now: int) -> str:
    """The quality of one reading, the gravest first. `before`: what was newest until it came."""
    time, value = reading.time, reading.value
    if time > now + FUTURE:
        return Quality.FUTURE.value
    limits = limits_of(reading.metric)
    if not limits.least <= value <= limits.most:
        return Quality.RANGE.value
    if reading.quality != GOOD:
        return reading.quality
    if reading.lon is not None and reading.lat is not None and extent and not extent.holds(reading.lon, reading.lat):
        return Quality.OUTSIDE.value
    if before is not None and time > before.time:
        if limits.jump is not None and jumps(reading, before, limits.jump):
            return Quality.JUMP.value
        if limits.frozen is not None and value == before.value and time - before.since >= limits.frozen:
            return Quality.FROZEN.value
    return Quality.LATE.value if time < now - LATE else GOOD


def jumps(reading: Reading, before: Seen, per_minute: float) -> bool:
    """Whether the value changed faster than `per_minute`; what comes within one minute may change as much as in a whole
    one."""
    gap = reading.time - before.time
    return gap <= JUMP_GAP and abs(reading.value - before.value) > per_minute * max(1.0, gap / MINUTE)


def see(reading: Reading, before: Seen | None) -> Seen:
    """What is remembered after `reading`; an older one changes nothing."""
    if before is not None and reading.time <= before.time:
        return before
    since = before.since if before is not None and before.value == reading.value else reading.time
    return Seen(reading.time, reading.value, since)


def flag_position(lon: float | None, lat: float | None, extent: Extent | None) -> str:
    """`outside` where there is a position and it is not in the city."""
    if lon is None or lat is None or extent is None or extent.holds(lon, lat):
        return GOOD
    return Quality.OUTSIDE.value
