"""A scope is obeyed everywhere: people of a district see its things and those of none, a unit's phone its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, text

from app.api import alarms, incidents, layers, sensors, state, units, video
from app.cards import read_card
from app.live.hub import Changes, messages_for
from app.live.kinds import KINDS, ReadAt
from app.seeing import RULES
from core.errors import Forbidden, NotFound
from core.excerpt import Excerpt
from core.scope import EVERYTHING, Scope
from core.settings import Settings
from core.viewer import Role, Viewer
from dispatch.units import read_candidates
from layers.catalogue import LAYERS, read_features
from layers.place import read_within
from layers.search import search
from tests.alerts.helpers import change
from tests.app.asking import ask_as
from tests.dispatch.test_incidents import opened, send
from tests.people import person
from tests.support import now

NOWHERE = frozenset({"999999"})
WHOLE_WORLD = {"type": "Polygon", "coordinates": [[[118, 31], [120, 31], [120, 32], [118, 32], [118, 31]]]}
Ids = set[str]
# every way to a list of things, each of (connection, who asks)
LISTS: Mapping[str, Callable[[Connection, Viewer], Any]] = {
    "alarms": lambda conn, who: alarms.list_alarms(conn, who, Excerpt(limit=1000))["items"],
    "incidents": lambda conn, who: incidents.list_incidents(conn, who, Excerpt(limit=1000))["items"],
    "units": lambda conn, who: units.list_units(conn, who)["items"],
    "sensors": lambda conn, who: sensors.list_sensors(conn, who)["items"],
    "cameras": lambda conn, who: video.list_cameras(conn, who, now())["items"],
    "video_events": lambda conn, who: video.list_video_events(conn, who, limit=1000)["items"],
}


@pytest.fixture
def busy(conn: Connection) -> Connection:
    """A city with an alarm, an incident with a unit on its way, and an event of a camera."""
    change(conn, 1, now())
    send(conn, opened(conn))
    conn.execute(
        text(
            """
INSERT INTO video_event (camera_id, event_id, time, kind, received_at) SELECT min(id), 'e1', now(), 'fire', now()
FROM camera
"""
        )
    )
    return conn


def ids(items: Any) -> Ids:
    return {str(item["id"]) for item in items}


def a_district(conn: Connection, kind: str) -> tuple[str, str]:
    """One thing of a kind, and the district it is of."""
    found = next(one for one in LISTS[kind](conn, person(Role.VIEWER)) if one["district"] not in (None, "000000"))
    return str(found["id"]), found["district"]


@pytest.mark.parametrize("kind", list(LISTS))
def test_list_has_what_is_of_ones_districts_and_no_more(kind: str, busy: Connection) -> None:
    if kind == "incidents":
        busy.execute(text("UPDATE incident SET district = (SELECT min(code) FROM district)"))
    identity, district = a_district(busy, kind)
    everything = ids(LISTS[kind](busy, person(Role.VIEWER)))
    own = LISTS[kind](busy, person(Role.VIEWER, districts=frozenset({district})))
    others = ids(LISTS[kind](busy, person(Role.VIEWER, districts=NOWHERE)))
    assert identity in ids(own)
    assert {one["district"] for one in own} <= {district, "000000", None}
    assert identity not in others
    assert others <= ids(own) <= everything


def test_picture_now_and_then_is_of_ones_districts(busy: Connection) -> None:
    busy.execute(text("UPDATE incident SET district = (SELECT min(code) FROM district)"))
    whole = state.get_state(busy, person(Role.VIEWER), now())
    none = state.get_state(busy, person(Role.VIEWER, districts=NOWHERE), now())
    for kind in ("alarms", "incidents", "units", "sensors", "video_events"):
        assert len(none[kind]) < len(whole[kind]), kind  # type: ignore[literal-required]
    at = now()
    then = state.get_state(busy, person(Role.VIEWER, districts=NOWHERE), now(), at)
    assert ids(then["sensors"]) == ids(none["sensors"])
    assert ids(then["units"]) == ids(none["units"])


def test_live_channel_tells_of_what_may_be_seen_and_removes_the_rest(busy: Connection) -> None:
    for key, kind in KINDS.items():
        items = kind.read_all(busy, ReadAt(now(), Settings(database_url="postgresql://")))
        for who in (person(Role.VIEWER, districts=NOWHERE), person(Role.UNIT, units=frozenset({"fire-01"}))):
            told = b"".join(messages_for(Changes(kind, items, []), who, now()))
            hidden = [item for item in items if not RULES[key](who, item)]
            assert (b'"op":"remove"' in told) is bool(hidden), key


@pytest.mark.parametrize("layer", ["alarms", "incidents", "units", "sensors", "cameras", "facilities", "video_events"])
def test_features_and_what_is_within_obey_the_scope(layer: str, busy: Connection) -> None:
    busy.execute(text("UPDATE incident SET district = (SELECT min(code) FROM district)"))
    assert LAYERS[layer].features
    less, more = read_features(busy, layer, Scope(districts=NOWHERE)), read_features(busy, layer, EVERYTHING)
    assert less.count(b'"Feature"') < more.count(b'"Feature"')


def test_within_counts_what_may_be_seen(busy: Connection) -> None:
    whole = read_within(busy, WHOLE_WORLD, now())
    none = read_within(busy, WHOLE_WORLD, now(), Scope(districts=NOWHERE))
    for kind in ("units", "sensors", "cameras", "alarms"):
        assert none[kind] < whole[kind], kind  # type: ignore[literal-required]
    assert len(none["facilities"]) < len(whole["facilities"])
    assert none["people"] == whole["people"]


def test_search_finds_what_may_be_seen(busy: Connection) -> None:
    for words in ("消防", "wl-", "监控"):
        found = {hit["type"] for hit in search(busy, words, 100, Scope(districts=NOWHERE))}
        assert not found & {"unit", "facility", "asset"}, words
    assert search(busy, "fire-01", 20, Scope(districts=NOWHERE)) == []
    assert {hit["id"] for hit in search(busy, "fire-01")} >= {"fire-01"}
    assert search(busy, "fire-0", 20, Scope(units=frozenset({"fire-01"}), city=False))[0]["id"] == "fire-01"
    assert search(busy, "路", 20, Scope(city=False)) == []


def test_units_that_may_not_be_seen_are_not_recommended(busy: Connection) -> None:
    assert read_candidates(busy, Scope(districts=NOWHERE)) == []
    assert [c.id for c in read_candidates(busy, Scope(units=frozenset({"fire-01"})))] == ["fire-01"]


ACTS: Mapping[str, Callable[[Connection, Viewer, UUID, UUID], object]] = {
    "alarm": lambda conn, who, alarm, _: alarms.get_alarm(conn, who, alarm),
    "acknowledge": lambda conn, who, alarm, _: alarms.acknowledge(conn, who, now(), alarm),
    "incident": lambda conn, who, _, incident: incidents.get_incident(conn, who, incident),
    "log": lambda conn, who, _, incident: incidents.get_log(conn, who, incident),
    "unit": lambda conn, who, _, __: units.set_status(
        conn, who, now(), "fire-01", units.UnitStatusIn(status="available")
    ),
    "alarm card": lambda conn, who, alarm, _: read_card(ask_as(conn, who), "alarm", str(alarm)),
    "incident card": lambda conn, who, _, incident: read_card(ask_as(conn, who), "incident", str(incident)),
    "unit card": lambda conn, who, _, __: read_card(ask_as(conn, who), "unit", "fire-01"),
}


@pytest.mark.parametrize("act", list(ACTS))
def test_what_may_not_be_seen_is_not_there_to_be_acted_on(act: str, conn: Connection) -> None:
    alarm, incident = change(conn, 1, now()), opened(conn)
    assert alarm
    conn.execute(text("UPDATE incident SET district = (SELECT min(code) FROM district)"))
    with pytest.raises(NotFound):
        ACTS[act](conn, person(Role.DISPATCHER, districts=NOWHERE), alarm, incident)
    ACTS[act](conn, person(Role.DISPATCHER), alarm, incident)


def test_phone_of_a_unit_sees_its_unit_and_the_incidents_it_was_sent_to(conn: Connection) -> None:
    change(conn, 1, now())
    mine, other = opened(conn), opened(conn, where=None)
    send(conn, mine, "fire-01")
    phone = person(Role.UNIT, units=frozenset({"fire-01"}))
    assert {kind: ids(read(conn, phone)) for kind, read in LISTS.items()} == {
        "alarms": set(),
        "incidents": {str(mine)},
        "units": {"fire-01"},
        "sensors": set(),
        "cameras": set(),
        "video_events": set(),
    }
    picture = state.get_state(conn, phone, now())
    assert (ids(picture["incidents"]), ids(picture["units"])) == ({str(mine)}, {"fire-01"})
    assert (picture["alarms"], picture["sensors"], picture["risk_cells"], picture["warnings"]) == ([], [], [], [])
    assert units.set_status(conn, phone, now(), "fire-01", units.UnitStatusIn(status="on_scene"))["id"] == "fire-01"
    with pytest.raises(NotFound):
        units.set_status(conn, phone, now(), "fire-02", units.UnitStatusIn(status="available"))
    with pytest.raises(NotFound):
        incidents.get_incident(conn, phone, other)
    with pytest.raises(Forbidden):
        layers.post_within(conn, phone, now(), layers.GeometryIn.model_validate(WHOLE_WORLD))
