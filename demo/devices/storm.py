"""The storm as it is felt: what it adds to every metric at a site and second. Pure functions of the script."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from demo.devices.chance import share
from demo.devices.package import Thing
from demo.devices.places import Place, Scene
from demo.devices.script import StormScript, value_at

RIVER_KINDS_SHARE = {"临江": 1.0, "清溪河": 0.9, "新南河": 0.7}
LAKE_SHARE = 0.25
RATTLE_S, GUST_S = 240.0, 170.0
# devices without a battery
ON_MAINS = frozenset({"gas", "flow", "noise", "temperature", "smoke", "air_quality"})


@dataclass(frozen=True, slots=True)
class Weather:
    """One moment of a storm in its scene; `at_s` counts from the storm's start."""

    script: StormScript
    scene: Scene
    at_s: float

    def now(self, name: str) -> float:
        """A keyframed quantity of the script."""
        return value_at(self.script.frames[name], self.at_s)

    def rain_mm_h(self, x: float, y: float) -> float:
        """Rain at a point: the drifting cell over a thin general rain."""
        cell, target = self.script.cell, self.scene.places["target"]
        heading = np.asarray([target.x - cell.origin[0], target.y - cell.origin[1]])
        heading = heading / max(float(np.hypot(*heading)), 1.0)
        centre = np.asarray([target.x, target.y]) + heading * (self.at_s - cell.pass_s) * cell.drift_mps
        away = float(np.hypot(x - centre[0], y - centre[1])) / cell.reach_m
        return self.now("rain_mm_h") * (cell.everywhere + (1 - cell.everywhere) * float(np.exp(-(away**2))))


class Effect(Protocol):
    """What the storm adds to a metric at a site."""

    def __call__(self, weather: Weather, site: Thing) -> float:
        """The amount, in the metric's unit."""


def metres_from(place: Place, site: Thing) -> float:
    """Distance between a place of the scene and a site."""
    return float(np.hypot(site.x - place.x, site.y - place.y))


def water_m(weather: Weather, site: Thing) -> float:
    """Depth in underpasses and streets, rise of rivers and lakes; in a sewer the rise of its water."""
    own = site.properties["attributes"]
    if own.get("underpass") == weather.scene.underpass:
        return weather.now("underpass_m")
    target = weather.scene.places["target"]
    near = float(np.exp(-((metres_from(target, site) / weather.script.depth_reach_m) ** 2)))
    if "underpass" in own:
        return weather.now("underpass_m") * (0.04 + 0.34 * near * share(site.id, "depth"))
    if "water" in own:
        return weather.now("river_m") * RIVER_KINDS_SHARE.get(own["water"], LAKE_SHARE) * (0.8 + 0.4 * share(site.id))
    factor = 0.15 + 0.95 * near * share(site.id, "depth")
    return weather.now("street_m") * factor * (3.0 if site.kind == "manhole" else 1.0)


def gas_lel(weather: Weather, site: Thing) -> float:
    """A plume around the broken main."""
    away = metres_from(weather.scene.places["break"], site)
    return weather.now("gas_lel") * float(np.exp(-away / weather.script.gas_reach_m))


def smoke_pm25(weather: Weather, site: Thing) -> float:
    """Smoke of the fire, thinning with distance."""
    away = metres_from(weather.scene.places["blaze"], site)
    return weather.now("smoke_pm25") * float(np.exp(-away / weather.script.smoke_reach_m))


def smoke_percent(weather: Weather, site: Thing) -> float:
    """Obscuration where the smoke drifts into a building."""
    return 0.02 * smoke_pm25(weather, site) * float(metres_from(weather.scene.places["blaze"], site) < 900.0)


def tilt_deg(weather: Weather, site: Thing) -> float:
    """Covers near the flooded underpass are lifted out of their seats for a while."""
    script = weather.script
    flooded = script.tilt_s[0] < weather.at_s < script.tilt_s[1]
    near = metres_from(weather.scene.places["target"], site) < script.tilt_reach_m
    return script.tilt_deg * share(site.id, "tilt") if flooded and near and not seated(weather, site) else 0.0


def seated(weather: Weather, site: Thing) -> bool:
    """Whether a cover that rattles lies in its seat at this moment."""
    if share(site.id, "rattle") >= weather.script.rattle:
        return False
    return (weather.at_s / RATTLE_S + share(site.id, "phase")) % 1.0 < 0.5


def wind_mps(weather: Weather, site: Thing) -> float:
    """Mean wind of the place and its gusts."""
    mean = weather.now("wind_mps") * (0.7 + 0.6 * share(site.id, "gust"))
    turn = 2 * np.pi * (weather.at_s / GUST_S + share(site.id, "squall"))
    return float(mean * (1.0 + weather.script.gust * np.sin(turn)))


def is_dark(weather: Weather | None, site: Thing) -> bool:
    """Whether a device is without power."""
    if weather is None or site.kind not in ON_MAINS:
        return False
    return share(site.id, "mains") < value_at(weather.script.dark, weather.at_s)


EFFECTS: dict[str, Effect] = {
    "water_level": water_m,
    "gas": gas_lel,
    "pm25": smoke_pm25,
    "pm10": lambda weather, site: 1.5 * smoke_pm25(weather, site),
    "co": lambda weather, site: 0.006 * smoke_pm25(weather, site),
    "smoke": smoke_percent,
    "tilt": tilt_deg,
    "wind": wind_mps,
    "temperature": lambda weather, site: weather.now("cool_c"),
    "noise": lambda weather, site: 0.05 * weather.rain_mm_h(site.x, site.y),
    "flow": lambda weather, site: 0.35 * weather.rain_mm_h(site.x, site.y) * share(site.id, "storm flow"),
}


def added(weather: Weather | None, metric: str, site: Thing) -> float:
    """What the weather adds to a metric; nothing on a calm day."""
    effect = EFFECTS.get(metric)
    return effect(weather, site) if weather is not None and effect is not None else 0.0
