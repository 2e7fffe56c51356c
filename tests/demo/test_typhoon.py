"""The typhoon over the whole demo city: how many of its sensors reach the limits of the rules that are armed, by what
they send. The alarms themselves, and the lines that they become, are in tests/flow/test_typhoon.py."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from core.vocabulary import table
from demo.city.compose import City
from demo.city.write import write
from demo.devices.package import Package, Thing, read
from demo.devices.script import storm_script
from demo.devices.world import World

START = datetime(2026, 7, 4, 1, 0, tzinfo=UTC)
LANDFALL_S, TEN_MINUTES_S, STEP_S = 450, 600, 5
SILENT_S, SILENT_INTERVALS = 300, 5
OWN_LIMITS = {"water_level"}  # sensors whose site has limits of its own
# rule by kind of sensor and metric
RULES = {
    ("wind", "wind"): "wind",
    ("rain", "rain"): "rain",
    ("manhole", "water_level"): "manhole-water",
    ("manhole", "tilt"): "manhole-tilt",
}


@pytest.fixture(scope="module")
def whole(city: City, tmp_path_factory: pytest.TempPathFactory) -> Package:
    path = tmp_path_factory.mktemp("whole")
    write(city, path, 1.0)
    return read(path)


def lowest_limit(site: Thing, metric: str) -> float | None:
    """From which value on an armed rule raises an alarm of this sensor; None where none looks at it."""
    if site.kind in OWN_LIMITS:
        return float(min(site.properties["thresholds"][metric].values()))
    rule = RULES.get((site.kind, metric))
    return None if rule is None else float(min(step["on"] for step in table("rules")[rule]["params"]["steps"]))


def readings(payload: bytes) -> Iterator[tuple[str, float]]:
    body: dict[str, Any] = orjson.loads(payload)
    yield from body["values"].items() if "values" in body else [(body["metric"], body["value"])]


def test_a_thousand_limits_are_reached_within_ten_minutes(whole: Package) -> None:
    """Each sensor once for what it measures, and once for its silence."""
    world = World(whole, storm_script("typhoon"), 1, START, storm_after_s=0)
    sites = {one.id: one for one in whole.sensors}
    heard: dict[str, int] = {}
    fallen: dict[str, float] = defaultdict(float)
    reached: dict[tuple[str, str], int] = {}
    for second in range(0, LANDFALL_S + TEN_MINUTES_S, STEP_S):
        for sent in world.step(START + timedelta(seconds=second)):
            if not sent.topic.startswith("onemap/observation/"):
                continue
            site = sites[sent.topic.rsplit("/", 1)[-1]]
            heard[site.id] = second
            for metric, value in readings(sent.payload):
                fallen[site.id] += value if metric == "rain" else 0.0
                limit = lowest_limit(site, metric)
                if limit is not None and (fallen[site.id] if metric == "rain" else value) >= limit:
                    reached.setdefault((site.id, metric), second)
        for name, last in heard.items():
            if second - last >= max(SILENT_S, SILENT_INTERVALS * sites[name].properties["interval_s"]):
                reached.setdefault((name, "silence"), second)
    assert sum(second >= LANDFALL_S for second in reached.values()) >= 1_000
