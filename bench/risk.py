"""`python -m bench.risk [--json] [--resolution 9] [--hazards 300]`: how long it takes to score the demo city.

The whole city of H3 cells under many open incidents of all levels: weighed, then read, worded and written, then looked
at with nothing changed; and the scores of these incidents, followed with nothing changed. Medians of several turns in a
transaction that is taken back.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Engine, text

from alerts.cells import read_cell_ground, read_hazards, score_cells, weigh_cells
from alerts.ground import read_ground
from alerts.scoring import SCORED_AT_ONCE, follow_world, score_incidents
from alerts.setting import read_setting
from bench.stand import ROOT, STATE, stand
from core.cells import city_cells
from core.clock import utc_now
from dispatch import coverage
from dispatch.routing import load_graph
from dispatch.units import read_candidates
from layers.imports.package import load_package

TURNS = 7
HAZARDS = text("""
INSERT INTO incident (id, number, kind, level, status, titles, channel, classification, district, geom, opened_at,
  changed_at, opened_by, version)
SELECT gen_random_uuid(), 'bench-' || b.id,
  (ARRAY['fire', 'flooding', 'medical', 'gas_leak', 'rainstorm'])[1 + b.id % 5],
  1 + b.id % 4, 'open', '{"zh": "x", "en": "x"}', 'desk', 0, '000000', b.center, :now, :now, 'bench', 1
FROM (SELECT id, center FROM building ORDER BY md5(id::text) LIMIT :count) AS b
""")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.risk", description=__doc__)
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    parser.add_argument("--resolution", type=int, default=9, help="of the cells (default 9)")
    parser.add_argument("--hazards", type=int, default=300, help="open incidents (default 300)")
    given = parser.parse_args()
    with stand() as here:
        fill(here.engine)
        figures = measure(here.engine, given.resolution, given.hazards)
    words = (
        "milliseconds of a processor: {cells} cells under {hazards} hazards weighed in {weigh_ms}, read, worded and "
        "written in {write_ms} (by the clock {write_clock_ms}), {still_ms} with nothing changed; {hazards} incidents "
        "followed in {follow_ms}; what stands still ({buildings} buildings, {facilities} facilities) in {ground_ms}"
    )
    print(json.dumps(figures, indent=2) if given.json else words.format(**figures))


def fill(engine: Engine) -> None:
    folder = STATE / "city"
    if not (folder / "city.json").exists():
        subprocess.run([sys.executable, "-m", "demo.city", "--out", str(folder)], check=True, cwd=ROOT)
    load_package(engine, folder, lambda layer, count: None)


def measure(engine: Engine, resolution: int, hazards: int) -> dict[str, Any]:
    with engine.connect() as conn, conn.begin() as whole:
        figures = _measure(conn, resolution, hazards)
        whole.rollback()
    return figures


def _measure(conn: Connection, resolution: int, hazards: int) -> dict[str, Any]:
    now = utc_now()
    rows = coverage.compute(load_graph(conn), city_cells(conn, resolution), read_candidates(conn))
    coverage.store(conn, rows, now)
    conn.execute(HAZARDS, {"now": now, "count": hazards})
    still = read_ground(conn)
    ground = read_cell_ground(conn, resolution, still)
    assert ground is not None
    setting, near = read_setting(conn, now, resolution), read_hazards(conn)

    def write() -> None:
        with conn.begin_nested() as turn:
            written = score_cells(conn, ground, now)
            assert written == len(ground.cells)
            turn.rollback()

    figures = {
        "cells": len(ground.cells),
        "hazards": len(near),
        "buildings": len(still.lon),
        "facilities": len(still.facilities),
        "ground_ms": timed(lambda: read_ground(conn)),
        "weigh_ms": timed(lambda: weigh_cells(ground, setting, near)),
        "write_ms": timed(write),
        "write_clock_ms": timed(write, time.perf_counter),
    }
    score_cells(conn, ground, now)
    while score_incidents(conn, now, resolution, still) == SCORED_AT_ONCE:
        pass
    return {
        **figures,
        "still_ms": timed(lambda: score_cells(conn, ground, now)),
        "follow_ms": timed(lambda: follow_world(conn, now, resolution, still)),
    }


def timed(work: Callable[[], object], clock: Callable[[], float] = time.process_time) -> float:
    """Milliseconds of our processor, or by the clock: the median of several turns."""
    took = []
    for _ in range(TURNS):
        began = clock()
        work()
        took.append(clock() - began)
    return round(1000 * statistics.median(took), 1)


if __name__ == "__main__":
    main()
