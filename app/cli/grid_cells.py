"""The verb for grid cells: `cells make`."""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import Any

from layers.grid_cells.nouns import LAYER, SIZE_M2


def make(options: argparse.Namespace) -> int:
    """What makes them is loaded where it is needed and no sooner."""
    return int(import_module("app.cli.grid_cell_acts").make(options))


def add_verbs(verbs: Any) -> None:
    cells = verbs.add_parser("cells", help="grid cells (单元网格) made from districts, streets and buildings")
    acts = cells.add_subparsers(dest="act", required=True, metavar="ACT")
    make_ = acts.add_parser("make", help="make them, or make them anew")
    make_.add_argument("--district", help="its code (default: all)")
    make_.add_argument(
        "--size", type=int, default=SIZE_M2, metavar="M2", help="of a cell, about (default: %(default)s)"
    )
    make_.add_argument("--layer", default=LAYER, help="the layer that they become (default: %(default)s)")
    make_.add_argument("--assets", action="store_true", help="give components that have none their cell")
    make_.add_argument("--dry-run", action="store_true", help="make and measure all, keep nothing")
    make_.add_argument("--json", action="store_true", help="the outcome as JSON")
    make_.set_defaults(run=make)
