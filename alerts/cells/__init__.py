"""Giving the H3 cells of the city their risk: what stands still about them, all of them weighed at once, the reasons of
each, and what of it is written."""

from __future__ import annotations

from alerts.cells.ground import CellGround, put_districts, read_cell_ground
from alerts.cells.reasons import score_cell
from alerts.cells.scores import forget_scores, read_hazards, score_cells
from alerts.cells.weighing import weigh_cells

__all__ = [
    "CellGround",
    "forget_scores",
    "put_districts",
    "read_cell_ground",
    "read_hazards",
    "score_cell",
    "score_cells",
    "weigh_cells",
]
