"""A scope is obeyed everywhere: people of a district see its things and those of none, a unit's phone its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, NamedTuple
from uuid import UUID

import h3
import pytest
from sqlalchemy import Connection, text

from alerts.cells import put_districts, read_cell_ground, score_cells
from alerts.scoring import score_incidents
from alerts.store import link
from app.api import alarms, health, incidents, layers, names, pending, sensors, state, units, video
from app.api import devices as accounts
from app.cards import read_card
from app.cards.around import look_around
from app.finding import search
from app.live.hub import Changes, say_to
from app.live.kinds import KINDS, ReadAt
from app.live.told import Told
from app.seeing import RULES
from core.cells import city_cells
from core.errors import Forbidden, NotFound
from core.excerpt import Excerpt
from core.scope import EVERYTHING, Scope
from core.settings import Settings
from core.types import JsonObject, LonLat, place_of
from core.viewer import Role, Viewer
from dispatch import coverage
from dispatch.incidents import open_from_alarm
from dispatch.present import read_incidents
from dispatch.routing import load_graph
from dispatch.units import read_candidates
from ingest.admin import devices
from ingest.admin import pending as book
from ingest.doors.accounts import AccountIn
from layers.area import area_meant
from layers.sensors import read_sensors
from layers.served import LAYERS, describe_layers, read_features, read_tile, sight_of_tiles
from layers.within import Within, read_within
from tests.alerts.helpers import change, write
from tests.app.asking import ask_as
from tests.dispatch.test_incidents import opened, send
from tests.layers.test_served import decode, tile_at
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


def within(conn: Connection, geometry: JsonObject, scope: Scope) -> Within:
    return read_within(conn, area_meant(conn, geometry, scope), now(), scope)


def test_within_counts_what_may_be_seen(busy: Connection) -> None:
    whole = within(busy, WHOLE_WORLD, EVERYTHING)
    one, *_ = codes = list(busy.scalars(text("SELECT code FROM district ORDER BY code")))
    part = within(busy, WHOLE_WORLD, Scope(districts=frozenset({one})))
    for kind in ("people", "buildings", "units", "sensors", "cameras"):
        assert part[kind] < whole[kind], kind  # type: ignore[literal-required]
    assert len(part["facilities"]) < len(whole["facilities"])
    assert (whole["cut_to"], part["cut_to"]) == (None, [one])
    counted = [within(busy, WHOLE_WORLD, Scope(districts=frozenset({c})))["people"] or 0 for c in codes]
    assert sum(counted) == pytest.approx(whole["people"], rel=0.01)


def test_area_outside_of_ones_districts_is_refused_and_one_inside_is_whole(busy: Connection) -> None:
    with pytest.raises(Forbidden) as caught:
        within(busy, WHOLE_WORLD, Scope(districts=NOWHERE))
    assert caught.value.reason == "outside_districts"
    row = busy.execute(
        text(
            """
SELECT code, ST_AsGeoJSON(ST_Buffer(ST_PointOnSurface(geom)::geography, 50)::geometry)::json AS shape FROM district
LIMIT 1
"""
        )
    ).one()
    assert within(busy, row.shape, Scope(districts=frozenset({row.code})))["cut_to"] is None


def test_areas_of_risk_are_told_of_where_they_touch_ones_districts(busy: Connection) -> None:
    ground = read_cell_ground(busy, 8)
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
    ground = read_cell_ground(busy, 8)
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


REFERENCES: list[tuple[str, str, str, Callable[[Connection, Viewer, str], object]]] = [
    ("units", "incident", "incidents", lambda conn, who, one: incidents.get_incident(conn, who, UUID(one))),
    ("units", "incident", "incidents", lambda conn, who, one: incidents.get_log(conn, who, UUID(one))),
    ("units", "incident", "incidents", lambda conn, who, one: read_card(ask_as(conn, who), "incident", one)),
    ("alarms", "incident", "incidents", lambda conn, who, one: incidents.get_incident(conn, who, UUID(one))),
    ("incidents", "alarms", "alarms", lambda conn, who, one: alarms.get_alarm(conn, who, UUID(one))),
    ("incidents", "alarms", "alarms", lambda conn, who, one: read_card(ask_as(conn, who), "alarm", one)),
]


@pytest.mark.parametrize(("kind", "field", "other", "read"), REFERENCES, ids=[f"{n}" for n in range(len(REFERENCES))])
def test_id_of_what_one_may_not_see_opens_nothing(
    kind: str, field: str, other: str, read: Callable[[Connection, Viewer, str], object], conn: Connection
) -> None:
    """docs/decisions/0035: it stands in the lists of all, and behind it is nothing for whom it is not."""
    alarm = change(conn, 1, now())
    assert alarm
    incident, _ = open_from_alarm(conn, alarm, link, "me", now())
    send(conn, incident, "fire-01")
    home, away = list(conn.scalars(text("SELECT code FROM district ORDER BY code")))[:2]
    conn.execute(text("UPDATE incident SET district = :away"), {"away": away})
    conn.execute(text("UPDATE alarm SET district = :home"), {"home": home})
    conn.execute(
        text(
            "UPDATE unit SET station = NULL, home = (SELECT ST_PointOnSurface(geom) FROM district WHERE code = :home)"
        ),
        {"home": home},
    )
    at = away if kind == "incidents" else home
    who = person(Role.DISPATCHER, districts=frozenset({at}))
    found = [one[field] for one in LISTS[kind](conn, who) if one[field]]
    [reference] = {str(one) for value in found for one in (value if isinstance(value, list) else [value])}
    assert reference not in ids(LISTS[other](conn, who))
    with pytest.raises(NotFound):
        read(conn, who, reference)
    read(conn, person(Role.DISPATCHER), reference)


def test_things_are_called_otherwise_by_whom_they_are_seen(conn: Connection) -> None:
    admin = person(Role.ADMIN)
    given = names.NamesIn(name_zh=" 东门一号 ", name_en="East gate 1")
    for kind, table in (("sensor", "sensors"), ("camera", "cameras"), ("unit", "units")):
        identity, district = a_district(conn, table)
        assert names.put_names(conn, admin, now(), kind, identity, given)["names"]["zh"] == "东门一号"  # type: ignore[arg-type]
        [seen] = [one for one in LISTS[table](conn, admin) if one["id"] == identity]
        assert seen["names"] == {"zh": "东门一号", "en": "East gate 1"}
        card: Any = read_card(ask_as(conn, admin), kind, identity)
        [renames] = [one for one in card["acts"] if one["name"] == "rename"]
        assert [one["value"] for one in renames["fields"]] == ["东门一号", "East gate 1"]
        assert "rename" not in [
            one["name"] for one in read_card(ask_as(conn, person(Role.VIEWER)), kind, identity)["acts"]
        ]
        assert {one["type"] for one in search(conn, "东门一号", 20, EVERYTHING)} >= {kind}
        elsewhere = person(Role.ADMIN, districts=NOWHERE - {district})
        with pytest.raises(NotFound):
            names.put_names(conn, elsewhere, now(), kind, identity, given)  # type: ignore[arg-type]
        with pytest.raises(Forbidden):
            names.put_names(conn, person(Role.DISPATCHER), now(), kind, identity, given)  # type: ignore[arg-type]


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


# --- what hangs on a thing: its surroundings, its score, its log ------------------------------------------------------

# a building so near to another district that the circle around it reaches over
_AT_A_BORDER = text("""
SELECT ST_X(b.center) AS lon, ST_Y(b.center) AS lat, mine.code AS mine, other.code AS other
FROM district mine JOIN district other ON other.code <> mine.code
JOIN building b ON ST_Covers(mine.geom, b.center) AND ST_DWithin(b.center::geography, other.geom::geography, 100)
ORDER BY b.id LIMIT 1
""")


class Border(NamedTuple):
    """An incident near two districts, with its score."""

    incident: UUID
    mine: str
    other: str


@pytest.fixture
def border(conn: Connection) -> Border:
    row = conn.execute(_AT_A_BORDER).one()
    incident = opened(conn, where=LonLat(row.lon, row.lat))
    conn.execute(text("UPDATE incident SET district = :code"), {"code": row.mine})
    rows = coverage.compute(load_graph(conn), city_cells(conn, 8), read_candidates(conn))
    coverage.store(conn, rows, now())
    score_incidents(conn, now(), 8)
    return Border(incident, row.mine, row.other)


def card_for(conn: Connection, incident: UUID, **limits: Any) -> Any:
    return read_card(ask_as(conn, person(Role.DISPATCHER, **limits)), "incident", str(incident))


def test_surroundings_of_a_card_are_those_in_ones_districts(border: Border, conn: Connection) -> None:
    whole = card_for(conn, border.incident)["around"]
    mine = card_for(conn, border.incident, districts=frozenset({border.mine}))["around"]
    others = set(conn.scalars(text("SELECT code FROM district"))) - {border.mine}
    # of somebody who sees every district but the one the incident is in, and was sent to it
    rest = look_around(
        ask_as(conn, person(Role.DISPATCHER, districts=frozenset(others))),
        place_of_incident(conn, border),
        "flooding",
        conn.scalar(text("SELECT level FROM incident WHERE id = :id"), {"id": border.incident}),
        [],
    )
    assert rest
    assert (whole["cut_to"], mine["cut_to"]) == (None, [border.mine])
    for kind in ("people", "buildings"):
        assert 0 < mine[kind] < whole[kind], kind
        assert mine[kind] + rest.around[kind] == pytest.approx(whole[kind], abs=1), kind  # type: ignore[literal-required]
    districts = {
        conn.scalar(text("SELECT district FROM facility WHERE id = :id"), {"id": one["id"]})
        for one in mine["facilities"]
    }
    assert districts <= {border.mine, "000000"}
    assert {unit["id"] for unit in mine["units"]} <= ids(
        LISTS["units"](conn, person(Role.DISPATCHER, districts=frozenset({border.mine})))
    )


def place_of_incident(conn: Connection, border: Border) -> LonLat | None:
    return place_of(read_incidents(conn, [border.incident])[0])


def test_circle_that_lies_in_ones_districts_is_whole_and_says_nothing(border: Border, conn: Connection) -> None:
    every = frozenset(conn.scalars(text("SELECT code FROM district")))
    assert card_for(conn, border.incident, districts=every)["around"] == card_for(conn, border.incident)["around"]


def test_whoever_sees_nothing_of_the_city_is_told_of_no_surroundings(border: Border, conn: Connection) -> None:
    send(conn, border.incident, "fire-01")
    phone = person(Role.UNIT, units=frozenset({"fire-01"}))
    card: Any = read_card(ask_as(conn, phone), "incident", str(border.incident))
    assert card["around"] is None


def test_score_names_no_unit_and_no_place_to_whom_they_are_not_shown(border: Border, conn: Connection) -> None:
    conn.execute(text("UPDATE facility SET district = :other"), {"other": border.other})
    conn.execute(
        text(
            """
INSERT INTO facility (id, kind, name_zh, name_en, geom, district, attributes)
SELECT 'school-there', 'school', '那边小学', 'School There', geom, :other, '{}' FROM incident WHERE id = :id
"""
        ),
        {"other": border.other, "id": border.incident},
    )
    conn.execute(text("UPDATE incident SET risk = NULL"))
    score_incidents(conn, now(), 8)
    stored = json.dumps(read_incidents(conn, [border.incident])[0]["risk"], ensure_ascii=False)
    assert "那边小学" in stored
    names = [row.name_zh for row in conn.execute(text("SELECT name_zh FROM unit"))]
    assert any(name in stored for name in names)
    # no unit is of this district
    conn.execute(text("UPDATE unit SET station = 'school-there'"))
    limits = {"districts": frozenset({border.mine})}
    who = person(Role.DISPATCHER, **limits)
    [item] = read_incidents(conn, [border.incident])
    live = say_to(who, Changes(KINDS["incident"], [item], []), Told(), now()).bodies
    answers = {
        "card": card_for(conn, border.incident, **limits),
        "one": incidents.get_incident(conn, who, border.incident),
        "list": LISTS["incidents"](conn, who),
        "picture": state.get_state(conn, who, now())["incidents"],
        "note": incidents.add_note(conn, who, now(), border.incident, incidents.NoteIn(text="seen")),
        "live": [body.decode() for body in live],
    }
    for what, told in answers.items():
        # the log of a card says who was sent
        told = {**told, "log": []} if isinstance(told, dict) and "log" in told else told
        said = json.dumps(told, ensure_ascii=False)
        assert str(border.incident) in said, what
        assert not [name for name in ("那边小学", "School There", *names) if name in said], what
    assert "School There" in json.dumps(card_for(conn, border.incident))


def test_where_a_sensors_messages_come_in_is_told_to_whom_the_door_is_shown(conn: Connection) -> None:
    told = json.dumps({"topic": "secret-maker/7/up", "sent": '{"serial": "sn-77"}', "floor": 2})
    sensor = conn.scalar(
        text(
            """
UPDATE sensor SET attributes = CAST(:told AS jsonb) WHERE id = (SELECT min(id) FROM sensor WHERE status = 'active')
RETURNING id
"""
        ),
        {"told": told},
    )
    for role, is_told in ((Role.VIEWER, False), (Role.DISPATCHER, True)):
        who = person(role)
        [item] = read_sensors(conn, {}, ids=[sensor])
        answers = {
            "list": LISTS["sensors"](conn, who),
            "one": sensors.get_sensor(conn, who, sensor),
            "picture": state.get_state(conn, who, now())["sensors"],
            "card": read_card(ask_as(conn, who), "sensor", sensor),
            "live": [one.decode() for one in say_to(who, Changes(KINDS["sensor"], [item], []), Told(), now()).bodies],
        }
        for what, answer in answers.items():
            said = json.dumps(answer)
            assert ("secret-maker" in said, "sn-77" in said) == (is_told, is_told), (role, what)
            assert "floor" in said, what


def test_health_names_no_more_than_ones_permissions_and_districts(conn: Connection) -> None:
    conn.execute(
        text(
            """
INSERT INTO camera_state (camera_id, frame_at) SELECT min(id), now() - interval '2 hours' FROM camera
ON CONFLICT (camera_id) DO UPDATE SET event_at = NULL, frame_at = EXCLUDED.frame_at
"""
        )
    )
    conn.execute(
        text(
            """
INSERT INTO quarantine (owner, kind, since, last_at, figure, held)
VALUES ('account:flooder', 'rate', now(), now(), 900, 5)
"""
        )
    )
    conn.execute(
        text(
            """
INSERT INTO set_aside (what, id, error, tries, first_at, last_at, due_at)
VALUES ('score', 'x', 'no', 3, now(), now(), 'infinity')
"""
        )
    )
    parts: Any = SimpleNamespace(settings=SimpleNamespace(topic_prefix="onemap"))
    [item] = KINDS["health"].read_all(conn, ReadAt(now(), Settings(database_url="postgresql://")))

    def told(who: Viewer) -> tuple[int, int, int]:
        one = health.get_health(conn, who, now(), parts)
        [live] = say_to(who, Changes(KINDS["health"], [item], []), Told(), now()).bodies
        assert ("account:flooder" in live.decode()) is bool(one["quarantine"])
        assert one["cameras"] is not None
        return len(one["quarantine"]), len(one["set_aside"]), len(one["cameras"]["silent"])

    assert told(person(Role.DISPATCHER)) == (1, 1, 1)
    assert told(person(Role.VIEWER)) == (0, 0, 1)
    assert told(person(Role.DISPATCHER, districts=NOWHERE)) == (1, 1, 0)


def test_area_of_risk_names_no_alarm_to_whom_part_of_the_city_is_hidden(busy: Connection) -> None:
    ground = read_cell_ground(busy, 8)
    assert ground is not None
    score_cells(busy, ground, now())
    name = busy.scalar(text("SELECT names->>'zh' FROM alarm"))
    [code] = busy.scalars(text("SELECT code FROM district WHERE code = (SELECT district FROM alarm)"))

    def told(**limits: Any) -> str:
        return json.dumps(state.get_state(busy, person(Role.VIEWER, **limits), now())["risk_cells"], ensure_ascii=False)

    assert name in told()
    assert "附近有告警或事件" in told(districts=frozenset({code}))
    assert name not in told(districts=frozenset({code}))


# what stands beside a layer in the tree, and what can be fetched of it
COUNTED = ["facilities", "sensors", "cameras", "incidents", "alarms", "units", "video_events"]


@pytest.mark.parametrize("layer", COUNTED)
@pytest.mark.parametrize("limits", [{"districts": NOWHERE}, {"units": frozenset({"fire-01"})}, {}], ids=str)
def test_layer_counts_what_may_be_seen(layer: str, limits: Any, busy: Connection) -> None:
    # a sensor without a place is counted and cannot be drawn
    busy.execute(text("UPDATE sensor SET status = 'retired' WHERE geom IS NULL"))
    busy.execute(text("UPDATE incident SET district = (SELECT min(code) FROM district)"))
    scope = Scope(**limits)
    described = {one["id"]: one for one in describe_layers(busy, scope)}[layer]
    assert described["count"] == read_features(busy, layer, scope).count(b'"Feature"')
    assert not described["count_estimated"]


@pytest.mark.parametrize("layer", ["alarms", "incidents", "units", "sensors", "video_events", "risk_cells"])
def test_layer_tells_no_time_of_what_may_not_be_seen(layer: str, busy: Connection) -> None:
    ground = read_cell_ground(busy, 8)
    assert ground is not None
    score_cells(busy, ground, now())
    busy.execute(text("UPDATE incident SET district = (SELECT min(code) FROM district)"))
    write(busy, [(0, 3.0)], now())
    busy.execute(text("INSERT INTO unit_state (unit_id, time, lon, lat) VALUES ('fire-01', now(), 118.3, 33.9)"))
    for table in ("sensor", "camera"):
        busy.execute(text(f"UPDATE {table} SET district = (SELECT min(code) FROM district)"))
    described = {one["id"]: one for one in describe_layers(busy, Scope(districts=NOWHERE))}[layer]
    assert (described["count"], described["updated_at"]) == (0, None)
    assert {one["id"]: one for one in describe_layers(busy)}[layer]["updated_at"]


def test_areas_of_risk_and_components_are_counted_as_they_are_seen(busy: Connection) -> None:
    ground = read_cell_ground(busy, 8)
    assert ground is not None
    score_cells(busy, ground, now())
    [dept] = busy.scalars(text("SELECT dept FROM asset WHERE dept IS NOT NULL ORDER BY id LIMIT 1"))
    kept = busy.scalar(text("SELECT count(*) FROM asset WHERE dept = :dept OR dept IS NULL"), {"dept": dept})
    described = {one["id"]: one for one in describe_layers(busy, Scope(departments=frozenset({dept})))}
    assert described["assets"]["count"] == kept
    [code] = busy.scalars(text("SELECT min(code) FROM district"))
    there = [
        one
        for one in state.get_state(busy, person(Role.VIEWER, districts=frozenset({code})), now())["risk_cells"]
        if one["level"] is not None
    ]
    described = {one["id"]: one for one in describe_layers(busy, Scope(districts=frozenset({code})))}
    assert described["risk_cells"]["count"] == len(there)


def test_card_of_a_unit_tells_nothing_of_an_incident_that_is_hidden(conn: Connection) -> None:
    incident = opened(conn)
    send(conn, incident, "fire-01")
    conn.execute(text("UPDATE incident SET classification = 2"))

    def card(**limits: Any) -> Any:
        return read_card(ask_as(conn, person(Role.DISPATCHER, **limits)), "unit", "fire-01")

    assert card()["object"]["incident"] == str(incident)
    assert card()["log"]
    assert (card(classification=1)["object"]["incident"], card(classification=1)["log"]) == (None, [])


def test_card_of_an_incident_tells_nothing_of_an_alarm_that_is_hidden(conn: Connection) -> None:
    alarm = change(conn, 1, now())
    assert alarm
    incident, _ = open_from_alarm(conn, alarm, link, "me", now())
    conn.execute(text("UPDATE sensor SET classification = 2 WHERE id = (SELECT thing_id FROM alarm)"))

    def card(**limits: Any) -> Any:
        return read_card(ask_as(conn, person(Role.DISPATCHER, **limits)), "incident", str(incident))

    assert [one["id"] for one in card()["alarms"]] == card()["object"]["alarms"] == [str(alarm)]
    low = card(classification=1)
    assert (low["alarms"], low["object"]["alarms"], low["judged"]) == ([], [], [])
    conn.execute(text("UPDATE sensor SET classification = 0"))
    conn.execute(text("UPDATE incident SET classification = 2"))
    own: Any = read_card(ask_as(conn, person(Role.DISPATCHER, classification=1)), "alarm", str(alarm))
    assert own["object"]["incident"] is None


# --- accounts at the broker -------------------------------------------------------------------------------------------


def test_account_at_the_broker_reaches_no_further_than_who_makes_it(conn: Connection) -> None:
    """Whoever makes one is told its secret: a gateway hears every alarm, of every class, and every task."""
    parts: Any = SimpleNamespace(settings=SimpleNamespace(topic_prefix="onemap"))
    code = str(conn.scalar(text("SELECT min(district) FROM sensor WHERE district <> '000000'")))
    sensor, hidden = (
        conn.scalar(text(f"SELECT min(id) FROM sensor WHERE district {sign} :code"), {"code": code})
        for sign in ("=", "<>")
    )
    whole = person(Role.ADMIN)
    here = person(Role.ADMIN, districts=frozenset({code}))

    def add(who: Viewer, name: str, **more: Any) -> Any:
        return accounts.post_account(conn, who, now(), parts, AccountIn(name=name, **more))

    add(whole, "all", kind="gateway")
    add(whole, "truck", kind="unit", units=["fire-01"])
    add(here, "mine", sensors=[sensor])
    add(here, "new", sensors=["of-nobody-yet"])
    phone = person(Role.ADMIN, units=frozenset({"fire-02"}))
    low = person(Role.ADMIN, classification=1)
    acts: list[Callable[[], object]] = [
        lambda: add(here, "g2", kind="gateway"),
        lambda: add(low, "g3", kind="gateway"),
        lambda: add(here, "theirs", sensors=[hidden]),
        lambda: add(phone, "t2", kind="unit", units=["works-01"]),
        lambda: add(phone, "works-02", kind="unit"),
        lambda: accounts.post_rotate(conn, low, now(), "all"),
        lambda: accounts.post_revoke(conn, here, now(), "all"),
        lambda: accounts.post_rotate(conn, phone, now(), "truck"),
        lambda: accounts.put_account(conn, here, now(), parts, "mine", AccountIn(name="mine", kind="gateway")),
        lambda: accounts.put_account(conn, here, now(), parts, "all", AccountIn(name="all", sensors=[sensor])),
    ]
    for act in acts:
        with pytest.raises(Forbidden) as caught:
            act()
        assert caught.value.reason == "beyond_own"
    file = f"name,kind,sensors\nm-1,device,{sensor}-b\nm-2,gateway,\nm-3,device,{hidden}\n"
    lines = accounts.post_accounts(conn, here, now(), parts, accounts.ImportIn(csv=file))["lines"]
    assert [line["credentials"] is not None for line in lines] == [True, False, False]
    names = list(conn.scalars(text("SELECT name FROM broker_account ORDER BY name")))
    assert names == ["all", "m-1", "mine", "new", "truck"]
    assert accounts.post_rotate(conn, whole, now(), "all")["credentials"]["password"]
