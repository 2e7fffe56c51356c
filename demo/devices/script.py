"""The storm's script as values: keyframes between which quantities run straight, and steps that happen once."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import orjson

DATA = Path(__file__).resolve().parent.parent / "data"
Keyframes = tuple[tuple[float, float], ...]


def value_at(frames: Sequence[tuple[float, float]], at_s: float) -> float:
    """The value of `frames` at a second of the storm; held before the first and after the last."""
    return float(np.interp(at_s, [frame[0] for frame in frames], [frame[1] for frame in frames]))


@dataclass(frozen=True, slots=True)
class Cell:
    """The rain cell: it comes from a direction, passes the target at `pass_s`, and `everywhere` rains a share."""

    origin: tuple[float, float]
    reach_m: float
    everywhere: float
    pass_s: float
    drift_mps: float


@dataclass(frozen=True, slots=True)
class VideoStep:
    """A camera near `place` sees something at `at` seconds."""

    at: float
    place: str
    kind: str
    score: float


@dataclass(frozen=True, slots=True)
class CallStep:
    """Somebody calls at `at` seconds; texts take {street} and {address}."""

    at: float
    place: str
    kind: str
    channel: str
    level: int
    title: str
    text: str
    in_danger: int | None = None


@dataclass(frozen=True, slots=True)
class StormScript:
    """One storm, then calm, then again. Keyframes are (second, value)."""

    length_s: float
    calm_s: float
    first_underpass: str
    frames: dict[str, Keyframes]
    cell: Cell
    gas_reach_m: float
    smoke_reach_m: float
    video: tuple[VideoStep, ...]
    calls: tuple[CallStep, ...]
    # how far from the target streets and underpasses fill, and covers are lifted, by how many degrees at most
    depth_reach_m: float
    tilt_reach_m: float
    tilt_deg: float
    # of the covers that are lifted, this share rattles; gusts swing the wind by this part of it
    rattle: float
    gust: float
    tilt_s: tuple[float, ...]
    # share of the devices on mains that have no power
    dark: Keyframes


FRAMES = (
    "rain_mm_h",
    "underpass_m",
    "street_m",
    "river_m",
    "gas_lel",
    "smoke_pm25",
    "wind_mps",
    "cool_c",
)


@cache
def table(name: str) -> Any:
    """The JSON file `demo/data/<name>.json`."""
    return orjson.loads((DATA / f"{name}.json").read_bytes())


def storm_script(name: str = "storm") -> StormScript:
    """The script in `demo/data/<name>.json`: `storm`, which comes again and again, or `typhoon`."""
    data = table(name)
    cell = data["cell"]
    return StormScript(
        data["length_s"],
        data["calm_s"],
        data["first_underpass"],
        {name: tuple((float(s), float(v)) for s, v in data[name]) for name in FRAMES},
        Cell(
            (cell["from"][0], cell["from"][1]), cell["reach_m"], cell["everywhere"], cell["pass_s"], cell["drift_mps"]
        ),
        data["gas_reach_m"],
        data["smoke_reach_m"],
        tuple(VideoStep(**step) for step in data["video"]),
        tuple(CallStep(**step) for step in data["calls"]),
        depth_reach_m=data.get("depth_reach_m", 2_500.0),
        tilt_reach_m=data.get("tilt_reach_m", 650.0),
        tilt_deg=data.get("tilt_deg", 24.0),
        rattle=data.get("rattle", 0.0),
        gust=data.get("gust", 0.0),
        tilt_s=tuple(data.get("tilt_s", (260.0, 2_000.0))),
        dark=tuple((float(s), float(v)) for s, v in data.get("dark", ((0.0, 0.0),))),
    )
