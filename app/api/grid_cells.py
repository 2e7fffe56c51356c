"""/api/grid-cells: grid cells (单元网格) are made, as a layer of the city's own."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from app.deps import PartsDep, Who
from app.grid_cells.work import GridCellsWork, Work
from layers.grid_cells.nouns import GridCellsIn

router = APIRouter(prefix="/api/grid-cells", tags=["map"])


class GridCellsAsked(GridCellsIn):
    """`dry_run`: all of them are made and measured, and none is kept."""

    dry_run: bool = False


def need_work(parts: PartsDep, who: Who, work_id: Annotated[str, Path(min_length=1, max_length=60)]) -> Work:
    return parts.grid_cells.need(work_id, who)


Found = Annotated[Work, Depends(need_work)]


@router.post("", status_code=202)
async def post_grid_cells(who: Who, parts: PartsDep, asked: GridCellsAsked) -> GridCellsWork:
    """Begin to make them; the layer is replaced when all are made, and stays as it is till then."""
    given = GridCellsIn.model_validate(asked.model_dump(exclude={"dry_run"}))
    return parts.grid_cells.start(given, who, dry_run=asked.dry_run).told()


@router.get("/{work_id}")
async def get_grid_cells(work: Found) -> GridCellsWork:
    """How far it is, and what came of it."""
    return work.told()


@router.post("/{work_id}/stop")
async def post_stop(work: Found, parts: PartsDep) -> GridCellsWork:
    """End it: nothing of it is kept."""
    parts.grid_cells.stop(work)
    return work.told()
