"""What is said of grid cells that shall be made, and what is told of those that were."""

from __future__ import annotations

from pydantic import Field
from typing_extensions import TypedDict

from core.given import Given
from core.vocabulary import Text

LAYER = "grid-cells"
# what GB/T 30428.1 asks for
SIZE_M2 = 10_000


class GridCellsIn(Given):
    """Grid cells (单元网格) of about `size_m2` for one district or for all, as the layer `layer`; `assets`: components
    that have no cell, or one of this layer, are given the one in which they stand."""

    district: str | None = Field(None, pattern=r"^\d{6}$")
    size_m2: int = Field(SIZE_M2, ge=2_500, le=1_000_000)
    layer: str = Field(LAYER, max_length=48, pattern=r"^[a-z][a-z0-9_-]*$")
    assets: bool = False


class DistrictCells(TypedDict):
    """The cells of a district as they were measured: how many, their sizes (5, 50 and 95 of 100 are smaller), how much
    of the district they leave out or cover twice; of its buildings how many a cell's edge cuts, and how many the
    district's own does (`at_border`)."""

    district: str
    names: Text
    cells: int
    p5_m2: float
    median_m2: float
    p95_m2: float
    uncovered_m2: float
    overlapping_m2: float
    buildings: int
    cut: int
    at_border: int


class GridCellsMade(TypedDict):
    """What was made, or would be: cells that are new, changed, the same, gone; components that were given a cell."""

    layer: str
    added: int
    changed: int
    same: int
    removed: int
    assets: int
    districts: list[DistrictCells]
