"""`python -m bench.rules [--json] [--seconds N]`: how many readings a second are judged, on one core.

- `obs_per_s`: all kinds that judge single sensors at once, over arrays: 10,000 sensors, each watched by a rule of each
  kind, a batch of a reading each at a time; the anomaly detector takes every `anomaly_stride`th reading of a sensor.
- `loop_obs_per_s`: the same rules one reading after the other (bench.loop_rules) in the same run;
  `loop_without_anomaly_obs_per_s` the same without the detector, which is written for arrays.
- `engine_obs_per_s`: from rows in the table to alarms committed and rows deleted, with the same rules;
  `engine_threshold_obs_per_s` with the first alone.
- `ingest_events_per_s`: from publish to committed, ours, in the same run (bench.ingest).

Some sensors in a hundred cross limits, so that findings, alarms and checkpoints are made.
"""

from __future__ import annotations

import argparse
import gc
import json
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr
from statistics import median
from typing import Any

import numpy as np
from sqlalchemy import Connection, text

from alerts.anomaly import STRIDE
from alerts.engine import AlertEngine
from alerts.panel import Panel
from alerts.rules import KINDS, check_params
from alerts.rules.base import RuleRow, Thing
from alerts.rules.steps import SECOND, Floats, Ints
from bench.ingest import measure_ours
from bench.loop_rules import Loop
from bench.stand import STATE, Stand, stand
from core.clock import utc_now
from core.log import setup_log
from core.packed import pack
from core.pgarray import to_pg_us
from layers.imports.load import load_layer

SENSORS = 10_000
METRIC = "flow"
BATCH = 5_000
# of a city's readings these cross their limits
RESTLESS = 0.01
Rules = dict[str, tuple[str, dict[str, Any]]]
RULES: Rules = {
    "threshold": (
        "threshold",
        {
            "metric": METRIC,
            "hysteresis": 2,
            "steps": [
                {"level": 1, "on": 90, "off_delay_s": 60},
                {"level": 2, "on": 80, "off_delay_s": 60},
                {"level": 3, "on": 70, "on_delay_s": 120, "off_delay_s": 60},
                {"level": 4, "on": 60, "off_delay_s": 60},
            ],
        },
    ),
    "aggregate": (
        "aggregate",
        {
            "metric": METRIC,
            "function": "mean",
            "hysteresis": 2,
            "steps": [{"level": 2, "on": 85, "window_s": 3600}, {"level": 3, "on": 75, "window_s": 10_800}],
        },
    ),
    "change": ("change", {"metric": METRIC, "over_s": 1800, "hysteresis": 5, "steps": [{"level": 3, "on": 45}]}),
    "implausible": ("implausible", {"metric": METRIC, "frozen_s": 1800, "low": -20, "high": 150, "jump": 120}),
    "anomaly": ("anomaly", {"metric": METRIC}),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.rules", description=__doc__)
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    parser.add_argument("--minutes", type=int, default=60, help="readings of each sensor over arrays (default 60)")
    parser.add_argument("--waiting", type=int, default=1_000_000, help="readings that wait in the table")
    parser.add_argument("--without-ingest", action="store_true", help="leave out the ingester's rate")
    given = parser.parse_args()
    # the engine's log goes to a file, as in a city
    with (STATE / "engine.log").open("w") as log, redirect_stderr(log):
        setup_log("bench")
        figures = measure(given.minutes, given.waiting, with_ingest=not given.without_ingest)
    print(json.dumps(figures, indent=2) if given.json else "\n".join(f"{k}: {v:,}" for k, v in figures.items()))


def measure(minutes: int, waiting: int, *, with_ingest: bool) -> dict[str, float]:
    figures: dict[str, float] = {"sensors": SENSORS, "anomaly_stride": STRIDE, "kinds": len(RULES)}
    arrays = median(measure_arrays(list(RULES), minutes) for _ in range(3))
    figures["obs_per_s"] = round(arrays)
    for name in RULES:
        figures[f"{name}_obs_per_s"] = round(measure_arrays([name], minutes))
    loop = measure_loop(list(RULES))
    plain = measure_loop([name for name in RULES if name != "anomaly"])
    figures |= {"loop_obs_per_s": round(loop), "loop_without_anomaly_obs_per_s": round(plain)}
    figures |= {"times_loop": round(arrays / loop, 1), "times_loop_without_anomaly": round(arrays / plain, 1)}
    with stand() as here:
        figures["engine_obs_per_s"] = round(median(measure_engine(here, RULES, waiting) for _ in range(3)))
        figures["alarms"] = count_alarms(here)
        threshold = {"threshold": RULES["threshold"]}
        figures["engine_threshold_obs_per_s"] = round(measure_engine(here, threshold, waiting))
        if with_ingest:
            ingest = median(measure_ours(here, 100_000)["rate"] for _ in range(3))
            figures["ingest_events_per_s"] = round(ingest)
            figures["engine_times_ingest"] = round(figures["engine_obs_per_s"] / ingest, 1)
    return figures


def values_at(minute: int, rng: np.random.Generator) -> Floats:
    """One reading of each sensor: a daily swing with noise; some of them beyond their limits for a while."""
    phase = np.arange(SENSORS) / SENSORS * 2 * np.pi
    calm = 40 + 10 * np.sin(2 * np.pi * minute / 1440 + phase) + rng.normal(0, 2, SENSORS)
    restless = (np.arange(SENSORS) * 7919 + minute // 20 * 104_729) % SENSORS < SENSORS * RESTLESS
    return np.where(restless, calm + 45, calm)


def readings_of(minutes: int) -> list[tuple[Ints, Floats]]:
    rng = np.random.default_rng(1)
    return [
        (np.full(SENSORS, minute * 60 * SECOND) + np.arange(SENSORS), values_at(minute, rng))
        for minute in range(minutes)
    ]


def things() -> list[Thing]:
    return [Thing("sensor", f"bench-{n}", {"zh": f"{n}", "en": f"{n}"}, "329906", kind="flow") for n in range(SENSORS)]


def rule_rows(names: Sequence[str]) -> list[RuleRow]:
    return [
        RuleRow(name, kind, "limit", {"zh": name, "en": name}, {}, check_params(kind, params))
        for name in names
        for kind, params in [RULES[name]]
    ]


def make_panel(names: Sequence[str]) -> Panel:
    watched = things()
    banks = []
    for rule in rule_rows(names):
        make: Callable[..., Any] | None = KINDS[rule.kind].bank
        if make is None:
            raise SystemExit(f"{rule.kind} is not judged over arrays")
        banks.append((make(rule, watched), KINDS[rule.kind].metrics(rule)))
    return Panel(banks)


def measure_arrays(names: Sequence[str], minutes: int) -> float:
    """Readings a second of the panel alone."""
    panel = make_panel(names)
    slots = np.array([panel.slots[f"bench-{n}", METRIC] for n in range(SENSORS)])
    readings = readings_of(minutes)
    gc.collect()
    began = time.process_time()
    for at, values in readings:
        panel.feed(slots, at, values)
        panel.tick(int(at[-1]))
    return minutes * SENSORS / (time.process_time() - began)


def measure_loop(names: Sequence[str], minutes: int = 6) -> float:
    """The same, one reading after the other."""
    loop = Loop(rule_rows(names), things())
    ids = [f"bench-{n}" for n in range(SENSORS)]
    batches = [
        list(zip(ids, [METRIC] * SENSORS, at.tolist(), values.tolist(), strict=True))
        for at, values in readings_of(minutes)
    ]
    gc.collect()
    began = time.process_time()
    for batch in batches:
        loop.feed(batch)
        loop.tick(batch[-1][2])
    return minutes * SENSORS / (time.process_time() - began)


def arm(here: Stand, rules: Rules) -> None:
    """The stand's sensors and these rules, and no others."""
    with here.engine.begin() as conn:
        conn.execute(text("TRUNCATE rule_memory, rule_state, outbox CASCADE"))
        # alarms of before stay, for their history may not be taken away: these are other rules
        conn.execute(text("UPDATE rule SET enabled = false"))
        turn = conn.scalar(text("SELECT count(*) FROM rule"))
        for name, (kind, params) in rules.items():
            conn.execute(
                text(
                    """
INSERT INTO rule (id, kind, alarm_kind, name_zh, name_en, watches, params, enabled, changed_at)
VALUES (:id, :kind, 'limit', :id, :id, '{"sensor_kinds": ["flow"]}', CAST(:params AS jsonb), true, now())
"""
                ),
                {"id": f"bench-{turn}-{name}", "kind": kind, "params": json.dumps(params)},
            )
        if not conn.scalar(text("SELECT count(*) FROM sensor WHERE id LIKE 'bench-%'")):
            load_layer(conn, "sensors", (sensor_of(n) for n in range(SENSORS)))


def sensor_of(n: int) -> tuple[str, Any]:
    properties = {"kind": "flow", "name_zh": f"{n}", "name_en": f"{n}", "metrics": [METRIC]}
    point = {"type": "Point", "coordinates": [119 + n % 100 / 1000, 33 + n // 100 / 1000]}
    return f"bench-{n}", {"id": f"bench-{n}", "properties": properties, "geometry": point}


def measure_engine(here: Stand, rules: Rules, waiting: int) -> float:
    """Readings a second from the table to alarms committed, by the clock."""
    arm(here, rules)
    began_at = to_pg_us(utc_now()) - waiting // SENSORS * 60 * SECOND
    with here.engine.begin() as conn:
        numbers = number(conn)
        for at, values in readings_of(waiting // SENSORS):
            for start in range(0, SENSORS, BATCH):
                some = slice(start, start + BATCH)
                packed = pack(numbers[some], (at[some] + began_at).tolist(), values[some].tolist())
                conn.execute(
                    text("INSERT INTO ingest_batch (partition, created_at, packed) VALUES (0, now(), :packed)"),
                    {"packed": packed},
                )
    engine = AlertEngine(here.engine, 1)
    engine.own([0])
    engine.load(utc_now())
    gc.collect()
    began = time.perf_counter()
    while engine.judge(utc_now()):
        pass
    took = time.perf_counter() - began
    if engine.judged != waiting // SENSORS * SENSORS:
        raise SystemExit(f"the engine judged {engine.judged} of {waiting}: its rate means nothing")
    return engine.judged / took


def number(conn: Connection) -> list[int]:
    conn.execute(
        text(
            """
INSERT INTO series (sensor_id, metric) SELECT 'bench-' || n, :metric FROM generate_series(0, :count - 1) AS n
ON CONFLICT DO NOTHING
"""
        ),
        {"metric": METRIC, "count": SENSORS},
    )
    found = conn.execute(text("SELECT sensor_id, number FROM series WHERE sensor_id LIKE 'bench-%'")).all()
    numbers = {row.sensor_id: row.number for row in found}
    return [numbers[f"bench-{n}"] for n in range(SENSORS)]


def count_alarms(here: Stand) -> int:
    with here.engine.connect() as conn:
        return int(conn.scalar(text("SELECT count(*) FROM alarm")) or 0)


if __name__ == "__main__":
    main()
