"""Geometries as a layer keeps them: two dimensions, valid, of one kind."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import shapely
from numpy.typing import NDArray

from core.i18n import say
from core.vocabulary import Text

Family = Literal["point", "line", "polygon"]
FAMILY: dict[int, Family] = {0: "point", 1: "line", 2: "line", 3: "polygon", 4: "point", 5: "line", 6: "polygon"}
COLLECTION = 7
Shapes = NDArray[np.object_]


@dataclass(slots=True)
class Mended:
    """Shapes that can be kept, None where there is none; how many were repaired; why some cannot be, by their place."""

    shapes: Shapes
    repaired: int = 0
    refused: dict[int, Text] = field(default_factory=dict)


def families(shapes: Shapes) -> dict[Family, int]:
    """How many there are of each kind, the most first; collections count as what they mostly hold."""
    found: dict[Family, int] = {}
    for shape in shapes:
        kind = family_of(shape)
        if kind is not None:
            found[kind] = found.get(kind, 0) + 1
    return dict(sorted(found.items(), key=lambda one: -one[1]))


def family_of(shape: shapely.Geometry | None) -> Family | None:
    if shape is None or shape.is_empty:
        return None
    kind = shapely.get_type_id(shape)
    if kind == COLLECTION:
        return next((found for part in shape.geoms if (found := family_of(part))), None)
    return FAMILY.get(int(kind))


def mend(shapes: Shapes, wanted: Family) -> Mended:
    """Repaired (OGC Simple Features 6.1.11: a valid polygon) and cut down to what is `wanted`."""
    flat = np.asarray(shapely.force_2d(shapes), dtype=object)
    empty = shapely.is_missing(flat) | shapely.is_empty(flat)
    flat[empty] = None
    wrong = ~empty & ~shapely.is_valid(flat)
    done = Mended(flat)
    for place in np.flatnonzero(wrong):
        flat[place] = shapely.make_valid(flat[place])
        done.repaired += 1
    for place in np.flatnonzero(~empty):
        kept = keep(flat[place], wanted)
        if kept is None:
            done.refused[int(place)] = say(f"refused.{wanted}", got=flat[place].geom_type)
        flat[place] = kept
    return done


def keep(shape: shapely.Geometry, wanted: Family) -> shapely.Geometry | None:
    """The parts of the wanted kind; None where there are none."""
    if shapely.get_type_id(shape) != COLLECTION:
        return shape if family_of(shape) == wanted else None
    parts = [part for part in _flattened(shape) if family_of(part) == wanted]
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else shapely.union_all(parts)


def _flattened(shape: shapely.Geometry) -> list[shapely.Geometry]:
    if shapely.get_type_id(shape) < 4:
        return [shape]
    return [part for one in shape.geoms for part in _flattened(one)]
