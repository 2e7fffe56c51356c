"""Real data: two months of water flow through the broker into a city of OpenStreetMap's, judged as its donor describes
it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from app.services.cities import helsinki_extract
from app.services.mosquitto import Broker
from core.clock import rfc3339
from core.db import make_engine
from core.settings import Settings
from core.types import LonLat
from demo.replay import SENSOR, read_series, recording, shift
from dispatch.routing import load_graph
from layers.imports.osm import load_osm
from tests.conftest import MakeDatabase
from tests.support import LOGS, ROOT, System, free_settings, mailbox, now, wait_for

# the text of river.datasets.WaterFlow names three "low value moments"; here is when they lie in the recording
WINDOWS = [
    ("2022-03-24T08:00+00:00", "2022-03-25T00:00+00:00"),
    ("2022-03-29T07:00+00:00", "2022-03-29T19:00+00:00"),
    ("2022-04-27T14:00+00:00", "2022-04-28T04:00+00:00"),
]
LIMITS, HYSTERESIS = {3: 60.0, 4: 90.0}, 2.0


@pytest.fixture(scope="module")
def helsinki(bare: str, make_database: MakeDatabase, broker: Broker) -> Settings:
    settings = free_settings(make_database("test_replay", bare), broker.url())
    engine = make_engine(settings, pool_size=1)
    load_osm(engine, helsinki_extract(), "Helsinki", "Europe/Helsinki", lambda layer, count: None)
    engine.dispose()
    return settings


@pytest.fixture(scope="module")
def system(helsinki: Settings, broker: Broker) -> Iterator[System]:
    with System(helsinki, broker, LOGS / "test_replay") as system:
        yield system.start("ingest", "alerts", "dispatch")


def replay(system: System) -> str:
    command = [sys.executable, "-m", "app.cli", "replay"]
    environment = system.environment() | {"ONEMAP_MQTT_URL": system.gateway_url}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def replayed(system: System) -> str:
    told = replay(system)
    wait_for(lambda: system.one("SELECT count(*) FROM observation WHERE sensor_id = %s", SENSOR) == 1268)
    wait_for(system.settled)
    return told


def judged() -> list[tuple[datetime, int | None, float]]:
    """When the level changes, to what, and by which value: worked out apart from the rules."""
    level: int | None = None
    changes: list[tuple[datetime, int | None, float]] = []
    for moment, value in read_series(recording()):
        held = {step: level is not None and level <= step for step in LIMITS}
        met = [step for step, limit in LIMITS.items() if value <= limit + HYSTERESIS * held[step]]
        found = min(met, default=None)
        if found != level:
            changes.append((moment, found, value))
        level = found
    return changes


def test_all_rows_are_there_and_end_now(replayed: str, system: System) -> None:
    assert "1,268" in replayed
    [span] = system.rows("SELECT min(time) AS first, max(time) AS last FROM observation WHERE sensor_id = %s", SENSOR)
    series = read_series(recording())
    assert span["last"] - span["first"] == series[-1][0] - series[0][0]
    assert timedelta(0) <= now() - span["last"] < timedelta(hours=2)
    values = [
        r["value"] for r in system.rows("SELECT value FROM observation WHERE sensor_id = %s ORDER BY time", SENSOR)
    ]
    assert values == [value for _, value in series]


def test_alarms_are_in_the_windows_that_the_donor_names(replayed: str, system: System) -> None:
    raised = [moment for moment, level, _ in judged() if level == 3]
    ended = [moment for moment, level, _ in judged() if level is None]
    windows = [(datetime.fromisoformat(a), datetime.fromisoformat(b)) for a, b in WINDOWS]
    assert list(zip(raised, ended, strict=True)) == windows
    events = system.rows(
        """
SELECT e.what, e.level, e.value FROM alarm_event e JOIN alarm a ON a.id = e.alarm_id
WHERE a.thing_id = %s AND e.observed_at IS NOT NULL ORDER BY e.id
""",
        SENSOR,
    )
    # three windows of a day replayed within minutes also chatter: that is the clock's doing and no finding
    told = [(e["level"] if e["what"] != "returned" else None, e["value"]) for e in events]
    assert told == [(level, value) for _, level, value in judged()]
    assert [e["what"] for e in events].count("raised") + [e["what"] for e in events].count("raised_again") == 3


def last_moment() -> datetime:
    """When the series ends, replayed now: at the full hour before."""
    *_, (moment, _) = shift(read_series(recording()), now())
    return moment


def replay_through(system: System) -> None:
    """Replay, and wait until all of it has been judged."""
    replay(system)
    tails = system.one("SELECT count(*) FROM observation WHERE sensor_id = 'tail'")
    with mailbox(system.gateway_url) as box:
        box.publish("onemap/observation/tail", {"time": rfc3339(now()), "metric": "noise", "value": 1})
    wait_for(lambda: system.one("SELECT count(*) FROM observation WHERE sensor_id = 'tail'") > tails)
    wait_for(system.settled)


def counts(system: System) -> list[dict[str, int]]:
    """Readings, and what they did to alarms; that an alarm chatters no more is the clock's doing."""
    query = """
SELECT (SELECT count(*) FROM observation WHERE sensor_id = %s) AS o,
  (SELECT count(*) FROM alarm_event WHERE observed_at IS NOT NULL) AS e
"""
    return system.rows(query, SENSOR)


def test_replaying_again_in_the_same_hour_changes_nothing(replayed: str, system: System) -> None:
    while True:
        hour = last_moment()
        if not system.one("SELECT count(*) FROM observation WHERE sensor_id = %s AND time = %s", SENSOR, hour):
            replay_through(system)  # the first of this hour
        before = counts(system)
        replay_through(system)
        if last_moment() == hour:  # else an hour has ended meanwhile and moved the series
            break
    assert counts(system) == before
    assert system.one("SELECT count(*) FROM dead_letter") == 0


def test_risk_names_the_terms_that_this_city_lacks(replayed: str, system: System) -> None:
    with mailbox(system.gateway_url) as box:
        box.publish(
            f"onemap/observation/{SENSOR}", {"time": rfc3339(now()), "metric": "flow", "value": 20, "unit": "L/s"}
        )
    scored = "SELECT risk FROM alarm WHERE thing_id = %s AND active AND risk IS NOT NULL"
    [row] = wait_for(lambda: system.rows(scored, SENSOR))
    terms = {term["name"]: term for term in row["risk"]["terms"]}
    assert terms["people"]["value"] is None
    assert terms["people"]["text"]["en"] == "no population data here"
    assert terms["buildings"]["value"] > 0
    assert row["risk"]["score"] > 0


def test_its_streets_route(helsinki: Settings) -> None:
    engine = make_engine(helsinki, pool_size=1)
    with engine.connect() as conn:
        graph = load_graph(conn)
    engine.dispose()
    ways = graph.ways_to(LonLat(24.9452, 60.1651), [LonLat(24.9382, 60.1667), LonLat(24.9508, 60.1699)])
    assert all(way is not None and 100 < way.distance_m < 4000 and 10 < way.eta_s < 900 for way in ways)
