"""`python -m bench.anomaly [--json] [--made SEED] [--quiet DAYS] [DIR OUT]`: the detector over series of the Numenta
benchmark, and how fast and how quiet it is.

Every `DIR/{group}/{name}.csv` is told row by row and its scores are written as `OUT/{group}/onemap_{name}.csv`; where
windows are known the benchmark's score is computed, one threshold for all. `--made` does the same with made series.
`--quiet` tells it every reading of a demo city's sensors on calm days and counts what it would call notable.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from alerts.anomaly import NOTABLE, STRIDE, Judged, due, grow, judge, make_state, scores_of
from alerts.unusual import Kind
from bench.made_series import make_series
from bench.nab import Series, normalised, read_series, score_at, sweep, write_scores
from bench.stand import ROOT

# a city's worth of sensors, each read so often
SENSORS, ROUNDS = 10_000, 100
CALM_BEGIN = datetime(2026, 7, 1, tzinfo=UTC)
CALM_SEED = 1
WANTED_A_DAY = 0.02
# thresholds of surprise that the quiet days are counted at besides
LADDER = (3.5, 4.0, 4.5, 5.0, 5.5)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Told:
    """A series with the scores it was given."""

    series: Series
    scores: tuple[float, ...]
    took_s: float


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.anomaly", description=__doc__)
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    parser.add_argument("--made", type=int, metavar="SEED", help="made series instead of a folder")
    parser.add_argument("--quiet", type=int, metavar="DAYS", help="also calm days of the demo city")
    parser.add_argument("folder", type=Path, nargs="?", metavar="DIR", help="{group}/{name}.csv, windows beside it")
    parser.add_argument("out", type=Path, nargs="?", metavar="OUT", help="where {group}/onemap_{name}.csv is written")
    given = parser.parse_args()
    if given.folder is not None and given.out is None:
        parser.error("DIR needs OUT")
    if given.folder is None and given.made is None and given.quiet is None:
        parser.error("nothing to do: DIR OUT, --made or --quiet")
    figures: dict[str, Any] = {"detector": "onemap", "notable": NOTABLE, **measure_pace()}
    if given.folder is not None:
        figures |= run_series(read_series(given.folder), given.out)
    elif given.made is not None:
        figures |= run_series(make_series(given.made), None)
    if given.quiet is not None:
        figures["quiet"] = run_quiet(given.quiet)
    print(json.dumps(figures, indent=2, ensure_ascii=False) if given.json else "\n".join(sentences(figures)))


def run_series(series: Iterable[Series], out: Path | None) -> dict[str, Any]:
    told = [tell(one) for one in series]
    if out is not None:
        for one in told:
            write_scores(out, one.series, one.scores)
    known = any(one.series.windows for one in told)
    rows = sum(len(one.scores) for one in told)
    threshold = sweep((one.series, one.scores) for one in told).threshold if known else None
    return {
        "series": [figures_of(one, threshold) for one in told],
        "count": len(told),
        "rows": rows,
        "rows_per_s": round(rows / max(sum(one.took_s for one in told), 1e-9)),
        "nab_standard": nab_figures(told) if known else None,
    }


def tell(series: Series) -> Told:
    began = time.perf_counter()
    scores = scores_of(series.times, series.values)
    return Told(series, tuple(scores.tolist()), time.perf_counter() - began)


def figures_of(told: Told, threshold: float | None) -> dict[str, Any]:
    """Of one series; its own score at the threshold of all where that is known."""
    series = told.series
    figures: dict[str, Any] = {
        "name": series.name,
        "count": len(told.scores),
        "rows_per_s": round(len(told.scores) / max(told.took_s, 1e-9)),
        "windows": len(series.windows),
    }
    if threshold is not None:
        own = score_at(series, told.scores, threshold)
        figures["nab_raw"] = round(own, 3)
        if series.windows:
            figures["nab"] = round(normalised(own, len(series.windows)), 1)
    return figures


def nab_figures(told: Sequence[Told]) -> dict[str, Any]:
    best = sweep((one.series, one.scores) for one in told)
    groups: dict[str, list[Told]] = {}
    for one in told:
        groups.setdefault(one.series.name.split("/")[0], []).append(one)
    return {
        "score": round(best.score, 2),
        "threshold": best.threshold,
        "found": best.found,
        "windows": best.windows,
        "false_rows": best.false,
        "groups": {name: round(_at(some, best.threshold), 1) for name, some in groups.items()},
    }


def _at(told: Sequence[Told], threshold: float) -> float:
    raw = sum(score_at(one.series, one.scores, threshold) for one in told)
    return normalised(raw, sum(len(one.series.windows) for one in told))


def measure_pace() -> dict[str, Any]:
    """Readings a second of one core: all judged, and one in STRIDE of each sensor."""
    dice = np.random.default_rng(1)
    values = dice.normal(50.0, 5.0, (ROUNDS, SENSORS))
    rows = np.arange(SENSORS)
    paces: dict[str, Any] = {"sensors": SENSORS, "stride": STRIDE}
    for name, stride in (("readings_per_s_all_judged", 1), ("readings_per_s_at_stride", STRIDE)):
        state, counts = make_state(SENSORS), np.zeros(SENSORS, np.int64)
        began = time.process_time()
        for n in range(ROUNDS):
            now = due(counts, rows, stride)
            judge(state, rows[now], np.full(int(now.sum()), 300.0 * n), values[n, now])
        paces[name] = round(ROUNDS * SENSORS / (time.process_time() - began))
    return paces


def run_quiet(days: int) -> dict[str, Any]:
    """What is notable among all readings of a calm demo city, each metric of a sensor a series of its own, from the
    first reading on."""
    state = make_state(0)
    known: dict[tuple[str, str], int] = {}
    by_day: list[int] = []
    kinds: Counter[str] = Counter()
    worst: Counter[str] = Counter()
    highest, readings = 0.0, 0
    at_least = np.zeros(len(LADDER), np.int64)
    for batch in calm_batches(days):
        names = [(sensor, metric) for sensor, metric, _, _ in batch]
        rows = np.array([known.setdefault(name, len(known)) for name in names], np.int64)
        if len(known) > state.sensors:
            state = grow(state, len(known))
        times = np.array([at for _, _, at, _ in batch])
        seen: Judged = judge(state, rows, times, np.array([value for *_, value in batch]))
        readings += len(batch)
        at_least += [int((seen.news >= least).sum()) for least in LADDER]
        highest = max(highest, float(seen.news.max(initial=0.0)))
        told = np.flatnonzero(seen.news >= NOTABLE)
        day = int((times.min() - CALM_BEGIN.timestamp()) // DAY.total_seconds())
        by_day += [0] * (day + 1 - len(by_day))
        by_day[day] += len(told)
        kinds.update(Kind(int(seen.kind[n])).name.lower() for n in told)
        worst.update(names[n][1] for n in told)
    sensors = len({sensor for sensor, _ in known})
    rate = sum(by_day) / (sensors * days)
    return {
        "days": days,
        "sensors": sensors,
        "series": len(known),
        "readings": readings,
        "notable_by_day": by_day,
        "kinds": dict(kinds),
        "metrics": dict(worst),
        "highest": round(highest, 2),
        "per_sensor_and_day_at": {
            str(least): round(int(n) / (sensors * days), 5) for least, n in zip(LADDER, at_least, strict=True)
        },
        "per_sensor_and_day": round(rate, 5),
        "wanted_below": WANTED_A_DAY,
        "held": rate < WANTED_A_DAY,
    }


def calm_batches(days: int) -> Iterator[list[tuple[str, str, float, float]]]:
    """(sensor, metric, time, value) of a demo city without a storm, in batches of ten minutes."""
    from demo.devices.package import read
    from demo.devices.sensors import Sensors

    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, "-m", "demo.city", "--out", folder], check=True, cwd=ROOT, stdout=subprocess.DEVNULL
        )
        sites = read(Path(folder)).sensors
    sensors, now = Sensors(sites, CALM_SEED, CALM_BEGIN), CALM_BEGIN
    while now < CALM_BEGIN + days * DAY:
        batch = []
        # as devices are asked: often, for what is due longer than that is sent at once
        for _ in range(120):
            now += timedelta(seconds=5)
            for sent in sensors.step(now, None):
                body = orjson.loads(sent.payload)
                at = datetime.fromisoformat(body["time"]).timestamp()
                values = body.get("values") or {body["metric"]: body["value"]}
                sensor = sent.topic.rsplit("/", 1)[1]
                batch += [(sensor, metric, at, float(value)) for metric, value in values.items()]
        if batch:
            yield batch


def sentences(figures: dict[str, Any]) -> Iterator[str]:
    yield (
        f"{figures['readings_per_s_all_judged']:,} readings a second of a core are judged; "
        f"{figures['readings_per_s_at_stride']:,} come by where one in {figures['stride']} of a sensor is"
    )
    if "count" in figures:
        yield f"{figures['count']} series, {figures['rows']:,} rows, {figures['rows_per_s']:,} rows a second one by one"
    if nab := figures.get("nab_standard"):
        yield (
            f"benchmark, standard profile: {nab['score']} ({nab['found']} of {nab['windows']} windows, "
            f"{nab['false_rows']} false rows); by group {nab['groups']}"
        )
    if quiet := figures.get("quiet"):
        yield (
            f"{quiet['per_sensor_and_day']} notable readings a sensor and day in {quiet['days']} calm days of "
            f"{quiet['sensors']} sensors (wanted below {quiet['wanted_below']}); by day {quiet['notable_by_day']}"
        )


if __name__ == "__main__":
    main()
