"""The API's answers: shapes of the contract, errors as problem details that name the field, lists in pages."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from lxml import etree
from sqlalchemy import Connection, Engine, text

from alerts import store
from app.asking import Asking
from app.cards import READERS, around, read_card
from app.cards.nouns import CardParts
from app.past import read_now, read_past
from core.clock import rfc3339
from core.errors import InputError, NotFound
from core.viewer import Role
from core.vocabulary import AlarmState, IncidentStatus, TaskReply
from dispatch import incidents, steps, tasks
from dispatch.recommend import recommend_units
from tests.alerts.helpers import change, write
from tests.app.asking import ask_as
from tests.dispatch.test_incidents import opened, send
from tests.people import person
from tests.support import System, now

SAMPLE_ID = "0190a000-0000-7000-8000-000000000000"
PROBLEMS = [
    ("GET", "/api/alarms?state=burning", None, 422, "state"),
    ("GET", "/api/alarms?bbox=1,2,3", None, 422, "bbox"),
    ("GET", "/api/alarms?bbox=9,1,2,3", None, 422, "bbox"),
    ("GET", "/api/alarms?cursor=x", None, 422, "cursor"),
    ("GET", "/api/alarms?limit=0", None, 422, "limit"),
    ("GET", "/api/alarms?limit=1001", None, 422, "limit"),
    ("GET", "/api/alarms?since=yesterday", None, 422, "since"),
    ("GET", "/api/alarms?since=2026-05-04T08:00:00", None, 422, "since"),
    ("GET", "/api/alarms/not-a-uuid", None, 422, "alarm_id"),
    ("GET", f"/api/alarms/{SAMPLE_ID}", None, 404, None),
    ("GET", "/api/incidents?status=lost", None, 422, "status"),
    ("GET", f"/api/incidents/{SAMPLE_ID}", None, 404, None),
    ("GET", f"/api/incidents/{SAMPLE_ID}/log", None, 404, None),
    ("GET", f"/api/incidents/{SAMPLE_ID}/recommendations", None, 404, None),
    ("GET", f"/api/incidents/{SAMPLE_ID}/routes", None, 404, None),
    ("POST", "/api/incidents", {}, 422, "kind"),
    ("POST", "/api/incidents", {"kind": "fire", "level": 9, "title": "x", "lon": 1, "lat": 1}, 422, "level"),
    ("POST", "/api/incidents", {"kind": "dragon", "level": 1, "title": "x", "lon": 1, "lat": 1}, 422, "kind"),
    ("POST", "/api/incidents", {"kind": "fire", "level": 1, "title": "x", "lon": 200, "lat": 1}, 422, "lon"),
    ("POST", "/api/incidents", {"kind": "fire", "level": 1, "title": "x", "lon": 1}, 422, "lat"),
    ("POST", "/api/incidents", {"alarm": SAMPLE_ID, "colour": "red"}, 422, "colour"),
    ("POST", "/api/incidents", {"alarm": SAMPLE_ID}, 404, None),
    ("POST", f"/api/incidents/{SAMPLE_ID}/status", {"status": "gone", "version": 1}, 422, "status"),
    ("POST", f"/api/incidents/{SAMPLE_ID}/status", {"status": "closed"}, 422, "version"),
    ("POST", "/api/units/fire-01/status", {"status": "lunch"}, 422, "status"),
    ("POST", "/api/units/nobody/status", {"status": "available"}, 404, "unit"),
    ("GET", "/api/sensors/nobody", None, 404, None),
    ("GET", "/api/sensors/nobody/observations", None, 404, None),
    ("GET", "/api/sensors/wl-spare/observations?every=0", None, 422, "every"),
    ("GET", "/api/sensors/wl-spare/observations?from=2026-05-04T08:00:00Z&to=2026-05-03T08:00:00Z", None, 422, "from"),
    ("GET", "/api/layers/dragons/features", None, 404, None),
    ("GET", "/tiles/dragons/1/0/0.mvt", None, 404, None),
    ("GET", "/tiles/streets/1/5/0.mvt", None, 422, "x"),
    ("GET", "/tiles/streets/a/0/0.mvt", None, 422, "z"),
    ("GET", "/api/state?at=2999-01-01T00:00:00Z", None, 422, "at"),
    ("GET", "/api/search", None, 422, "q"),
    ("GET", "/api/cards/dragon/1", None, 422, "type"),
    ("GET", "/api/cards/alarm/1", None, 404, None),
    ("GET", "/api/cards/unit/nobody", None, 404, None),
    ("POST", "/api/within", {"type": "Point", "coordinates": [1, 2]}, 422, "radius_m"),
    ("POST", "/api/within", {"type": "Polygon", "coordinates": [[[1, 2], [3, 4]]]}, 422, "coordinates"),
    ("POST", "/api/within", {"type": "Polygon", "coordinates": ["x"]}, 422, "coordinates"),
    ("POST", "/api/within", {"type": "Polygon"}, 422, "coordinates"),
    ("GET", "/feeds/alerts/none.cap", None, 404, None),
    ("GET", "/feeds/alerts.atom?lang=fr", None, 422, "lang"),
    ("GET", "/api/nothing", None, 404, None),
    ("DELETE", "/api/nothing", None, 404, None),
    ("GET", "/ogc/nothing", None, 404, None),
    ("POST", "/api/token", {"username": "x"}, 422, "password"),
]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "field"),
    PROBLEMS,
    ids=[f"{m} {p} {json.dumps(b)[:30]}" for m, p, b, _, _ in PROBLEMS],
)
def test_error_is_a_problem_that_names_the_field(
    method: str, path: str, body: Any, status: int, field: str | None, dispatcher: httpx.Client
) -> None:
    answer = dispatcher.request(method, path, json=body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert "Traceback" not in answer.text
    assert problem.get("field") == field, problem


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b"", b"null", b'"x"'])
def test_body_that_is_no_object_is_a_problem_too(body: bytes, dispatcher: httpx.Client) -> None:
    answer = dispatcher.post("/api/incidents", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == (400 if body == b"\xff" else 422)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path",
    [
        "/api/alarms",
        "/api/incidents",
        "/api/units",
        "/api/sensors",
        "/api/layers",
        "/api/search?q=x",
        "/api/sources",
        "/api/decoders",
    ],
)
def test_lists_have_items_and_a_next(path: str, dispatcher: httpx.Client) -> None:
    assert set(dispatcher.get(path).json()) == {"items", "next"}


@pytest.mark.parametrize(
    "path",
    [
        "/api/city",
        "/api/vocabulary",
        "/api/texts",
        "/api/health",
        "/api/state",
        "/metrics",
        "/api/openapi.json",
        "/api/docs",
        "/",
        "/api/me",
    ],
)
def test_plain_reads_answer(path: str, viewer: httpx.Client) -> None:
    answer = viewer.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"


def test_page_may_load_its_own_parts_only(viewer: httpx.Client) -> None:
    policy = viewer.get("/", headers={"Accept": "text/html"}).headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    script = next(part for part in policy.split(";") if part.strip().startswith("script-src"))
    assert "unsafe" not in script


def test_every_endpoint_of_the_contract_is_described(viewer: httpx.Client) -> None:
    paths = set(viewer.get("/api/openapi.json").json()["paths"])
    assert {
        "/api/token",
        "/api/alarms",
        "/api/alarms/{alarm_id}/acknowledge",
        "/api/alarms/{alarm_id}/shelve",
        "/api/incidents",
        "/api/units",
        "/api/incidents/{incident_id}",
        "/api/incidents/{incident_id}/log",
        "/api/incidents/{incident_id}/recommendations",
        "/api/sensors",
        "/api/incidents/{incident_id}/assignments",
        "/api/incidents/{incident_id}/status",
        "/api/units/{unit_id}/status",
        "/api/within",
        "/api/sensors/{sensor_id}/observations",
        "/api/layers",
        "/tiles/{name}/{z}/{x}/{y}.mvt",
        "/api/state",
        "/api/health",
        "/feeds/alerts.atom",
        "/feeds/alerts.rss",
        "/feeds/alerts.geojson",
        "/feeds/alerts/{identifier}.cap",
        "/healthz",
        "/readyz",
        "/metrics",
        "/api/sources",
        "/api/sources/{source_id}",
        "/api/sources/try",
        "/api/decoders",
        "/api/dead-letters",
        "/api/dead-letters/{letter_id}",
        "/api/dead-letters/reasons",
        "/api/dead-letters/replay",
        "/api/dead-letters/discard",
        "/api/sensors/{sensor_id}/accept",
        "/api/sensors/{sensor_id}/retire",
    } <= paths


def test_pages_of_a_list_are_whole_and_without_repeats(db: Engine, dispatcher: httpx.Client) -> None:
    body = {"kind": "noise", "level": 4, "title": "one of many", "lon": 119.0, "lat": 31.3}
    made = {dispatcher.post("/api/incidents", json=body).json()["id"] for _ in range(5)}
    seen, cursor = [], None
    while True:
        answer = dispatcher.get("/api/incidents", params={"limit": 2, **({"cursor": cursor} if cursor else {})}).json()
        assert len(answer["items"]) <= 2
        seen += [i["id"] for i in answer["items"]]
        cursor = answer["next"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen))
    assert made <= set(seen)


def test_incident_by_hand_assigned_and_moved_on_with_its_version(dispatcher: httpx.Client) -> None:
    body = {"kind": "fire", "level": 2, "title": "浓烟", "lon": 118.99, "lat": 31.35, "text": "3 楼"}
    incident = dispatcher.post("/api/incidents", json=body).json()
    path = f"/api/incidents/{incident['id']}"
    best = dispatcher.get(f"{path}/recommendations").json()["items"][0]
    assigned = dispatcher.post(f"{path}/assignments", json={"unit": best["unit"]}).json()
    assert assigned["assignments"][0]["eta_s"] == pytest.approx(best["eta_s"], abs=0.1)
    assert best["unit"] not in [i["unit"] for i in dispatcher.get(f"{path}/recommendations").json()["items"]]
    old = dispatcher.post(f"{path}/status", json={"status": "on_scene", "version": incident["version"]})
    assert (old.status_code, old.json()["reason"]) == (409, "stale_version")
    moved = dispatcher.post(f"{path}/status", json={"status": "closed", "version": assigned["version"]})
    assert moved.json()["status"] == "closed"
    assert dispatcher.get("/api/units").json()["items"]
    busy = {u["id"]: u["status"] for u in dispatcher.get("/api/units").json()["items"]}
    assert busy[best["unit"]] == "available"


def test_busy_unit_is_a_conflict(dispatcher: httpx.Client) -> None:
    body = {"kind": "medical", "level": 4, "title": "x", "lon": 118.99, "lat": 31.35}
    first, second = (dispatcher.post("/api/incidents", json=body).json()["id"] for _ in range(2))
    assert dispatcher.post(f"/api/incidents/{first}/assignments", json={"unit": "medic-01"}).status_code == 200
    refused = dispatcher.post(f"/api/incidents/{second}/assignments", json={"unit": "medic-01"})
    assert (refused.status_code, refused.json()["reason"], refused.json()["field"]) == (409, "unit_busy", "unit")


def test_shelved_alarm_says_until_when(db: Engine, served: System) -> None:
    with db.begin() as conn:
        alarm = change(conn, 2, now())
    with served.api("commander") as commander:
        shelved = commander.post(f"/api/alarms/{alarm}/shelve", json={"minutes": 30, "reason": "known"}).json()
        assert shelved["state"] == "shelved"
        until = datetime.fromisoformat(shelved["shelved_until"])
        assert timedelta(minutes=29) < until - now() <= timedelta(minutes=30)
        assert [a["id"] for a in commander.get("/api/alarms?state=shelved").json()["items"]] == [str(alarm)]
        refused = commander.post(f"/api/alarms/{alarm}/acknowledge")
        assert refused.status_code == 409
    with db.begin() as conn:
        conn.execute(text("UPDATE alarm SET state = 'normal', active = false"))


def test_changed_since_has_also_what_has_ended(dispatcher: httpx.Client) -> None:
    moment = rfc3339(now() - timedelta(seconds=1))
    body = {"kind": "noise", "level": 4, "title": "short", "lon": 119.0, "lat": 31.3}
    incident = dispatcher.post("/api/incidents", json=body).json()
    dispatcher.post(
        f"/api/incidents/{incident['id']}/status",
        json={"status": "cancelled", "version": incident["version"], "reason": "nothing there"},
    )
    assert incident["id"] not in {i["id"] for i in dispatcher.get("/api/incidents").json()["items"]}
    changed = dispatcher.get("/api/incidents", params={"since": moment}).json()["items"]
    assert {i["id"]: i["status"] for i in changed}[incident["id"]] == "cancelled"
    later = dispatcher.get("/api/incidents", params={"since": rfc3339(now() + timedelta(seconds=5))}).json()
    assert later["items"] == []


def test_within_a_district_are_its_people_and_things(db: Engine, viewer: httpx.Client) -> None:
    with db.connect() as conn:
        shape = json.loads(str(conn.scalar(text("SELECT ST_AsGeoJSON(geom) FROM district ORDER BY code LIMIT 1"))))
        cameras = conn.scalar(
            text(
                """
SELECT count(*) FROM camera c, district d
WHERE d.code = (SELECT min(code) FROM district) AND ST_Intersects(c.geom, d.geom)
"""
            )
        )
    found = viewer.post("/api/within", json=shape).json()
    things = {"facilities", "facility_kinds", "units", "sensors", "cameras", "incidents", "alarms", "assets", "layers"}
    assert {"cut_to", "people", "buildings", "geometry", "name", "area_m2", "length_m", *things} == set(found)
    assert found["people"] > 0
    assert found["cameras"] == cameras


def test_tile_says_its_type_and_an_empty_one_has_no_content(viewer: httpx.Client) -> None:
    center = viewer.get("/api/city").json()["center"]
    z = 10
    x = int((center[0] + 180) / 360 * 2**z)
    full = [viewer.get(f"/tiles/base/{z}/{x}/{y}.mvt") for y in range(410, 425)]
    assert {a.status_code for a in full} == {200, 204}
    assert all(a.headers["content-type"] == "application/vnd.mapbox-vector-tile" for a in full if a.status_code == 200)


def test_browser_libraries_are_served_and_nothing_beside_them(viewer: httpx.Client) -> None:
    for path in (
        "%2e%2e/package.json",
        "..%2fpackage.json",
        "..%2f..%2fetc%2fpasswd",
        ".onemap-lock",
        "maplibre-gl/package.json%2f..%2f..%2f..%2fpackage.json",
    ):
        assert viewer.get(f"/vendor/{path}").status_code in (400, 404), path
    assert viewer.get("/vendor/maplibre-gl/package.json").json()["name"] == "maplibre-gl"


def test_metrics_are_prometheus_text(viewer: httpx.Client) -> None:
    body = viewer.get("/metrics").text
    assert "onemap_dead_letters" in body
    assert "# TYPE onemap_feed_age_seconds gauge" in body


def test_feeds_are_of_their_types(viewer: httpx.Client) -> None:
    for path, kind in (("atom", "application/atom+xml"), ("rss", "application/rss+xml")):
        answer = viewer.get(f"/feeds/alerts.{path}")
        assert answer.headers["content-type"].startswith(kind)
        etree.fromstring(answer.content)
    assert viewer.get("/feeds/alerts.geojson").json()["type"] == "FeatureCollection"


# --- plain functions behind it ----------------------------------------------------------------------------------------

T = now() - timedelta(hours=5)


def minute(n: float) -> datetime:
    return T + timedelta(minutes=n)


def test_picture_of_a_moment_is_what_was_then(admin_conn: Connection) -> None:
    """An alarm from minute 10 to 30 that worsens at 20, an incident from 12 to 40 that is assigned at 15."""
    admin_conn.execute(text("UPDATE sensor SET first_seen_at = :t"), {"t": minute(-60)})
    write(admin_conn, [(0, 1.5), (1200, 2.5)], T)
    admin_conn.execute(text("UPDATE observation SET received_at = time WHERE sensor_id = 'wl-spare'"))
    admin_conn.execute(text("UPDATE sensor_state SET received_at = time WHERE sensor_id = 'wl-spare'"))
    alarm = change(admin_conn, 3, minute(10))
    assert alarm is not None
    incident, _ = incidents.open_from_alarm(admin_conn, alarm, store.link, "desk", minute(12))
    tasks.assign(admin_conn, incident, "works-01", "desk", minute(15), None, None)
    admin_conn.execute(
        text(
            "INSERT INTO unit_position (unit_id, time, lon, lat, received_at) VALUES ('works-01', :t, 119.5, 31.5, :t)"
        ),
        {"t": minute(16)},
    )
    change(admin_conn, 1, minute(20))
    change(admin_conn, None, minute(30))
    admin_conn.execute(
        text(
            """
INSERT INTO alarm_event (alarm_id, time, what, state, level, who)
VALUES (:id, :t, 'acknowledged', 'normal', 1, 'x')
"""
        ),
        {"id": alarm, "t": minute(31)},
    )
    steps.set_status(admin_conn, incident, IncidentStatus.CLOSED, "desk", minute(40), None)
    seen = {}
    for n in (5, 11, 14, 17, 25, 35, 45):
        picture = read_past(admin_conn, minute(n))
        where = next(u for u in picture["units"] if u["id"] == "works-01")
        seen[n] = (
            [a["level"] for a in picture["alarms"]],
            [i["status"] for i in picture["incidents"]],
            where["lon"] == 119.5,
            [s["values"]["water_level"]["value"] for s in picture["sensors"] if s["id"] == "wl-spare"],
        )
    assert seen == {
        5: ([], [], False, [1.5]),
        11: ([3], [], False, [1.5]),
        14: ([3], ["open"], False, [1.5]),
        17: ([3], ["assigned"], True, [1.5]),
        25: ([1], ["assigned"], True, [2.5]),
        35: ([], ["assigned"], True, [2.5]),
        45: ([], [], True, [2.5]),
    }


def test_picture_of_now_has_all_there_is(conn: Connection) -> None:
    change(conn, 1, now())
    opened(conn)
    picture = read_now(conn, now())
    assert (len(picture["alarms"]), len(picture["incidents"])) == (1, 1)
    assert len(picture["units"]) == conn.scalar(text("SELECT count(*) FROM unit"))


def asking(conn: Connection, role: Role = Role.DISPATCHER) -> Asking:
    return ask_as(conn, person(role))


def own_row(conn: Connection) -> str:
    """A row of a layer of the city's own."""
    conn.execute(
        text(
            """
INSERT INTO layer (id, title_zh, title_en, tree_group, geometry, columns, style, visible, min_zoom, lineage, created_by,
  created_at, changed_at)
VALUES ('parks', '公园', 'Parks', 'own', 'none', '[]', '{}', true, 9, '{}', 'me', now(), now())
"""
        )
    )
    return str(
        conn.scalar(
            text(
                """
INSERT INTO layer_row (layer_id, key, props, district, changed_at) VALUES ('parks', '1', '{}', '000000', now())
RETURNING layer_id || '/' || id
"""
            )
        )
    )


def test_every_kind_of_card_has_the_same_parts(conn: Connection) -> None:
    alarm, incident = change(conn, 1, now()), opened(conn)
    first = {
        t: str(conn.scalar(text(f"SELECT id FROM {t} ORDER BY id LIMIT 1")))
        for t in ("unit", "sensor", "camera", "facility", "asset")
    }
    seen = conn.scalar(
        text(
            """
INSERT INTO video_event (camera_id, event_id, time, kind, received_at)
SELECT min(id), 'e1', now(), 'fire', now() FROM camera RETURNING camera_id || '/' || event_id
"""
        )
    )
    conn.execute(
        text(
            """
INSERT INTO warning (sender, identifier, sent, msg_type, status, headline, body, received_at)
VALUES ('s', 'w', '2026-05-04T08:00:00Z', 'Alert', 'Actual', '暴雨', 'no XML', now())
"""
        )
    )
    first["warning"] = "s,w,2026-05-04T08:00:00+00:00"
    first["row"] = own_row(conn)
    for kind in READERS:
        card = read_card(
            asking(conn), kind, {"alarm": str(alarm), "incident": str(incident), "video_event": seen, **first}[kind]
        )
        own = {
            "video_event": {"incident"},
            "alarm": {"judged", "risk", "measures", "together", "told"},
            "sensor": {"measures"},
            "incident": {"alarms", "judged", "rise", "risk", "needed", "missing", "arrivals"},
        }
        assert set(card) == set(CardParts.__annotations__) | {"type", "object"} | own.get(kind, set()), kind
        assert card["title"]["zh"]
        assert card["source"]["zh"]
        assert card["source"]["en"]


def test_card_of_an_incident_searches_the_roads_once(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    searches: list[object] = []
    monkeypatch.setattr(around, "recommend_units", lambda *given: searches.append(given) or recommend_units(*given))
    card = read_card(asking(conn), "incident", str(opened(conn)))
    assert len(searches) == 1
    assert card["around"]
    near = [unit["eta_s"] for unit in card["around"]["units"]]
    assert near == sorted(near)
    assert card["recommendations"]


def test_card_of_another_district_is_not_there_for_who_may_not_see_it(conn: Connection) -> None:
    sensor, district = conn.execute(text("SELECT id, district FROM sensor WHERE district <> '000000' LIMIT 1")).one()
    for districts, seen in ((frozenset({district}), True), (frozenset({"999999"}), False), (None, True)):
        ask = ask_as(conn, person(Role.ADMIN, districts=districts))
        if seen:
            assert read_card(ask, "sensor", sensor)["id"] == sensor
        else:
            with pytest.raises(NotFound):
                read_card(ask, "sensor", sensor)


@pytest.mark.parametrize("kind", list(READERS))
def test_card_of_nothing_is_not_found(kind: str, conn: Connection) -> None:
    with pytest.raises(NotFound):
        read_card(asking(conn), kind, "nobody")


def test_unknown_kind_of_card_names_those_there_are(conn: Connection) -> None:
    with pytest.raises(InputError, match="incident"):
        read_card(asking(conn), "dragon", "1")


def next_of(conn: Connection, kind: str, identity: object, role: Role = Role.DISPATCHER) -> str | None:
    step = read_card(asking(conn, role), kind, str(identity))["next"]
    return step["action"] if step else None


def test_next_step_of_an_alarm_is_an_incident_then_to_acknowledge(conn: Connection) -> None:
    alarm = change(conn, 1, now())
    assert alarm is not None
    assert next_of(conn, "alarm", alarm) == "create_incident"
    assert next_of(conn, "alarm", alarm, Role.VIEWER) is None
    incidents.open_from_alarm(conn, alarm, store.link, "x", now())
    assert next_of(conn, "alarm", alarm) == "acknowledge"
    conn.execute(text("UPDATE alarm SET state = :s"), {"s": AlarmState.ACKNOWLEDGED})
    assert next_of(conn, "alarm", alarm) is None


def test_next_step_of_an_incident_is_a_unit_then_what_is_missing_then_to_wait_then_to_close(conn: Connection) -> None:
    incident = opened(conn)
    assert next_of(conn, "incident", incident) == "assign"
    pumps = send(conn, incident)
    assert next_of(conn, "incident", incident) == "assign", "a flood needs a boat too"
    boat = send(conn, incident, "rescue-01")
    assert next_of(conn, "incident", incident) == "none"
    for assignment, unit in ((pumps, "works-01"), (boat, "rescue-01")):
        tasks.reply(conn, assignment, TaskReply.CLEAR, unit, now(), now(), None)
    assert next_of(conn, "incident", incident) == "status"
