"""Curves and bodies drawn from few numbers: splines, ribbons, rings, blobs. Everything in metres."""

from typing import Any

import numpy as np
import shapely
from scipy.interpolate import CubicSpline

from demo.city.frame import FloatArray

Points = tuple[tuple[float, float], ...]


def spline(points: Points, step_m: float = 40.0) -> FloatArray:
    """A smooth curve through `points`, sampled about every `step_m`; (n, 2)."""
    knots = np.asarray(points, dtype=np.float64)
    chord = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(knots, axis=0).T))])
    count = max(int(chord[-1] / step_m), 2)
    return np.asarray(CubicSpline(chord, knots)(np.linspace(0.0, chord[-1], count)), dtype=np.float64)


def ribbon(centre: FloatArray, half_width_m: FloatArray | float) -> Any:
    """The polygon of a band along `centre` (n, 2) whose half width may vary from point to point."""
    tangent = np.gradient(centre, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    normal = np.column_stack([-tangent[:, 1], tangent[:, 0]]) * np.reshape(half_width_m, (-1, 1))
    return shapely.make_valid(shapely.Polygon(np.vstack([centre + normal, (centre - normal)[::-1]])))


def ring(cx: float, cy: float, rx: float, ry: float, power: float = 2.6, wobble: float = 0.018) -> FloatArray:
    """A closed superellipse, slightly uneven: the shape of Chinese ring roads; (n, 2), first point repeated."""
    angle = np.linspace(0.0, 2 * np.pi, max(int((rx + ry) * 3 / 60), 48) + 1)
    cos, sin = np.cos(angle), np.sin(angle)
    radius = 1.0 + wobble * np.sin(3 * angle + 0.7) + 0.6 * wobble * np.sin(5 * angle + 2.1)
    x = cx + rx * radius * np.sign(cos) * np.abs(cos) ** (2 / power)
    y = cy + ry * radius * np.sign(sin) * np.abs(sin) ** (2 / power)
    points = np.column_stack([x, y])
    points[-1] = points[0]
    return points


def blob(cx: float, cy: float, rx: float, ry: float, rng: np.random.Generator, rough: float = 0.13) -> Any:
    """A lake or hill shape: an ellipse whose radius wanders in low harmonics."""
    angle = np.linspace(0.0, 2 * np.pi, 73)[:-1]
    radius = np.ones_like(angle)
    for harmonic in range(2, 7):
        radius += rough * rng.uniform(-1, 1) * np.sin(harmonic * angle + rng.uniform(0, 6.28)) / (harmonic / 2)
    return shapely.Polygon(np.column_stack([cx + rx * radius * np.cos(angle), cy + ry * radius * np.sin(angle)]))
