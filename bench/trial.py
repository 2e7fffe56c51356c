"""`python -m bench.trial [--json] [--days N] [--sensors N]`: how long a rule is tried over what was recorded.

A reading a minute of each sensor, as one setting of each kind that reads readings; seconds by the clock, readings a
second, and beside them what reading the same rows alone takes (`read_s`).
"""

from __future__ import annotations

import argparse
import json
import time
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from alerts.recorded import read_parts
from alerts.rules import administer
from alerts.trial import try_rule
from bench.rules import METRIC, RULES, sensor_of
from bench.stand import Stand, stand
from core.clock import utc_now
from ingest import partitions
from layers.imports.load import load_layer

MAKE = text("""
INSERT INTO observation (sensor_id, metric, time, value, unit, quality, received_at)
SELECT 'bench-' || n, :metric, t, 40 + 10 * sin(extract(epoch FROM t) / 13750.0 + n) + random() * 4
  + CASE WHEN random() < 0.0005 THEN 45 ELSE 0 END, 'L/s', 'good', t
FROM generate_series(0, :sensors - 1) AS n,
  generate_series(CAST(:day AS timestamptz), CAST(:day AS timestamptz) + interval '1439 minutes', interval '1 minute') t
ORDER BY 1, 2, 3
""")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.trial", description=__doc__)
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--sensors", type=int, default=800)
    given = parser.parse_args()
    with stand() as here:
        figures = measure(here, given.days, given.sensors)
    print(json.dumps(figures, indent=2) if given.json else "\n".join(f"{k}: {v:,}" for k, v in figures.items()))


def measure(here: Stand, days: int, sensors: int) -> dict[str, float]:
    end = utc_now().replace(hour=0, minute=0, second=0, microsecond=0)
    start = end - timedelta(days=days)
    record(here, start, days, sensors)
    figures: dict[str, float] = {"days": days, "sensors": sensors}
    with here.engine.begin() as conn:
        conn.execute(text("SET TRANSACTION READ ONLY"))
        figures["readings"], figures["read_s"] = read_alone(conn, sensors, start, end)
        for name, (kind, params) in RULES.items():
            given = {
                "id": name,
                "kind": kind,
                "alarm_kind": "limit",
                "name_zh": name,
                "name_en": name,
                "watches": {"sensor_kinds": ["flow"]},
                "params": params,
            }
            tried = try_rule(conn, administer.row_of(administer.read_given(given)), start, end)
            figures[f"{name}_s"] = tried["took_s"]
            figures[f"{name}_alarms"] = tried["count"]
            figures[f"{name}_readings_per_s"] = round(tried["readings"] / tried["took_s"])
    return figures


def record(here: Stand, start: datetime, days: int, sensors: int) -> None:
    with here.engine.begin() as conn:
        load_layer(conn, "sensors", (sensor_of(n) for n in range(sensors)))
        partitions.make_partitions(conn, [(start + timedelta(days=n)).date() for n in range(days + 1)])
    for n in range(days):
        with here.engine.begin() as conn:
            conn.execute(MAKE, {"metric": METRIC, "sensors": sensors, "day": start + timedelta(days=n)})
    with here.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(text("VACUUM ANALYZE observation"))


def read_alone(conn: Connection, sensors: int, start: datetime, end: datetime) -> tuple[int, float]:
    began = time.monotonic()
    series = [(f"bench-{n}", METRIC) for n in range(sensors)]
    readings = sum(len(part.recorded.at) for part in read_parts(conn, series, start, end))
    return readings, round(time.monotonic() - began, 2)


if __name__ == "__main__":
    main()
