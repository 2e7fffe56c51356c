"""The grids in which tiles are cut: the world of a coordinate reference system as a square that is halved and halved
again."""

from __future__ import annotations

import math
from dataclasses import dataclass

# of the square; what is deeper says nothing new
MAX_LEVEL = 22
# of Web Mercator, degrees
LAST_LAT = 85.0511287798066


@dataclass(frozen=True, slots=True)
class Grid:
    """`envelope`: SQL of a tile at `:z`, `:x`, `:y` of the square world; `world`: SQL of what of it is on earth, beyond
    which a place would come out on the other side; `width`: of that square in units of the system.
    Level 0 of the grid is the square's level `first`, of which it has the upper half where that is 1."""

    id: str
    srid: int
    envelope: str
    world: str
    width: float
    first: int = 0

    @property
    def levels(self) -> int:
        return MAX_LEVEL - self.first + 1

    def columns(self, level: int) -> int:
        return 1 << (level + self.first)

    def rows(self, level: int) -> int:
        return 1 << level

    def place(self, lon: float, lat: float, z: int) -> tuple[float, float]:
        """Where a place lies among the columns and rows of the square's level (Web Mercator: OGC 17-083r4 annex D)."""
        count = 2.0**z
        if self.srid == MERCATOR.srid:
            north = math.asinh(math.tan(math.radians(min(max(lat, -LAST_LAT), LAST_LAT))))
            return (lon + 180) / 360 * count, (1 - north / math.pi) / 2 * count
        return (lon + 180) / 360 * count, (90 - lat) / 360 * count


MERCATOR = Grid(
    "WebMercatorQuad",
    3857,
    "ST_TileEnvelope(:z, :x, :y)",
    "ST_MakeEnvelope(-20037508.34, -20037508.34, 20037508.34, 20037508.34, 3857)",
    40075016.7,
)
CGCS2000 = Grid(
    "CGCS2000Quad",
    4490,
    "ST_TileEnvelope(:z, :x, :y, ST_MakeEnvelope(-180, -270, 180, 90, 4490))",
    "ST_MakeEnvelope(-180, -90, 180, 90, 4490)",
    360.0,
    first=1,
)
GRIDS = {grid.id: grid for grid in (MERCATOR, CGCS2000)}
