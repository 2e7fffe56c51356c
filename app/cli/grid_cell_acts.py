"""What the verb of grid cells does (app.cli.grid_cells)."""

from __future__ import annotations

import argparse
import json
import sys

from pydantic import ValidationError

from app.cli.context import shell_user, transaction
from app.grid_cells.making import run_making
from core.given import as_input_error
from layers.grid_cells.nouns import DistrictCells, GridCellsIn

HEAD = f"{'district':<10} {'cells':>7} {'median':>8} {'5 %':>8} {'95 %':>8}  m²"


def make(options: argparse.Namespace) -> int:
    given = said(options)
    told = (lambda done, whole: None) if options.json else progress
    made = run_making(transaction, given, shell_user(), dry_run=options.dry_run, told=told)
    if options.json:
        print(json.dumps(made, ensure_ascii=False))
        return 0
    print(file=sys.stderr)
    print(HEAD)
    for one in made["districts"]:
        print(line(one))
    kept = f"{made['added']:,} added, {made['changed']:,} changed, {made['same']:,} same, {made['removed']:,} removed"
    print(f"{made['layer']}: {kept}")
    if given.assets:
        print(f"{made['assets']:,} components were given their cell")
    if options.dry_run:
        print("nothing was kept")
    return 0


def said(options: argparse.Namespace) -> GridCellsIn:
    try:
        return GridCellsIn(district=options.district, size_m2=options.size, layer=options.layer, assets=options.assets)
    except ValidationError as exc:
        raise as_input_error(exc) from exc


def progress(done: int, whole: int | None) -> None:
    print(f"\rabout {done:,} of {whole:,} cells", end="", file=sys.stderr, flush=True)


def line(one: DistrictCells) -> str:
    sizes = " ".join(f"{one[name]:>8,.0f}" for name in ("median_m2", "p5_m2", "p95_m2"))
    told = (
        f"{one['uncovered_m2']:g} m² uncovered, {one['overlapping_m2']:g} m² twice; of {one['buildings']:,} buildings "
        f"{one['cut']} cut, {one['at_border']} at the district's border"
    )
    return f"{one['district']:<10} {one['cells']:>7,} {sizes}  {told}"
