"""Every sensor of the city as a device of its own: it measures at its interval, drops out, is late, repeats itself."""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from demo.devices.chance import rng_for, share
from demo.devices.message import Message, message
from demo.devices.package import Thing
from demo.devices.signals import SIGNALS, hour_of, manhole_depth_m
from demo.devices.storm import Weather, added, is_dark

# In every half hour this share of devices is silent for some minutes; shares of messages that are late, or sent twice.
SILENT_SHARE, SILENT_WINDOW_S, SILENT_S = 0.02, 1_800.0, (180.0, 420.0)
LATE_SHARE, LATE_S = 0.004, (20.0, 90.0)
TWICE_SHARE = 0.002


@dataclass(slots=True)
class Device:
    """One sensor's memory: the drift of each metric, and when it last measured."""

    site: Thing
    rng: np.random.Generator
    interval_s: float
    drift: dict[str, float] = field(default_factory=dict)
    measured: datetime | None = None
    fallen_mm: float = 0.0


@dataclass(order=True, slots=True)
class Due:
    """Something to do at a moment: measure, or send what was held back."""

    at: datetime
    number: int
    device: Device = field(compare=False)
    held: Message | None = field(compare=False, default=None)


class Sensors:
    """All sensors but the spares. `step` gives what they send up to a moment."""

    def __init__(self, sites: Sequence[Thing], seed: int, start: datetime, rate_scale: float = 1.0) -> None:
        self._seed = seed
        self._count = 0
        self._due: list[Due] = []
        for site in sites:
            if not site.spare:
                interval = float(site.properties["interval_s"]) / rate_scale
                device = Device(site, rng_for(seed, "sensor", site.id), interval)
                self._put(start + timedelta(seconds=interval * share(site.id, "phase")), device)

    def _put(self, at: datetime, device: Device, held: Message | None = None) -> None:
        self._count += 1
        heapq.heappush(self._due, Due(at, self._count, device, held))

    def step(self, now: datetime, weather: Weather | None) -> Iterator[Message]:
        """What is sent up to `now`, in order of time."""
        while self._due and self._due[0].at <= now:
            due = heapq.heappop(self._due)
            if due.held is not None:
                yield due.held
                continue
            self._put(max(due.at + timedelta(seconds=due.device.interval_s), now - timedelta(seconds=5)), due.device)
            if not silent(due.device.site.id, self._seed, due.at) and not is_dark(weather, due.device.site):
                yield from self._sent(due, weather)

    def _sent(self, due: Due, weather: Weather | None) -> Iterator[Message]:
        device = due.device
        made = measure(device, due.at, weather)
        chance = float(device.rng.random())
        if chance < LATE_SHARE:
            self._put(due.at + timedelta(seconds=float(device.rng.uniform(*LATE_S))), device, made)
            return
        yield made
        if chance > 1.0 - TWICE_SHARE:
            yield made


def silent(identifier: str, seed: int, at: datetime) -> bool:
    """Whether a device is out for these minutes: decided per half hour by its name alone."""
    window, into = divmod(at.timestamp(), SILENT_WINDOW_S)
    if share(seed, identifier, int(window), "silent") >= SILENT_SHARE:
        return False
    begin = share(identifier, int(window), "begin") * (SILENT_WINDOW_S - SILENT_S[1])
    length = SILENT_S[0] + share(identifier, int(window), "length") * (SILENT_S[1] - SILENT_S[0])
    return begin <= into < begin + length


def measure(device: Device, at: datetime, weather: Weather | None) -> Message:
    """One reading as the native observation: a single metric with its unit, or several as `values`."""
    site = device.site
    values = {metric: _value(device, metric, at, weather) for metric in site.properties["metrics"]}
    device.measured = at
    body: Mapping[str, object] = {"values": values}
    if len(values) == 1:
        ((metric, value),) = values.items()
        body = {"metric": metric, "value": value, "unit": SIGNALS[metric].unit}
    return message(f"observation/{site.id}", at, body)


def _value(device: Device, metric: str, at: datetime, weather: Weather | None) -> float:
    if metric == "rain":
        return _rain_mm(device, at, weather)
    signal, site = SIGNALS[metric], device.site
    before = device.drift.get(metric, 0.0)
    step = signal.sigma * float(np.sqrt(1.0 - signal.memory**2)) * float(device.rng.normal())
    device.drift[metric] = signal.memory * before + step
    sewer = metric == "water_level" and site.kind == "manhole"
    ambient = manhole_depth_m(site, hour_of(at)) if sewer else signal.ambient(site, hour_of(at), at)
    return round(max(ambient + added(weather, metric, site) + device.drift[metric], signal.low), signal.decimals)


def _rain_mm(device: Device, at: datetime, weather: Weather | None) -> float:
    """Millimetres since the last message, to the hundredth; what is less stays in the gauge."""
    seconds = (at - device.measured).total_seconds() if device.measured else device.interval_s
    if weather is not None:
        rate = weather.rain_mm_h(device.site.x, device.site.y) * float(device.rng.uniform(0.9, 1.1))
        device.fallen_mm += rate * max(seconds, 0.0) / 3_600.0
    shown = round(device.fallen_mm, 2)
    device.fallen_mm -= shown
    return shown
