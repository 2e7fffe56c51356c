"""The figures of EEMUA 191 and ISA-18.2: counted by hand, and against a plain count of random histories."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from alerts.figures import Period, cuts, priorities, rate, read_metrics, shifts, whole
from alerts.grouped import list_groups, list_members
from alerts.store import acknowledge_several
from core.scope import EVERYTHING, Scope
from core.vocabulary import table
from tests.alerts.test_floods import happen

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
LIMITS = table("alarm_load")
TEN = timedelta(minutes=10)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def test_figures_of_a_small_flood_are_those_counted_by_hand(conn: Connection) -> None:
    for n in range(12):  # a flood: twelve gauges within two minutes
        happen(conn, f"rain-{n:03}", "rainstorm", 3, at(1 + n / 10))
    happen(conn, "rain-000", "rainstorm", 1, at(3))  # worse: a line of its own
    happen(conn, "gas-1", "gas", 2, at(11))
    for n in range(3):  # comes and goes
        happen(conn, "flow-1", "flow", 4, at(21 + 2 * n))
        happen(conn, "flow-1", "flow", None, at(22 + 2 * n))
    first = conn.scalars(text("SELECT id FROM alarm WHERE thing_id = 'gas-1'")).all()
    acknowledge_several(conn, first, EVERYTHING, "me", at(13))
    found = read_metrics(conn, START, at(60), at(60), operator="me")
    assert found["raw"] == {
        "count": 17,
        "windows": 6,
        "mean": round(17 / 6, 3),
        "max": 13,
        "max_at": "2026-05-04T08:00:00+00:00",
        "over_most": 2,
        "floods": 1,
        "flood_share": round(1 / 6, 4),
    }
    assert found["lines"]["count"] == 4, "rain, rain of level I, gas, pipes: what comes again waits still"
    assert (found["lines"]["max"], found["lines"]["floods"]) == (2, 0)
    assert [(one["thing"], one["count"]) for one in found["chattering"]] == [("flow-1", 3)]
    assert (found["top"][0]["thing"], found["top"][0]["share"]) == ("flow-1", round(3 / 17, 4))
    assert found["levels"] == {"1": 1, "2": 1, "3": 12, "4": 3}
    assert found["acknowledged"] == {
        "alarms": 14,
        "acknowledged": 1,
        "never": 13,
        "median_s": 120.0,
        "p95_s": 120.0,
        "by_operator": 1,
    }
    assert found["stale"] == 0
    assert read_metrics(conn, START, at(25 * 60), at(25 * 60))["stale"] == 14
    nothing = read_metrics(conn, START, at(60), at(60), Scope(districts=frozenset({"999999"})))
    assert (nothing["raw"]["count"], nothing["lines"]["count"], nothing["acknowledged"]["alarms"]) == (0, 0, 0)
    limited = read_metrics(conn, START, at(60), at(60), Scope(districts=frozenset({"321302"})))
    assert (limited["raw"], limited["lines"]) == (found["raw"], found["lines"])


def test_groups_are_the_lines_with_every_alarm_in_one_and_level_i_apart(conn: Connection) -> None:
    for n in range(5):
        happen(conn, f"rain-{n:03}", "rainstorm", 2 if n else 1, at(n))
    happen(conn, "pipe", "flow", 3, at(6))
    cause = conn.scalar(text("SELECT id FROM alarm WHERE thing_id = 'rain-001'"))
    conn.execute(
        text("UPDATE alarm SET muted = jsonb_build_object('cause', CAST(:c AS text)) WHERE thing_id = 'pipe'"),
        {"c": str(cause)},
    )
    groups = {group["id"]: group for group in list_groups(conn)}
    assert {key: (g["count"], g["things"], g["worst"]) for key, g in groups.items()} == {
        "rain:rain:1": (1, 1, 1),
        "rain:rain": (5, 5, 2),
    }
    assert list(groups) == ["rain:rain:1", "rain:rain"], "the worst first"
    assert groups["rain:rain"]["title"] == {
        "zh": "降雨：5 条告警、5 个点位，最高二级",
        "en": "Rain: 5 alarms, 5 places, worst level II",
    }
    assert groups["rain:rain"]["members"] == "/api/alarm-groups/rain:rain/alarms"
    first = list_members(conn, "rain:rain", None, 3)
    assert len(first) == 4, "one more than asked for"
    assert {a["thing"]["id"] for a in list_members(conn, "rain:rain", None, 10)} == {
        "pipe",
        *(f"rain-{n:03}" for n in range(1, 5)),
    }
    assert list_groups(conn, Scope(districts=frozenset({"999999"}))) == []


# --- pure -------------------------------------------------------------------------------------------------------------


@given(st.dictionaries(st.integers(0, 40), st.integers(1, 30)))
def test_rate_is_a_plain_count(counts: dict[int, int]) -> None:
    period = Period(START, START + 41 * TEN, TEN)
    found = rate(counts, period, 0, 41, LIMITS)
    every = [counts.get(n, 0) for n in range(41)]
    assert found["count"] == sum(every)
    assert found["max"] == max(every)
    assert found["floods"] == sum(n > 10 for n in every)
    assert found["over_most"] == sum(n > 2 for n in every)


@given(st.integers(1, 5000), st.integers(0, 1439))
def test_shifts_cover_the_period_without_gap_or_overlap(minutes: int, offset: int) -> None:
    start = START + timedelta(minutes=offset)
    period = Period(start, start + timedelta(minutes=minutes), TEN)
    parts = list(shifts(period, LIMITS["shift"]["starts"], ZoneInfo("Asia/Shanghai")))
    assert (parts[0][0], parts[-1][1]) == (0, period.windows)
    assert all(left[1] == right[0] for left, right in pairwise(parts))
    for cut in cuts(period, LIMITS["shift"]["starts"], ZoneInfo("Asia/Shanghai")):
        assert 0 < cut <= period.windows


@given(st.integers(0, 10 * 24 * 3600))
def test_from_whole_ten_minutes_on_shifts_begin_when_they_do(second: int) -> None:
    start = whole(START + timedelta(seconds=second))
    assert timedelta() <= START + timedelta(seconds=second) - start < TEN
    period = Period(start, start + timedelta(days=2), TEN)
    zone = ZoneInfo("Asia/Shanghai")
    begins = {f"{period.at(cut).astimezone(zone):%H:%M:%S}" for cut in cuts(period, LIMITS["shift"]["starts"], zone)}
    assert begins <= {f"{one}:00" for one in LIMITS["shift"]["starts"]}


def test_split_of_priorities_is_of_high_medium_and_low() -> None:
    assert priorities({"1": 5, "2": 15, "3": 30, "4": 50}) == {"high": 0.05, "medium": 0.15, "low": 0.8}
    assert priorities({"1": 0, "2": 0, "3": 0, "4": 0}) == {"high": 0.0, "medium": 0.0, "low": 0.0}
