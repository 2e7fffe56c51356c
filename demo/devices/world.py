"""All devices together, as one pure machine: time and tasks in, messages out."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from demo.devices.calls import Hotlines
from demo.devices.eyes import Eyes
from demo.devices.message import Message
from demo.devices.package import Package
from demo.devices.places import Gazetteer, Scene, scene
from demo.devices.roads import Roads
from demo.devices.script import StormScript
from demo.devices.sensors import Sensors
from demo.devices.storm import Weather
from demo.devices.units import Units


class World:
    """`step(now)` gives what all devices send up to `now`. `speed` quickens the storm, the driving and the work."""

    def __init__(
        self,
        package: Package,
        script: StormScript,
        seed: int,
        start: datetime,
        *,
        storm_after_s: float,
        speed: float = 1.0,
        rate_scale: float = 1.0,
    ) -> None:
        self._package, self._script = package, script
        self._start, self._speed, self._storm_after_s = start, speed, storm_after_s
        self._gazetteer = Gazetteer(package)
        self._sensors = Sensors(package.sensors, seed, start, rate_scale)
        self._units = Units(package.units, Roads(package.streets), package.plane, seed, rate_scale)
        self._hotlines = Hotlines(package.plane, self._gazetteer, seed, start)
        self._eyes = Eyes(package.cameras, seed, start)
        self._scenes: dict[int, Scene] = {}

    def clock_s(self, now: datetime) -> float:
        """Simulated seconds since the start."""
        return (now - self._start).total_seconds() * self._speed

    def weather(self, now: datetime) -> tuple[int, Weather | None]:
        """The number of the present storm (from 0) and its weather; none while it is calm."""
        since = (now - self._start).total_seconds() * self._speed - self._storm_after_s * self._speed
        turn, at_s = divmod(since, self._script.length_s + self._script.calm_s)
        if since < 0 or at_s > self._script.length_s:
            return int(turn), None
        return int(turn), Weather(self._script, self.scene(int(turn)), at_s)

    def scene(self, turn: int) -> Scene:
        """Where storm number `turn` happens."""
        if turn not in self._scenes:
            self._scenes[turn] = scene(self._package, self._gazetteer, self._script, turn)
        return self._scenes[turn]

    def step(self, now: datetime) -> Iterator[Message]:
        """Everything sent up to `now`; call it a few times a second."""
        turn, weather = self.weather(now)
        yield from self._sensors.step(now, weather)
        yield from self._units.step(now, self.clock_s(now))
        for sent in self._hotlines.step(now, turn, weather):
            yield sent
            yield from self._eyes.seen(sent, now)
        yield from self._eyes.step(now, raining=weather is not None)

    def task(self, unit: str, payload: Mapping[str, object], now: datetime) -> Iterator[Message]:
        """A task message has come for `unit`."""
        yield from self._units.task(unit, payload, now, self.clock_s(now))
