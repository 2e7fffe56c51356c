"""The live channel: snapshots first, then every change, in sequence, to everybody who listens."""

from __future__ import annotations

import json
import time
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from sqlalchemy import Engine, text
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from app.deps import Parts
from app.live import KINDS
from app.live.hub import Hub, encode
from core.db import notify_change
from core.migrate import head_revision
from tests.alerts.helpers import change, write
from tests.support import PASSWORD, PATIENCE_S, Administer, Listener, System, connect_socket, now

Json = dict[str, Any]


def greeted(listener: Listener) -> list[Json]:
    """The snapshots a client begins with."""
    listener.until(lambda m: m["kind"] == "health" and m["op"] == "snapshot")
    return [m for m in listener.messages if m["op"] == "snapshot"]


def has(kind: str, op: str, identity: str) -> Any:
    return lambda m: m["kind"] == kind and m["op"] == op and any(i["id"] == identity for i in m["items"])


def test_client_is_told_everything_first(served: System) -> None:
    with served.push() as listener:
        snapshots = greeted(listener)
    assert [m["kind"] for m in snapshots] == list(KINDS)
    counts = {m["kind"]: len(m["items"]) for m in snapshots}
    assert counts["unit"] == served.one("SELECT count(*) FROM unit")
    assert counts["sensor"] == served.one("SELECT count(*) FROM sensor WHERE status <> 'retired'")
    assert counts["health"] == 1


def test_messages_are_numbered_without_gaps(served: System, db: Engine) -> None:
    with served.push() as listener:
        greeted(listener)
        for n in range(5):
            with db.begin() as conn:
                notify_change(conn, "unit", [f"fire-0{n % 2 + 1}"])
        # told one by one, or all again where the channel has only just begun to listen
        listener.until(lambda m: m["kind"] == "unit" and m["seq"] > len(KINDS))
        assert [m["seq"] for m in listener.messages] == list(range(1, len(listener.messages) + 1))
        assert all(m["time"] for m in listener.messages)


def test_alarm_comes_changes_and_goes(served: System, db: Engine) -> None:
    with served.push() as listener:
        greeted(listener)
        with db.begin() as conn:
            alarm = str(change(conn, 3, now()))
        raised = listener.until(has("alarm", "upsert", alarm))
        assert raised["items"][0]["level"] == 3
        listener.messages.clear()
        with db.begin() as conn:
            change(conn, 1, now())
        assert listener.until(has("alarm", "upsert", alarm))["items"][0]["level"] == 1
        with db.begin() as conn:
            change(conn, None, now())
        with served.api("dispatcher") as api:
            api.post(f"/api/alarms/{alarm}/acknowledge")
        assert listener.until(has("alarm", "remove", alarm))["items"] == [{"id": alarm}]


def test_incident_made_by_one_is_seen_by_all_and_leaves_when_closed(served: System, dispatcher: httpx.Client) -> None:
    body = {"kind": "fire", "level": 2, "title": "seen by all", "lon": 119.0, "lat": 31.3}
    with served.push("viewer") as first, served.push("commander") as second:
        greeted(first), greeted(second)
        incident = dispatcher.post("/api/incidents", json=body).json()
        for listener in (first, second):
            listener.until(has("incident", "upsert", incident["id"]))
        dispatcher.post(
            f"/api/incidents/{incident['id']}/status", json={"status": "closed", "version": incident["version"]}
        )
        for listener in (first, second):
            listener.until(has("incident", "remove", incident["id"]))


def test_readings_and_positions_arrive_conflated(served: System, db: Engine) -> None:
    with served.push() as listener:
        greeted(listener)
        start, began = now(), time.monotonic()
        for n in range(20):
            with db.begin() as conn:
                write(conn, [(n * 0.001, float(n))], start)
                conn.execute(text("UPDATE sensor_state SET received_at = :t"), {"t": now()})
                conn.execute(
                    text(
                        """
INSERT INTO unit_state (unit_id, time, lon, lat) VALUES ('fire-01', now(), :lon, 31.3)
ON CONFLICT (unit_id) DO UPDATE SET lon = :lon
"""
                    ),
                    {"lon": 119 + n / 1000},
                )
                notify_change(conn, "position", ["fire-01"])
        last = listener.until(
            lambda m: (
                m["kind"] == "sensor"
                and m["op"] == "upsert"
                and any(i["values"].get("water_level", {}).get("value") == 19.0 for i in m["items"])
            )
        )
        assert [i["id"] for i in last["items"]] == ["wl-spare"]
        moved = listener.until(
            lambda m: m["kind"] == "unit" and m["op"] == "upsert" and m["items"][0]["lon"] == 119.019
        )
        assert moved["items"][0]["id"] == "fire-01"
        told = [m for m in listener.messages if m["kind"] in ("unit", "sensor") and m["op"] == "upsert"]
        # a machine so slow that the twenty take many seconds is told of them in several messages
        assert len(told) < max(20, 3 * (time.monotonic() - began))


def test_client_that_lost_the_thread_may_ask_for_everything_again(served: System) -> None:
    with served.push() as listener:
        greeted(listener)
        listener.messages.clear()
        listener.socket.send('{"op":"snapshot"}')
        assert [m["kind"] for m in greeted(listener)] == list(KINDS)


def test_change_of_which_only_the_kind_is_known_is_a_snapshot(served: System, db: Engine) -> None:
    with served.push() as listener:
        greeted(listener)
        listener.messages.clear()
        with db.begin() as conn:
            conn.execute(text('SELECT pg_notify(\'onemap_change\', \'{"kind": "alarm", "reread": true}\')'))
        listener.until(lambda m: m["kind"] == "alarm" and m["op"] == "snapshot")


def test_nonsense_from_a_client_and_unknown_kinds_do_no_harm(served: System, db: Engine) -> None:
    with served.push() as listener:
        greeted(listener)
        listener.socket.send("\x00{{{")
        with db.begin() as conn:
            notify_change(conn, "dragon", ["1"])
            notify_change(conn, "unit", ["fire-01"])
        listener.messages.clear()
        listener.until(has("unit", "upsert", "fire-01"))


def listen_on(socket: ClientConnection) -> None:
    while True:
        socket.recv(timeout=PATIENCE_S)


def test_log_out_closes_the_channel(served: System) -> None:
    form = {"username": "viewer", "password": PASSWORD, "next": "/"}
    with httpx.Client(
        base_url=served.http, trust_env=False, timeout=PATIENCE_S, headers={"Origin": served.http}
    ) as browser:
        assert browser.post("/login", data=form).status_code == 303
        cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        address = served.http.replace("http", "ws", 1) + "/push"
        more = {"Cookie": cookie, "Origin": served.http}
        with connect_socket(address, additional_headers=more) as socket:
            socket.recv(timeout=PATIENCE_S)
            browser.post("/logout")
            with pytest.raises(ConnectionClosed) as caught:
                listen_on(socket)
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 4401


def test_number_beyond_64_bits_ends_nobodys_channel(served: System, db: Engine) -> None:
    """jsonb makes an integer of 31 digits of a reading of 1e30; seen to end the live channel of every browser."""
    with served.push() as listener:
        greeted(listener)
        with db.begin() as conn:
            write(conn, [(0, 1e30)], now(), "from-nowhere", "made_up")
        told = listener.until(has("sensor", "upsert", "from-nowhere"))
        [item] = [i for i in told["items"] if i["id"] == "from-nowhere"]
        assert item["values"]["made_up"]["value"] == 1e30
    with served.push() as again:
        assert [m["kind"] for m in greeted(again)] == list(KINDS)


def test_item_that_cannot_be_encoded_is_left_out_and_the_others_reach_the_screens() -> None:
    items = [{"id": "a"}, {"id": "b", "value": 10**30}, {"id": "c"}]
    body = json.loads(b"{" + encode("sensor", "upsert", items, now()))
    assert [item["id"] for item in body["items"]] == ["a", "c"]


def test_layers_are_read_anew_after_nobody_listened_for_a_while() -> None:
    """What was classified, limited or removed meanwhile must not be shown from memory."""
    forgotten: list[str] = []
    hub = Hub(cast(Parts, SimpleNamespace(layers_changed=lambda: forgotten.append("layers"))))
    hub.note({"kind": "all", "reread": True})
    assert forgotten == ["layers"]
    hub.note({"kind": "alarm", "ids": []})
    assert forgotten == ["layers"]


def test_thing_that_cannot_be_read_costs_itself_only(served: System, db: Engine) -> None:
    units = list(served.rows("SELECT id FROM unit ORDER BY id LIMIT 5"))
    names = [u["id"] for u in units]
    with served.push() as listener:
        greeted(listener)
        with db.begin() as conn:
            notify_change(conn, "incident", ["not-a-uuid"])
            notify_change(conn, "unit", names)
        listener.until(has("unit", "upsert", names[0]))
        with db.begin() as conn:
            alarm = str(change(conn, 2, now()))
        listener.until(has("alarm", "upsert", alarm))
    with db.begin() as conn:
        conn.execute(text("UPDATE alarm SET state = 'normal', active = false"))


def test_readiness_names_what_is_lacking(served: System, db: Engine, administer: Administer) -> None:
    assert httpx.get(f"{served.http}/readyz", trust_env=False, timeout=PATIENCE_S).json() == {"status": "ready"}
    with administer(db) as conn:
        conn.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    try:
        answer = httpx.get(f"{served.http}/readyz", trust_env=False, timeout=PATIENCE_S)
        assert (answer.status_code, answer.json()["lacking"]) == (503, ["migrations"])
    finally:
        with administer(db) as conn:
            conn.execute(text("UPDATE alembic_version SET version_num = :head"), {"head": head_revision()})


def test_client_that_asks_a_thousand_times_is_answered_without_filling_the_server(served: System) -> None:
    with served.push() as listener:
        greeted(listener)
        listener.messages.clear()
        for _ in range(1000):
            listener.socket.send('{"want":"snapshot"}')
        assert [m["kind"] for m in greeted(listener)][: len(KINDS)] == list(KINDS)
    told = {m["kind"] for m in listener.messages}
    assert told >= set(KINDS)
    assert len([m for m in listener.messages if m["op"] == "snapshot"]) < 100 * len(KINDS), (
        "asked often meanwhile is asked once"
    )
