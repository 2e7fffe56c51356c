"""The numbers of a score: scales of its terms, the place `q` inside the band of a level, the score itself.

The level of a hazard sets a band (core/data/risk_bands.json). Where in it a thing stands is `q` from 0 to 1: the
weighted geometric mean of exposure, vulnerability and lack of coping after INFORM (EC JRC, INFORM Risk methodology
2017, section 3), each floored so that no zero erases the others; certainty scales it, a life at stake lifts it. All
functions take numbers or arrays: an alarm, an incident and the cells of a whole city are counted by the same ones. What
is not known is NaN and is left out of its dimension.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.vocabulary import table

Numbers = float | NDArray[np.float64]
FULL = 10.0
# where nothing at all is known
MIDDLE = 0.5


class Band(NamedTuple):
    """The scores that a level may have."""

    level: int
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Weighed:
    """A score with what it is made of: `dimensions` from 0 to 1, NaN where nothing of one is known."""

    score: Numbers
    q: Numbers
    confidence: Numbers
    dimensions: Mapping[str, Numbers]


class Dimension(NamedTuple):
    name: str
    weight: float
    floor: float
    # name of a term, its weight
    terms: tuple[tuple[str, float], ...]


def band_of(level: int) -> Band:
    row = table("risk_bands")[str(level)]
    return Band(level, float(row["low"]), float(row["high"]))


def level_of(score: float) -> int | None:
    """What a score is shown as, 1 very high to 4 low; None below all."""
    rows = sorted(table("risk_levels").items(), key=lambda row: -float(row[1]["from"]))
    return next((int(level) for level, row in rows if score >= float(row["from"])), None)


@cache
def dimensions() -> tuple[Dimension, ...]:
    """The dimensions that place a thing inside its band, with their terms."""
    terms = table("risk_terms")
    return tuple(
        Dimension(
            name,
            float(row["weight"]),
            float(row["floor"]),
            tuple((term, float(t["weight"])) for term, t in terms.items() if t["dimension"] == name),
        )
        for name, row in table("risk_dimensions").items()
        if "weight" in row
    )


def weight_of(term: str) -> float:
    return float(table("risk_terms")[term].get("weight", 0.0))


def scale(term: str, key: str = "full") -> float:
    return float(table("risk_terms")[term][key])


def factor_of(certainty: str) -> float:
    """By which q is scaled; one that nobody knows scales nothing and is said."""
    return float(table("certainties").get(certainty, {}).get("factor", 1.0))


# --- scales of terms: 0 to 10, to a tenth -----------------------------------------------------------------------------


def logarithmic(count: Numbers, full: float) -> Numbers:
    """0 for nobody, 10 for `full` and more: from 10 to 100 matters as much as from 100 to 1,000."""
    logarithm = np.log10 if isinstance(count, np.ndarray) else math.log10
    return _tenth(FULL * logarithm(1 + count) / math.log10(1 + full))


def linear(count: Numbers, full: float) -> Numbers:
    return _tenth(FULL * count / full)


def rooted(seconds: Numbers, full_s: float) -> Numbers:
    """Road time: the first minutes matter most. Infinite where nobody can come."""
    if isinstance(seconds, np.ndarray):
        return _tenth(FULL * np.sqrt(np.minimum(seconds, full_s) / full_s))
    return _tenth(FULL * math.sqrt(min(seconds, full_s) / full_s))


def _tenth(values: Numbers) -> Numbers:
    if isinstance(values, np.ndarray):
        shown: NDArray[np.float64] = np.rint(10 * np.clip(values, 0.0, FULL)) / 10
        return shown
    return round(10 * min(max(values, 0.0), FULL)) / 10


# --- a score ----------------------------------------------------------------------------------------------------------


def weigh(
    values: Mapping[str, Numbers], level: int, factor: float = 1.0, *, life: bool | NDArray[np.bool_] = False
) -> Weighed:
    """The score of terms (0-10, NaN where not known) under a hazard of a level.

    `factor` is that of its certainty. `life`: one is at stake, and q lies in the upper part of its range, from `least`
    on, in the same order. `confidence` is the share of the weights whose terms are known.
    """
    found: dict[str, Numbers] = {}
    weight: Any = 0.0
    exponent: Any = 0.0
    known: Any = 0.0
    for one in dimensions():
        value, share = _mean(values, one)
        found[one.name] = value
        there = ~np.isnan(np.asarray(value))
        weight = weight + np.where(there, one.weight, 0.0)
        exponent = exponent + np.where(there, one.weight * np.log(np.fmax(value, one.floor)), 0.0)
        known = known + one.weight * np.asarray(share)
    mean = np.where(weight > 0, np.exp(exponent / np.where(weight > 0, weight, 1.0)), MIDDLE)
    q = mean * factor
    least = scale("life", "least")
    q = np.where(life, least + (1 - least) * q, q)
    band = band_of(level)
    confidence = known / sum(one.weight for one in dimensions())
    return Weighed(_plain(band.low + q * (band.high - band.low)), _plain(q), _plain(confidence), found)


def _mean(values: Mapping[str, Numbers], dimension: Dimension) -> tuple[Numbers, Numbers]:
    """Weighted mean 0-1 of what is known, NaN where nothing is; and the share of the weights that is known. A term
    that is not among the values does not concern the thing."""
    total: Any = 0.0
    weight: Any = 0.0
    whole = 0.0
    for term, share in dimension.terms:
        if term not in values:
            continue
        value = np.asarray(values[term], float)
        there = ~np.isnan(value)
        total = total + np.where(there, value * share, 0.0)
        weight = weight + np.where(there, share, 0.0)
        whole += share
    mean = np.where(weight > 0, total / np.where(weight > 0, weight, 1.0) / FULL, np.nan)
    return _plain(mean), _plain(weight / whole if whole else np.zeros(()))


def _plain(values: Any) -> Numbers:
    shown: NDArray[np.float64] = np.asarray(values, float)
    return float(shown) if shown.ndim == 0 else shown
