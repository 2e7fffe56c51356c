"""A scope is obeyed everywhere: people of a district see its things and those of none, a unit's phone its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import h3
import pytest
from sqlalchemy import Connection, text

from alerts.cells import put_districts, read_ground, score_cells
from alerts.store import link
from app.api import alarms, incidents, layers, pending, sensors, state, units, video
from app.cards import read_card
from app.live.hub import Changes, say_to
from app.live.kinds import KINDS, ReadAt
from app.live.told import Told
from app.seeing import RULES
from core.errors import Forbidden, NotFound
from core.excerpt import Excerpt
from core.scope import EVERYTHING, Scope
from core.settings import Settings
from core.viewer import Role, Viewer
from dispatch.incidents import open_from_alarm
from dispatch.units import read_candidates
from ingest.admin import devices
from ingest.admin import pending as book
from layers.catalogue import LAYERS, read_features, read_tile, sight_of_tiles
from layers.place import read_within
from layers.search import search
from tests.alerts.helpers import change
from tests.app.asking import ask_as
from tests.dispatch.test_incidents import opened, send
from tests.layers.test_catalogue import decode, tile_at
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
            told = Told()
            told.shown(who.sight, key, ids(items))
            said = b"".join(say_to(who, Changes(kind, items, []), told, now()).bodies)
            hidden = [item for item in items if not RULES[key](who, item)]
            assert (b'"op":"remove"' in said) is bool(hidden), key


@pytest.mark.parametrize("layer", ["alarms", "incidents", "units", "sensors", "cameras", "facilities", "video_events"])
def test_features_and_what_is_within_obey_the_scope(layer: str, busy: Connection) -> None:
    busy.execute(text("UPDATE incident SET district = (SELECT min(code) FROM district)"))
    assert LAYERS[layer].features
    less, more = read_features(busy, layer, Scope(districts=NOWHERE)), read_features(busy, layer, EVERYTHING)
    assert less.count(b'"Feature"') < more.count(b'"Feature"')


def test_within_counts_what_may_be_seen(busy: Connection) -> None:
    whole = read_within(busy, WHOLE_WORLD, now())
    one, *_ = codes = list(busy.scalars(text("SELECT code FROM district ORDER BY code")))
    part = read_within(busy, WHOLE_WORLD, now(), Scope(districts=frozenset({one})))
    for kind in ("people", "buildings", "units", "sensors", "cameras"):
        assert part[kind] < whole[kind], kind  # type: ignore[literal-required]
    assert len(part["facilities"]) < len(whole["facilities"])
    assert (whole["cut_to"], part["cut_to"]) == (None, [one])
    counted = [read_within(busy, WHOLE_WORLD, now(), Scope(districts=frozenset({c})))["people"] or 0 for c in codes]
    assert sum(counted) == pytest.approx(whole["people"], rel=0.01)


def test_area_outside_of_ones_districts_is_refused_and_one_inside_is_whole(busy: Connection) -> None:
    with pytest.raises(Forbidden) as caught:
        read_within(busy, WHOLE_WORLD, now(), Scope(districts=NOWHERE))
    assert caught.value.reason == "outside_districts"
    row = busy.execute(
        text(
            """
SELECT code, ST_AsGeoJSON(ST_Buffer(ST_PointOnSurface(geom)::geography, 50)::geometry)::json AS shape FROM district
LIMIT 1
"""
        )
    ).one()
    assert read_within(busy, row.shape, now(), Scope(districts=frozenset({row.code})))["cut_to"] is None


def test_areas_of_risk_are_told_of_where_they_touch_ones_districts(busy: Connection) -> None:
    ground = read_ground(busy, 8)
    assert ground is not None
    score_cells(busy, ground, now())
    codes = list(busy.scalars(text("SELECT code FROM district ORDER BY code")))
    cells = {code: seen_cells(busy, districts=frozenset({code})) for code in codes}
    everywhere = seen_cells(busy)
    assert all(0 < len(of) < len(everywhere) for of in cells.values())
    inside = set(busy.scalars(text("SELECT cell FROM risk_cell WHERE districts <> '{}'")))
    assert set.union(*cells.values()) == inside
    assert seen_cells(busy, districts=NOWHERE) == set()
    for cell in sorted(cells[codes[0]] - cells[codes[1]])[:3]:
        lat, lon = h3.cell_to_latlng(cell)
        given = {"lon": lon, "lat": lat, "code": codes[0]}
        assert busy.scalar(_IS_NEAR, given)


# a cell of resolution 8 reaches less than 600 m from its middle
_IS_NEAR = text("""
SELECT ST_DWithin(geom::geography, ST_SetSRID(ST_MakePoint(:lon, :lat), 4326)::geography, 600) FROM district
WHERE code = :code
""")


def seen_cells(conn: Connection, **limits: Any) -> Ids:
    return ids(state.get_state(conn, person(Role.VIEWER, **limits), now())["risk_cells"])


def test_cells_learn_their_districts_when_the_ground_is_read_anew(busy: Connection) -> None:
    ground = read_ground(busy, 8)
    assert ground is not None
    score_cells(busy, ground, now())
    held = held_districts(busy)
    busy.execute(text("UPDATE risk_cell SET districts = '{}'"))
    put_districts(busy, ground)
    assert held_districts(busy) == held


def held_districts(conn: Connection) -> dict[str, list[str]]:
    return {row.cell: row.districts for row in conn.execute(text("SELECT cell, districts FROM risk_cell"))}


def stranger(conn: Connection, where: str) -> None:
    """A unit and a camera nobody has registered, standing there; a sensor that says nothing of where it is."""
    for kind in ("unit", "camera"):
        conn.execute(
            text(
                f"""
INSERT INTO pending_thing (kind, id, status, first_seen_at, heard_at, messages, topic, sent, lon, lat)
SELECT '{kind}', '{kind}-x', 'pending', now(), now(), 1, 't', 's', ST_X(p), ST_Y(p) FROM ({where}) AS w (p)
"""
            )
        )


def test_strangers_follow_ones_districts_and_of_no_place_are_seen_by_all(conn: Connection) -> None:
    code = conn.scalar(text("SELECT min(code) FROM district"))
    stranger(conn, f"SELECT ST_PointOnSurface(geom) FROM district WHERE code = '{code}'")
    conn.execute(
        text(
            """
INSERT INTO sensor (id, kind, name_zh, name_en, status, metrics, thresholds, attributes, district, first_seen_at)
VALUES ('s-here', 'unknown', 'x', 'x', 'pending', '{}', '{}', '{}', :code, now()),
  ('s-nowhere', 'unknown', 'x', 'x', 'pending', '{}', '{}', '{}', '000000', now())
"""
        ),
        {"code": code},
    )

    def listed(**limits: Any) -> Ids:
        return ids(pending.list_pending(conn, person(Role.ADMIN, **limits), limit=1000)["items"])

    own, others = listed(districts=frozenset({code})), listed(districts=NOWHERE)
    assert {"unit/unit-x", "camera/camera-x", "sensor/s-here", "sensor/s-nowhere"} <= own == listed()
    assert own - others >= {"unit/unit-x", "camera/camera-x", "sensor/s-here"}
    assert "sensor/s-nowhere" in others
    elsewhere = person(Role.ADMIN, districts=NOWHERE)
    assert book.count_things(conn, elsewhere.scope) == 0
    assert devices.count_pending(conn, elsewhere.scope) < devices.count_pending(conn)
    for act in (
        lambda: pending.get_pending(conn, elsewhere, "unit", "unit-x"),
        lambda: pending.retire(conn, elsewhere, now(), "camera", "camera-x"),
        lambda: pending.accept_unit(
            conn, elsewhere, now(), "unit-x", pending.UnitIn(kind="fire", name_zh="九", name_en="9")
        ),
        lambda: sensors.post_retire(conn, elsewhere, now(), "s-here"),
        lambda: sensors.post_accept(
            conn, elsewhere, now(), "s-here", sensors.AcceptIn(kind="water_level", lon=118.3, lat=33.9)
        ),
    ):
        with pytest.raises(NotFound):
            act()


def test_assets_are_seen_by_whose_department_keeps_them(conn: Connection) -> None:
    row = conn.execute(text("SELECT id, dept, district FROM asset WHERE dept IS NOT NULL ORDER BY id LIMIT 1")).one()
    own, others = frozenset({row.dept}), frozenset({"nobody"})
    for scope, found in (
        ({"departments": own}, True),
        ({"departments": others}, False),
        ({"departments": own, "districts": NOWHERE}, False),
    ):
        who = person(Role.VIEWER, **scope)
        hits = {hit["id"] for hit in search(conn, row.id, 100, who.scope)}
        assert (row.id in hits) is found
        try:
            assert read_card(ask_as(conn, who), "asset", row.id)["id"] == row.id
            assert found
        except NotFound:
            assert not found
    conn.execute(text("UPDATE asset SET dept = NULL WHERE id = :id"), {"id": row.id})
    assert search(conn, row.id, 100, Scope(departments=others)), "what nobody keeps is everybody's"


@pytest.mark.parametrize("z", [11, 15])
def test_tile_of_assets_shows_what_one_sees_and_is_kept_by_sight(z: int, conn: Connection) -> None:
    where = conn.execute(text("SELECT ST_X(geom) AS lon, ST_Y(geom) AS lat FROM asset WHERE dept IS NOT NULL")).first()
    assert where
    tile = tile_at(where.lon, where.lat, z)

    def features(scope: Scope) -> int:
        return decode(read_tile(conn, "assets", z, *tile, scope)).get("assets", (0, set()))[0]

    kept = [
        features(Scope(departments=frozenset({one}))) for one in conn.scalars(text("SELECT DISTINCT dept FROM asset"))
    ]
    assert max(kept) <= features(EVERYTHING) <= sum(kept)
    assert sum(kept) == features(EVERYTHING) or z < 14, "drawn one by one each is of one department"
    own = [
        features(Scope(districts=frozenset({one}))) for one in conn.scalars(text("SELECT DISTINCT district FROM asset"))
    ]
    assert max(own) <= features(EVERYTHING) <= sum(own)
    assert read_tile(conn, "assets", z, *tile, Scope(districts=NOWHERE)) == b""
    assert sight_of_tiles("streets", Scope(districts=NOWHERE)) is None
    assert sight_of_tiles("assets", Scope(districts=NOWHERE)) != sight_of_tiles("assets", EVERYTHING)
    assert sight_of_tiles("assets", Scope(units=frozenset({"a"}))) == sight_of_tiles("assets", EVERYTHING)


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


def test_phone_of_a_unit_sees_the_alarm_of_its_incident(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    told_again: list[str] = []
    monkeypatch.setattr("dispatch.tasks.notify_change", lambda _, kind, __: told_again.append(kind))
    alarm = change(conn, 1, now())
    assert alarm
    phone = person(Role.UNIT, units=frozenset({"fire-01"}))
    incident, _ = open_from_alarm(conn, alarm, link, "me", now())
    assert LISTS["alarms"](conn, phone) == []
    with pytest.raises(NotFound):
        alarms.get_alarm(conn, phone, alarm)
    told = Told()
    [before] = KINDS["alarm"].read_some(conn, [str(alarm)], ReadAt(now(), Settings(database_url="postgresql://")))
    assert say_to(phone, Changes(KINDS["alarm"], [before], []), told, now()).bodies == []
    send(conn, incident, "fire-01")
    assert "alarm" in told_again
    assert ids(LISTS["alarms"](conn, phone)) == {str(alarm)}
    assert alarms.get_alarm(conn, phone, alarm)["units"] == ["fire-01"]
    assert read_card(ask_as(conn, phone), "alarm", str(alarm))["id"] == str(alarm)
    assert ids(state.get_state(conn, phone, now())["alarms"]) == {str(alarm)}
    [after] = KINDS["alarm"].read_some(conn, [str(alarm)], ReadAt(now(), Settings(database_url="postgresql://")))
    assert b'"upsert"' in say_to(phone, Changes(KINDS["alarm"], [after], []), told, now()).bodies[0]
    assert LISTS["alarms"](conn, person(Role.UNIT, units=frozenset({"fire-02"}))) == []


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
