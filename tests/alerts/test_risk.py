"""Risk: terms, what is missing, and that worse never scores lower."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import h3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from alerts import risk
from alerts.cells import read_ground, score_cells
from alerts.risk import Coping, Hazard, Term, combine, people_value, read_coping
from alerts.scoring import follow_clock, score_alarms, score_incidents
from core.exposure import Exposure, Place
from core.types import LonLat
from tests.alerts.helpers import alarms, change
from tests.support import now

NOON = datetime(2026, 5, 4, 4, 0, tzinfo=UTC)  # noon in Shanghai
ZONE = "Asia/Shanghai"
WORDS = {"zh": "词", "en": "word"}
SCHOOL = Place("f1", "school", {"zh": "小学", "en": "School"}, 100.0)


def exposure(
    people: int | None = 1000, buildings: int = 40, places: Sequence[Place] = (), known: bool = True
) -> Exposure:
    return Exposure(people, buildings, tuple(places), known)


def score(
    level: int = 2,
    certainty: str = "Observed",
    age_s: float = 0,
    found: Exposure | None = None,
    coping: Coping | None = None,
) -> float:
    hazard = Hazard(level, certainty, NOON - timedelta(seconds=age_s), 500, ("pumping",))
    found = found or exposure()
    terms = [
        *risk.hazard_terms(hazard, NOON),
        *risk.exposure_terms(found, 500),
        *risk.vulnerability_terms(found, NOON, ZONE),
        *risk.coping_terms(coping or Coping(600, {"zh": "u", "en": "u"}, 700, True), ("pumping",)),
    ]
    return combine(terms).score


WORSE = [
    ("a worse level", score(3), score(1)),
    ("seen, not supposed", score(certainty="Possible"), score(certainty="Observed")),
    ("just now, not a day ago", score(1, age_s=86_400, found=exposure(9000)), score(1, found=exposure(9000))),
    ("more people", score(found=exposure(100)), score(found=exposure(5000))),
    ("a school near", score(found=exposure()), score(found=exposure(places=[SCHOOL]))),
    (
        "help further away",
        score(coping=Coping(120, {"zh": "u", "en": "u"}, 700, True)),
        score(coping=Coping(1500, {"zh": "u", "en": "u"}, 700, True)),
    ),
    (
        "no help at all",
        score(coping=Coping(1500, {"zh": "u", "en": "u"}, 700, True)),
        score(coping=Coping(None, None, 700, True)),
    ),
    (
        "thin cover around",
        score(coping=Coping(600, {"zh": "u", "en": "u"}, 300, True)),
        score(coping=Coping(600, {"zh": "u", "en": "u"}, 1700, True)),
    ),
]


@pytest.mark.parametrize(("why", "milder", "worse"), WORSE, ids=[c[0] for c in WORSE])
def test_worse_scores_higher(why: str, milder: float, worse: float) -> None:
    assert milder < worse


TERM = st.sampled_from(["hazard", "exposure", "vulnerability", "coping"])


@given(st.lists(st.tuples(TERM, st.none() | st.floats(0, 10), st.floats(0.1, 1)), min_size=1, max_size=8), st.data())
def test_raising_any_known_term_never_lowers_the_score(
    given_terms: list[tuple[str, float | None, float]], data: st.DataObject
) -> None:
    terms = [Term(f"t{i}", d, v, w, WORDS) for i, (d, v, w) in enumerate(given_terms)]
    before = combine(terms)
    assert 0 <= before.score <= 10
    i = data.draw(st.integers(0, len(terms) - 1))
    held = terms[i].value
    if held is None:
        return
    raised = [*terms]
    raised[i] = Term("x", terms[i].dimension, data.draw(st.floats(held, 10)), terms[i].weight, WORDS)
    assert combine(raised).score >= before.score


@pytest.mark.parametrize(
    ("people", "value"), [(0, 0.0), (9, 2.5), (99, 5.0), (999, 7.5), (10_000, 10.0), (10**6, 10.0)]
)
def test_people_count_by_their_logarithm(people: int, value: float) -> None:
    assert people_value(people) == value


def test_what_is_missing_is_named_and_left_out() -> None:
    found = exposure(people=None, known=False)
    terms = [
        *risk.exposure_terms(found, 500),
        *risk.vulnerability_terms(found, NOON, ZONE),
        *risk.coping_terms(Coping(None, None, None, False), ()),
    ]
    missing = {t.name for t in terms if t.value is None}
    assert missing == {"people", "facilities", "nearest_unit", "coverage"}
    assert all(t.text["zh"] and t.text["en"] for t in terms)
    hazard = Term("level", "hazard", 8.0, 1.0, WORDS)
    assert combine([hazard, *(t for t in terms if t.dimension == "coping")]).score == 8.0


def test_night_is_another_hour_than_day() -> None:
    day = risk.vulnerability_terms(exposure(), NOON, ZONE)[1]
    night = risk.vulnerability_terms(exposure(), NOON + timedelta(hours=12), ZONE)[1]
    assert (day.value, night.value) == (4.0, 6.0)
    assert day.text != night.text


def cover(conn: Connection, where: LonLat, eta_s: float | None, unit: str | None, near_s: float) -> str:
    cell = h3.latlng_to_cell(where.lat, where.lon, 8)
    add = text(
        """
INSERT INTO coverage (cell, capability, eta_s, unit_id, computed_at)
VALUES (:cell, 'pumping', :eta, :unit, now())
"""
    )
    conn.execute(add, {"cell": cell, "eta": eta_s, "unit": unit})
    for other in set(h3.grid_disk(cell, 1)) - {cell}:
        conn.execute(add, {"cell": other, "eta": near_s, "unit": unit})
    return str(cell)


def test_coping_reads_the_cell_and_its_neighbours(conn: Connection) -> None:
    cell = cover(conn, LonLat(119.0, 33.0), 240.0, "works-01", 600.0)
    found = read_coping(conn, cell, ("pumping", "hazmat"))
    assert (found.eta_s, found.known) == (240.0, True)
    assert found.unit
    assert found.around_s == pytest.approx((240 + 6 * 600) / 7)


def test_no_coverage_is_unknown_and_no_free_unit_is_not(conn: Connection) -> None:
    assert not read_coping(conn, h3.latlng_to_cell(10, 10, 8), ("pumping",)).known
    cell = cover(conn, LonLat(119.0, 33.0), None, None, 600.0)
    found = read_coping(conn, cell, ("pumping",))
    assert (found.eta_s, found.known) == (None, True)


def test_alarm_is_scored_once_with_all_its_terms(conn: Connection) -> None:
    change(conn, 1, now())
    assert score_alarms(conn, now(), 8) == 1
    assert score_alarms(conn, now(), 8) == 0
    [alarm] = alarms(conn)
    names = [t["name"] for t in alarm["risk"]["terms"]]
    assert names == [
        "level",
        "certainty",
        "age",
        "people",
        "buildings",
        "facilities",
        "hour",
        "nearest_unit",
        "coverage",
    ]


def test_changed_alarm_is_scored_anew(conn: Connection) -> None:
    change(conn, 3, now())
    score_alarms(conn, now(), 8)
    before = alarms(conn)[0]["risk"]["score"]
    change(conn, 1, now())
    assert score_alarms(conn, now(), 8) == 1
    assert alarms(conn)[0]["risk"]["score"] > before


def test_score_grows_old_by_the_clock_and_is_written_when_it_has_moved(conn: Connection) -> None:
    at = now()
    change(conn, 1, at)
    score_alarms(conn, at, 8)
    before = alarms(conn)[0]["risk"]
    assert follow_clock(conn, at + timedelta(minutes=1), 8) == 0
    assert follow_clock(conn, at + timedelta(hours=24), 8) == 1
    after = alarms(conn)[0]["risk"]
    assert after["score"] < before["score"]
    [age] = [t for t in after["terms"] if t["name"] == "age"]
    assert abs(datetime.fromisoformat(age["since"]) - at) < timedelta(seconds=1)
    assert not any(c.isdigit() for c in age["text"]["zh"]), "how old it is, is for whoever reads it to say"
    scores = list(conn.scalars(text("SELECT score FROM risk_event WHERE type = 'alarm' ORDER BY id")))
    assert scores == [before["score"], after["score"]]


def test_score_follows_help_that_is_sent_elsewhere(conn: Connection) -> None:
    at = now()
    change(conn, 1, at)
    [alarm] = alarms(conn)
    where = conn.execute(text("SELECT ST_X(geom) AS lon, ST_Y(geom) AS lat FROM alarm")).one()
    cover(conn, LonLat(where.lon, where.lat), 60.0, "works-01", 60.0)
    score_alarms(conn, at, 8)
    before = alarms(conn)[0]["risk"]["score"]
    assert follow_clock(conn, at, 8) == 0
    conn.execute(text("UPDATE coverage SET eta_s = 1700"))
    assert follow_clock(conn, at, 8) == 1
    after = alarms(conn)[0]["risk"]
    assert after["score"] > before
    assert "about 28 min" in next(t["text"]["en"] for t in after["terms"] if t["name"] == "nearest_unit")
    assert alarm["id"] == alarms(conn)[0]["id"]


def test_an_alarm_whose_sensor_still_speaks_is_not_old(conn: Connection) -> None:
    at = now()
    change(conn, 1, at)
    score_alarms(conn, at, 8)
    later = at + timedelta(hours=24)
    [alarm] = alarms(conn)
    conn.execute(
        text(
            "INSERT INTO sensor_state (sensor_id, metric, time, value, unit, quality, received_at) "
            "VALUES (:id, :metric, :at, 1, 'm', 'good', :at)"
        ),
        {"id": alarm["thing_id"], "metric": alarm["metric"], "at": later},
    )
    follow_clock(conn, later, 8)
    assert alarms(conn)[0]["risk"]["score"] == pytest.approx(alarm["risk"]["score"], abs=0.5)
    assert {t["name"]: t["value"] for t in alarms(conn)[0]["risk"]["terms"]}["age"] in (10.0,)


def test_one_score_that_cannot_be_read_stops_no_other(conn: Connection) -> None:
    at = now()
    change(conn, 1, at)
    score_alarms(conn, at, 8)
    good = alarms(conn)[0]["risk"]["score"]
    conn.execute(
        text(
            "INSERT INTO alarm SELECT (a2).* FROM (SELECT jsonb_populate_record(a, jsonb_build_object('id', "
            "gen_random_uuid(), 'thing_id', 'other', 'level', 1, 'risk', jsonb_build_object('score', 1))) AS a2 "
            "FROM alarm a) x"
        )
    )
    assert follow_clock(conn, at + timedelta(hours=24), 8) == 1
    assert min(a["risk"]["score"] for a in alarms(conn) if "terms" in a["risk"]) < good
    assert conn.scalar(text("SELECT count(*) FROM set_aside WHERE what = 'score_alarm'")) == 1


HOURS = [(7.5, 5.0), (12, 4.0), (19, 5.0), (23, 6.0), (3, 6.0)]


@pytest.mark.parametrize(("hour", "value"), HOURS, ids=[str(h[0]) for h in HOURS])
def test_half_past_seven_is_not_night(hour: float, value: float) -> None:
    midnight = datetime(2026, 5, 4, tzinfo=ZoneInfo(ZONE))
    assert risk.hour_term(midnight + timedelta(hours=hour), ZONE).value == value


def test_incident_and_cells_are_scored_where_the_hazard_reaches(conn: Connection) -> None:
    change(conn, 1, now())
    where = conn.execute(text("SELECT ST_X(geom) AS lon, ST_Y(geom) AS lat FROM alarm")).one()
    ground = read_ground(conn, 8)
    assert ground is not None
    assert ground.counted
    assert score_cells(conn, ground, now()) > 0
    assert score_cells(conn, ground, now()) == 0
    scored = {r.cell: r.score for r in conn.execute(text("SELECT cell, score FROM risk_cell"))}
    here = h3.latlng_to_cell(where.lat, where.lon, 8)
    assert scored[here] == max(scored.values())
    assert 0 < sum(1 for s in scored.values() if s > 0) < len(ground.cells) / 2
    change(conn, None, now())
    conn.execute(text("UPDATE alarm SET active = false"))
    assert score_cells(conn, ground, now()) > 0
    assert max(conn.scalars(text("SELECT score FROM risk_cell"))) == 0
    assert score_incidents(conn, now(), 8) == 0
