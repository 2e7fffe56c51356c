"""What moves around the things that are scored, as it is at one moment: the hour, help by road, who was sent, other
incidents, warnings in force. Read in a few questions for all of them together."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import h3
import numpy as np
from numpy.typing import NDArray
from shapely import Geometry, contains_xy
from sqlalchemy import Connection, text

from alerts.risk.arithmetic import scale
from alerts.risk.terms import Coping, Weather, hour_of
from alerts.warnings import say_of
from core.exposure import city_box, city_zone, is_day
from core.geodesy import distances_m
from core.types import LonLat
from core.vocabulary import DONE_INCIDENT, Text, needs_of, sql_list, table
from core.warned import in_force

# who was sent and is not yet there needs at least so long
ALMOST_S = 60.0
_COVERAGE = text("""
SELECT cell, capability, eta_s, unit_id FROM coverage
WHERE (CAST(:cells AS text[]) IS NULL OR cell = ANY(:cells)) AND capability = ANY(:needs)
""")
_UNITS = text("SELECT id, name_zh, name_en FROM unit")
_SENT = text(f"""
SELECT a.incident_id, a.status, a.eta_s, a.assigned_at, u.name_zh, u.name_en, u.capabilities
FROM assignment a JOIN unit u ON u.id = a.unit_id JOIN incident i ON i.id = a.incident_id
WHERE a.ended_at IS NULL AND a.status IN ('assigned', 'accepted', 'en_route', 'on_scene')
  AND i.status NOT IN {sql_list(DONE_INCIDENT)} ORDER BY a.assigned_at, a.id
""")
_INCIDENTS = text(f"""
SELECT id, kind, level, ST_X(geom) AS lon, ST_Y(geom) AS lat FROM incident
WHERE status NOT IN {sql_list(DONE_INCIDENT)} AND geom IS NOT NULL ORDER BY id
""")
_IN_FORCE = text(f"SELECT body FROM ({in_force(':at')}) AS f WHERE status = 'Actual' ORDER BY sent DESC LIMIT 500")
_WHICH = text(f"SELECT sender, identifier, sent FROM ({in_force(':at')}) AS f ORDER BY 1, 2, 3")
_RECEIVED = text("SELECT EXISTS (SELECT 1 FROM warning)")


# a warning that says no colour
LIGHTEST = 4


class Reach(NamedTuple):
    """Road time of the nearest free unit with one capability, seconds; None where none can come."""

    eta_s: float | None
    unit: Text | None


@dataclass(frozen=True, slots=True)
class Sent:
    """A unit that was sent to an incident: what it can, when it is there, whether it is."""

    names: Text
    capabilities: frozenset[str]
    eta_s: float
    there: bool


@dataclass(frozen=True, slots=True)
class InForce:
    """A warning of others: its level, its name, its area (None: of the whole city)."""

    level: int | None
    names: Text
    shape: Geometry | None


@dataclass(frozen=True, slots=True)
class Others:
    """Open incidents: where they are and what they need."""

    ids: tuple[UUID, ...]
    needs: tuple[frozenset[str], ...]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]

    # id -> its place among them
    index: Mapping[UUID, int] = field(repr=False)
    same: dict[frozenset[str], NDArray[np.intp]] = field(default_factory=dict, repr=False)

    def needing(self, needs: Iterable[str]) -> NDArray[np.intp]:
        """Which of them need some of these."""
        wanted = frozenset(needs)
        if wanted not in self.same:
            found = [i for i, own in enumerate(self.needs) if not wanted.isdisjoint(own)]
            self.same[wanted] = np.array(found, np.intp)
        return self.same[wanted]

    def near(self, where: LonLat, needs: Iterable[str], but: UUID | None = None) -> int:
        """How many of them that need some of these are near a place, without one."""
        same = self.needing(needs)
        metres = distances_m(where.lon, where.lat, self.lon[same], self.lat[same])
        inside = same[metres <= scale("competing", "within_m")]
        return sum(self.ids[i] != but for i in inside)


@dataclass(frozen=True, slots=True)
class Setting:
    """The moment, and what moves. `coverage`: cell -> capability -> reach; `day`: people are where they work."""

    now: datetime
    zone: str
    resolution: int
    coverage: Mapping[str, Mapping[str, Reach]]
    sent: Mapping[UUID, Sequence[Sent]]
    others: Others
    warnings: Sequence[InForce]
    warnings_known: bool
    day: bool

    def weather(self, where: LonLat) -> Weather:
        """The gravest warning over a place."""
        over = [w for w in self.warnings if w.shape is None or contains_xy(w.shape, where.lon, where.lat)]
        worst = min(over, key=lambda w: w.level or math.inf, default=None)
        if worst is None:
            return Weather(known=self.warnings_known)
        return Weather(worst.level or LIGHTEST, worst.names)

    def coping(self, where: LonLat, needs: Sequence[str], incident: UUID | None = None) -> Coping:
        """Who could help a thing at a place that needs these, and which incident it is or is part of."""
        cell = h3.latlng_to_cell(where.lat, where.lon, self.resolution)
        return coping_of(
            {one: self.coverage.get(one, {}) for one in h3.grid_disk(cell, 1)},
            cell,
            needs,
            self.sent.get(incident, ()) if incident else (),
            self.others.near(where, needs, incident),
        )


def coping_of(
    near: Mapping[str, Mapping[str, Reach]], cell: str, needs: Sequence[str], sent: Sequence[Sent], competing: int
) -> Coping:
    """`near`: coverage of the cell and of its neighbours. Pure."""
    here = {need: reach for need, reach in near.get(cell, {}).items() if need in needs}
    first = min((r for r in here.values() if r.eta_s is not None), key=lambda r: r.eta_s or 0.0, default=None)
    able = [one for one in sent if not one.capabilities.isdisjoint(needs)]
    nearest_sent = min(able, key=lambda one: one.eta_s, default=None)
    times = [time for time in (_first(reaches, needs) for reaches in near.values()) if time is not None]
    around_s = sum(times) / len(times) if times else None
    all_s, lacking = _complete(here, needs, able)
    whole = Coping(
        first.eta_s if first else None,
        first.unit if first else None,
        around_s,
        bool(here),
        all_s,
        lacking,
        competing=competing,
    )
    if nearest_sent is None or (first and (first.eta_s or 0.0) < nearest_sent.eta_s):
        return whole
    return Coping(
        nearest_sent.eta_s,
        nearest_sent.names,
        around_s,
        True,
        all_s,
        lacking if here else (),
        "on_scene" if nearest_sent.there else "on_way",
        competing,
        all_known=bool(here) or not lacking,
    )


def _first(reaches: Mapping[str, Reach], needs: Sequence[str]) -> float | None:
    return min((r.eta_s for need, r in reaches.items() if need in needs and r.eta_s is not None), default=None)


def _complete(
    here: Mapping[str, Reach], needs: Sequence[str], sent: Sequence[Sent]
) -> tuple[float | None, tuple[str, ...]]:
    """When the last need is met, and which cannot be."""
    latest = 0.0
    lacking: list[str] = []
    for need in needs:
        reach = here.get(need)
        times = [one.eta_s for one in sent if need in one.capabilities]
        if reach is not None and reach.eta_s is not None:
            times.append(reach.eta_s)
        if times:
            latest = max(latest, min(times))
        else:
            lacking.append(need)
    return (None if lacking else latest), tuple(lacking)


def read_setting(
    conn: Connection,
    now: datetime,
    resolution: int,
    places: Sequence[LonLat] | None = None,
    needs: Iterable[str] | None = None,
) -> Setting:
    """What moves around some places, or anywhere; help of all capabilities, or of some."""
    warnings, known = read_in_force(conn, now)
    zone = city_zone(conn)
    return Setting(
        now,
        zone,
        resolution,
        read_coverage(conn, None if places is None else cells_near(places, resolution), needs),
        read_sent(conn, now),
        read_others(conn),
        warnings,
        known,
        is_day(now, zone),
    )


def cells_near(places: Sequence[LonLat], resolution: int) -> list[str]:
    own = {h3.latlng_to_cell(p.lat, p.lon, resolution) for p in places}
    return sorted({near for cell in own for near in h3.grid_disk(cell, 1)})


def read_coverage(
    conn: Connection, cells: Sequence[str] | None, needs: Iterable[str] | None = None
) -> dict[str, dict[str, Reach]]:
    units = {r.id: {"zh": r.name_zh, "en": r.name_en} for r in conn.execute(_UNITS)}
    found: dict[str, dict[str, Reach]] = defaultdict(dict)
    given = {
        "cells": None if cells is None else list(cells),
        "needs": list(table("capabilities") if needs is None else needs),
    }
    for cell, capability, eta_s, unit in conn.execute(_COVERAGE, given):
        found[cell][capability] = Reach(eta_s, units.get(unit))
    return dict(found)


def read_sent(conn: Connection, now: datetime) -> dict[UUID, list[Sent]]:
    sent: dict[UUID, list[Sent]] = defaultdict(list)
    for r in conn.execute(_SENT):
        there = r.status == "on_scene"
        if there or r.eta_s is not None:
            left = 0.0 if there else max(ALMOST_S, r.eta_s - (now - r.assigned_at).total_seconds())
            sent[r.incident_id].append(Sent({"zh": r.name_zh, "en": r.name_en}, frozenset(r.capabilities), left, there))
    return dict(sent)


def read_others(conn: Connection) -> Others:
    rows = conn.execute(_INCIDENTS).all()
    return Others(
        tuple(r.id for r in rows),
        tuple(frozenset(needs_of(r.kind, r.level)) for r in rows),
        np.array([r.lon for r in rows], float),
        np.array([r.lat for r in rows], float),
        {r.id: i for i, r in enumerate(rows)},
    )


def read_in_force(conn: Connection, now: datetime) -> tuple[list[InForce], bool]:
    """Warnings in force that are no exercise, and whether any are received at all."""
    extent = city_box(conn)
    found = [say_of(row.body, now, extent) for row in conn.execute(_IN_FORCE, {"at": now})]
    warnings = [InForce(one.level, one.names, one.shape) for one in found if one is not None and one.infos]
    return warnings, bool(conn.scalar(_RECEIVED))


class Moment(NamedTuple):
    """What becomes another by the clock alone: the hour of the city, which warnings are in force."""

    hour: str
    day: bool
    warnings: tuple[tuple[str, str, datetime], ...]


def moment(conn: Connection, now: datetime) -> Moment:
    zone = city_zone(conn)
    which = tuple((row.sender, row.identifier, row.sent) for row in conn.execute(_WHICH, {"at": now}))
    return Moment(hour_of(now, zone), is_day(now, zone), which)
