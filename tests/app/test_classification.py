"""What is classified is seen by whom its class is given: in lists, cards, search, areas, the past, pictures, feeds and
the live channel; whoever works with a thing says how far it may be shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from fastapi import Response
from sqlalchemy import Connection, text

from alerts.cells import read_cell_ground, score_cells
from alerts.feeds.index import list_entries, read_alert
from alerts.present import read_cells
from alerts.risk.terms import facilities_text
from alerts.store import link
from app.api import alarms, classification, incidents, sensors, state, video
from app.api.classification import ClassificationIn
from app.api.shapes import IncidentChange, IncidentIn
from app.cards import read_card
from app.finding import search
from app.health.read import read_health
from app.live.hub import Changes, say_to
from app.live.kinds import KINDS, ReadAt
from app.live.told import Told
from app.pages.sources import devices, strangers
from core.errors import Conflict, Forbidden, InputError, NotFound
from core.excerpt import Excerpt
from core.exposure import Exposure, Place
from core.scope import Classification, Scope
from core.settings import Settings
from core.types import LonLat
from core.viewer import Role, Viewer
from dispatch.incidents import open_from_alarm
from dispatch.present import find_open_incident, read_incidents
from ingest.admin import pending
from layers.imports.load import load_layer
from layers.registers import read_near_cameras
from layers.served import read_features
from layers.video import read_picture
from tests.alerts.helpers import SENSOR, change, write
from tests.app.asking import ask_as
from tests.app.test_scope import LISTS, WHOLE_WORLD, ids, within
from tests.dispatch.test_incidents import opened, send
from tests.people import person
from tests.support import now

LOW, HIGH = person(classification=Classification.INTERNAL), person()
ADMIN = person(Role.ADMIN)
READ = ReadAt(now(), Settings(database_url="postgresql://"))


def classify(conn: Connection, kind: Any, identity: str, level: int = 2) -> None:
    classification.put_classification(conn, ADMIN, now(), kind, identity, ClassificationIn(classification=level))


@pytest.fixture
def things(conn: Connection) -> dict[str, str]:
    """One thing of each kind, secret, with what hangs on it."""
    alarm = change(conn, 1, now())
    camera, facility = (conn.scalar(text(f"SELECT min(id) FROM {name}")) for name in ("camera", "facility"))
    conn.execute(
        text(
            """
INSERT INTO video_event (camera_id, event_id, time, kind, received_at)
VALUES (:c, 'e1', now(), 'fire', now())
"""
        ),
        {"c": camera},
    )
    conn.execute(
        text("INSERT INTO snapshot (camera_id, sha256, body, received_at) VALUES (:c, 'abc', 'jpeg', now())"),
        {"c": camera},
    )
    incident = str(opened(conn))
    for kind, identity in (("sensor", SENSOR), ("camera", camera), ("facility", facility)):
        classify(conn, kind, identity)
    version = read_incidents(conn)[0]["version"]
    incidents.patch_incident(
        conn, ADMIN, now(), UUID(incident), IncidentChange(classification=Classification.SECRET, version=version or 0)
    )
    return {
        "alarms": str(alarm),
        "incidents": incident,
        "sensors": SENSOR,
        "cameras": str(camera),
        "video_events": f"{camera}/e1",
        "facilities": str(facility),
    }


@pytest.mark.parametrize("kind", ["alarms", "incidents", "sensors", "cameras", "video_events"])
def test_list_is_without_what_is_above_ones_class(kind: str, conn: Connection, things: dict[str, str]) -> None:
    assert things[kind] in ids(LISTS[kind](conn, HIGH))
    assert things[kind] not in ids(LISTS[kind](conn, LOW))
    [shown] = [one for one in LISTS[kind](conn, HIGH) if str(one["id"]) == things[kind]]
    assert shown["classification"] == 2


CARDS = {"alarm": "alarms", "incident": "incidents", "sensor": "sensors", "camera": "cameras", "facility": "facilities"}
CARDS["video_event"] = "video_events"


@pytest.mark.parametrize("kind", list(CARDS))
def test_card_of_what_is_above_ones_class_is_not_there(kind: str, conn: Connection, things: dict[str, str]) -> None:
    identity = things[CARDS[kind]]
    card: Any = read_card(ask_as(conn, HIGH), kind, identity)
    assert card["object"]["classification"] == 2
    with pytest.raises(NotFound):
        read_card(ask_as(conn, LOW), kind, identity)


@pytest.mark.parametrize("layer", ["alarms", "incidents", "sensors", "cameras", "video_events", "facilities"])
def test_layer_is_without_what_is_above_ones_class(layer: str, conn: Connection, things: dict[str, str]) -> None:
    name = f'"id":"{things[layer]}"'.encode()
    assert name in read_features(conn, layer, HIGH.scope)
    assert name not in read_features(conn, layer, LOW.scope)


def test_search_areas_and_neighbours_are_without_what_is_above_ones_class(
    conn: Connection, things: dict[str, str]
) -> None:
    for kind in ("incident", "sensor", "camera", "facility"):
        identity = things[CARDS[kind]]
        words = {"incident": "积水", "facility": name_of(conn, identity)}.get(kind, identity)
        assert identity in {hit["id"] for hit in search(conn, words, 100, HIGH.scope)}, kind
        assert identity not in {hit["id"] for hit in search(conn, words, 100, LOW.scope)}, kind
    whole, part = (within(conn, WHOLE_WORLD, who.scope) for who in (HIGH, LOW))
    for kind in ("sensors", "cameras", "incidents", "alarms"):
        assert whole[kind] - part[kind] == 1, kind  # type: ignore[literal-required]
    # a city has more facilities than an answer lists
    around = square(conn, things["facilities"])
    named = [{f["id"] for f in within(conn, around, who.scope)["facilities"]} for who in (HIGH, LOW)]
    assert named[0] - named[1] == {things["facilities"]}
    where = video.get_camera(conn, HIGH, now(), things["cameras"])
    assert where["lon"]
    assert where["lat"]
    at = LonLat(where["lon"], where["lat"])
    assert things["cameras"] in {c["id"] for c in read_near_cameras(conn, at, 10, 5, HIGH.scope)}
    assert things["cameras"] not in {c["id"] for c in read_near_cameras(conn, at, 10, 5, LOW.scope)}


def name_of(conn: Connection, facility: str) -> str:
    return str(conn.scalar(text("SELECT name_zh FROM facility WHERE id = :id"), {"id": facility}))


def square(conn: Connection, facility: str) -> Any:
    return conn.scalar(
        text("SELECT ST_AsGeoJSON(ST_Expand(geom, 0.0001))::json FROM facility WHERE id = :id"), {"id": facility}
    )


def test_series_and_pictures_are_of_whom_they_may_be_seen(conn: Connection, things: dict[str, str]) -> None:
    write(conn, [(0, 3.0)], now())
    assert sensors.get_observations(conn, HIGH, now(), SENSOR)["sensor"] == SENSOR
    with pytest.raises(NotFound):
        sensors.get_observations(conn, LOW, now(), SENSOR)
    assert read_picture(conn, "abc", HIGH.scope) == b"jpeg"
    with pytest.raises(NotFound):
        read_picture(conn, "abc", LOW.scope)


def test_picture_of_then_is_without_what_is_secret_now(conn: Connection, things: dict[str, str]) -> None:
    """Nobody reads in the past what they may not read now."""
    for at in (None, now()):
        whole, part = (state.get_state(conn, who, now(), at) for who in (HIGH, LOW))
        for kind in ("alarms", "incidents", "sensors", "video_events"):
            found = ids(whole[kind]) - ids(part[kind])  # type: ignore[literal-required]
            assert found == {things[kind]}, (kind, at)


def test_live_channel_says_nothing_of_what_is_above_ones_class(conn: Connection, things: dict[str, str]) -> None:
    for key, kind in (
        ("alarm", "alarms"),
        ("incident", "incidents"),
        ("sensor", "sensors"),
        ("video_event", "video_events"),
    ):
        items = [one for one in KINDS[key].read_all(conn, READ) if one["id"] == things[kind]]
        assert len(items) == 1, key
        changes = Changes(KINDS[key], items, [])
        assert say_to(LOW, changes, Told(), now()).bodies == [], key
        assert b'"upsert"' in say_to(HIGH, changes, Told(), now()).bodies[0], key


def test_feed_of_alerts_is_without_what_is_above_ones_class(conn: Connection, things: dict[str, str]) -> None:
    conn.execute(
        text(
            """
INSERT INTO cap_alert (identifier, alarm_id, alarm_version, sender, sent, msg_type, level, district, headline, expires,
  replaced, body)
VALUES ('cap-1', CAST(:alarm AS uuid), 1, 's', now(), 'Alert', 1, '000000', '{"zh": "x", "en": "x"}',
  now() + interval '1 hour', false, '<alert/>')
"""
        ),
        {"alarm": things["alarms"]},
    )
    assert [len(list_entries(conn, now(), None, who.scope)) for who in (HIGH, LOW)] == [1, 0]
    assert [read_alert(conn, "cap-1", who.scope) for who in (HIGH, LOW)] == ["<alert/>", None]


def test_health_names_open_cameras_only(conn: Connection, things: dict[str, str]) -> None:
    conn.execute(
        text(
            """
INSERT INTO camera_state (camera_id, frame_at) VALUES (:c, now() - interval '2 hours')
ON CONFLICT (camera_id) DO UPDATE SET event_at = NULL, frame_at = EXCLUDED.frame_at
"""
        ),
        {"c": things["cameras"]},
    )
    health = read_health(conn, now(), "onemap")["cameras"]
    assert health is not None
    assert health["silent_total"] >= 1
    assert things["cameras"] not in {one["id"] for one in health["silent"]}


def test_incident_of_an_alarm_is_as_secret_as_the_alarm(conn: Connection) -> None:
    alarm = change(conn, 1, now())
    assert alarm
    classify(conn, "sensor", SENSOR, 1)
    incident, _ = open_from_alarm(conn, alarm, link, "me", now())
    assert read_incidents(conn, [incident])[0]["classification"] == 1


def test_who_is_sent_sees_to_what_however_secret(conn: Connection, things: dict[str, str]) -> None:
    send(conn, UUID(things["incidents"]), "fire-01")
    phone = person(Role.UNIT, units=frozenset({"fire-01"}), classification=Classification.OPEN)
    assert ids(LISTS["incidents"](conn, phone)) == {things["incidents"]}


def test_nobody_hides_something_from_themselves_and_what_is_hidden_is_not_there_to_be_shown(conn: Connection) -> None:
    low = person(Role.ADMIN, classification=Classification.INTERNAL)
    put = classification.put_classification
    with pytest.raises(Forbidden):
        put(conn, low, now(), "sensor", SENSOR, ClassificationIn(classification=Classification.SECRET))
    with pytest.raises(Forbidden):
        incidents.create_incident(
            conn,
            low,
            now(),
            IncidentIn(kind="fire", level=1, title="x", lon=118.3, lat=33.9, classification=Classification.SECRET),
            None,  # type: ignore[arg-type]
        )
    classify(conn, "sensor", SENSOR)
    with pytest.raises(NotFound):
        put(conn, low, now(), "sensor", SENSOR, ClassificationIn(classification=Classification.OPEN))
    told = conn.execute(text("SELECT who, data FROM audit WHERE what = 'sensor.classify'")).one()
    assert told.data == {"sensor": SENSOR, "classification": 2, "was": 0}
    [kept] = conn.scalars(text("SELECT before->>'classification' FROM asset_event WHERE what = 'classified'"))
    assert kept == "0"


NEEDS: list[tuple[str, Role, Callable[[Connection, Viewer], object]]] = [
    ("sensor", Role.DISPATCHER, lambda conn, who: put(conn, who, "sensor", SENSOR)),
    ("camera", Role.GIS_OFFICER, lambda conn, who: put(conn, who, "camera", "x")),
    ("facility", Role.COMMANDER, lambda conn, who: put(conn, who, "facility", "x")),
    (
        "incident",
        Role.DISPATCHER,
        lambda conn, who: incidents.patch_incident(
            conn, who, now(), opened(conn), IncidentChange(classification=Classification.INTERNAL, version=1)
        ),
    ),
    (
        "limits of a device's own, which may add a rule",
        Role.VIEWER,
        lambda conn, who: sensors.post_accept(conn, who, now(), SENSOR, ACCEPT),
    ),
]
ACCEPT = sensors.AcceptIn(kind="water_level", lon=118.3, lat=33.9, thresholds={"water_level": {"1": 3.0}})


def put(conn: Connection, who: Viewer, kind: Any, identity: str) -> object:
    body = ClassificationIn(classification=Classification.INTERNAL)
    return classification.put_classification(conn, who, now(), kind, identity, body)


@pytest.mark.parametrize(("what", "role", "act"), NEEDS, ids=[n[0] for n in NEEDS])
def test_who_may_not_is_refused(
    what: str, role: Role, act: Callable[[Connection, Viewer], object], conn: Connection
) -> None:
    with pytest.raises(Forbidden):
        act(conn, person(role))


def test_limits_of_a_device_need_who_manages_rules(conn: Connection) -> None:
    keeper = person(Role.ADMIN)
    without = Viewer("k", "K", "keeper", keeper.permissions - {"rule.manage"})
    with pytest.raises(Forbidden, match=r"rule\.manage"):
        sensors.post_accept(conn, without, now(), SENSOR, ACCEPT)


def test_commander_says_how_far_an_incident_may_be_shown_and_the_log_tells(conn: Connection) -> None:
    incident = opened(conn)
    commander = person(Role.COMMANDER)
    body = IncidentChange(classification=Classification.INTERNAL, version=1)
    changed = incidents.patch_incident(conn, commander, now(), incident, body)
    assert (changed["classification"], changed["version"]) == (1, 2)
    assert incidents.get_log(conn, commander, incident)["items"][-1]["text"]["en"] == "Classification set to Internal"
    with pytest.raises(Conflict):
        incidents.patch_incident(conn, commander, now(), incident, body)


def test_import_sets_a_class_and_without_one_leaves_it(conn: Connection) -> None:
    def feature(**more: Any) -> Any:
        point = {"type": "Point", "coordinates": [118.3, 33.9]}
        return {
            "id": "f-1",
            "geometry": point,
            "properties": {"name_zh": "一", "name_en": "1", "kind": "school", **more},
        }

    def class_of() -> Any:
        return conn.scalar(text("SELECT classification FROM facility WHERE id = 'f-1'"))

    load_layer(conn, "facilities", [("here", feature())])
    assert class_of() == 0
    load_layer(conn, "facilities", [("here", feature(classification=1))])
    assert class_of() == 1
    load_layer(conn, "facilities", [("here", feature())])
    assert class_of() == 1
    assert conn.scalar(text("SELECT count(*) FROM facility")) == 1
    with pytest.raises(InputError) as caught:
        load_layer(conn, "facilities", [("here", feature(classification=7))])
    assert caught.value.field == "classification"


def test_alarm_acts_are_not_there_for_whom_the_alarm_is_not(conn: Connection, things: dict[str, str]) -> None:
    low = person(Role.COMMANDER, classification=Classification.OPEN)
    with pytest.raises(NotFound):
        alarms.acknowledge(conn, low, now(), UUID(things["alarms"]))
    assert ids(alarms.list_alarms(conn, low, Excerpt(limit=10))["items"]) == set()
    assert Scope(classification=Classification.SECRET).covers(low.scope)


@pytest.mark.parametrize(("chosen", "kept"), [("1", 1), (None, 0)])
def test_page_takes_a_sensor_into_use_with_a_class(chosen: str | None, kept: int, conn: Connection) -> None:
    conn.execute(text("UPDATE sensor SET status = 'pending' WHERE id = :id"), {"id": SENSOR})
    asking = ask_as(conn, ADMIN)
    values = devices.values_of(sensors.get_sensor(conn, ADMIN, SENSOR))
    told = {**values, "kind": "water_level", "lon": 118.3, "lat": 33.9, "classification": chosen}
    asked = {one.name: told[one.name] for one in devices.device_form().fields}
    assert devices.DeviceHandler().save(asking, values, {**asked, "thresholds": {}}).errors == {}
    assert sensors.get_sensor(conn, ADMIN, SENSOR)["classification"] == kept


def test_page_takes_a_camera_into_use_with_a_class(conn: Connection) -> None:
    conn.execute(
        text(
            """
INSERT INTO pending_thing (kind, id, status, first_seen_at, heard_at, messages, topic, sent, lon, lat)
VALUES ('camera', 'gate-9', 'pending', now(), now(), 1, 't', 's', 118.3, 33.9)
"""
        )
    )
    asking = ask_as(conn, ADMIN)
    values = strangers.values_of(pending.read_thing(conn, "camera", "gate-9"))
    told = {**values, "name_zh": "门", "name_en": "Gate", "lon": 118.3, "lat": 33.9, "classification": "2"}
    asked = {one.name: told[one.name] for one in strangers.camera_form().fields}
    assert strangers.StrangerHandler("camera").save(asking, values, asked).errors == {}
    assert video.get_camera(conn, ADMIN, now(), "gate-9")["classification"] == 2


def test_score_of_risk_counts_what_is_classified_and_does_not_name_it(conn: Connection) -> None:
    change(conn, 1, now())
    name = conn.scalar(text("SELECT names->>'zh' FROM alarm"))
    ground = read_cell_ground(conn, 8)
    assert ground

    def terms() -> str:
        score_cells(conn, ground, now())
        return json.dumps([cell["terms"] for cell in read_cells(conn)], ensure_ascii=False)

    assert name in terms()
    conn.execute(text("UPDATE alarm SET level = 2"))
    classify(conn, "sensor", SENSOR, 1)
    assert name not in terms()
    assert "不公开的事项" in terms()


def test_sensitive_place_near_that_is_classified_is_not_named() -> None:
    def said(*classes: int) -> str:
        places = tuple(
            Place(str(n), "school", {"zh": f"学校{n}", "en": f"School {n}"}, 1.0, None, c)
            for n, c in enumerate(classes)
        )
        return facilities_text(Exposure(1, 1, places, True), unnamed=bool(places))["en"]

    assert said(0, 2) == "sensitive places: School 0"
    assert said(2) == "sensitive places near that are not open to all"
    assert said() == "no schools, hospitals or other sensitive places near"


def test_incident_that_is_above_ones_class_is_no_way_on_from_what_one_sees(
    conn: Connection, things: dict[str, str]
) -> None:
    where = read_incidents(conn, [UUID(things["incidents"])])[0]
    at = LonLat(where["lon"] or 0.0, where["lat"] or 0.0)
    assert find_open_incident(conn, at, "flooding", HIGH.scope) == things["incidents"]
    assert find_open_incident(conn, at, "flooding", LOW.scope) is None
    classify(conn, "sensor", SENSOR, 0)
    alarm = UUID(things["alarms"])
    incident, _ = open_from_alarm(conn, alarm, link, "me", now())
    conn.execute(text("UPDATE incident SET classification = 2 WHERE id = :id"), {"id": incident})
    low = person(Role.DISPATCHER, classification=Classification.INTERNAL)
    with pytest.raises(NotFound):
        incidents.create_incident(conn, low, now(), IncidentIn(alarm=alarm), Response())
