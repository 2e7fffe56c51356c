"""Whom to send, and how long help takes to each cell."""

from __future__ import annotations

from datetime import timedelta

import h3
import pytest
from sqlalchemy import Connection, text

from core.cells import city_cells
from core.types import LonLat
from core.vocabulary import needs_of, reach_of, table
from dispatch import coverage
from dispatch.recommend import UNMET_S, Candidate, missing, recommend_units, unmet
from dispatch.routing import load_graph
from dispatch.units import read_candidates
from tests.dispatch.test_routing import along, straight
from tests.support import now

NOW = now()


def unit(
    name: str, share: float, status: str = "available", can: tuple[str, ...] = ("pumping",), age_s: float = 5
) -> Candidate:
    return Candidate(name, "works", {"zh": name, "en": name}, can, status, along(share), NOW - timedelta(seconds=age_s))


def names(*units: Candidate, needed: tuple[str, ...] = ("pumping", "drainage")) -> list[str]:
    found = recommend_units(straight(False, False, False), along(1.5), needed, units, NOW)
    return [r.unit for r in found]


def test_nearest_by_road_comes_first() -> None:
    assert names(unit("far", 0.1), unit("near", 1.4), unit("middle", 2.2)) == ["near", "middle", "far"]


def test_one_capability_of_those_needed_is_enough_and_none_is_not() -> None:
    assert names(unit("a", 1.4, can=("drainage", "rescue")), unit("b", 1.45, can=("rescue",))) == ["a"]


@pytest.mark.parametrize("status", ["assigned", "en_route", "on_scene", "out_of_service"])
def test_unit_that_is_not_free_is_not_recommended(status: str) -> None:
    assert names(unit("busy", 1.4, status), unit("free", 0.1)) == ["free"]


def test_unit_without_a_position_is_not_recommended() -> None:
    lost = Candidate("lost", "works", {"zh": "x", "en": "x"}, ("pumping",), "available", None, None)
    assert names(lost, unit("here", 1.0)) == ["here"]


def test_equally_near_ones_come_by_name() -> None:
    assert names(unit("b", 1.4), unit("a", 1.4)) == ["a", "b"]


def test_unit_that_cannot_get_there_is_left_out() -> None:
    found = recommend_units(straight(True, True), along(0.2), ("pumping",), [unit("a", 0.9), unit("b", 0.1)], NOW)
    assert [r.unit for r in found] == ["b"]


def test_reasons_say_rank_time_capability_and_an_old_position() -> None:
    [fresh, old] = recommend_units(
        straight(False, False), along(0.5), ("pumping",), [unit("a", 0.4), unit("b", 0.1, age_s=900)], NOW
    )
    assert len(fresh.reasons) == 3
    assert "about 1 min" in fresh.reasons[1]["en"]
    assert len(old.reasons) == 4
    assert "15" in old.reasons[-1]["en"]
    assert all(r["zh"] and r["en"] for r in (*fresh.reasons, *old.reasons))


def test_ten_are_enough() -> None:
    assert len(names(*(unit(f"u{i}", 0.1 * i) for i in range(14)))) == 10


def test_every_kind_of_incident_has_somebody_who_can() -> None:
    assert all(needs_of(kind, 4) for kind in table("incident_kinds"))
    assert needs_of("unheard-of", 1) == ()
    known = set(table("capabilities"))
    assert all(set(needs_of(kind, level)) <= known for kind in table("incident_kinds") for level in (1, 4))


@pytest.mark.parametrize("kind", ["flooding", "waterlogging", "rainstorm", "river_flood", "water_rescue"])
def test_where_people_are_in_danger_of_water_its_rescuers_come_first(kind: str) -> None:
    assert needs_of(kind, 1)[0] == needs_of(kind, 2)[0] == "water_rescue"
    assert set(needs_of(kind, 3)) <= set(needs_of(kind, 1))


def test_what_an_incident_reaches_is_of_its_kind_and_grows_with_its_level() -> None:
    assert (reach_of("river_flood", 3), reach_of(None, 3)) == (800.0, 300.0)
    assert [reach_of("river_flood", level) for level in (1, 2, 4)] == [1200.0, 1000.0, 600.0]


@pytest.mark.parametrize(
    ("needed", "brought", "share"),
    [
        (("a",), ("a",), 0.0),
        (("a",), ("b",), 1.0),
        (("a", "b"), ("a",), 1 / 3),
        (("a", "b"), ("b",), 2 / 3),
        (("a", "b", "c"), ("b", "c"), 4 / 7),
        ((), (), 0.0),
    ],
)
def test_each_need_weighs_twice_as_much_as_the_next(
    needed: tuple[str, ...], brought: tuple[str, ...], share: float
) -> None:
    assert unmet(needed, brought) == pytest.approx(share)


def test_what_is_missing_is_what_none_of_those_sent_brings() -> None:
    assert missing(("a", "b", "c"), [("b", "x")]) == ("a", "c")
    assert missing(("a", "b"), [("b",), ("a",)]) == ()
    assert missing(("a",), []) == ("a",)


FLOOD = ("water_rescue", "pumping")


def test_who_brings_what_matters_most_goes_before_who_is_nearer() -> None:
    """A chain of 100 s a street: pumps at 10 s lack two thirds (2,400 s), a boat at 120 s one third (1,200 s), and who
    brings both at 130 s lacks nothing."""
    ladder = unit("ladder", 1.49, can=("ladder", "rescue"))
    pump = unit("pump", 1.4, can=("pumping",))
    boat = unit("boat", 0.3, can=("water_rescue", "rescue"))
    both = unit("both", 0.2, can=("pumping", "water_rescue"))
    found = recommend_units(straight(False, False, False), along(1.5), FLOOD, [ladder, pump, boat, both], NOW)
    assert [(r.unit, r.capabilities) for r in found] == [
        ("both", FLOOD),
        ("boat", ("water_rescue",)),
        ("pump", ("pumping",)),
    ]
    assert [r.reasons[2]["en"].split()[1] for r in found] == ["3", "2", "1"], "how near each is, is still told"
    assert "Pumping" in found[1].reasons[3]["en"]


def test_who_is_a_third_of_an_hour_nearer_goes_before_who_brings_more() -> None:
    """A boat lacks a third less than pumps do: 1,200 s on the road."""
    far = straight(*[False] * 16)
    for streets, first in ((11, "boat"), (13, "pump")):
        pump, boat = unit("pump", 0.0), unit("boat", streets, can=("water_rescue",))
        assert recommend_units(far, along(0.0), FLOOD, [pump, boat], NOW)[0].unit == first
    assert UNMET_S == 3600


def test_what_is_still_missing_decides_once_somebody_was_sent() -> None:
    pump, boat = unit("pump", 0.3), unit("boat", 1.4, can=("water_rescue",))
    found = recommend_units(straight(False, False), along(1.5), FLOOD, [pump, boat], NOW, wanted=("pumping",))
    assert [(r.unit, r.capabilities) for r in found] == [("pump", ("pumping",)), ("boat", ())]


def test_candidates_stand_at_home_until_they_say_where_they_are(conn: Connection) -> None:
    at_home = {c.id: c.where for c in read_candidates(conn)}
    assert all(at_home.values())
    conn.execute(text("INSERT INTO unit_state (unit_id, time, lon, lat) VALUES ('works-01', now(), 119.5, 33.5)"))
    moved = {c.id: c.where for c in read_candidates(conn)}
    assert moved["works-01"] == LonLat(119.5, 33.5)
    assert {k: v for k, v in moved.items() if k != "works-01"} == {k: v for k, v in at_home.items() if k != "works-01"}


def test_coverage_names_the_nearest_free_unit_of_each_capability(conn: Connection) -> None:
    graph, units = load_graph(conn), read_candidates(conn)
    cells = city_cells(conn, 8)
    rows = coverage.compute(graph, cells, units)
    assert set(rows) == {(cell, capability) for cell in cells for capability in table("capabilities")}
    able = {c.id: c for c in units}
    for (_, capability), (eta, name) in rows.items():
        assert (eta is None) == (name is None)
        assert name is None or capability in able[name].capabilities
    home = next(c for c in units if c.id == "works-01")
    assert home.where is not None
    cell = h3.latlng_to_cell(home.where.lat, home.where.lon, 8)
    eta, _ = rows[cell, "pumping"]
    assert eta is not None
    assert eta < 240


def test_coverage_is_written_where_it_changed_and_only_there(conn: Connection) -> None:
    rows: dict[tuple[str, str], tuple[float | None, str | None]] = {
        ("c1", "pumping"): (100.0, "a"),
        ("c2", "pumping"): (None, None),
    }
    assert coverage.store(conn, rows, NOW) == 2
    assert coverage.store(conn, rows, NOW) == 0
    assert coverage.store(conn, {**rows, ("c1", "pumping"): (104.0, "a")}, NOW) == 0
    assert coverage.store(conn, {**rows, ("c1", "pumping"): (106.0, "a")}, NOW) == 1
    assert coverage.store(conn, {**rows, ("c1", "pumping"): (106.0, "b"), ("c2", "pumping"): (9.0, "b")}, NOW) == 2


def test_nobody_free_leaves_every_cell_without_help(conn: Connection) -> None:
    conn.execute(text("UPDATE unit SET status = 'out_of_service'"))
    rows = coverage.compute(load_graph(conn), city_cells(conn, 8), read_candidates(conn))
    assert set(rows.values()) == {(None, None)}
