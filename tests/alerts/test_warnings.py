"""Warnings of others: what holds, what each says for the city, where; chains as CAP 1.2 section 3.2.1 has them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any

import pytest
from shapely import Point, Polygon
from sqlalchemy import Connection, text

from alerts.warnings import Warning, list_warnings, read_chain, read_of_senders, read_warning, read_warnings
from app.cards import read_card
from app.finding import search
from core.cap import Alert, Area, Info, build
from core.pgarray import to_pg_us
from core.vocabulary import WarningState
from ingest.arrived import Arrived
from ingest.decoders.cap import decode_warning
from ingest.writer import Writer
from layers.served import LAYERS, count_things
from tests.app.asking import ask_as
from tests.people import person
from tests.support import now

T = now().replace(microsecond=0) - timedelta(hours=2)
SQUARE = ((118.2, 33.9), (118.4, 33.9), (118.4, 34.0), (118.2, 34.0), (118.2, 33.9))
INFO = Info(
    "Met", "暴雨", "Expected", "Severe", "Likely", headline="气象台发布暴雨橙色预警", expires=T + timedelta(hours=6)
)
STATES = [str(one) for one in WarningState]


def alert(name: str, minutes: float = 0, of: str = "", **more: Any) -> Alert:
    info = replace(INFO, areas=(Area("宿城区", (SQUARE,)),))
    plain = Alert(
        name, "weather@example.org", T + timedelta(minutes=minutes), "Actual", "Alert", "Public", info=(info,)
    )
    if of:
        named = " ".join(f"weather@example.org,{one},2026-05-04T08:00:00+08:00" for one in of.split())
        more = {"msg_type": "Update", "references": named, **more}
    return replace(plain, **more)


def hear(conn: Connection, *alerts: Alert, at: datetime | None = None) -> None:
    for one in alerts:
        records = decode_warning(build(one), to_pg_us(now()))
        done = Writer(1).write(conn, [Arrived("onemap/warning", b"x", 1, 1, records=records)], at or now())
        assert (done.inserted, done.dead) == (1, 0)


def shape(conn: Connection, *areas: Area, **more: Any) -> Warning:
    hear(conn, alert("w", info=(replace(INFO, areas=areas, **more),)))
    [found] = read_warnings(conn, now())
    return found


@pytest.fixture(autouse=True)
def _nothing_before(conn: Connection) -> None:
    conn.execute(text("DELETE FROM warning"))


CHAINS = [
    ("a warning that nobody has changed holds", [alert("a")], {"a": "in_force"}),
    ("an update replaces", [alert("a"), alert("b", 5, "a")], {"a": "superseded", "b": "in_force"}),
    ("whichever comes first", [alert("b", 5, "a"), alert("a")], {"a": "superseded", "b": "in_force"}),
    (
        "a cancellation ends and is no warning itself",
        [alert("a"), alert("c", 5, "a", msg_type="Cancel", info=())],
        {"a": "cancelled", "c": "notice"},
    ),
    (
        "a cancellation of the first ends what has replaced it",
        [alert("a"), alert("b", 5, "a"), alert("c", 9, "a", msg_type="Cancel")],
        {"a": "superseded", "b": "cancelled", "c": "notice"},
    ),
    (
        "what is sent anew after a cancellation holds",
        [alert("a"), alert("c", 5, "a", msg_type="Cancel"), alert("d", 9, "a")],
        {"a": "superseded", "c": "notice", "d": "in_force"},
    ),
    (
        "an update under the same identifier replaces the earlier one, not itself",
        [alert("a"), alert("a2", 5, "a", identifier="a")],
        {"a": "superseded"},
    ),
    (
        "a test ends nothing that is meant",
        [alert("a"), alert("t", 5, "a", status="Test", msg_type="Cancel"), alert("u", 6, "a", status="Draft")],
        {"a": "in_force", "t": "notice", "u": "notice"},
    ),
    (
        "an acknowledgement ends nothing",
        [alert("a"), alert("k", 5, "a", msg_type="Ack")],
        {"a": "in_force", "k": "notice"},
    ),
    ("an error report warns of nothing", [alert("e", msg_type="Error")], {"e": "notice"}),
    ("an exercise is shown", [alert("x", status="Exercise")], {"x": "in_force"}),
    (
        "the clock ends what says until when",
        [alert("a", info=(replace(INFO, expires=T + timedelta(minutes=1)),))],
        {"a": "expired"},
    ),
    (
        "what names no end is not believed for ever",
        [
            alert("a", -60 * 24 * 31, info=(replace(INFO, expires=None),)),
            alert("b", info=(replace(INFO, expires=None),)),
        ],
        {"a": "expired", "b": "in_force"},
    ),
]


@pytest.mark.parametrize(("words", "heard", "wanted"), CHAINS, ids=[c[0] for c in CHAINS])
def test_chain_of_messages(conn: Connection, words: str, heard: list[Alert], wanted: dict[str, str]) -> None:
    hear(conn, *heard)
    listed = list_warnings(conn, now(), STATES, None, None)
    assert len(listed) == len(heard), "every message is listed"
    assert wanted.items() <= {(one["identifier"], one["state"]) for one in listed}
    live = [one["id"] for one in listed if one["state"] == "in_force"]
    assert [one["id"] for one in read_warnings(conn, now())] == live


def test_moment_of_the_past_knows_what_was_known_then(conn: Connection) -> None:
    hear(conn, alert("a"), at=T + timedelta(minutes=1))
    hear(conn, alert("b", 5, "a"), at=T + timedelta(minutes=6))
    then = [one["identifier"] for one in read_warnings(conn, T + timedelta(minutes=3))]
    assert (then, [one["identifier"] for one in read_warnings(conn, now())]) == (["a"], ["b"])


def test_changed_since_tells_what_has_ended_and_a_box_what_reaches_into_it(conn: Connection) -> None:
    hear(conn, alert("a"), at=T + timedelta(minutes=1))
    hear(conn, alert("b", 5, "a"), at=T + timedelta(minutes=6))
    since = list_warnings(conn, now(), STATES, T + timedelta(minutes=3), None)
    assert {(one["identifier"], one["state"]) for one in since} == {("a", "superseded"), ("b", "in_force")}
    assert list_warnings(conn, now(), STATES, T + timedelta(minutes=8), None) == []
    assert len(list_warnings(conn, now(), STATES, None, (118.3, 33.95, 119, 35))) == 2
    assert list_warnings(conn, now(), STATES, None, (118.5, 33.95, 119, 35)) == []


COLOURS = [
    ("the bureau's colour", "暴雨橙色预警", "Severe", 2),
    ("the colour before the severity", "大雾黄色预警", "Severe", 3),
    ("the severity where no colour is named", "Flood warning", "Extreme", 1),
    ("minor is blue", "Wind", "Minor", 4),
    ("of none nothing is made up", "Something", "Unknown", None),
]


@pytest.mark.parametrize(("words", "headline", "severity", "level"), COLOURS, ids=[c[0] for c in COLOURS])
def test_level_is_the_colour_of_the_signal(
    conn: Connection, words: str, headline: str, severity: str, level: int | None
) -> None:
    assert shape(conn, headline=headline, severity=severity)["level"] == level


def test_area_is_drawn_and_the_point_lies_in_it(conn: Connection) -> None:
    found = shape(conn, Area("宿城区", (SQUARE,)))
    assert (found["area"], len(found["shape"])) == ("宿城区", 1)
    assert Polygon(SQUARE).contains(Point(found["lon"], found["lat"]))


def test_circle_becomes_a_ring_of_its_width(conn: Connection) -> None:
    [[ring]] = shape(conn, Area("x", circles=((118.3, 33.9, 10.0),)))["shape"]
    lats = [lat for _, lat in ring]
    assert max(lats) - min(lats) == pytest.approx(20 / 111, rel=0.02)


def test_same_area_in_two_languages_is_drawn_once_and_named_in_both(conn: Connection) -> None:
    zh = replace(INFO, areas=(Area("宿城区", (SQUARE,)),))
    en = replace(zh, language="en-US", headline="Orange rainstorm signal", event="Rainstorm")
    hear(conn, alert("w", info=(zh, en)))
    [found] = read_warnings(conn, now())
    assert found["names"] == {"zh": "气象台发布暴雨橙色预警", "en": "Orange rainstorm signal"}
    assert len(found["shape"]) == 1


NO_AREAS = [
    ("a geocode alone", Area("宿城区", geocodes=(("GB/T 2260", "321302"),))),
    ("a ring of two places", Area("x", (((118.2, 33.9), (118.4, 33.9), (118.2, 33.9)),))),
    ("longitude before latitude", Area("x", (tuple((lat, lon) for lon, lat in SQUARE),))),
    ("a circle of no width", Area("x", circles=((118.3, 33.9, 0.0),))),
    ("a circle round the world", Area("x", circles=((118.3, 33.9, 30_000.0),))),
]


@pytest.mark.parametrize(("words", "area"), NO_AREAS, ids=[c[0] for c in NO_AREAS])
def test_warning_without_an_area_that_can_be_drawn_is_listed(conn: Connection, words: str, area: Area) -> None:
    found = shape(conn, area)
    assert (found["shape"], found["lon"], found["area"]) == ([], None, area.description)


def test_ring_that_crosses_itself_and_one_of_many_points_are_mended(conn: Connection) -> None:
    bow = (SQUARE[0], SQUARE[2], SQUARE[1], SQUARE[3], SQUARE[0])
    many = tuple((118.5 + i / 1e5, 34.0 + (i % 2) / 1e5) for i in range(4000))
    found = shape(conn, Area("x", (bow, (*many, (118.52, 33.8), many[0]))))
    assert found["shape"]
    assert sum(len(ring) for rings in found["shape"] for ring in rings) <= 1000


def test_live_channel_tells_the_new_and_takes_back_the_old_whoever_ends_it(conn: Connection) -> None:
    hear(conn, alert("a"), alert("c", 5, "a", msg_type="Cancel", sender="other@example.org"))
    told = {one["identifier"]: one["state"] for one in read_of_senders(conn, ["other@example.org"], now())}
    assert told == {"a": "cancelled", "c": "notice"}


def test_layer_counts_search_finds_and_the_card_tells_the_chain(conn: Connection) -> None:
    hear(conn, alert("old"), alert("new", 5, "old"), at=T + timedelta(minutes=9))
    assert count_things(conn, LAYERS["warnings"].counted) == (1, False)
    [hit] = [one for one in search(conn, "暴雨橙色") if one["type"] == "warning"]
    [live] = read_warnings(conn, now())
    assert hit["id"] == live["id"]
    card = read_card(ask_as(conn, person()), "warning", hit["id"])
    assert card["type"] == "warning"
    assert [line["text"]["en"].split(":")[0] for line in card["log"]] == ["Alert", "Update"]
    assert read_chain(conn, read_warning(conn, hit["id"], now()), now()) == card["log"]


def test_warnings_from_before_know_their_chain_after_the_migration(conn: Connection) -> None:
    fill = import_module("core.migrations.versions.0014_nothing_vanishes").FILL_REFS
    hear(conn, alert("a"), alert("b"), alert("c", 5, "a b"))
    wanted = conn.execute(text("SELECT identifier, refs FROM warning ORDER BY 1")).all()
    conn.execute(text("UPDATE warning SET refs = '{}'"))
    conn.exec_driver_sql(fill.replace("%", "%%"))
    assert conn.execute(text("SELECT identifier, refs FROM warning ORDER BY 1")).all() == wanted
    assert wanted[2].refs == ["weather@example.org,a", "weather@example.org,b"]
