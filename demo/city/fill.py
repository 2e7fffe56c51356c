"""Footprints in a lot: rows that face south, and shops along the street. Pure geometry in ground metres."""

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import shapely

from demo.city.frame import FloatArray
from demo.city.styles import Style

# A lot covered by less than LEAST_COVER is tried again with footprints of these shares of their size.
LEAST_COVER = 0.09
SIZES = (1.0, 0.72, 0.5)


def turn_of(lot: Any, most_deg: float) -> float:
    """How far (radians) the lot's own axis nearest to east-west is turned, at most `most_deg` either way."""
    corners = shapely.get_coordinates(shapely.oriented_envelope(lot))
    sides = np.diff(corners[:3], axis=0)
    angles = np.arctan2(sides[:, 1], sides[:, 0])
    folded = (angles + np.pi / 2) % np.pi - np.pi / 2
    nearest = float(folded[int(np.argmin(np.abs(folded)))])
    return float(np.clip(nearest, -np.radians(most_deg), np.radians(most_deg)))


def turned(points: FloatArray, angle: float) -> FloatArray:
    """Points (…, 2) turned about the origin by `angle` radians."""
    cos, sin = np.cos(angle), np.sin(angle)
    x, y = points[..., 0], points[..., 1]
    return np.stack([x * cos - y * sin, x * sin + y * cos], axis=-1)


def rectangles(x: FloatArray, y: FloatArray, length: FloatArray, depth: FloatArray) -> FloatArray:
    """Axis-parallel rectangles from their lower left corners and sizes: (n, 5, 2), closed."""
    xs = np.stack([x, x + length, x + length, x, x], axis=-1)
    ys = np.stack([y, y, y + depth, y + depth, y], axis=-1)
    return np.stack([xs, ys], axis=-1)


def rows(lot: Any, style: Style, rng: np.random.Generator) -> Any:
    """The footprints of `style` in `lot`; where its full size leaves the lot bare, smaller ones of the same kind."""
    room = lot.buffer(-style.inset) if style.inset else lot
    best = np.asarray([], dtype=object)
    for size in SIZES:
        found = _rows_of(room, lot, style, size, rng)
        if shapely.area(found).sum() > shapely.area(best).sum():
            best = found
        if shapely.area(best).sum() > LEAST_COVER * lot.area:
            break
    return best


def _rows_of(room: Any, lot: Any, style: Style, size: float, rng: np.random.Generator) -> Any:
    """Row by row from the south, the footprints that fit wholly into `room`; an array of polygons."""
    if room.is_empty:
        return np.asarray([], dtype=object)
    angle = turn_of(lot, style.south if size == 1.0 else 45.0)
    origin = shapely.get_coordinates(lot.centroid)[0]
    local = turned(shapely.get_coordinates(room) - origin, -angle)
    corners = _grid(local.min(axis=0), local.max(axis=0), scaled(style, size), rng)
    if not len(corners):
        return np.asarray([], dtype=object)
    placed = turned(corners, angle) + origin
    shapely.prepare(room)
    placed = placed[shapely.contains(room, shapely.polygons(placed))]
    placed = placed[rng.random(len(placed)) < style.fill]
    return winged(placed, style.wings, rng)


def scaled(style: Style, size: float) -> Style:
    """The style with footprints and gaps made smaller."""
    if size == 1.0:
        return style
    return replace(
        style,
        length=_times(style.length, size),
        depth=_times(style.depth, size),
        gap_x=_times(style.gap_x, size),
        gap_y=_times(style.gap_y, size),
    )


def _times(values: tuple[float, float], size: float) -> tuple[float, float]:
    return values[0] * size, values[1] * size


def winged(corners: FloatArray, share: float, rng: np.random.Generator) -> Any:
    """Polygons of the rectangles (n, 5, 2); a `share` of them with a corner or the middle of a side taken out."""
    if not share or not len(corners):
        return shapely.polygons(corners) if len(corners) else np.asarray([], dtype=object)
    return np.asarray([shapely.Polygon(_outline(c, share, rng)) for c in corners], dtype=object)


def _outline(corners: FloatArray, share: float, rng: np.random.Generator) -> FloatArray:
    if rng.random() >= share:
        return corners
    a, b, c = rng.uniform(0.36, 0.5), rng.uniform(0.26, 0.36), rng.uniform(0.64, 0.74)
    ell = [(0, 0), (1, 0), (1, a), (b, a), (b, 1), (0, 1), (0, 0)]
    yard = [(0, 0), (1, 0), (1, 1), (c, 1), (c, a), (b, a), (b, 1), (0, 1), (0, 0)]
    unit = np.asarray(ell if rng.random() < 0.55 else yard, dtype=np.float64)
    if rng.random() < 0.5:
        unit[:, 0] = 1.0 - unit[:, 0]
    along, across = corners[1] - corners[0], corners[3] - corners[0]
    return np.asarray(corners[0] + unit[:, :1] * along + unit[:, 1:] * across, dtype=np.float64)


def _grid(low: FloatArray, high: FloatArray, style: Style, rng: np.random.Generator) -> FloatArray:
    depth = rng.uniform(*style.depth)
    pitch = depth + rng.uniform(*style.gap_y)
    height = high[1] - low[1]
    count = int((height + pitch - depth) // pitch)
    if count < 1:
        return np.empty((0, 5, 2))
    slack = (height - (count * pitch - (pitch - depth))) / 2
    return np.concatenate([_row(low[0], high[0], low[1] + slack + i * pitch, depth, style, rng) for i in range(count)])


def _row(west: float, east: float, y: float, depth: float, style: Style, rng: np.random.Generator) -> FloatArray:
    most = int((east - west) // (style.length[0] + style.gap_x[0])) + 2
    length = rng.uniform(*style.length, most) if style.jitter else np.full(most, rng.uniform(*style.length))
    gap = rng.uniform(*style.gap_x, most)
    x = west + np.concatenate([[0.0], np.cumsum(length + gap)[:-1]]) + rng.uniform(0, style.gap_x[1])
    inside = x + length <= east
    y_each = y + rng.uniform(-style.jitter, style.jitter, most)
    depth_each = depth * (rng.uniform(0.86, 1.0, most) if style.jitter else np.ones(most))
    return rectangles(x, y_each, length, depth_each)[inside]


def along_edges(lot: Any, style: Style, rng: np.random.Generator) -> Any:
    """Footprints with their backs to the yard along every longer edge of `lot`; an array of polygons."""
    outline = shapely.get_coordinates(shapely.simplify(lot, 2.0).exterior.normalize())[::-1]
    found = []
    for start, stop in itertools.pairwise(outline):
        run = float(np.hypot(*(stop - start)))
        if run < 46.0:
            continue
        angle = float(np.arctan2(stop[1] - start[1], stop[0] - start[0]))
        depth = rng.uniform(*style.depth)
        corners = _row(13.0, run - 13.0, 1.0, depth, style, rng)
        found.append(turned(corners, angle) + start)
    if not found:
        return np.asarray([])
    shapes = shapely.polygons(np.concatenate(found))
    shapely.prepare(lot)
    shapes = shapes[shapely.contains(lot, shapes)]
    return shapes[rng.random(len(shapes)) < style.fill]


def split_off(lot: Any, area_m2: float) -> tuple[Any, Any]:
    """`lot` cut square to its longer side into a part of about `area_m2` and the rest (empty where it is all)."""
    if area_m2 >= 0.85 * lot.area:
        return lot, shapely.Polygon()
    corners = shapely.get_coordinates(shapely.oriented_envelope(lot))[:4]
    long_side, short_side = corners[1] - corners[0], corners[3] - corners[0]
    if np.hypot(*long_side) < np.hypot(*short_side):
        long_side, short_side = short_side, long_side
    far = long_side * (area_m2 / lot.area)
    knife = shapely.Polygon([corners[0], corners[0] + far, corners[0] + far + short_side, corners[0] + short_side])
    first, rest = lot.intersection(knife), lot.difference(knife.buffer(4.0))
    return _main(first), _main(rest)


def _main(geometry: Any) -> Any:
    parts = [p for p in shapely.get_parts(geometry) if p.geom_type == "Polygon"]
    return max(parts, key=lambda p: float(p.area)) if parts else shapely.Polygon()
