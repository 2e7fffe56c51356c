"""Scores of alarms, incidents and cells in PostGIS: given, following the world, written where they have moved."""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import h3
import numpy as np
import pytest
from sqlalchemy import Connection, text

from alerts.cells import read_cell_ground, read_hazards, score_cell, score_cells, weigh_cells
from alerts.ground import read_ground
from alerts.risk.told import as_it_stands
from alerts.runner import is_ground
from alerts.scoring import follow_world, score_alarms, score_incidents
from alerts.setting import moment, read_setting
from core.exposure import around, city_zone
from core.types import LonLat
from dispatch import incidents, steps, tasks
from tests.alerts.helpers import alarms, change

RESOLUTION = 8
NOON = datetime.fromisoformat("2026-05-04T12:00:00+08:00")
# one moment for what does not ask for another: in the middle of an hour, and when schools are empty, for beside full
# ones no home can raise a score
NIGHT = datetime.fromisoformat("2026-05-04T02:30:00+08:00")
WORDS = {"zh": "词", "en": "word"}


def cover(conn: Connection, where: LonLat, eta_s: float | None, unit: str | None, near_s: float) -> str:
    cell = h3.latlng_to_cell(where.lat, where.lon, RESOLUTION)
    add = text(
        """
INSERT INTO coverage (cell, capability, eta_s, unit_id, computed_at)
VALUES (:cell, :capability, :eta, :unit, now())
"""
    )
    for capability in ("pumping", "water_rescue"):
        conn.execute(add, {"cell": cell, "capability": capability, "eta": eta_s, "unit": unit})
        for other in set(h3.grid_disk(cell, 1)) - {cell}:
            conn.execute(add, {"cell": other, "capability": capability, "eta": near_s, "unit": unit})
    return str(cell)


def place(conn: Connection, table: str = "alarm") -> LonLat:
    row = conn.execute(text(f"SELECT ST_X(geom) AS lon, ST_Y(geom) AS lat FROM {table}")).one()
    return LonLat(row.lon, row.lat)


def middle(conn: Connection) -> LonLat:
    nearest = "ORDER BY center <-> (SELECT ST_Centroid(extent) FROM city) LIMIT 1"
    row = conn.execute(text(f"SELECT ST_X(center) AS lon, ST_Y(center) AS lat FROM building {nearest}")).one()
    return LonLat(row.lon, row.lat)


def opened(conn: Connection, kind: str = "flooding", level: int = 2, **more: Any) -> UUID:
    where = more.pop("where", None) or middle(conn)
    new = incidents.NewIncident(kind=kind, titles=WORDS, channel="desk", level=level, where=where, **more)
    return incidents.open_incident(conn, new, "x", WORDS, NIGHT)


def risk_in(conn: Connection, incident: UUID) -> Any:
    return conn.scalar(text("SELECT risk FROM incident WHERE id = :id"), {"id": incident})


def term(risk: Any, name: str) -> Any:
    return next(t for t in risk["terms"] if t["name"] == name)


def cover_everywhere(conn: Connection, where: LonLat, eta_s: float) -> None:
    conn.execute(text("DELETE FROM coverage"))
    cover(conn, where, eta_s, "works-01", eta_s)


# --- what is read -----------------------------------------------------------------------------------------------------


def coping(conn: Connection, where: LonLat, needs: tuple[str, ...]) -> Any:
    return read_setting(conn, NIGHT, RESOLUTION, [where]).coping(where, needs)


def test_coping_reads_the_cell_and_its_neighbours(conn: Connection) -> None:
    where = LonLat(119.0, 33.0)
    cover(conn, where, 240.0, "works-01", 600.0)
    found = coping(conn, where, ("pumping", "hazmat"))
    assert (found.eta_s, found.known) == (240.0, True)
    assert found.unit
    assert found.around_s == pytest.approx((240 + 6 * 600) / 7)
    assert found.lacking == ("hazmat",), "one brings the pump, nobody the rest"


def test_no_coverage_is_unknown_and_no_free_unit_is_not(conn: Connection) -> None:
    assert not coping(conn, LonLat(10, 10), ("pumping",)).known
    cover(conn, LonLat(119.0, 33.0), None, None, 600.0)
    found = coping(conn, LonLat(119.0, 33.0), ("pumping",))
    assert (found.eta_s, found.known) == (None, True)


def test_ground_in_memory_counts_as_the_map_does(conn: Connection) -> None:
    ground, zone = read_ground(conn), city_zone(conn)
    draw = random.Random(3)
    rows = conn.execute(text("SELECT ST_X(center) AS lon, ST_Y(center) AS lat FROM building ORDER BY id")).all()
    for where in (*(LonLat(r.lon + 0.0007, r.lat) for r in draw.sample(list(rows), 12)), LonLat(0, 0)):
        for day in (True, False):
            at = NOON if day else NOON - timedelta(hours=10)
            told, held = around(conn, where, 450, at, zone), ground.around(where, 450, day=day)
            assert (held.buildings, held.people) == (told.buildings, told.people)
            there = {place.id: place.people for place in held.facilities}
            assert {place.id: place.people for place in told.facilities} == there
    assert ground.facilities_known


# --- alarms and incidents ---------------------------------------------------------------------------------------------


def test_alarm_is_scored_once_with_all_its_terms(conn: Connection) -> None:
    change(conn, 1, NIGHT)
    assert score_alarms(conn, NIGHT, RESOLUTION) == 1
    assert score_alarms(conn, NIGHT, RESOLUTION) == 0
    [alarm] = alarms(conn)
    risk = alarm["risk"]
    assert [t["name"] for t in risk["terms"]] == [
        *("level", "certainty", "age"),
        *("people", "buildings", "facilities", "domino"),
        *("who", "hour", "weather"),
        *("nearest_unit", "all_needed", "coverage", "competing"),
    ]
    assert risk["band"] == {"level": 1, "low": 7.0, "high": 10.0}
    assert risk["score"] == pytest.approx(7 + 3 * risk["q"], abs=0.01)
    assert 0 < risk["confidence"] < 1, "nobody has computed any coverage here"


def test_changed_alarm_is_scored_anew(conn: Connection) -> None:
    change(conn, 3, NIGHT)
    score_alarms(conn, NIGHT, RESOLUTION)
    before = alarms(conn)[0]["risk"]["score"]
    change(conn, 1, NIGHT)
    assert score_alarms(conn, NIGHT, RESOLUTION) == 1
    assert alarms(conn)[0]["risk"]["score"] > before


def test_nothing_is_written_where_nothing_has_moved_and_age_moves_nothing(conn: Connection) -> None:
    at = NIGHT
    change(conn, 1, at)
    score_alarms(conn, at, RESOLUTION)
    assert follow_world(conn, at + timedelta(minutes=1), RESOLUTION) == 0
    assert follow_world(conn, at + timedelta(hours=24), RESOLUTION) == 0
    assert conn.scalar(text("SELECT count(*) FROM risk_event")) == 1


def test_score_follows_help_that_is_sent_elsewhere(conn: Connection) -> None:
    at = NIGHT
    change(conn, 1, at)
    cover(conn, place(conn), 60.0, "works-01", 60.0)
    score_alarms(conn, at, RESOLUTION)
    before = alarms(conn)[0]["risk"]["score"]
    assert follow_world(conn, at, RESOLUTION) == 0
    conn.execute(text("UPDATE coverage SET eta_s = 1700"))
    assert follow_world(conn, at, RESOLUTION) == 1
    after = alarms(conn)[0]["risk"]
    assert after["score"] > before
    assert "about 28 min" in term(after, "nearest_unit")["text"]["en"]
    assert "about 28 min away" in after["words"]["en"]
    scores = list(conn.scalars(text("SELECT score FROM risk_event WHERE type = 'alarm' ORDER BY id")))
    assert scores == [before, after["score"]]


def test_score_follows_the_hour_of_the_city(conn: Connection) -> None:
    change(conn, 2, NOON)
    score_alarms(conn, NOON, RESOLUTION)
    night = NOON + timedelta(hours=11)
    assert moment(conn, NOON) != moment(conn, night)
    assert moment(conn, NOON) == moment(conn, NOON + timedelta(minutes=30))
    assert follow_world(conn, night, RESOLUTION) == 1
    assert "night" in term(alarms(conn)[0]["risk"], "hour")["text"]["en"]


def test_score_follows_the_registers(conn: Connection) -> None:
    change(conn, 2, NIGHT)
    score_alarms(conn, NIGHT, RESOLUTION)
    before = alarms(conn)[0]["risk"]
    conn.execute(
        text(
            """
INSERT INTO facility (id, kind, name_zh, name_en, people_day, people_night, geom, district, attributes)
SELECT 'home-new', 'nursing_home', '新养老院', 'New Home', 900, 900, geom, district, '{}' FROM alarm
"""
        )
    )
    assert follow_world(conn, NIGHT, RESOLUTION) == 1
    after = alarms(conn)[0]["risk"]
    assert after["score"] > before["score"]
    assert "New Home" in term(after, "facilities")["text"]["en"]
    assert term(after, "who")["figures"]["frail_old"] >= 900
    assert is_ground({"kind": "layer", "ids": ["facilities"]})
    assert is_ground({"kind": "layer"})
    assert not is_ground({"kind": "layer", "ids": ["my-own-layer"]})


CAP = """<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>{id}</identifier><sender>met</sender>
<sent>{sent}</sent><status>{status}</status><msgType>Alert</msgType><scope>Public</scope><info><language>zh-CN</language>
<category>Met</category><event>暴雨</event><urgency>Immediate</urgency><severity>Extreme</severity>
<certainty>Observed</certainty><headline>市气象台发布暴雨红色预警</headline><area><areaDesc>here</areaDesc>
<circle>{lat},{lon} {km}</circle></area></info></alert>"""


def warn(conn: Connection, where: LonLat, km: float, at: datetime, ends: datetime, status: str = "Actual") -> None:
    sent = at.replace(microsecond=0).isoformat().replace("+00:00", "-00:00")
    body = CAP.format(id=f"w{km}{status}", sent=sent, status=status, lat=where.lat, lon=where.lon, km=km)
    conn.execute(
        text(
            """
INSERT INTO warning (sender, identifier, sent, msg_type, status, headline, severity, expires, body, received_at)
VALUES ('met', :id, :at, 'Alert', :status, 'x', 'Extreme', :ends, :body, :at)
"""
        ),
        {"id": f"w{km}{status}", "at": at, "ends": ends, "status": status, "body": body},
    )


def test_score_follows_a_warning_that_begins_and_ends_over_the_place(conn: Connection) -> None:
    at = NOON  # within an hour nothing else becomes another
    change(conn, 2, at)
    score_alarms(conn, at, RESOLUTION)
    assert term(alarms(conn)[0]["risk"], "weather")["value"] is None, "none has ever been received"
    where = place(conn)
    ends = at + timedelta(hours=1)
    warn(conn, LonLat(where.lon + 1, where.lat), 5, at, ends)
    warn(conn, where, 6, at, ends, "Exercise")
    follow_world(conn, at, RESOLUTION)
    calm = alarms(conn)[0]["risk"]
    assert term(calm, "weather")["value"] == 0, "elsewhere, and an exercise"
    before = moment(conn, at)
    warn(conn, where, 7, at, ends)
    assert moment(conn, at) != before
    assert follow_world(conn, at, RESOLUTION) == 1
    wet = alarms(conn)[0]["risk"]
    assert wet["score"] > calm["score"]
    assert "暴雨红色预警" in term(wet, "weather")["text"]["zh"]
    assert moment(conn, at) != moment(conn, ends)
    assert follow_world(conn, ends, RESOLUTION) == 1
    assert alarms(conn)[0]["risk"]["score"] == calm["score"]


def test_what_the_caller_says_of_people_in_danger_counts(conn: Connection) -> None:
    incident = opened(conn, "fire", 3)
    score_incidents(conn, NIGHT, RESOLUTION)
    before = risk_in(conn, incident)
    steps.set_in_danger(conn, incident, 4, "x", NIGHT, None)
    assert risk_in(conn, incident) is None
    assert score_incidents(conn, NIGHT, RESOLUTION) == 1
    after = risk_in(conn, incident)
    assert after["q"] >= 0.6 > before["q"]
    assert "4 人遇险" in after["words"]["zh"]
    assert "4 in danger" in after["words"]["en"]


def test_an_alarm_of_an_incident_counts_who_is_in_danger_there(conn: Connection) -> None:
    alarm = change(conn, 2, NIGHT)
    score_alarms(conn, NIGHT, RESOLUTION)
    before = alarms(conn)[0]["risk"]
    incident = opened(conn, "water_rescue", 2, in_danger=3)
    conn.execute(text("UPDATE alarm SET incident_id = :incident WHERE id = :id"), {"incident": incident, "id": alarm})
    assert follow_world(conn, NIGHT, RESOLUTION) == 1
    after = alarms(conn)[0]["risk"]
    assert after["q"] >= 0.6 > before["q"]


def test_who_was_sent_is_help_on_the_way_and_then_on_scene(conn: Connection) -> None:
    at = NIGHT
    incident = opened(conn, "fire", 2)
    score_incidents(conn, at, RESOLUTION)
    unit = conn.scalar(text("SELECT id FROM unit WHERE 'fire_suppression' = ANY(capabilities) ORDER BY id LIMIT 1"))
    tasks.assign(conn, incident, str(unit), "x", at, 600.0, 5000.0)
    follow_world(conn, at, RESOLUTION)
    coming = risk_in(conn, incident)
    assert "help on its way, about 10 min" in coming["words"]["en"]
    follow_world(conn, at + timedelta(minutes=5), RESOLUTION)
    assert "help on its way, about 5 min" in risk_in(conn, incident)["words"]["en"]
    conn.execute(text("UPDATE assignment SET status = 'on_scene'"))
    conn.execute(text("UPDATE incident SET status = 'on_scene'"))
    follow_world(conn, at + timedelta(minutes=6), RESOLUTION)
    there = risk_in(conn, incident)
    assert "help on scene" in there["words"]["en"]
    assert term(there, "nearest_unit")["value"] == 0
    assert term(there, "certainty")["text"]["en"] == "observed"
    told = as_it_stands(there, 300, around(conn, middle(conn), 300, at, "UTC"), (WORDS, 60.0), day=True)
    assert "help on scene" in told["words"]["en"], "a free unit that is further away is not the nearest help"


def test_incidents_near_that_need_the_same_help_compete(conn: Connection) -> None:
    incident = opened(conn, "fire", 2)
    score_incidents(conn, NIGHT, RESOLUTION)
    assert term(risk_in(conn, incident), "competing")["value"] == 0
    for kind in ("fire", "fire", "medical"):
        opened(conn, kind, 2)
    follow_world(conn, NIGHT, RESOLUTION)
    assert term(risk_in(conn, incident), "competing")["figures"]["competing"] == 2


def test_a_score_of_before_is_given_anew_and_one_that_cannot_be_counted_stops_no_other(conn: Connection) -> None:
    at = NIGHT
    change(conn, 1, at)
    score_alarms(conn, at, RESOLUTION)
    good = alarms(conn)[0]["risk"]["score"]
    old = {
        "score": 4.4,
        "terms": [{"name": "level", "dimension": "hazard", "value": 10.0, "weight": 0.7, "text": WORDS}],
    }
    copy = (
        "INSERT INTO alarm SELECT (a2).* FROM (SELECT jsonb_populate_record(a, jsonb_build_object('id', "
        "gen_random_uuid(), 'thing_id', CAST(:name AS text), 'level', CAST(:level AS int), 'risk', "
        "CAST(:risk AS jsonb))) AS a2 FROM alarm a WHERE thing_id <> 'before') x"
    )
    conn.execute(text(copy), {"name": "before", "level": 1, "risk": json.dumps(old)})
    conn.execute(text(copy), {"name": "broken", "level": 7, "risk": json.dumps(old)})
    assert follow_world(conn, at, RESOLUTION) == 1
    scores = {a["thing_id"]: a["risk"]["score"] for a in alarms(conn)}
    assert scores["before"] == good
    assert scores["broken"] == 4.4
    assert conn.scalar(text("SELECT count(*) FROM set_aside WHERE what = 'score_alarm'")) == 1


# --- cells ------------------------------------------------------------------------------------------------------------


def test_cells_are_scored_where_the_hazard_reaches(conn: Connection) -> None:
    change(conn, 1, NIGHT)
    where = place(conn)
    ground = read_cell_ground(conn, RESOLUTION)
    assert ground is not None
    assert ground.counted
    assert score_cells(conn, ground, NIGHT) > 0
    assert score_cells(conn, ground, NIGHT) == 0
    scored = {r.cell: r.score for r in conn.execute(text("SELECT cell, score FROM risk_cell"))}
    here = h3.latlng_to_cell(where.lat, where.lon, RESOLUTION)
    assert scored[here] >= max(scored.values()) - 3
    assert 0 < sum(1 for s in scored.values() if s > 0) < len(ground.cells) / 2
    change(conn, None, NIGHT)
    conn.execute(text("UPDATE alarm SET active = false"))
    assert score_cells(conn, ground, NIGHT) > 0
    assert max(conn.scalars(text("SELECT score FROM risk_cell"))) == 0
    assert score_incidents(conn, NIGHT, RESOLUTION) == 0


def test_a_cell_is_the_score_of_its_worst_hazard_faded_by_the_functions_of_a_place(conn: Connection) -> None:
    """What is counted for all cells at once is, cell by cell, what the terms in its words make."""
    change(conn, 2, NIGHT)
    where = place(conn)
    cover(conn, where, 300.0, "works-01", 500.0)
    opened(conn, "water_rescue", 3, in_danger=2)
    opened(conn, "gas_leak", 1)
    ground = read_cell_ground(conn, RESOLUTION)
    assert ground is not None
    setting, hazards = read_setting(conn, NIGHT, RESOLUTION), read_hazards(conn)
    worst = weigh_cells(ground, setting, hazards)
    reached = np.flatnonzero(worst.hazard >= 0)
    assert len(reached) > 10
    for i in reached:
        near = hazards[worst.hazard[i]]
        alone = score_cell(ground, setting, worst, int(i), near)
        assert worst.score[i] == pytest.approx(alone.exact * worst.faded[i])
        assert worst.q[i] == pytest.approx(alone.q, abs=1e-3)
        if worst.faded[i] == 1:
            assert worst.score[i] >= {1: 7, 2: 5, 3: 3, 4: 1}[near.hazard.level]


@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_level_of_a_cell_in_a_footprint_is_at_least_that_of_its_hazard(conn: Connection, level: int) -> None:
    opened(conn, "fire", level)
    ground = read_cell_ground(conn, 9)
    assert ground is not None
    score_cells(conn, ground, NIGHT)
    assert list(conn.scalars(text("SELECT error FROM set_aside"))) == []
    where = middle(conn)
    cell = h3.latlng_to_cell(where.lat, where.lon, 9)
    found = conn.execute(text("SELECT level, placed FROM risk_cell WHERE cell = :cell"), {"cell": cell}).one()
    assert found.placed["band"]["level"] == level
    assert found.level <= level
    assert found.placed["faded"] == 1
