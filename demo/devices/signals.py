"""What every metric looks like on an ordinary day: its unit, its rhythm, its noise. Values are floats in the unit."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import numpy as np

from demo.devices.chance import share
from demo.devices.package import Thing

LOCAL = timezone(timedelta(hours=8))
MEAN_C_BY_MONTH = (3.2, 5.1, 9.8, 16.0, 21.3, 25.2, 28.8, 28.1, 23.7, 18.1, 11.6, 5.3)


def hour_of(now: datetime) -> float:
    """The local hour with its fraction."""
    local = now.astimezone(LOCAL)
    return local.hour + local.minute / 60 + local.second / 3600


def bump(hour: float, middle: float, width: float) -> float:
    """A smooth hill of height one over the day's clock."""
    away = abs((hour - middle + 12.0) % 24.0 - 12.0)
    return float(np.exp(-((away / width) ** 2)))


def rush(hour: float) -> float:
    """Traffic: two peaks, 0..1."""
    return bump(hour, 8.0, 1.6) + 0.9 * bump(hour, 18.0, 1.9)


def awake(hour: float) -> float:
    """How much of the city is up, 0..1."""
    return min(1.0, bump(hour, 11.0, 4.5) + bump(hour, 18.5, 3.8))


def sun(hour: float) -> float:
    """Daylight, 0..1."""
    return float(max(0.0, np.sin(np.pi * (hour - 6.0) / 12.5))) if 6.0 <= hour <= 18.5 else 0.0


def stage_m(site: Thing, hour: float, now: datetime) -> float:
    """An ordinary stage: well below the warning stage in rivers and lakes, a film of water elsewhere."""
    if "water" not in site.properties["attributes"]:
        return 0.02
    warning = float(site.properties["thresholds"]["water_level"]["4"])
    return warning - 1.0 - 1.2 * share(site.id, "stage") + 0.04 * float(np.sin(2 * np.pi * hour / 12.4))


def temperature_c(site: Thing, hour: float, now: datetime) -> float:
    """The month's mean, the day's swing, a little of the place."""
    mean = MEAN_C_BY_MONTH[now.astimezone(LOCAL).month - 1]
    return mean + 4.2 * float(np.sin(2 * np.pi * (hour - 9.0) / 24.0)) + 2.0 * share(site.id, "warm") - 1.0


Ambient = Callable[[Thing, float, datetime], float]


@dataclass(frozen=True, slots=True)
class Signal:
    """`ambient` at a site and hour; `sigma` and `memory` (0..1, per reading) of its noise; values end at `low`."""

    unit: str
    decimals: int
    sigma: float
    memory: float
    ambient: Ambient
    low: float = 0.0


def _steady(value: float) -> Ambient:
    return lambda site, hour, now: value * (0.8 + 0.4 * share(site.id, "size"))


def _daily(base: float, swing: float, rhythm: Callable[[float], float]) -> Ambient:
    return lambda site, hour, now: (base + swing * rhythm(hour)) * (0.8 + 0.4 * share(site.id, "size"))


SIGNALS: Mapping[str, Signal] = {
    "water_level": Signal("m", 3, 0.008, 0.9, stage_m),
    "rain": Signal("mm", 2, 0.0, 0.0, lambda site, hour, now: 0.0),
    "pm25": Signal("µg/m³", 1, 4.0, 0.97, _daily(34.0, 9.0, rush)),
    "pm10": Signal("µg/m³", 1, 6.0, 0.97, _daily(56.0, 16.0, rush)),
    "so2": Signal("µg/m³", 1, 1.0, 0.97, _steady(8.0)),
    "no2": Signal("µg/m³", 1, 2.5, 0.97, _daily(24.0, 20.0, rush)),
    "co": Signal("mg/m³", 2, 0.05, 0.97, _daily(0.6, 0.3, rush)),
    "o3": Signal("µg/m³", 1, 5.0, 0.97, _daily(36.0, 62.0, sun)),
    "gas": Signal("%LEL", 2, 0.25, 0.9, _steady(0.8)),
    "flow": Signal("L/s", 1, 2.5, 0.9, _daily(42.0, 46.0, awake)),
    "temperature": Signal("°C", 1, 0.2, 0.95, temperature_c, -40.0),
    "noise": Signal(
        "dB", 1, 2.4, 0.4, lambda site, hour, now: 47.0 + 13.0 * awake(hour) + 5.0 * share(site.id, "n"), 20.0
    ),
    "wind": Signal("m/s", 1, 0.7, 0.85, _daily(1.9, 1.6, sun)),
    "smoke": Signal("%/m", 2, 0.03, 0.6, _steady(0.06)),
    "tilt": Signal("°", 1, 0.12, 0.9, _steady(0.6)),
}


def manhole_depth_m(site: Thing, hour: float) -> float:
    """Water in a sewer on an ordinary day."""
    return (0.18 + 0.16 * awake(hour)) * (0.7 + 0.6 * share(site.id, "sewer"))
