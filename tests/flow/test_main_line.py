"""The main line: one message from a device becomes a row, an alarm with its risk, a push message, an incident, a task
and a CAP alert. One story, told in order: each test goes on where the one before it ended."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from capvalidator import check_schema
from lxml import etree

from core.clock import rfc3339
from core.types import LonLat
from tests.roads import STREETS, plain_roads
from tests.support import Listener, Mailbox, System, mailbox, now, wait_for

SENSOR = "wl-spare"  # no simulated device feeds it
TOPIC = f"onemap/observation/{SENSOR}"
ATOM = {"a": "http://www.w3.org/2005/Atom", "c": "urn:oasis:names:tc:emergency:cap:1.2"}
ZONE = "EPSG:32650"  # UTM 50 N, where the demo city lies
COUNTED = ("observation", "alarm", "alarm_event", "incident", "assignment", "cap_alert", "delivery", "dead_letter")
Json = dict[str, Any]


def reading(value: float, at: datetime) -> Json:
    return {"time": rfc3339(at), "metric": "water_level", "value": value, "unit": "m"}


@pytest.fixture(scope="module")
def api(processes: System) -> Iterator[httpx.Client]:
    with processes.api("dispatcher") as client:
        yield client


@pytest.fixture(scope="module")
def ears(processes: System) -> Iterator[Mailbox]:
    with mailbox(processes.gateway_url, "onemap/task/+", "onemap/alarm/#", "onemap/alert/#") as box:
        yield box


@pytest.fixture(scope="module")
def live(processes: System) -> Iterator[Listener]:
    with processes.push() as listener:
        listener.until(lambda m: (m["kind"] == "health" and m["op"] == "upsert") or m["kind"] == "alarm")
        yield listener


@pytest.fixture(scope="module")
def limits(api: httpx.Client) -> dict[str, float]:
    """The sensor's limits by level, as the API states them."""
    found: dict[str, float] = api.get(f"/api/sensors/{SENSOR}").json()["thresholds"]["water_level"]
    return found


@pytest.fixture(scope="module")
def began() -> datetime:
    """When the water was red: the story's later readings are of the four minutes after, and all have been."""
    return now() - timedelta(seconds=280)


@pytest.fixture(scope="module")
def red(limits: dict[str, float], began: datetime) -> Json:
    return reading(limits["1"] + 0.4, began)


@pytest.fixture(scope="module")
def alarm(api: httpx.Client, processes: System, ears: Mailbox, live: Listener, red: Json) -> Json:
    """The alarm that one message raised, once it has been scored."""
    wait_for(lambda: processes.one("SELECT count(*) FROM coverage"), what="coverage has been computed")
    ears.publish(TOPIC, red)
    found = wait_for(
        lambda: [a for a in api.get("/api/alarms").json()["items"] if a["thing"]["id"] == SENSOR and a["risk"]]
    )
    [one] = found
    return dict(one)


def test_message_becomes_a_row(alarm: Json, processes: System, red: Json) -> None:
    [row] = processes.rows("SELECT metric, time, value, unit, quality FROM observation WHERE sensor_id = %s", SENSOR)
    assert (row["metric"], row["value"], row["unit"], row["quality"]) == ("water_level", red["value"], "m", "good")
    assert row["time"] == datetime.fromisoformat(red["time"])


def test_alarm_is_of_level_one_and_says_why(alarm: Json, red: Json, limits: dict[str, float]) -> None:
    assert (alarm["level"], alarm["state"], alarm["rule"]) == (1, "unacknowledged", "water-stage")
    assert alarm["value"] == red["value"]
    over = f"{red['value'] - limits['2']:.2f}"
    assert f"{over} m over the guaranteed stage" in alarm["message"]["en"]
    assert f"超保证水位 {over} 米" in alarm["message"]["zh"]


def test_risk_names_its_terms_in_all_dimensions(alarm: Json) -> None:
    terms = {t["name"]: t for t in alarm["risk"]["terms"]}
    assert 0 < alarm["risk"]["score"] <= 10
    assert {t["dimension"] for t in terms.values()} == {"hazard", "exposure", "vulnerability", "coping"}
    assert terms["level"]["value"] == 10
    assert terms["nearest_unit"]["value"] is not None
    assert all(t["text"]["zh"] and t["text"]["en"] for t in terms.values())


def test_push_tells_of_the_alarm(alarm: Json, live: Listener) -> None:
    message = live.until(
        lambda m: m["kind"] == "alarm" and m["op"] == "upsert" and any(i["id"] == alarm["id"] for i in m["items"])
    )
    [item] = [i for i in message["items"] if i["id"] == alarm["id"]]
    assert (item["level"], item["thing"]["id"]) == (1, SENSOR)
    sequence = [m["seq"] for m in live.messages]
    assert sequence == list(range(sequence[0], sequence[0] + len(sequence)))


def test_alarm_goes_out_over_mqtt(alarm: Json, ears: Mailbox) -> None:
    heard = wait_for(lambda: ears.on(f"onemap/alarm/{alarm['district']}/1"))
    assert heard[0]["id"] == alarm["id"]


@pytest.fixture(scope="module")
def incident(api: httpx.Client, alarm: Json) -> Json:
    answer = api.post("/api/incidents", json={"alarm": alarm["id"]})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def test_incident_is_made_from_the_alarm_once(api: httpx.Client, alarm: Json, incident: Json) -> None:
    again = api.post("/api/incidents", json={"alarm": alarm["id"]})
    assert (again.status_code, again.json()["id"]) == (200, incident["id"])
    assert (incident["kind"], incident["level"], incident["status"]) == ("river_flood", 1, "open")
    assert (incident["lon"], incident["lat"]) == (alarm["lon"], alarm["lat"])
    assert api.get(f"/api/alarms/{alarm['id']}").json()["incident"] == incident["id"]


@pytest.fixture(scope="module")
def assigned(api: httpx.Client, processes: System, incident: Json) -> Json:
    """The incident after the truly nearest free and capable unit was sent."""
    items = api.get(f"/api/incidents/{incident['id']}/recommendations").json()["items"]
    answer = api.post(f"/api/incidents/{incident['id']}/assignments", json={"unit": items[0]["unit"]})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def capable_units(api: httpx.Client) -> list[Json]:
    return [u for u in api.get("/api/units").json()["items"] if {"water_rescue", "pumping"} & set(u["capabilities"])]


def test_recommended_is_who_brings_most_of_what_is_needed_by_road_of_the_free_and_capable(
    api: httpx.Client, processes: System, ears: Mailbox, incident: Json
) -> None:
    target = LonLat(incident["lon"], incident["lat"])
    capable = capable_units(api)
    assert len(capable) >= 4
    # one that is not free stands right beside it, and one that cannot help too
    busy, stranger = capable[0], next(u for u in api.get("/api/units").json()["items"] if u["kind"] == "medic")
    for unit in (busy, stranger):
        where = {"time": rfc3339(now()), "lon": target.lon, "lat": target.lat}
        ears.publish(f"onemap/position/{unit['id']}", where)
    ears.publish(f"onemap/unit/{busy['id']}/status", {"time": rfc3339(now()), "status": "out_of_service"})
    wait_for(
        lambda: {u["id"]: u["status"] for u in api.get("/api/units").json()["items"]}[busy["id"]] == "out_of_service"
    )
    wait_for(
        lambda: (
            processes.one("SELECT count(*) FROM unit_state WHERE unit_id IN (%s, %s)", busy["id"], stranger["id"]) == 2
        )
    )

    roads = plain_roads(processes.rows(STREETS), ZONE)
    ways = {u["id"]: roads.way(LonLat(u["lon"], u["lat"]), target) for u in capable if u["id"] != busy["id"]}
    # a river above its stage needs water rescue twice as much as pumps
    has = {u["id"]: set(u["capabilities"]) for u in capable}
    lacks = {u: 3600 * (2 * ("water_rescue" not in can) + ("pumping" not in can)) / 3 for u, can in has.items()}
    expected = sorted((way[0] + lacks[unit], unit) for unit, way in ways.items() if way)
    items = api.get(f"/api/incidents/{incident['id']}/recommendations").json()["items"]
    assert [i["unit"] for i in items] == [unit for _, unit in expected][:10]
    for item in items:
        assert item["eta_s"] == pytest.approx(ways[item["unit"]][0], rel=0.01)  # type: ignore[index]
        assert item["distance_m"] == pytest.approx(ways[item["unit"]][1], rel=0.01)  # type: ignore[index]
        assert item["reasons"]


def test_task_reaches_the_unit(assigned: Json, ears: Mailbox, incident: Json) -> None:
    [assignment] = assigned["assignments"]
    assert assigned["status"] == "assigned"
    [task] = wait_for(lambda: ears.on(f"onemap/task/{assignment['unit']}"))
    assert task["id"] == assignment["id"]
    assert task["incident"]["id"] == incident["id"]
    assert (task["incident"]["lon"], task["incident"]["lat"]) == (incident["lon"], incident["lat"])


def test_milestones_come_in_over_mqtt(assigned: Json, api: httpx.Client, ears: Mailbox) -> None:
    [assignment] = assigned["assignments"]
    topic = f"onemap/task/{assignment['unit']}/{assignment['id']}/reply"
    for state in ("accepted", "en_route", "on_scene"):
        ears.publish(topic, {"time": rfc3339(now()), "state": state})
    wait_for(lambda: api.get(f"/api/incidents/{assigned['id']}").json()["status"] == "on_scene")
    entries = api.get(f"/api/incidents/{assigned['id']}/log").json()["items"]
    said = [e["data"].get("state") or e["data"].get("status") or e["what"] for e in entries]
    assert said == ["opened", "assigned", "assigned", "accepted", "en_route", "en_route", "on_scene", "on_scene"]


def read_feed(api: httpx.Client) -> list[tuple[str, etree._Element]]:
    """(type, CAP document) of every entry of the Atom feed, each checked against the schema."""
    feed = etree.fromstring(api.get("/feeds/alerts.atom").content)
    found = []
    for entry in feed.findall("a:entry", ATOM):
        link = entry.find("a:link[@type='application/cap+xml']", ATOM)
        answer = api.get(link.get("href"))
        result = check_schema(answer.content)
        assert result.passed, result.message
        found.append((answer.headers["content-type"], etree.fromstring(answer.content)))
    return found


def field(document: etree._Element, path: str) -> str:
    return str(document.findtext(path, namespaces=ATOM))


def test_cap_is_in_the_feed_and_valid(api: httpx.Client, alarm: Json, ears: Mailbox, processes: System) -> None:
    wait_for(lambda: ears.on(f"onemap/alert/{alarm['district']}/1"))
    [(kind, document)] = read_feed(api)
    assert kind == "application/cap+xml"
    assert [field(document, f"c:{n}") for n in ("status", "msgType", "scope")] == ["Exercise", "Alert", "Restricted"]
    assert {i.findtext("c:language", namespaces=ATOM) for i in document.findall("c:info", ATOM)} == {"zh-CN", "en-US"}
    assert field(document, "c:info/c:severity") == "Extreme"
    assert not field(document, "c:sent").endswith("Z")
    elsewhere = processes.one("SELECT min(code) FROM district WHERE code <> %s", alarm["district"])
    assert read_entries(api, alarm["district"]) == 1
    assert read_entries(api, elsewhere) == 0


def read_entries(api: httpx.Client, district: str) -> int:
    feed = etree.fromstring(api.get("/feeds/alerts.atom", params={"district": district}).content)
    return len(feed.findall("a:entry", ATOM))


def test_same_message_again_changes_nothing(
    api: httpx.Client, processes: System, ears: Mailbox, red: Json, assigned: Json
) -> None:
    wait_for(processes.settled, what="everything has been judged and delivered")
    before = {name: processes.one(f"SELECT count(*) FROM {name}") for name in COUNTED}
    changed = processes.one("SELECT max(changed_at) FROM alarm")
    ears.publish(TOPIC, red)
    # one after it, on a sensor that no rule watches: once that is there, the repeat has been through
    ears.publish("onemap/observation/tail-1", {"time": rfc3339(now()), "metric": "noise", "value": 1})
    wait_for(lambda: processes.one("SELECT count(*) FROM observation WHERE sensor_id = 'tail-1'"))
    wait_for(processes.settled)
    after = {name: processes.one(f"SELECT count(*) FROM {name}") for name in COUNTED}
    assert after == before | {"observation": before["observation"] + 1}
    assert processes.one("SELECT max(changed_at) FROM alarm") == changed


def test_broken_message_ends_in_dead_letters_and_nothing_stops(
    api: httpx.Client, processes: System, ears: Mailbox
) -> None:
    pids = {name: process.pid for name, process in processes.running.items()}
    ears.publish(TOPIC, {"time": rfc3339(now()), "metric": "water_level", "value": "high"})
    ears.publish(TOPIC, b'{"time": "20')
    ears.publish("onemap/observation/tail-2", {"time": rfc3339(now()), "metric": "noise", "value": 2})
    wait_for(lambda: processes.one("SELECT count(*) FROM observation WHERE sensor_id = 'tail-2'"))
    letters = processes.rows("SELECT topic, payload, reason, field, detail FROM dead_letter ORDER BY id")
    assert [(r["topic"], r["reason"], r["field"]) for r in letters] == [
        (TOPIC, "invalid_field", "value"),
        (TOPIC, "not_json", "payload"),
    ]
    assert "a number" in letters[0]["detail"]
    assert bytes(letters[1]["payload"]) == b'{"time": "20'
    health = api.get("/api/health").json()
    assert health["dead_letters"]["waiting"] == 2
    assert {p["name"].split("-")[0] for p in health["processes"]} >= {"ingest", "alerts", "dispatch"}
    assert {n: p.pid for n, p in processes.running.items() if p.poll() is None} == pids


def test_falling_water_updates_the_alert_and_return_cancels_it(
    api: httpx.Client, processes: System, ears: Mailbox, limits: dict[str, float], began: datetime, alarm: Json
) -> None:
    first = field(read_feed(api)[0][1], "c:identifier")
    orange = (limits["1"] + limits["2"]) / 2
    for at, value in ((100, orange), (170, orange)):  # the level holds for the rule's off-delay of a minute
        ears.publish(TOPIC, reading(value, began + timedelta(seconds=at)))
    wait_for(lambda: field(read_feed(api)[0][1], "c:msgType") == "Update")
    [(_, update)] = read_feed(api)
    assert field(update, "c:info/c:severity") == "Severe"
    assert first in field(update, "c:references")

    calm = limits["4"] - 1
    for at in (180, 250):
        ears.publish(TOPIC, reading(calm, began + timedelta(seconds=at)))
    wait_for(lambda: field(read_feed(api)[0][1], "c:msgType") == "Cancel")
    [(_, cancel)] = read_feed(api)
    assert field(cancel, "c:references").split()[0].split(",")[1] == first
    assert field(cancel, "c:references").split()[1].split(",")[1] == field(update, "c:identifier")
    assert field(cancel, "c:info/c:responseType") == "AllClear"
    assert api.get(f"/api/alarms/{alarm['id']}").json()["state"] == "returned_unacknowledged"
    wait_for(lambda: len(ears.on(f"onemap/alert/{alarm['district']}/")) == 3)


def test_acknowledged_after_its_return_the_alarm_is_normal_and_leaves_the_map(
    api: httpx.Client, alarm: Json, live: Listener
) -> None:
    acknowledged = api.post(f"/api/alarms/{alarm['id']}/acknowledge").json()
    assert acknowledged["state"] == "normal"
    live.until(lambda m: m["kind"] == "alarm" and m["op"] == "remove" and m["items"] == [{"id": alarm["id"]}])
    before = rfc3339(datetime.fromisoformat(acknowledged["changed_at"]) - timedelta(milliseconds=1))
    assert alarm["id"] in {a["id"] for a in api.get("/api/state", params={"at": before}).json()["alarms"]}
    assert alarm["id"] not in {a["id"] for a in api.get("/api/state").json()["alarms"]}
