"""Sources and devices over the API: checked before they are saved, taken up without a restart, written down."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection, text

from app.health.doctor import check_source
from app.health.read import source_health
from core.clock import rfc3339
from core.crs import Datum, from_wgs84
from core.errors import Conflict, InputError
from core.pgarray import to_pg_us
from core.types import LonLat
from ingest.admin.devices import Registration, accept_sensor
from ingest.admin.sources.edit import add_source, change_source
from ingest.admin.sources.nouns import SourceChange, SourceIn
from ingest.admin.sources.read import read_source
from ingest.arrived import Arrived
from ingest.records import Reading
from ingest.sources import read_sources
from ingest.writer import Writer
from tests.support import PATIENCE_S, Mailbox, System, now, wait_for

Json = dict[str, Any]
PUMPS: Json = {
    "id": "pumps",
    "name_zh": "泵站",
    "name_en": "Pumps",
    "topic_filters": ["pumps/+"],
    "decoder": "senml",
    "enabled": True,
    "metrics": {"T": "temperature", "L": "water_level"},
    "units": {"water_level": "cm"},
    "owner": "水务局",
}


@pytest.fixture(scope="module")
def resubscribed(processes: System) -> Callable[[int], int]:
    """How often the ingester has subscribed; given such a number it waits until it has taken up what changed since."""

    def count(before: int = -1) -> int:
        wait_for(lambda: processes.has_taken_up(before))
        return len(processes.subscriptions())

    return count


@pytest.fixture(scope="module")
def pumps(admin: httpx.Client, resubscribed: Callable[..., int]) -> Json:
    """A source that a person added while the ingester ran."""
    before = resubscribed()
    answer = admin.post("/api/sources", json=PUMPS)
    assert answer.status_code == 201, answer.text
    resubscribed(before)
    return dict(answer.json())


def pack(sensor: str, **values: float) -> list[Json]:
    return [{"bn": f"{sensor}/", "n": name, "v": value} for name, value in values.items()]


def get(client: httpx.Client, source: str) -> Json:
    return dict(client.get(f"/api/sources/{source}").json())


# --- what comes through -----------------------------------------------------------------------------------------------


def test_added_source_is_read_at_once_and_counts_what_came(pumps: Json, admin: httpx.Client, devices: Mailbox) -> None:
    assert (pumps["version"], pumps["changed_by"], pumps["state"]["messages"]) == (1, "admin", 0)
    devices.publish("pumps/p1", pack("p1", T=20, L=120))
    devices.publish("pumps/p2", b"not json")
    state = wait_for(lambda: (s := get(admin, "pumps")["state"])["messages"] == 2 and s)
    assert (state["records"], state["decode_errors"], state["pending"], state["devices"]) == (2, 1, 1, 0)
    assert state["dead_letters"] == {"waiting": 1, "total": 1}
    assert 0 < state["rate"] <= 2 / 60 + 0.001
    assert state["age_s"] < PATIENCE_S
    assert abs(state["lag_s"]) < PATIENCE_S
    assert (state["fault"], state["overdue"], state["silent_s"]) == (None, False, None)


def test_pending_device_says_what_it_sent_and_through_which_source(pumps: Json, admin: httpx.Client) -> None:
    [found] = [s for s in admin.get("/api/sensors?status=pending").json()["items"] if s["id"] == "p1"]
    assert found["source"] == "pumps"
    assert found["attributes"]["topic"] == "pumps/p1"
    assert json.loads(found["attributes"]["sent"]) == pack("p1", T=20, L=120)
    assert found["values"]["water_level"]["value"] == pytest.approx(1.2)
    assert found["first_seen_at"]


def test_health_and_metrics_tell_of_each_source(pumps: Json, admin: httpx.Client) -> None:
    health = admin.get("/api/health").json()
    [told] = [s for s in health["sources"] if s["id"] == "pumps"]
    assert (told["messages"], told["dead_letters"], told["dead_letters_waiting"]) == (2, 1, 1)
    assert told["names"] == {"zh": "泵站", "en": "Pumps"}
    assert "native" in {s["id"] for s in health["sources"]}
    assert "senml" not in {s["id"] for s in health["sources"]}
    assert {"units", "reports", "video"} <= {f["id"] for f in health["feeds"]}
    assert health["dead_letters"]["reasons"] == {"not_json": 1}
    lines = admin.get("/metrics").text.splitlines()
    for line in (
        'onemap_source_messages_total{source="pumps"} 2.0', 'onemap_source_records_total{source="pumps"} 2.0',
        'onemap_source_dead_letters_total{source="pumps"} 1.0', 'onemap_source_decode_errors_total{source="pumps"} 1.0',
        'onemap_dead_letters_waiting{reason="not_json"} 1.0', 'onemap_source_unusable{source="pumps"} 0.0',
    ):  # fmt: skip
        assert line in lines
    figures = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    heard = float(figures['onemap_source_last_message_timestamp_seconds{source="pumps"}'])
    assert abs(now().timestamp() - heard) < 60
    assert {'onemap_source_lag_seconds{source="pumps"}', 'onemap_source_rate{source="pumps"}'} <= set(figures)
    assert not any("faults" in line for line in lines)


def test_accepted_device_is_judged_without_a_restart(
    pumps: Json, admin: httpx.Client, devices: Mailbox, processes: System
) -> None:
    devices.publish("pumps/g1", [{"bn": "g1/", "n": "gas", "v": 60, "u": "%LEL"}])
    wait_for(lambda: processes.rows("SELECT 1 FROM sensor WHERE id = 'g1' AND status = 'pending'"))
    wait_for(processes.settled)
    assert not processes.rows("SELECT 1 FROM alarm WHERE thing_id = 'g1'")
    where = LonLat(118.99, 31.35)
    seen = from_wgs84(where, Datum.GCJ02)
    body = {"kind": "gas", "name_zh": "一号气站", "lon": seen.lon, "lat": seen.lat, "datum": "GCJ-02", "interval_s": 60}
    answer = admin.post("/api/sensors/g1/accept", json=body)
    assert answer.status_code == 200, answer.text
    sensor = answer.json()
    assert (sensor["status"], sensor["kind"], sensor["interval_s"]) == ("active", "gas", 60)
    assert sensor["names"] == {"zh": "一号气站", "en": "一号气站"}
    assert (sensor["lon"], sensor["lat"]) == (pytest.approx(where.lon, abs=1e-5), pytest.approx(where.lat, abs=1e-5))
    district = processes.rows(
        "SELECT code FROM district WHERE ST_Contains(geom, ST_SetSRID(ST_MakePoint(118.99, 31.35), 4326))"
    )
    assert sensor["district"] == district[0]["code"]

    def alarm() -> list[Json]:
        devices.publish("pumps/g1", [{"bn": "g1/", "n": "gas", "v": 60 + now().microsecond % 7, "u": "%LEL"}])
        return processes.rows("SELECT level FROM alarm WHERE thing_id = 'g1' AND active")

    assert wait_for(alarm, what="the rule judges the device")[0]["level"] == 1
    assert admin.post("/api/sensors/g1/accept", json=body).json()["reason"] == "not_pending"
    assert admin.post("/api/sensors/g1/retire").json() == {"id": "g1", "status": "retired"}
    assert admin.post("/api/sensors/g1/retire").status_code == 409
    assert admin.get("/api/sensors/g1").status_code == 404
    assert admin.post("/api/sensors/g1/accept", json=body).json()["status"] == "active"
    told = processes.rows("SELECT who, what FROM audit WHERE data ->> 'sensor' = 'g1' ORDER BY id")
    assert [(r["who"], r["what"]) for r in told] == [
        ("admin", "sensor.accept"), ("admin", "sensor.retire"), ("admin", "sensor.accept")
    ]  # fmt: skip


def test_new_thermometer_alarms_by_limits_of_its_own_once_it_is_accepted(
    pumps: Json, admin: httpx.Client, devices: Mailbox, processes: System
) -> None:
    """44.9 °C was watched by nobody: no rule read the temperature of anything."""
    devices.publish("pumps/t9", [{"bn": "t9/", "n": "battery", "v": 3}])
    wait_for(lambda: processes.rows("SELECT 1 FROM sensor WHERE id = 't9' AND status = 'pending'"))
    assert admin.get("/api/sensors/t9/offer").json()["guess"] == ""
    # what is offered is decided by all that was heard since
    devices.publish("pumps/t9", [{"bn": "t9/", "n": "temperature", "u": "Cel", "v": 21.5}])
    wait_for(lambda: processes.rows("SELECT 1 FROM sensor_state WHERE sensor_id = 't9' AND metric = 'temperature'"))
    offered = admin.get("/api/sensors/t9/offer").json()
    assert (offered["kind"], offered["metrics"]) == ("temperature", ["battery", "temperature"])
    assert not [rule for rule in offered["rules"] if "temperature" in rule["metrics"]]
    assert [rule["id"] for rule in admin.get("/api/sensors/t9/offer?kind=gas").json()["rules"]] == ["silent"]
    body = {"kind": "temperature", "lon": 118.99, "lat": 31.35, "thresholds": {"temperature": {"2": 44.0, "3": 40.0}}}
    wrong = {**body, "thresholds": {"temperature": {"5": 44.0}}}
    assert admin.post("/api/sensors/t9/accept", json=wrong).status_code == 422
    accepted = admin.post("/api/sensors/t9/accept", json=body)
    assert accepted.status_code == 200, accepted.text
    assert accepted.json()["metrics"] == ["battery", "temperature"]
    assert accepted.json()["thresholds"]["temperature"] == {"2": 44.0, "3": 40.0}
    [rule] = processes.rows(
        "SELECT kind, enabled, version, watches FROM rule WHERE id = 'limits-temperature-temperature'"
    )
    assert rule == {"kind": "threshold", "enabled": True, "version": 1, "watches": {"sensor_kinds": ["temperature"]}}
    watching = [one["id"] for one in admin.get("/api/sensors/t9/offer").json()["rules"] if one["per_site"]]
    assert watching == ["limits-temperature-temperature"]

    def alarm() -> list[Json]:
        value = 44.9 + now().microsecond % 7 / 1000
        devices.publish("pumps/t9", [{"bn": "t9/", "n": "temperature", "u": "Cel", "v": value}])
        return processes.rows("SELECT level, kind FROM alarm WHERE thing_id = 't9' AND active")

    assert wait_for(alarm, what="the rule judges the thermometer") == [{"level": 2, "kind": "limit"}]
    # a second one is watched by the rule that is there; one that warns the other way is refused
    devices.publish("pumps/t8", [{"bn": "t8/", "n": "temperature", "u": "Cel", "v": 5}])
    wait_for(lambda: processes.rows("SELECT 1 FROM sensor WHERE id = 't8'"))
    below = {**body, "thresholds": {"temperature": {"1": -10, "3": 0}}}
    refused = admin.post("/api/sensors/t8/accept", json=below)
    assert (refused.status_code, refused.json()["field"]) == (422, "thresholds")
    assert admin.post("/api/sensors/t8/accept", json=body).status_code == 200
    assert len(processes.rows("SELECT 1 FROM rule WHERE starts_with(id, 'limits-')")) == 1


def test_edit_is_taken_up_by_the_running_ingester_and_an_old_version_is_refused(
    pumps: Json, admin: httpx.Client, devices: Mailbox, resubscribed: Callable[..., int], processes: System
) -> None:
    before = resubscribed()
    seen = get(admin, "pumps")["version"]
    body = {"version": seen, "metrics": {"T": None, "Q": "flow"}, "units": {"flow": {"unit": "m3/h"}}}
    changed = admin.patch("/api/sources/pumps", json=body).json()
    assert (changed["version"], changed["metrics"], changed["owner"]) == (seen + 1, {"T": None, "Q": "flow"}, "水务局")
    assert changed["units"] == {"flow": {"unit": "m3/h"}}
    stale = admin.patch("/api/sources/pumps", json=body)
    assert (stale.status_code, stale.json()["reason"], stale.json()["field"]) == (409, "stale_version", "version")
    resubscribed(before)
    devices.publish("pumps/p3", pack("p3", T=20, Q=36))
    found = wait_for(lambda: processes.rows("SELECT metric, value, unit FROM sensor_state WHERE sensor_id = 'p3'"))
    assert found == [{"metric": "flow", "value": pytest.approx(10.0), "unit": "L/s"}]
    [audit] = processes.rows("SELECT who, data FROM audit WHERE what = 'source.change' AND data ->> 'source' = 'pumps'")
    assert audit["who"] == "admin"
    assert audit["data"]["before"]["metrics"] == PUMPS["metrics"]
    assert audit["data"]["after"] == {key: body[key] for key in ("metrics", "units")}


def test_change_of_nothing_leaves_the_version(pumps: Json, admin: httpx.Client) -> None:
    seen = get(admin, "pumps")["version"]
    assert admin.patch("/api/sources/pumps", json={"version": seen, "enabled": True}).json()["version"] == seen


# --- what is refused --------------------------------------------------------------------------------------------------

REFUSED: list[tuple[Json, str, str]] = [
    ({"decoder": "telepathy"}, "decoder", "senml"),
    ({"topic_filters": []}, "topic_filters", "at least 1"),
    ({"topic_filters": ["a/#/b"]}, "topic_filters", "topic filter"),
    ({"topic_filters": ["{prefix}/alarm/#"]}, "topic_filters", "send out"),
    ({"options": {"radio": True}}, "options.radio", "Extra"),
    ({"datum": "MARS"}, "datum", "GCJ-02"),
    ({"timezone": "Asia/Nowhere"}, "timezone", "Asia/Shanghai"),
    ({"units": {"water_level": "kg"}}, "units", "water_level"),
    ({"metrics": {"T": "a b"}}, "metrics", "name of a metric"),
    ({"id_prefix": "a b"}, "id_prefix", "at most 32"),
    ({"interval_s": 0}, "interval_s", "greater than 0"),
    ({"district": "32"}, "district", "pattern"),
    ({"colour": "red"}, "colour", "not permitted"),
]


@pytest.mark.parametrize(("change", "field", "words"), REFUSED, ids=[json.dumps(c)[:40] for c, _, _ in REFUSED])
def test_source_that_cannot_be_used_is_not_saved(
    change: Json, field: str, words: str, pumps: Json, admin: httpx.Client
) -> None:
    for answer in (
        admin.post("/api/sources", json={**PUMPS, "id": "new", "topic_filters": ["new/#"], **change}),
        admin.patch("/api/sources/pumps", json={"version": get(admin, "pumps")["version"], **change}),
        admin.post("/api/sources/try", json={**PUMPS, **change, "topic": "pumps/a", "payload": "[]"}),
    ):
        problem = answer.json()
        assert (answer.status_code, problem["field"]) == (422, field), problem
        assert words in problem["detail"]
    assert admin.get("/api/sources/new").status_code == 404


def test_id_that_is_taken_or_is_none_is_refused(pumps: Json, admin: httpx.Client) -> None:
    taken = admin.post("/api/sources", json=PUMPS)
    assert (taken.status_code, taken.json()["reason"]) == (409, "taken")
    assert admin.post("/api/sources", json={**PUMPS, "id": "-"}).json()["field"] == "id"
    assert admin.get("/api/sources/none").status_code == 404
    assert admin.patch("/api/sources/none", json={"version": 1}).status_code == 404


def test_only_an_administrator_changes_anything(pumps: Json, processes: System) -> None:
    tries: list[tuple[str, str, Json]] = [
        ("POST", "/api/sources", {**PUMPS, "id": "x"}), ("PATCH", "/api/sources/pumps", {"version": 1}),
        ("POST", "/api/sources/try", {**PUMPS, "topic": "pumps/a", "payload": ""}),
        ("POST", "/api/sensors/p2/accept", {"kind": "gas", "lon": 1, "lat": 1}), ("POST", "/api/sensors/p2/retire", {}),
    ]  # fmt: skip
    with processes.api("commander") as commander, processes.api("viewer") as viewer:
        assert [commander.request(m, path, json=body).status_code for m, path, body in tries] == [403] * len(tries)
        assert commander.get("/api/sources").status_code == 200
        assert commander.get("/api/decoders").status_code == 200
        assert viewer.get("/api/sources").status_code == 403


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"lon": 119, "lat": 31, "kind": "dragon"}, "kind"),
        ({"lon": 200, "lat": 31, "kind": "gas"}, "lon"),
        ({"lat": 31, "kind": "gas"}, "lon"),
        ({"lon": 119, "lat": 31, "kind": "gas", "datum": "x"}, "datum"),
        ({"lon": 119, "lat": 31, "kind": "gas", "district": "x"}, "district"),
    ],
)
def test_device_is_accepted_with_a_kind_and_a_place_that_exist(
    body: Json, field: str, pumps: Json, admin: httpx.Client
) -> None:
    answer = admin.post("/api/sensors/p1/accept", json=body)
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert admin.post("/api/sensors/nobody/accept", json={"lon": 119, "lat": 31, "kind": "gas"}).status_code == 404


# --- trying -----------------------------------------------------------------------------------------------------------


def test_message_is_tried_without_being_written(pumps: Json, admin: httpx.Client, processes: System) -> None:
    rows, before = processes.one("SELECT count(*) FROM observation"), now()
    told = {**PUMPS, "topic": "pumps/t1", "payload": json.dumps(pack("t1", T=20, L=-900_000))}
    answer = admin.post("/api/sources/try", json=told).json()
    assert (answer["matches"], answer["error"]) == (True, None)
    assert [
        (r["type"], r["sensor_id"], r["metric"], r["value"], r["unit"], r["quality"]) for r in answer["records"]
    ] == [("Reading", "t1", "temperature", 20.0, None, "good"), ("Reading", "t1", "water_level", -9000.0, "m", "range")]
    assert before - timedelta(seconds=1) < datetime.fromisoformat(answer["records"][0]["time"]) <= now()
    body = {**PUMPS, "topic": "elsewhere", "payload_base64": base64.b64encode(b"\xff").decode()}
    refused = admin.post("/api/sources/try", json=body).json()
    assert (refused["matches"], refused["records"]) == (False, [])
    assert refused["error"]["reason"] == "not_json"
    assert processes.one("SELECT count(*) FROM observation") == rows


@pytest.mark.parametrize(
    ("given", "field"),
    [({}, "payload"), ({"payload": "", "payload_base64": ""}, "payload"), ({"payload_base64": "%"}, "payload_base64")],
)
def test_try_wants_one_payload(given: Json, field: str, admin: httpx.Client) -> None:
    answer = admin.post("/api/sources/try", json={**PUMPS, "topic": "pumps/a", **given})
    assert (answer.status_code, answer.json()["field"]) == (422, field)


def test_decoders_say_what_can_be_set(admin: httpx.Client) -> None:
    found = {d["key"]: d for d in admin.get("/api/decoders").json()["items"]}
    assert {"native", "senml", "chirpstack", "sparkplug"} <= set(found)
    assert found["ttn"]["options"]["properties"]["sensor"]["enum"] == ["device_id", "dev_eui"]
    assert found["senml"]["filters"] == ["senml/#"]


# --- plain functions behind it ----------------------------------------------------------------------------------------


def new(conn: Connection, **values: Any) -> str:
    return add_source(conn, SourceIn.model_validate({**PUMPS, **values}), "onemap", "test", now())


def test_two_sources_that_are_on_never_read_the_same_filter(conn: Connection) -> None:
    with pytest.raises(InputError, match="'native'") as caught:
        new(conn, topic_filters=["onemap/position/+"])
    assert caught.value.field == "topic_filters"
    new(conn, topic_filters=["onemap/position/+"], enabled=False)
    with pytest.raises(InputError, match="'native' is on"):
        change_source(conn, "pumps", SourceChange(version=1, enabled=True), "onemap", "test", now())


def test_null_takes_back_what_may_be_empty_and_nothing_else(conn: Connection) -> None:
    new(conn)
    change_source(conn, "pumps", SourceChange(version=1, owner=None), "onemap", "test", now())
    assert read_source(conn, "pumps", "onemap", now())["owner"] is None
    with pytest.raises(InputError) as caught:
        change_source(conn, "pumps", SourceChange(version=2, name_zh=None), "onemap", "test", now())
    assert caught.value.field == "name_zh"


def test_source_is_overdue_after_three_of_its_intervals(conn: Connection) -> None:
    start = now().replace(microsecond=500_500)
    add_source(conn, SourceIn.model_validate({**PUMPS, "interval_s": 60}), "onemap", "test", start)

    def state(after_s: float) -> Json:
        return dict(read_source(conn, "pumps", "onemap", start + timedelta(seconds=after_s))["state"])

    assert (state(100)["overdue"], state(190)["overdue"], state(190)["silent_s"]) == (False, True, 190.0)
    conn.execute(
        text(
            """
INSERT INTO source_state (source_id, slot, messages, records, dead_letters, decode_errors, first_at, last_at, lag_s,
  rate, good_at)
VALUES ('pumps', 0, 9, 9, 0, 0, :a, :a, 0.5, 2.0, :a), ('pumps', 1, 1, 1, 0, 0, :a, :a, NULL, 1.0, :a)
"""
        ),
        {"a": start + timedelta(seconds=200)},
    )
    assert (state(210)["overdue"], state(210)["age_s"], state(210)["messages"]) == (False, 10.0, 10)
    assert state(200)["rate"] == pytest.approx(3.0)
    assert state(260)["rate"] == pytest.approx(3.0 / 2.718, rel=0.01)
    assert state(260)["lag_s"] == 0.5
    assert state(400)["overdue"] is True


def test_source_of_nothing_but_letters_is_not_alive(conn: Connection) -> None:
    """It speaks, and nothing of it can be read: since when, and that it is overdue though its messages are new."""
    start = (now() - timedelta(seconds=400)).replace(microsecond=500_500)  # the writer stamps moments with its slot
    add_source(conn, SourceIn.model_validate({**PUMPS, "interval_s": 60}), "onemap", "test", start)
    source = read_sources(conn, "onemap").by_id["pumps"]
    good = Reading("p1", "water_level", to_pg_us(start), 1.0, "m", "good", None, None)

    def hear(after_s: float, *, readable: bool) -> Json:
        at = start + timedelta(seconds=after_s)
        message = Arrived("pump/p1", b"?", 1, 1, source=source, records=[good] if readable else [])
        if not readable:
            message.reason = "not_json"
        Writer(1).write(conn, [message], at)
        return dict(read_source(conn, "pumps", "onemap", at)["state"])

    hear(0, readable=True)
    state = hear(100, readable=False)
    assert (state["unread_since"], state["overdue"]) == (None, False), "one letter is no silence"
    state = hear(300, readable=False)
    assert (state["age_s"], state["overdue"], state["unread_since"]) == (0.0, True, rfc3339(start))
    assert state["last_at"] != state["good_at"] == state["unread_since"]
    told = read_source(conn, "pumps", "onemap", now())["state"]
    [said] = [one.words for one in check_source(source_health("pumps", {}, told)) if one.wrong]
    assert "speaks, and nothing of it can be read since" in said
    state = hear(390, readable=True)
    assert (state["unread_since"], state["overdue"]) == (None, False)


def test_source_that_was_never_read_says_so_once_it_had_its_time(conn: Connection) -> None:
    start = (now() - timedelta(hours=1)).replace(microsecond=500_500)
    add_source(conn, SourceIn.model_validate(PUMPS), "onemap", "test", start)
    source = read_sources(conn, "onemap").by_id["pumps"]
    for minutes, since in ((0, None), (5, None), (20, rfc3339(start))):
        at = start + timedelta(minutes=minutes)
        Writer(1).write(conn, [Arrived("pump/p1", b"?", 1, 1, source=source, reason="not_json")], at)
        state = read_source(conn, "pumps", "onemap", at)["state"]
        assert (state["good_at"], state["unread_since"]) == (None, since)


def test_source_that_became_unusable_says_why(conn: Connection) -> None:
    new(conn)
    conn.execute(text("UPDATE source SET decoder = 'gone' WHERE id = 'pumps'"))
    assert "'gone'" in read_source(conn, "pumps", "onemap", now())["state"]["fault"]


def test_district_of_a_device_is_where_it_stands_else_its_sources_else_none(conn: Connection) -> None:
    new(conn, district="321302")
    row = """
INSERT INTO sensor (id, kind, name_zh, name_en, status, metrics, thresholds, attributes, district, first_seen_at,
  source_id)
"""
    for name, source in (("far", "pumps"), ("lost", None)):
        conn.execute(
            text(
                f"{row} VALUES (:id, 'unknown', 'x', 'x', 'pending', '{{}}', '{{}}', '{{}}', '000000', :now, :source)"
            ),
            {"id": name, "now": now(), "source": source},
        )
        accept_sensor(conn, name, Registration("gas", LonLat(0, 0)), "test", now())
    rows = conn.execute(text("SELECT id, district FROM sensor WHERE id IN ('far', 'lost')"))
    assert {row.id: row.district for row in rows} == {"far": "321302", "lost": "000000"}
    with pytest.raises(Conflict):
        accept_sensor(conn, "far", Registration("gas", LonLat(0, 0)), "test", now())


def test_times_of_states_are_of_our_form(conn: Connection) -> None:
    at = now()
    add_source(conn, SourceIn.model_validate(PUMPS), "onemap", "test", at)
    assert read_source(conn, "pumps", "onemap", at)["changed_at"] == rfc3339(at)
