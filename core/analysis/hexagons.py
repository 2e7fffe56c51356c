"""H3 cells as a division of the city: every point is in one of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import h3
import numpy as np
import shapely
from h3.api import basic_int
from sqlalchemy import Connection

from core.analysis.nouns import Area, Floats, Place, Placed
from core.i18n import say
from core.scope import Scope
from core.vocabulary import Text

RESOLUTIONS = (7, 8, 9, 10)
# about 10 m
DECIMALS = 4
Naming = Callable[[Connection, Scope, Sequence[str]], Mapping[str, Area]]


def locate(resolution: int, conn: Connection, scope: Scope, lons: Floats, lats: Floats) -> Placed:
    cell = basic_int.latlng_to_cell
    found = [cell(lat, lon, resolution) for lon, lat in zip(lons.tolist(), lats.tolist(), strict=True)]
    cells, codes = np.unique(np.array(found, dtype=np.uint64), return_inverse=True)
    return Placed(codes.astype(np.int64), [h3.int_to_str(int(one)) for one in cells])


def areas(keys: Sequence[str], named: Mapping[str, Text]) -> Mapping[str, Area]:
    """A cell has no name but its index; people are told where its middle is, `named` the district there."""
    found: dict[str, Area] = {}
    for key in keys:
        lat, lon = h3.cell_to_latlng(key)
        at = f"{lon:.{DECIMALS}f}, {lat:.{DECIMALS}f}"
        words = {"zh": at, "en": at}
        if key in named:
            # what tells them apart is not cut off: English names are long
            words = {"zh": f"{named[key]['zh']} {at}", "en": f"{at} {named[key]['en']}"}
        found[key] = Area(words, float(h3.cell_area(key, "km^2")))
    return found


def draw(conn: Connection, scope: Scope, keys: Sequence[str]) -> Mapping[str, bytes]:
    return {key: shapely.to_wkb(shapely.Polygon([(lon, lat) for lat, lon in h3.cell_to_boundary(key)])) for key in keys}


def hexagons(resolution: int, name: Naming) -> Place:
    title = say("analysis.h3", edge=say(f"analysis.edge.{resolution}"), resolution=resolution)
    return Place(f"h3:{resolution}", title, name, draw, partial(locate, resolution))


def middles(keys: Sequence[str]) -> tuple[list[float], list[float]]:
    """Longitudes and latitudes."""
    found = [h3.cell_to_latlng(key) for key in keys]
    return [lon for _, lon in found], [lat for lat, _ in found]
