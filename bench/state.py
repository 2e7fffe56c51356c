"""`python -m bench.state [--json] [--days N] [--sensors N]`: reading the whole picture of a past moment, against
reading it as it is now.

A month of a demo city's histories is written straight into the tables: readings of every sensor each minute, positions
of every unit each ten seconds, alarms that rise, are seen and end, incidents with their units, scores. Then moments all
over the month are asked for.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import time
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, text

from app.past import read_now, read_past
from bench.stand import ROOT, STATE, stand
from core.clock import utc_now
from core.history import kept
from ingest.partitions import make_partitions
from layers.imports.package import load_package
from layers.place import read_city

ASKED = 60
ALARMS_A_DAY, INCIDENTS_A_DAY, SCORES_A_DAY = 400, 120, 20_000
READINGS = text("""
INSERT INTO observation (sensor_id, metric, time, value, unit, quality, received_at)
SELECT s.id, s.metrics[1], t, 5 + sin(extract(epoch FROM t) / 7200), NULL, 'good', t + interval '40 ms'
FROM sensor s, generate_series(CAST(:start AS timestamptz), CAST(:end AS timestamptz) - interval '1 minute',
  interval '1 minute') AS t
WHERE cardinality(s.metrics) > 0
""")
STATES = text("""
INSERT INTO sensor_state (sensor_id, metric, time, value, unit, quality, received_at)
SELECT s.id, s.metrics[1], CAST(:now AS timestamptz) - interval '1 minute', 5, NULL, 'good',
  CAST(:now AS timestamptz) - interval '59 s'
FROM sensor s WHERE cardinality(s.metrics) > 0
""")
POSITIONS = text("""
INSERT INTO unit_position (unit_id, time, lon, lat, received_at)
SELECT u.id, t, ST_X(u.home), ST_Y(u.home), t + interval '40 ms'
FROM unit u, generate_series(CAST(:start AS timestamptz), CAST(:end AS timestamptz) - interval '10 seconds',
  interval '10 seconds') AS t
""")
ALARMS = text("""
INSERT INTO alarm (id, rule_id, kind, thing_type, thing_id, names, level, peak_level, state, active, raised_at,
  changed_at, observed_at, metric, value, message, district, geom, version)
SELECT gen_random_uuid(), 'bench', 'gas', 'sensor', s.id, '{"zh": "a", "en": "a"}', 3, 3, 'normal', false, t,
  t + interval '20 minutes', t, 'gas', 12.5, '{"zh": "a", "en": "a"}', s.district, s.geom, 3
FROM generate_series(1, :count) AS n,
  LATERAL (SELECT CAST(:start AS timestamptz) + n * (CAST(:end AS timestamptz) - :start) / :count AS t) AS at,
  LATERAL (SELECT id, district, geom FROM sensor OFFSET n % :sensors LIMIT 1) AS s
""")
ALARM_EVENTS = text(f"""
INSERT INTO alarm_event (alarm_id, time, what, state, level, who, after)
SELECT a.id, a.raised_at + make_interval(mins => 10 * k), (ARRAY['raised', 'acknowledged', 'returned'])[k + 1],
  (ARRAY['unacknowledged', 'acknowledged', 'normal'])[k + 1], 3, 'engine',
  {kept("a")} || jsonb_build_object('state', (ARRAY['unacknowledged', 'acknowledged', 'normal'])[k + 1],
    'version', k + 1)
FROM alarm a, generate_series(0, 2) AS k WHERE a.rule_id = 'bench'
""")
ALARM_RISKS = text("""
INSERT INTO risk_event (type, thing_id, time, version, score, risk)
SELECT 'alarm', id::text, raised_at + interval '1 s', 1, 5.5, '{"score": 5.5, "terms": []}'
FROM alarm WHERE rule_id = 'bench'
""")
INCIDENTS = text("""
INSERT INTO incident (id, number, kind, level, status, titles, channel, district, geom, opened_at, changed_at,
  ended_at, opened_by, version)
SELECT gen_random_uuid(), 'b' || n, 'noise', 3, 'closed', '{"zh": "a", "en": "a"}', 'bench', '000000', c.center, t,
  t + interval '1 hour', t + interval '1 hour', 'bench', 4
FROM city c, generate_series(1, :count) AS n,
  LATERAL (SELECT CAST(:start AS timestamptz) + n * (CAST(:end AS timestamptz) - :start) / :count AS t) AS at
""")
INCIDENT_EVENTS = text(f"""
INSERT INTO incident_event (incident_id, time, what, who, text, data, after)
SELECT i.id, i.opened_at + make_interval(mins => 20 * k), 'status', 'bench', '{{}}', '{{}}',
  {kept("i")} || jsonb_build_object(
  'status', (ARRAY['open', 'assigned', 'on_scene', 'closed'])[k + 1], 'version', k + 1, 'ended_at', NULL,
    'assignments', '[]'::jsonb,
  'alarms', '[]'::jsonb)
FROM incident i, generate_series(0, 3) AS k WHERE i.channel = 'bench'
""")
CELLS = text("""
INSERT INTO risk_cell (cell, score, level, terms, people, scored_at) VALUES (:cell, 3.0, 4, '[]', 10, now())
""")
CELL_RISKS = text("""
INSERT INTO risk_event (type, thing_id, time, score, level, risk)
SELECT 'cell', c.cell, CAST(:start AS timestamptz) + n * (CAST(:end AS timestamptz) - :start) / :count, 3.0, 4,
  '{"score": 3.0, "terms": [], "people": 10}'
FROM generate_series(1, :count) AS n, LATERAL (SELECT cell FROM risk_cell OFFSET n % :cells LIMIT 1) AS c
""")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.state", description=__doc__)
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    parser.add_argument("--days", type=int, default=30, help="days of history (default 30)")
    given = parser.parse_args()
    with stand() as here:
        rows = fill(here.engine, given.days)
        figures = {"days": given.days, **rows, **measure(here.engine, given.days)}
    words = (
        "the picture of a moment in the last {days} days: median {past_median_ms} ms, "
        "slowest {past_slowest_ms} ms of {asked}; as it is now: "
        "{now_median_ms} ms; {ratio} times as long"
    )
    print(json.dumps(figures, indent=2) if given.json else words.format(**figures))


def fill(engine: Engine, days: int) -> dict[str, int]:
    folder = STATE / "city"
    if not (folder / "city.json").exists():
        subprocess.run([sys.executable, "-m", "demo.city", "--out", str(folder)], check=True, cwd=ROOT)
    load_package(engine, folder, lambda layer, count: None)
    now = utc_now().replace(second=0, microsecond=0)
    first = now - timedelta(days=days)
    with engine.begin() as conn:
        conn.execute(text("UPDATE sensor SET first_seen_at = :first"), {"first": first - timedelta(days=1)})
        conn.execute(text("UPDATE history_start SET since = :first"), {"first": first - timedelta(days=1)})
        make_partitions(conn, [(first + timedelta(days=n)).date() for n in range(days + 2)])
    for n in range(days):
        given = {"start": first + timedelta(days=n), "end": first + timedelta(days=n + 1)}
        with engine.begin() as conn:
            conn.execute(READINGS, given)
            conn.execute(POSITIONS, given)
    with engine.begin() as conn:
        fill_acts(conn, first, now, days)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(text("VACUUM ANALYZE"))
        return {
            name: int(conn.scalar(text(f"SELECT count(*) FROM {name}")) or 0)
            for name in (
                "sensor",
                "unit",
                "observation",
                "unit_position",
                "alarm_event",
                "incident_event",
                "risk_event",
            )
        }


def fill_acts(conn: Connection, first: datetime, now: datetime, days: int) -> None:
    import h3

    conn.execute(STATES, {"now": now})
    span = {"start": first, "end": now}
    sensors = int(conn.scalar(text("SELECT count(*) FROM sensor")) or 1)
    conn.execute(ALARMS, {**span, "count": ALARMS_A_DAY * days, "sensors": sensors})
    conn.execute(ALARM_EVENTS)
    conn.execute(ALARM_RISKS)
    conn.execute(INCIDENTS, {**span, "count": INCIDENTS_A_DAY * days})
    conn.execute(INCIDENT_EVENTS)
    lon, lat = read_city(conn)["center"] or (0.0, 0.0)
    cells = sorted(h3.grid_disk(h3.latlng_to_cell(lat, lon, 8), 12))
    conn.execute(CELLS, [{"cell": cell} for cell in cells])
    conn.execute(CELL_RISKS, {**span, "count": SCORES_A_DAY * days, "cells": len(cells)})


def measure(engine: Engine, days: int) -> dict[str, float]:
    """Moments anywhere in the month and the present by turns, each in a transaction of its own as a request has it."""
    dice = random.Random(5)
    moments = [utc_now() - timedelta(days=days * dice.random()) for _ in range(ASKED)]
    past, now = [], []
    for moment in moments:
        past.append(timed(engine, lambda conn, at=moment: read_past(conn, at)))
        now.append(timed(engine, lambda conn: read_now(conn, utc_now())))
    middle, present = statistics.median(past), statistics.median(now)
    return {
        "asked": ASKED,
        "past_median_ms": round(middle, 1),
        "past_slowest_ms": round(max(past), 1),
        "now_median_ms": round(present, 1),
        "now_slowest_ms": round(max(now), 1),
        "ratio": round(middle / present, 2),
    }


def timed(engine: Engine, read: Any) -> float:
    began = time.perf_counter()
    with engine.connect() as conn:
        read(conn)
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    main()
