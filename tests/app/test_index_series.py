"""The air quality index as its rule judges it, as a series."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, text

from alerts.limits import INDEX, read_measures
from alerts.rules.aggregate import index_series, index_windows
from app.api.sensors import get_observations
from core.errors import InputError
from core.pgarray import to_pg_us
from core.viewer import Role
from ingest.arrived import Arrived
from ingest.records import Reading
from ingest.writer import Writer
from layers.sensors import Series
from tests.alerts.helpers import rule_of
from tests.people import person
from tests.support import now

DAY_S = 86_400.0
STEP = timedelta(minutes=1)


def station(conn: Connection) -> str:
    return str(conn.scalar(text("SELECT min(id) FROM sensor WHERE kind = 'air_quality'")))


def measure(conn: Connection, sensor: str, readings: list[tuple[datetime, str, float]]) -> None:
    records = [
        Reading(sensor, metric, to_pg_us(time), value, "µg/m³", "good", None, None) for time, metric, value in readings
    ]
    Writer(1).write(conn, [Arrived("t", b"", 1, 1, records=[record]) for record in records], now())


def index_of(conn: Connection, sensor: str, start: datetime, end: datetime, **more: object) -> Series:
    given = {"metric": "aqi", "start": start, "end": end, "every": 60.0, "function": INDEX, "window": DAY_S, **more}
    return get_observations(conn, person(Role.VIEWER), now(), sensor, **given)  # type: ignore[arg-type]


def test_the_measure_of_an_index_is_the_index_with_the_limits_of_its_rule(conn: Connection) -> None:
    [one] = read_measures(conn, "a", "air_quality", {}, {})
    limits = {str(step.level): step.on for step in rule_of(conn, "aqi").params.steps}
    assert (one["metric"], one["function"], one["window_s"], one["thresholds"]) == ("aqi", INDEX, DAY_S, limits)


def test_index_is_that_of_the_worst_mean_at_each_step_by_hand(conn: Connection) -> None:
    """PM2.5 of 75 is an IAQI of 100, of 115 one of 150 (HJ 633); O3 is judged by its last hour alone."""
    begin = now().replace(second=0, microsecond=0) - timedelta(hours=4)
    sensor = station(conn)
    measure(conn, sensor, [(begin + n * STEP, "pm25", 75.0) for n in range(181)])
    measure(conn, sensor, [(begin + 90 * STEP, "o3", 300.0)])
    found = index_of(conn, sensor, begin, begin + 181 * STEP)
    at = {datetime.fromisoformat(point["time"]): point["value"] for point in found["items"]}
    assert min(at) >= begin + timedelta(hours=1), "nothing is judged before an hour is known"
    assert at[begin + 80 * STEP] == 100
    assert at[begin + 100 * STEP] == 150, "an hour of ozone is the worst"
    assert at[begin + 170 * STEP] == 100, "and over"
    assert (found["function"], found["window_s"], found["thresholds"]["4"]) == (INDEX, DAY_S, 151)


def test_pages_of_an_index_are_the_whole(conn: Connection) -> None:
    begin = now().replace(second=0, microsecond=0) - timedelta(hours=3)
    sensor = station(conn)
    measure(conn, sensor, [(begin + n * STEP, "pm25", 60.0 + n) for n in range(121)])
    measure(conn, sensor, [(begin + n * STEP, "pm10", 60.0 + n) for n in range(30, 121, 7)])
    end = begin + 120 * STEP
    whole = index_of(conn, sensor, begin, end)["items"]
    parts: list[object] = []
    cursor = None
    for _ in range(100):
        page = index_of(conn, sensor, begin, end, cursor=cursor, limit=25)
        parts += page["items"]
        if page["next"] is None:
            break
        cursor = datetime.fromisoformat(page["next"])
    assert whole
    assert parts == whole


@pytest.mark.parametrize(("metric", "window"), [("pm25", DAY_S), ("aqi", 3600.0)])
def test_an_index_that_no_rule_makes_is_refused(metric: str, window: float, conn: Connection) -> None:
    moment = now()
    with pytest.raises(InputError, match="metric"):
        index_of(conn, station(conn), moment - timedelta(hours=1), moment, metric=metric, window=window)


def test_what_was_never_heard_has_no_index(conn: Connection) -> None:
    assert index_series({name: {} for name, _ in index_windows()}, None, 3600) == []
