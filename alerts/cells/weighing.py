"""All cells under all hazards at once, by the functions that score a single place. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import h3
import numpy as np
from numpy.typing import NDArray
from shapely import contains_xy

from alerts.cells.ground import CellGround
from alerts.risk import arithmetic as sums
from alerts.risk.arithmetic import Numbers, Weighed
from alerts.risk.terms import Hazard, hour_term
from alerts.setting import LIGHTEST, Setting
from core.geodesy import distances_m
from core.vocabulary import REACH_M, Text, table

# a hazard of which less is left reaches no further
FAINTEST = 0.1


@dataclass(frozen=True, slots=True)
class Near:
    """A hazard as the cells see it: where it is, what it is called and for whom."""

    hazard: Hazard
    lon: float
    lat: float
    names: Text
    classification: int
    incident: Any = None


@dataclass(frozen=True, slots=True)
class Worst:
    """For each cell the hazard that counts most there (-1: none reaches it), what it counts, where in its band it is,
    how much of that is known, how far it is, how much of it is left, and how many incidents near compete with it."""

    hazard: NDArray[np.intp]
    score: NDArray[np.float64]
    q: NDArray[np.float64]
    confidence: NDArray[np.float64]
    metres: NDArray[np.float64]
    faded: NDArray[np.float64]
    competing: NDArray[np.float64]


def weigh_cells(ground: CellGround, setting: Setting, hazards: Sequence[Near]) -> Worst:
    """All cells under all hazards, by the functions that score a single place. Pure."""
    size = len(ground.cells)
    worst = Worst(np.full(size, -1, np.intp), *(np.zeros(size) for _ in range(6)))
    still = still_values(ground, setting)
    help_for: dict[tuple[str, ...], tuple[Mapping[str, NDArray[np.float64]], NDArray[np.float64]]] = {}
    etas = etas_of(ground, setting)
    for k, near in enumerate(hazards):
        hazard = near.hazard
        metres = distances_m(near.lon, near.lat, ground.lon, ground.lat)
        faded = np.exp(-np.maximum(0.0, metres - hazard.radius_m) / max(hazard.radius_m, REACH_M))
        reached = np.flatnonzero(faded > FAINTEST)
        if not len(reached):
            continue
        needs = hazard.capabilities
        if needs not in help_for:
            help_for[needs] = help_values(ground, setting, etas, needs), competing_counts(ground, setting, needs)
        help_, counts = help_for[needs]
        competing = (counts - own_counts(ground, setting, near))[reached]
        values = {name: value[reached] for name, value in {**still, **help_}.items()}
        values["people"] = people_values(ground, setting, near, reached)
        values["competing"] = _array(sums.linear(competing, sums.scale("competing")))
        inside = faded[reached] >= 1.0
        weighed = sums.weigh(
            values, hazard.level, sums.factor_of(hazard.certainty), life=inside if hazard.at_stake else False
        )
        _keep_worst(worst, k, reached, weighed, metres, faded, competing)
    return worst


def _keep_worst(
    worst: Worst,
    k: int,
    reached: NDArray[np.intp],
    weighed: Weighed,
    metres: NDArray[np.float64],
    faded: NDArray[np.float64],
    competing: NDArray[np.float64],
) -> None:
    score = np.asarray(weighed.score) * faded[reached]
    graver = score > worst.score[reached]
    at = reached[graver]
    worst.hazard[at] = k
    worst.score[at] = score[graver]
    worst.q[at] = np.broadcast_to(weighed.q, score.shape)[graver]
    worst.confidence[at] = np.broadcast_to(weighed.confidence, score.shape)[graver]
    worst.metres[at] = metres[at]
    worst.faded[at] = faded[at]
    worst.competing[at] = competing[graver]


def people_of(ground: CellGround, setting: Setting) -> NDArray[np.float64]:
    return ground.people_day if setting.day else ground.people_night


def still_values(ground: CellGround, setting: Setting) -> dict[str, NDArray[np.float64]]:
    """Terms of all cells that are the same under every hazard."""
    unknown = np.full(len(ground.cells), np.nan)
    frail = np.array([sum(groups.values()) for groups in ground.frail[0 if setting.day else 1]], float)
    known = ground.facilities_known
    return {
        "buildings": _array(sums.linear(ground.buildings, sums.scale("buildings"))),
        "facilities": _array(sums.linear(ground.sensitive, sums.scale("facilities"))) if known else unknown,
        "domino": _array(sums.linear(ground.domino, sums.scale("domino"))) if known else unknown,
        "who": _array(sums.logarithmic(frail, sums.scale("who"))) if known else unknown,
        "hour": np.full(len(ground.cells), hour_term(setting.now, setting.zone).value),
        "weather": weather_values(ground, setting),
    }


def weather_values(ground: CellGround, setting: Setting) -> NDArray[np.float64]:
    if not setting.warnings_known:
        return np.full(len(ground.cells), np.nan)
    levels = table("risk_terms")["weather"]["levels"]
    values = np.full(len(ground.cells), float(levels["none"]))
    for one in setting.warnings:
        over = True if one.shape is None else contains_xy(one.shape, ground.lon, ground.lat)
        values = np.where(over, np.maximum(values, float(levels[str(one.level or LIGHTEST)])), values)
    return values


def people_values(ground: CellGround, setting: Setting, near: Near, reached: NDArray[np.intp]) -> NDArray[np.float64]:
    """Whoever is in danger is so in the cell of the hazard."""
    home = reached == at_home(ground, setting, near)
    endangered = sums.scale("people", "danger_counts") * near.hazard.endangered * home
    if not ground.counted:
        return np.where(endangered > 0, _array(sums.logarithmic(endangered, sums.scale("people"))), np.nan)
    return _array(sums.logarithmic(people_of(ground, setting)[reached] + endangered, sums.scale("people")))


def at_home(ground: CellGround, setting: Setting, near: Near) -> int:
    return ground.index.get(h3.latlng_to_cell(near.lat, near.lon, setting.resolution), -1)


def etas_of(ground: CellGround, setting: Setting) -> dict[str, NDArray[np.float64]]:
    """Capability -> seconds to each cell: infinite where nobody can come, NaN where nobody has computed it."""
    found = {capability: np.full(len(ground.cells), np.nan) for capability in table("capabilities")}
    for cell, reaches in setting.coverage.items():
        i = ground.index.get(cell)
        if i is None:
            continue
        for capability, reach in reaches.items():
            if capability in found:
                found[capability][i] = np.inf if reach.eta_s is None else reach.eta_s
    return found


def help_values(
    ground: CellGround, setting: Setting, etas: Mapping[str, NDArray[np.float64]], needs: Sequence[str]
) -> dict[str, NDArray[np.float64]]:
    """Of all cells: the nearest unit that brings some of what is needed, the last of all of it, the mean around."""
    unknown = np.full(len(ground.cells), np.nan)
    times = np.array([etas.get(need, unknown) for need in needs]).reshape(len(needs), -1)
    first = np.fmin.reduce(times) if len(needs) else unknown
    last = np.where(np.isnan(first), np.nan, np.max(np.where(np.isnan(times), np.inf, times), axis=0, initial=0.0))
    around = np.append(first, np.nan)[ground.ring]
    there = np.isfinite(around)
    count = there.sum(axis=1)
    mean = np.where(count > 0, np.where(there, around, 0.0).sum(axis=1) / np.maximum(count, 1), np.nan)
    full_s = sums.scale("nearest_unit", "full_s")
    return {
        "nearest_unit": _array(sums.rooted(first, full_s)),
        "all_needed": _array(sums.rooted(last, full_s)),
        "coverage": _array(sums.rooted(mean, full_s)),
    }


def competing_counts(ground: CellGround, setting: Setting, needs: Sequence[str]) -> NDArray[np.float64]:
    """How many incidents near each cell need some of the same."""
    counts = np.zeros(len(ground.cells))
    for j in setting.others.needing(needs):
        counts += incident_near(ground, setting, int(j))
    return counts


def incident_near(ground: CellGround, setting: Setting, j: int) -> NDArray[np.bool_]:
    metres = distances_m(float(setting.others.lon[j]), float(setting.others.lat[j]), ground.lon, ground.lat)
    near: NDArray[np.bool_] = metres <= sums.scale("competing", "within_m")
    return near


def own_counts(ground: CellGround, setting: Setting, near: Near) -> Numbers:
    """The hazard's own incident competes with nobody."""
    own = setting.others.index.get(near.incident)
    if own is None or setting.others.needs[own].isdisjoint(near.hazard.capabilities):
        return 0.0
    return incident_near(ground, setting, own).astype(float)


def _array(values: Numbers) -> NDArray[np.float64]:
    return np.atleast_1d(np.asarray(values, float))
