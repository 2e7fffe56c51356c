"""Figures of one card agree: what the risk says of help and people, what is listed as near, whom to send, who is on the
way."""

from __future__ import annotations

import random
import re
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import h3
import pytest
from sqlalchemy import Connection, text

from alerts.scoring import hazard_of, score_incidents
from app.api import incidents as api
from app.cards import read_card
from core.cells import city_cells
from core.errors import NotFound
from core.i18n import say
from core.readings import road_minutes, rounded
from core.types import LonLat
from core.viewer import Role
from core.vocabulary import needs_of, reach_of, table
from dispatch import coverage, incidents, tasks
from dispatch.recommend import recommend_units
from dispatch.routing import OFF_ROAD_M_S, load_graph
from dispatch.units import read_candidates
from tests.app.asking import ask_as
from tests.people import person
from tests.support import now

RESOLUTION = 8


def open_at(conn: Connection, kind: str, level: int, where: LonLat) -> UUID:
    new = incidents.NewIncident(
        kind=kind, titles={"zh": "x", "en": "x"}, channel="desk", level=level, where=where, text=None, address=None
    )
    return incidents.open_incident(conn, new, "x", {"zh": "x", "en": "x"}, now())


def some_places(conn: Connection, count: int) -> list[LonLat]:
    draw = random.Random(9)
    rows = conn.execute(text("SELECT ST_X(center) AS lon, ST_Y(center) AS lat FROM building ORDER BY id")).all()
    return [LonLat(r.lon, r.lat) for r in draw.sample(list(rows), count)]


def scored_incidents(conn: Connection, count: int = 6) -> list[UUID]:
    """Incidents of several kinds at random buildings, with coverage and risk."""
    kinds = ("flooding", "fire", "medical", "gas_leak", "river_flood", "traffic_accident")
    made = [open_at(conn, kinds[i % len(kinds)], 1 + i % 3, place) for i, place in enumerate(some_places(conn, count))]
    rows = coverage.compute(load_graph(conn), city_cells(conn, RESOLUTION), read_candidates(conn))
    coverage.store(conn, rows, now())
    score_incidents(conn, now(), RESOLUTION)
    return made


def card_of(conn: Connection, incident: UUID, role: Role = Role.DISPATCHER) -> Any:
    return read_card(ask_as(conn, person(role)), "incident", str(incident))


def term(card: Any, name: str) -> str:
    return str(next(t["text"]["en"] for t in card["risk"]["terms"] if t["name"] == name))


def test_risk_and_lists_of_a_card_say_the_same_of_who_is_nearest(conn: Connection) -> None:
    for incident in scored_incidents(conn):
        card = card_of(conn, incident)
        first = card["around"]["units"][0]
        said = say("risk.eta", unit=first["names"], minutes=road_minutes(first["eta_s"]))
        assert term(card, "nearest_unit") == said["en"]
        listed = {unit["unit"]: unit for unit in card["recommendations"]}
        for unit in card["around"]["units"]:
            if unit["id"] in listed:
                assert unit["eta_s"] == round(listed[unit["id"]]["eta_s"])


def test_risk_of_a_place_counts_the_road_as_the_recommendation_does(conn: Connection) -> None:
    """The score reads the cell's middle: the same search from there gives the same seconds."""
    graph, units = load_graph(conn), read_candidates(conn)
    cells = [h3.latlng_to_cell(p.lat, p.lon, RESOLUTION) for p in some_places(conn, 12)]
    rows = coverage.compute(graph, cells, units)
    for cell in cells:
        lat, lon = h3.cell_to_latlng(cell)
        for capability in ("pumping", "water_rescue", "medical"):
            eta, unit = rows[cell, capability]
            [best] = recommend_units(graph, LonLat(lon, lat), (capability,), units, now(), 1)
            # two of one station are equally near
            [own] = recommend_units(graph, LonLat(lon, lat), (capability,), [u for u in units if u.id == unit], now())
            assert eta == pytest.approx(best.eta_s)
            assert own.eta_s == pytest.approx(best.eta_s)


def test_first_recommendation_and_risk_differ_by_no_more_than_the_way_inside_the_cell(conn: Connection) -> None:
    graph, units = load_graph(conn), read_candidates(conn)
    # from the middle to a corner, there and back by the slowest way
    slack_s = 2 * h3.average_hexagon_edge_length(RESOLUTION, "m") / OFF_ROAD_M_S
    for place in some_places(conn, 15):
        cell = h3.latlng_to_cell(place.lat, place.lon, RESOLUTION)
        eta, _ = coverage.compute(graph, [cell], units)[cell, "medical"]
        [best] = recommend_units(graph, place, ("medical",), units, now(), 1)
        assert eta is not None
        assert abs(eta - best.eta_s) < slack_s


def test_people_of_the_risk_and_of_the_surroundings_are_counted_in_the_same_circle(conn: Connection) -> None:
    for incident in scored_incidents(conn):
        card = card_of(conn, incident)
        near = card["around"]
        assert near["radius_m"] == reach_of(card["object"]["kind"], card["object"]["level"])
        said = [int(n) for n in re.findall(r"\d+", term(card, "people").replace(",", ""))]
        assert said == [rounded(near["people"]), round(near["radius_m"])]
        assert str(near["buildings"]) in term(card, "buildings")


def test_score_is_the_one_that_the_list_shows(conn: Connection) -> None:
    card = card_of(conn, scored_incidents(conn, 1)[0])
    assert card["risk"]["score"] == card["object"]["risk"]["score"]


@pytest.mark.parametrize("kind", list(table("incident_kinds")))
def test_hazard_of_a_kind_is_what_recommendation_and_circle_read(kind: str) -> None:
    hazard = hazard_of(kind, 1, "Likely", now())
    assert (hazard.radius_m, hazard.capabilities) == (reach_of(kind, 1), needs_of(kind, 1))


def put(conn: Connection, unit: str, where: LonLat, seen: datetime) -> None:
    conn.execute(
        text(
            """
INSERT INTO unit_state (unit_id, time, lon, lat) VALUES (:id, :time, :lon, :lat)
ON CONFLICT (unit_id) DO UPDATE SET lon = :lon, lat = :lat, time = :time
"""
        ),
        {"id": unit, "time": seen, "lon": where.lon, "lat": where.lat},
    )


def flooded(conn: Connection) -> UUID:
    return open_at(conn, "flooding", 1, some_places(conn, 1)[0])


def test_boats_come_first_to_a_flood_with_people_in_it_and_then_what_is_missing(conn: Connection) -> None:
    incident = flooded(conn)
    card = card_of(conn, incident)
    assert card["missing"] == card["needed"] == ["water_rescue", "pumping"]
    boat = card["recommendations"][0]
    assert boat["capabilities"] == ["water_rescue"]
    assert card["next"]["body"] == {"unit": boat["unit"]}
    tasks.assign(conn, incident, boat["unit"], "x", now(), boat["eta_s"], boat["distance_m"])
    card = card_of(conn, incident)
    assert card["missing"] == ["pumping"]
    assert all(unit["capabilities"] == ["pumping"] for unit in card["recommendations"])
    assert "Pumping" in card["next"]["reason"]["en"]
    pump = card["recommendations"][0]
    tasks.assign(conn, incident, pump["unit"], "x", now(), pump["eta_s"], pump["distance_m"])
    card = card_of(conn, incident)
    assert (card["missing"], card["next"]["action"]) == ([], "none")


def test_a_ladder_truck_is_nobody_for_people_trapped_by_water(conn: Connection) -> None:
    card = card_of(conn, open_at(conn, "water_rescue", 1, some_places(conn, 1)[0]))
    able = {c.id: c.capabilities for c in read_candidates(conn)}
    assert card["recommendations"]
    assert "water_rescue" in able[card["recommendations"][0]["unit"]]
    assert not any("ladder" in able[unit["unit"]] for unit in card["recommendations"])


def test_way_of_who_was_sent_is_drawn_from_where_it_is_now_until_it_is_there(conn: Connection) -> None:
    incident, who = flooded(conn), person(Role.VIEWER)
    parts: Any = ask_as(conn, who).parts
    assert api.get_routes(conn, who, now(), parts, incident)["features"] == []
    boat = card_of(conn, incident)["recommendations"][0]
    tasks.assign(conn, incident, boat["unit"], "x", now(), boat["eta_s"], boat["distance_m"])
    at = now()
    [far] = api.get_routes(conn, who, at, parts, incident)["features"]
    assert far["properties"]["eta_s"] == pytest.approx(boat["eta_s"], abs=0.2)
    goal = api.get_incident(conn, who, incident)
    assert far["geometry"]["coordinates"][-1] == pytest.approx((goal["lon"], goal["lat"]), abs=1e-5)
    assert datetime.fromisoformat(far["properties"]["arrives_at"]) - at == pytest.approx(
        timedelta(seconds=far["properties"]["eta_s"]), abs=timedelta(seconds=1)
    )
    half = far["geometry"]["coordinates"][len(far["geometry"]["coordinates"]) // 2]
    put(conn, boat["unit"], LonLat(*half), at)
    [near] = api.get_routes(conn, who, at, parts, incident)["features"]
    assert near["geometry"]["coordinates"][0] == pytest.approx(half)
    assert near["properties"]["eta_s"] < far["properties"]["eta_s"]
    assert card_of(conn, incident)["arrivals"].keys() == {boat["unit"]}
    conn.execute(text("UPDATE assignment SET status = 'on_scene'"))
    assert api.get_routes(conn, who, at, parts, incident)["features"] == []
    assert card_of(conn, incident)["arrivals"] == {}


def test_ways_are_for_who_sees_the_incident_and_the_unit(conn: Connection) -> None:
    incident = flooded(conn)
    boat = card_of(conn, incident)["recommendations"][0]
    tasks.assign(conn, incident, boat["unit"], "x", now(), 1.0, 1.0)
    elsewhere = person(Role.VIEWER, districts=frozenset({"999999"}))
    conn.execute(text("UPDATE incident SET district = (SELECT min(code) FROM district)"))
    with pytest.raises(NotFound):
        api.get_routes(conn, elsewhere, now(), ask_as(conn, elsewhere).parts, incident)
