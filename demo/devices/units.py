"""Units on the road: they patrol, take tasks, drive there by road, work, and go home. Seconds are simulated ones."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from demo.devices.chance import rng_for, share
from demo.devices.message import Message, message
from demo.devices.package import Plane, Thing
from demo.devices.roads import Roads, Route

PATROL_SHARE = {"police": 0.75, "works": 0.3, "fire": 0.12, "medic": 0.25, "rescue": 0.1}
PATROL_REACH_M, PATROL_PAUSE_S = 1_900.0, (15.0, 75.0)
PACE_PATROL, PACE_CALL = 0.75, 1.25
ACCEPT_S, LEAVE_S, WORK_S = (2.5, 7.0), (6.0, 18.0), (180.0, 480.0)
MOVING_REPORT_S, PARKED_REPORT_S = 2.0, (10.0, 20.0)
GPS_M = 2.5
RELEASED = frozenset({"cancelled", "clear", "closed", "declined", "released"})


@dataclass(frozen=True, slots=True)
class Task:
    """A task as the unit remembers it; x, y where to go, metres."""

    id: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Step:
    """Something a unit will do at a second of its clock: report a state, or just go on."""

    at_s: float
    name: str


@dataclass(slots=True)
class Unit:
    """One unit's life; `clock` runs in simulated seconds."""

    thing: Thing
    rng: np.random.Generator
    patrols: bool
    x: float
    y: float
    route: Route | None = None
    left_s: float = 0.0
    task: Task | None = None
    next_step: Step | None = None
    report_at: datetime | None = None
    battery: float = 1.0
    heading: float = 0.0
    known: set[str] = field(default_factory=set)


class Units:
    """All units of one city."""

    def __init__(
        self, things: tuple[Thing, ...], roads: Roads, plane: Plane, seed: int, rate_scale: float = 1.0
    ) -> None:
        self._roads, self._plane, self._rate = roads, plane, rate_scale
        self._units = {thing.id: _parked(thing, seed) for thing in things}

    def step(self, now: datetime, clock_s: float) -> Iterator[Message]:
        """What the units send up to `now`, when their simulated clock shows `clock_s`."""
        for unit in self._units.values():
            yield from self._advance(unit, now, clock_s)
            if unit.report_at is None or now >= unit.report_at:
                yield self._position(unit, now, clock_s)

    def task(self, unit_id: str, payload: Mapping[str, object], now: datetime, clock_s: float) -> Iterator[Message]:
        """A task, or a change of one, has come for a unit; the answer of a busy or lost one is `declined`."""
        unit, identifier = self._units.get(unit_id), payload.get("id")
        if unit is None or not isinstance(identifier, str):
            return
        state = payload.get("state", "assigned")
        if unit.task is not None and identifier == unit.task.id:
            if state in RELEASED:
                self._release(unit, clock_s)
            return
        if identifier in unit.known or state != "assigned":
            return
        unit.known.add(identifier)
        yield from self._take(unit, identifier, payload.get("incident"), now, clock_s)

    def _take(self, unit: Unit, identifier: str, incident: object, now: datetime, clock_s: float) -> Iterator[Message]:
        at = _place(incident, self._plane)
        if at is None or unit.task is not None:
            text = "任务没有位置" if at is None else "正在执行其他任务"
            yield _reply(unit, identifier, now, "declined", text)
            return
        self._halt(unit, clock_s)
        unit.task = Task(identifier, *at)
        unit.next_step = Step(clock_s + float(unit.rng.uniform(*ACCEPT_S)), "accepted")

    def _release(self, unit: Unit, clock_s: float) -> None:
        self._halt(unit, clock_s)
        unit.task = None
        self._drive(unit, (unit.thing.x, unit.thing.y), clock_s, PACE_PATROL)
        unit.next_step = Step(clock_s + (unit.route.duration_s if unit.route else 0.0), "home")

    def _halt(self, unit: Unit, clock_s: float) -> None:
        unit.x, unit.y, _, unit.heading = self._where(unit, clock_s)
        unit.route, unit.next_step = None, None

    def _drive(self, unit: Unit, to: tuple[float, float], clock_s: float, pace: float) -> None:
        unit.route, unit.left_s = self._roads.route((unit.x, unit.y), to, pace), clock_s

    def _where(self, unit: Unit, clock_s: float) -> tuple[float, float, float, float]:
        if unit.route is None:
            return unit.x, unit.y, 0.0, unit.heading
        return unit.route.at(clock_s - unit.left_s)

    def _advance(self, unit: Unit, now: datetime, clock_s: float) -> Iterator[Message]:
        if unit.next_step is None and unit.task is None and unit.patrols:
            unit.next_step = Step(clock_s + float(unit.rng.uniform(*PATROL_PAUSE_S)), "patrol")
        step = unit.next_step
        if step is None or clock_s < step.at_s:
            return
        unit.next_step = None
        yield from _STEPS[step.name](self, unit, now, clock_s)

    def accepted(self, unit: Unit, now: datetime, clock_s: float) -> Iterator[Message]:
        """The crew has read its task."""
        assert unit.task is not None
        yield _reply(unit, unit.task.id, now, "accepted")
        unit.next_step = Step(clock_s + float(unit.rng.uniform(*LEAVE_S)), "en_route")

    def en_route(self, unit: Unit, now: datetime, clock_s: float) -> Iterator[Message]:
        """The wheels turn."""
        assert unit.task is not None
        yield _reply(unit, unit.task.id, now, "en_route")
        self._drive(unit, (unit.task.x, unit.task.y), clock_s, PACE_CALL)
        unit.next_step = Step(clock_s + (unit.route.duration_s if unit.route else 0.0), "on_scene")

    def on_scene(self, unit: Unit, now: datetime, clock_s: float) -> Iterator[Message]:
        """Arrived; the work begins."""
        assert unit.task is not None
        self._halt(unit, clock_s)
        yield _reply(unit, unit.task.id, now, "on_scene")
        unit.next_step = Step(clock_s + float(unit.rng.uniform(*WORK_S)), "clear")

    def clear(self, unit: Unit, now: datetime, clock_s: float) -> Iterator[Message]:
        """Done; free again from here on, and on the way home."""
        assert unit.task is not None
        yield _reply(unit, unit.task.id, now, "clear")
        yield message(f"unit/{unit.thing.id}/status", now, {"status": "available"})
        self._release(unit, clock_s)

    def home(self, unit: Unit, now: datetime, clock_s: float) -> Iterator[Message]:
        """Back at the station, or at the end of a leg of patrol."""
        self._halt(unit, clock_s)
        yield from ()

    def patrol(self, unit: Unit, now: datetime, clock_s: float) -> Iterator[Message]:
        """Another leg of the beat around the station."""
        around = self._roads.near(unit.thing.x, unit.thing.y, PATROL_REACH_M)
        if around:
            goal = self._roads.place(around[int(unit.rng.integers(len(around)))])
            self._drive(unit, goal, clock_s, PACE_PATROL)
            unit.next_step = Step(clock_s + (unit.route.duration_s if unit.route else 0.0), "home")
        yield from ()

    def _position(self, unit: Unit, now: datetime, clock_s: float) -> Message:
        x, y, speed, heading = self._where(unit, clock_s)
        moving = speed > 0.0
        pause_s = MOVING_REPORT_S if moving else float(unit.rng.uniform(*PARKED_REPORT_S))
        unit.report_at = now + timedelta(seconds=pause_s / self._rate)
        unit.battery = max(0.2, unit.battery - 0.00002) if moving else min(1.0, unit.battery + 0.0004)
        off = unit.rng.normal(0.0, GPS_M if moving else 0.8, 2)
        lon, lat = self._plane.lonlat(np.asarray([x, y]) + off)
        body = {
            "lon": round(float(lon), 6),
            "lat": round(float(lat), 6),
            "speed": round(max(0.0, speed * float(unit.rng.uniform(0.93, 1.05))), 1),
            "heading": round(heading, 1) % 360,
            "accuracy": round(float(abs(unit.rng.normal(4.0, 1.2))) + 1.0, 1),
            "battery": round(unit.battery, 2),
        }
        return message(f"position/{unit.thing.id}", now, body)


_STEPS = {
    "accepted": Units.accepted,
    "en_route": Units.en_route,
    "on_scene": Units.on_scene,
    "clear": Units.clear,
    "home": Units.home,
    "patrol": Units.patrol,
}


def _parked(thing: Thing, seed: int) -> Unit:
    patrols = share(thing.id, "patrol") < PATROL_SHARE.get(thing.kind, 0.0)
    rng = rng_for(seed, "unit", thing.id)
    # Vehicles of one station stand side by side in its yard.
    x, y = thing.x + float(rng.uniform(-9, 9)), thing.y + float(rng.uniform(-9, 9))
    return Unit(
        thing, rng, patrols, x, y, battery=0.6 + 0.4 * share(thing.id, "battery"), heading=float(rng.uniform(0, 360))
    )


def _place(incident: object, plane: Plane) -> tuple[float, float] | None:
    if not isinstance(incident, dict):
        return None
    lon, lat = incident.get("lon"), incident.get("lat")
    if not isinstance(lon, int | float) or not isinstance(lat, int | float):
        return None
    x, y = plane.metres(np.asarray([lon, lat], dtype=np.float64))
    return float(x), float(y)


def _reply(unit: Unit, task: str, now: datetime, state: str, text: str | None = None) -> Message:
    body = {"state": state} if text is None else {"state": state, "text": text}
    return message(f"task/{unit.thing.id}/{task}/reply", now, body)
