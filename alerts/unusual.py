"""What is unusual about a reading, as a person says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from core.i18n import say
from core.vocabulary import Text

MANY = 1_000_000
# a reading rarer than one in fifty has something said of it
SAID = 1.7


class Kind(IntEnum):
    """What is compared with what is usual: a value with all values, with those of this hour of day, with those of late;
    the mean of late with that of long; how much values move, which may be too much or too little."""

    LEVEL = 0
    HOUR = 1
    DRIFT = 2
    SWING = 3
    STILL = 4
    JUMP = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """One reading as it was judged. `surprise` is minus the decimal logarithm of its chance, `news` the same where it
    is more than was told of lately, else 0; `times` how many times the usual; what is not a number is not `judged`."""

    surprise: float
    news: float
    kind: Kind
    times: float
    above: bool
    judged: bool


# what is said of each, and whether it differs above and below the usual
_WORDS: Mapping[Kind, tuple[str, str]] = {
    Kind.LEVEL: ("unusual.level.below", "unusual.level.above"),
    Kind.HOUR: ("unusual.hour.below", "unusual.hour.above"),
    Kind.DRIFT: ("unusual.drift.below", "unusual.drift.above"),
    Kind.SWING: ("unusual.swing", "unusual.swing"),
    Kind.STILL: ("unusual.still", "unusual.still"),
    Kind.JUMP: ("unusual.jump.below", "unusual.jump.above"),
}


def explain(finding: Finding) -> Text:
    """``high: 3.1 times the usual swing at this hour``, 偏高：偏离达这一时段常见波动的 3.1 倍."""
    if not finding.judged:
        return say("unusual.no_value")
    if finding.surprise < SAID:
        return say("unusual.nothing")
    return say(_WORDS[finding.kind][finding.above], times=counted(finding.times))


def counted(times: float) -> str:
    """3.1, 24, 1,800: two figures from ten on; what is beyond a million is not told apart."""
    if times >= MANY:
        return f"{MANY:,}"
    return f"{times:.1f}" if times < 10 else f"{float(f'{times:.2g}'):,.0f}"
