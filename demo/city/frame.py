"""Where the city is, how its plan becomes ground, and where its random numbers come from.

Three spaces: *plan* metres (straight grids, easy to divide), *ground* metres (the plan bent by `warp`), and lon/lat.
Both metre spaces have x east and y north of the city's centre; the city is the box of +-6000 x +-5000 m on the ground.
"""

import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

LON0, LAT0 = 119.03, 31.36
METRES_PER_LON, METRES_PER_LAT = 95_143.0, 110_876.0
HALF_WIDTH_M, HALF_HEIGHT_M = 6_000.0, 5_000.0
BOX = shapely.box(-HALF_WIDTH_M, -HALF_HEIGHT_M, HALF_WIDTH_M, HALF_HEIGHT_M)
# The plan is drawn larger than the ground so that the bent plan still covers the box.
PLAN_MARGIN_M = 600.0
PLAN_BOX = shapely.box(
    -HALF_WIDTH_M - PLAN_MARGIN_M,
    -HALF_HEIGHT_M - PLAN_MARGIN_M,
    HALF_WIDTH_M + PLAN_MARGIN_M,
    HALF_HEIGHT_M + PLAN_MARGIN_M,
)

# (amplitude m, wavelength m, phase in turns): broad bends that turn the grid, and small ones that take the ruler away.
_X_BY_Y = ((170.0, 7_900.0, 0.13), (55.0, 3_100.0, 0.40), (7.0, 830.0, 0.22))
_Y_BY_X = ((210.0, 8_800.0, 0.55), (60.0, 3_700.0, 0.05), (7.0, 910.0, 0.71))
_X_BY_X = ((60.0, 4_300.0, 0.31),)
_Y_BY_Y = ((50.0, 3_900.0, 0.83),)

Waves = tuple[tuple[float, float, float], ...]


def waves(values: FloatArray, terms: Waves) -> FloatArray:
    """The sum of sines `terms` at `values` (metres in, metres out)."""
    total = np.zeros_like(values)
    for amplitude, wavelength, phase in terms:
        total += amplitude * np.sin(2 * np.pi * (values / wavelength + phase))
    return total


def warp_points(points: FloatArray) -> FloatArray:
    """Plan metres (n, 2) to ground metres (n, 2). Smooth, and one to one because every slope is well below one."""
    x, y = points[:, 0], points[:, 1]
    return np.column_stack([x + waves(y, _X_BY_Y) + waves(x, _X_BY_X), y + waves(x, _Y_BY_X) + waves(y, _Y_BY_Y)])


def unwarp_points(points: FloatArray) -> FloatArray:
    """Ground metres (n, 2) back to plan metres, to a millimetre (the warp is a contraction away from the identity)."""
    plan = points.copy()
    for _ in range(25):
        plan = plan + (points - warp_points(plan))
    return plan


def warp(geometry: Any, step_m: float = 30.0) -> Any:
    """A plan geometry (or an array of them) on the ground; edges longer than `step_m` are divided so that they bend."""
    return shapely.transform(shapely.segmentize(geometry, step_m), warp_points)


def to_lonlat(points: FloatArray) -> FloatArray:
    """Ground metres (n, 2) to lon, lat (n, 2)."""
    return np.column_stack([LON0 + points[:, 0] / METRES_PER_LON, LAT0 + points[:, 1] / METRES_PER_LAT])


def to_metres(points: FloatArray) -> FloatArray:
    """lon, lat (n, 2) to ground metres (n, 2)."""
    return np.column_stack([(points[:, 0] - LON0) * METRES_PER_LON, (points[:, 1] - LAT0) * METRES_PER_LAT])


def rng_for(seed: int, *names: object) -> np.random.Generator:
    """A generator of its own for every part of the city, so that changing one part leaves the others as they were."""
    return np.random.default_rng([seed, *(zlib.crc32(str(name).encode()) for name in names)])


def noise(points: FloatArray, seed: int, wavelength_m: float) -> FloatArray:
    """Smooth noise in about -1..1 at points (n, 2): eight plane waves of random direction."""
    rng = rng_for(seed, "noise", wavelength_m)
    angle = rng.uniform(0, 2 * np.pi, 8)
    phase = rng.uniform(0, 2 * np.pi, 8)
    scale = 2 * np.pi / (wavelength_m * rng.uniform(0.7, 1.5, 8))
    x, y = points[:, :1], points[:, 1:2]
    return np.asarray(np.sin((x * np.cos(angle) + y * np.sin(angle)) * scale + phase).sum(axis=1) / 4.0)


def xy(geometry: Any) -> FloatArray:
    """Coordinates of points (an array or one) as (n, 2)."""
    return np.asarray(shapely.get_coordinates(geometry), dtype=np.float64)
