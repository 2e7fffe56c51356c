"""Real input: the Helsinki extract routes, and a recorded series with known anomalies raises alarms in their windows only.

The text of the series (river.datasets.WaterFlow) names three "low value moments" and one small peak. The three are far below
the site's limits; the peak stays within them and is not for a threshold to find.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from app.services.cities import helsinki_extract
from app.services.mosquitto import Broker
from core.db import make_engine
from core.settings import Settings
from core.types import LonLat
from demo.replay import read_series, recording
from dispatch.routing import load_graph
from layers.imports.osm import load_osm
from layers.imports.package import load_layers
from tests.conftest import MakeDatabase
from tests.support import ROOT, STATE, System, free_settings, now, wait_for

SENSOR = "flow-replay"
ROWS = 1268
# the three "low value moments": first and last hour below 90 L/s, as the series has them
WINDOWS = [
    (datetime(2022, 3, 24, 8, tzinfo=UTC), datetime(2022, 3, 24, 23, tzinfo=UTC)),
    (datetime(2022, 3, 29, 7, tzinfo=UTC), datetime(2022, 3, 29, 18, tzinfo=UTC)),
    (datetime(2022, 4, 27, 14, tzinfo=UTC), datetime(2022, 4, 28, 3, tzinfo=UTC)),
]


@pytest.fixture(scope="module")
def helsinki(bare: str, make_database: MakeDatabase, broker: Broker) -> Settings:
    settings = free_settings(make_database("test_helsinki", bare), broker.url())
    engine = make_engine(settings, pool_size=1)
    load_osm(engine, helsinki_extract(), "Helsinki", "Europe/Helsinki", lambda layer, count: None)
    load_layers(engine, ROOT / "demo" / "data" / "helsinki", lambda layer, count: None)
    engine.dispose()
    return settings


@pytest.fixture(scope="module")
def system(helsinki: Settings, broker: Broker) -> Iterator[System]:
    with System(helsinki, broker, STATE / "log" / "replay") as running:
        yield running.start("ingest", "alerts", "dispatch", "serve")


def replay(system: System) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", "replay"], cwd=ROOT, check=True, capture_output=True, text=True, timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT), "ONEMAP_DATABASE_URL": system.settings.database_url, "ONEMAP_MQTT_URL": system.gateway_url},
    )  # fmt: skip
    return done.stdout


@pytest.fixture(scope="module")
def replayed(system: System) -> System:
    assert f"{ROWS:,} rows" in replay(system)
    wait_for(lambda: system.one("SELECT count(*) FROM observation WHERE sensor_id = %s", SENSOR) == ROWS, 60)
    wait_for(system.settled, 60, "everything is judged")
    return system


def test_every_row_is_stored_and_the_last_is_of_this_hour(replayed: System) -> None:
    [row] = replayed.rows("SELECT count(*) AS rows, max(time) AS newest FROM observation WHERE sensor_id = %s", SENSOR)
    assert row["rows"] == ROWS
    assert timedelta(0) <= now() - row["newest"] < timedelta(hours=2)


def test_alarms_stand_in_the_windows_the_series_states_and_nowhere_else(replayed: System) -> None:
    newest = replayed.one("SELECT max(time) FROM observation WHERE sensor_id = %s", SENSOR)
    shift = newest - read_series(recording())[-1][0]
    events = replayed.rows("SELECT what, level, observed_at FROM alarm_event WHERE who = 'engine' ORDER BY id")
    begun = [e["observed_at"] for e in events if e["what"] in ("raised", "raised_again")]
    ended = [e["observed_at"] for e in events if e["what"] == "returned"]
    assert begun == [first + shift for first, _ in WINDOWS]
    # it returns with the first value above limit and hysteresis: within two hours of the window's end
    assert all(
        timedelta(0) < end - (last + shift) <= timedelta(hours=2) for end, (_, last) in zip(ended, WINDOWS, strict=True)
    )
    assert min(e["level"] for e in events) == 3


def test_risk_names_the_terms_it_lacks(replayed: System) -> None:
    risk = replayed.one("SELECT risk FROM alarm WHERE thing_id = %s", SENSOR)
    missing = {t["name"]: t["text"]["en"] for t in risk["terms"] if t["value"] is None}
    assert missing["people"] == "no population data here"
    assert risk["score"] > 0


def test_replaying_again_in_the_same_hour_changes_nothing(replayed: System) -> None:
    counts = "SELECT (SELECT count(*) FROM observation), (SELECT count(*) FROM alarm_event WHERE who = 'engine')"
    before = replayed.rows(counts)
    hour = now().hour
    replay(replayed)
    replayed_messages = "SELECT (figures->>'messages')::int FROM process_state WHERE name = 'ingest-0'"
    wait_for(lambda: replayed.one(replayed_messages) >= 2 * ROWS, 30, "the second run has been taken in")
    wait_for(replayed.settled, 60)
    if now().hour == hour:
        assert replayed.rows(counts) == before
    assert replayed.one("SELECT count(*) FROM dead_letter") == 0


def test_streets_of_the_extract_route(helsinki: Settings) -> None:
    engine = make_engine(helsinki, pool_size=1)
    with engine.connect() as conn:
        graph = load_graph(conn)
    engine.dispose()
    station, north = LonLat(24.9452, 60.1651), LonLat(24.9503695, 60.1751548)
    [way] = graph.ways_to(north, [station])
    assert len(graph) > 1000
    assert way is not None
    straight_m = 1150
    assert straight_m < way.distance_m < 2.5 * straight_m
