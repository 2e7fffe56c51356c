"""The broker's doors for real: a broker of its own, its keeper, an ingester, and devices that try what they may not."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import httpx
import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy import Engine, text

from app.cli import main
from app.health import door_probe
from app.health.door_probe import probe_as_device
from app.health.doors import ask_broker
from app.services.mosquitto import Broker
from app.services.private import private_broker
from core.clock import rfc3339
from core.db import make_engine
from core.installation import read_installation
from core.settings import Settings, load_settings
from ingest.doors.accounts import find_unheard, read_door
from ingest.doors.acl import PROBE
from ingest.link import session_name
from tests.support import LOGS, PATIENCE_S, STATE, WORKER, System, free_settings, mailbox, now, wait_for

NOT_AUTHORIZED = 135


@pytest.fixture(scope="module")
def own_broker() -> Iterator[Broker]:
    with private_broker(STATE / f"doors{WORKER}") as broker:
        yield broker


@pytest.fixture(scope="module")
def door_settings(template: str, make_database: Callable[..., str], own_broker: Broker) -> Settings:
    url = make_database("test_doors", template)
    return free_settings(
        url, own_broker.url(), broker_folder=str(own_broker.folder), device_url=own_broker.device_url()
    )


@pytest.fixture(scope="module")
def db(door_settings: Settings) -> Iterator[Engine]:
    engine = make_engine(door_settings, pool_size=2, name="onemap test")
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def city(door_settings: Settings, own_broker: Broker) -> Iterator[System]:
    passed = ("broker_folder", "device_url")
    with System(door_settings, own_broker, LOGS / "test_doors", passed=passed) as system:
        yield system.start("doors", "ingest", "serve")


@pytest.fixture(scope="module")
def api(city: System) -> Iterator[httpx.Client]:
    with city.api("admin") as client:
        yield client


class Device:
    """A client at the devices' listener that notes what the broker says of it."""

    def __init__(
        self, broker: Broker, username: str, password: str, client_id: str = "anything", port: int = 0
    ) -> None:
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=mqtt.MQTTv5)
        self.client.username_pw_set(username, password)
        self.answers: dict[int, int] = {}
        self.connected: list[int] = []
        self.put_out = threading.Event()
        self.heard: list[str] = []
        self.client.on_connect = lambda c, u, flags, reason, props: self.connected.append(reason.value)
        self.client.on_publish = lambda c, u, mid, reason, props: self.answers.update({mid: reason.value})
        self.client.on_disconnect = lambda *_: self.put_out.set()
        self.client.on_message = lambda c, u, message: self.heard.append(message.topic)
        self.client.connect("127.0.0.1", port or broker.device_port)
        self.client.loop_start()
        wait_for(lambda: self.connected, what="the broker answers")

    def say(self, topic: str, body: str) -> int:
        """What the broker answers: 0, 16 (nobody listens), or a refusal."""
        sent = self.client.publish(topic, body, qos=1)
        return wait_for(lambda: [self.answers[sent.mid]] if sent.mid in self.answers else None, what=topic)[0]

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def reading(value: float = 1.5) -> str:
    return f'{{"time": "{rfc3339(now())}", "metric": "water_level", "value": {value}, "unit": "m"}}'


def add(api: httpx.Client, db: Engine, name: str, **more: Any) -> str:
    """A new account that the broker has been told of; its secret."""
    answer = api.post("/api/devices", json={"name": name, **more})
    assert answer.status_code == 201, answer.text
    wait_open(db)
    return str(answer.json()["credentials"]["password"])


def wait_open(db: Engine) -> None:
    def is_open() -> bool:
        with db.connect() as conn:
            return read_door(conn)["open"]

    wait_for(is_open, what="the broker has been told")


def count(city: System, sensor: str) -> int:
    return int(city.one("SELECT count(*) FROM observation WHERE sensor_id = %s", sensor))


def test_device_speaks_for_its_own_sensors_only(
    city: System, api: httpx.Client, db: Engine, own_broker: Broker
) -> None:
    device = Device(own_broker, "logger-1", add(api, db, "logger-1", sensors=["door-a", "door-b"]))
    assert device.say("onemap/observation/door-a", reading()) == 0
    assert device.say("onemap/observation/door-b", reading()) == 0
    for topic in (
        "observation/door-c",
        "incident",
        "warning",
        "position/fire-1",
        "unit/fire-1/status",
        "alarm/000000/1",
    ):
        assert device.say(f"onemap/{topic}", reading()) == NOT_AUTHORIZED, topic
    assert device.say("spBv1.0/a/NDATA/b", "x") == NOT_AUTHORIZED
    wait_for(lambda: count(city, "door-a") and count(city, "door-b"))
    assert count(city, "door-c") == 0
    device.close()


def ids_of_ours(settings: Settings, db: Engine) -> list[str]:
    """The client ids that our processes have or had: whoever connects with one gets what waits there."""
    with db.connect() as conn:
        installation = read_installation(conn)
    return ["onemap-ingest-0", *(session_name(settings, installation, slot) for slot in (0, 1))]


def test_nobody_takes_the_session_of_the_ingester(
    city: System, api: httpx.Client, db: Engine, own_broker: Broker, door_settings: Settings
) -> None:
    """One that says it were `onemap-ingest-0` once got the ingester's acknowledged messages. Whatever account of a
    device, unit or gateway comes to whichever listener with the id of a process, the ingester loses nothing, be it
    there or away."""
    thieves = {
        "logger-2": add(api, db, "logger-2"),
        "fire-2": add(api, db, "fire-2", kind="unit"),
        "plugs-2": add(api, db, "plugs-2", sources=["tasmota"]),
        "bridge-2": add(api, db, "bridge-2", kind="gateway"),
    }
    taken_before = city.log("ingest").count("broker_lost")
    told = 0
    with mailbox(own_broker.url("gateway")) as box:

        def steal() -> None:
            nonlocal told
            for listener in (own_broker.port, own_broker.device_port):
                for username, secret in thieves.items():
                    for name in ids_of_ours(door_settings, db):
                        thief = Device(own_broker, username, secret, client_id=name, port=listener)
                        assert thief.connected == [NOT_AUTHORIZED if listener == own_broker.port else 0]
                        box.publish(f"onemap/observation/taken-{told}", reading().encode())
                        told += 1
                        thief.close()
                        assert thief.heard == []

        steal()
        assert city.log("ingest").count("broker_lost") == taken_before
        city.stop("ingest")
        steal()
    city.start("ingest")
    wait_for(
        lambda: (
            city.one("SELECT count(DISTINCT sensor_id) FROM observation WHERE starts_with(sensor_id, 'taken-')") == told
        )
    )


def test_broker_whose_listeners_know_all_alike_is_told_by_keeper_and_doctor(
    city: System, api: httpx.Client, db: Engine, own_broker: Broker
) -> None:
    """A mosquitto.conf of before, or of somebody else: devices come in where client ids are chosen."""
    conf = own_broker.folder / "mosquitto.conf"
    ours = conf.read_text()
    conf.write_text(ours.replace("passwd.own", "passwd").replace("acl.own", "acl"))

    def says(words: str) -> bool:
        with db.connect() as conn:
            found = [row.figures for row in conn.execute(text("SELECT figures FROM process_state")) if row.figures]
        return any(one.get(words) for one in found)

    try:
        add(api, db, "logger-9")
        wait_for(lambda: says("devices_let_in"), what="the keeper has seen it")
    finally:
        conf.write_text(ours)
    add(api, db, "logger-10")
    wait_for(lambda: not says("devices_let_in"), what="the keeper has seen that it is mended")


def test_new_secret_puts_out_who_has_the_old_one(api: httpx.Client, db: Engine, own_broker: Broker) -> None:
    old = add(api, db, "logger-3")
    device = Device(own_broker, "logger-3", old)
    made = api.post("/api/devices/logger-3/rotate").json()["credentials"]
    wait_open(db)
    assert device.put_out.wait(PATIENCE_S), "who has the old secret is put out"
    device.close()
    refused = Device(own_broker, "logger-3", old)
    assert refused.connected[0] == NOT_AUTHORIZED
    refused.close()
    again = Device(own_broker, "logger-3", made["password"])
    assert again.connected == [0]
    api.post("/api/devices/logger-3/revoke")
    assert again.put_out.wait(PATIENCE_S), "a revoked one too"
    again.close()


def test_unit_hears_its_own_tasks_and_answers_for_itself(api: httpx.Client, db: Engine, own_broker: Broker) -> None:
    unit = Device(own_broker, "fire-9", add(api, db, "fire-9", kind="unit"))
    done = threading.Event()
    unit.client.on_subscribe = lambda *_: done.set()
    unit.client.subscribe("onemap/task/#", qos=1)
    assert done.wait(PATIENCE_S)
    with mailbox(own_broker.url()) as box:
        box.publish("onemap/task/fire-8", {"task": 1})
        box.publish("onemap/task/fire-9", {"task": 2})
    wait_for(lambda: unit.heard)
    assert unit.heard == ["onemap/task/fire-9"]
    assert unit.say("onemap/task/fire-9/some/reply", "{}") == 0
    assert unit.say("onemap/task/fire-8/some/reply", "{}") == NOT_AUTHORIZED
    assert unit.say("onemap/unit/fire-8/status", "{}") == NOT_AUTHORIZED
    unit.close()


def test_new_source_opens_its_topics_at_once(city: System, api: httpx.Client, db: Engine, own_broker: Broker) -> None:
    body = {
        "id": "pumps",
        "name_zh": "泵站",
        "name_en": "Pumps",
        "topic_filters": ["pumps/+/up"],
        "decoder": "senml",
        "enabled": True,
    }
    assert api.post("/api/sources", json=body).status_code == 201
    device = Device(own_broker, "pump-yard", add(api, db, "pump-yard", sources=["pumps"]))
    assert device.say("pumps/p-1/up", '[{"bn": "p-1/", "n": "level", "v": 2.5}]') == 0
    wait_for(lambda: count(city, "p-1"))
    assert api.patch("/api/sources/pumps", json={"version": 1, "topic_filters": ["pumps/+/down"]}).status_code == 200
    wait_open(db)
    assert device.say("pumps/p-1/up", "[]") == NOT_AUTHORIZED
    device.close()


def test_doctor_asks_the_broker_as_a_device_would(
    city: System, api: httpx.Client, db: Engine, own_broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = city.settings.model_copy(update={"mqtt_url": own_broker.url()})
    asked: list[str] = []

    def ask(who: Settings, topics: Sequence[str]) -> list[str]:
        asked[:] = topics
        return ask_broker(who, topics)

    monkeypatch.setattr(door_probe, "ask_broker", ask)
    for _ in range(2):  # the second time with a new secret
        assert list(probe_as_device(db.begin, settings)) == []
    assert asked[0] == "onemap/incident"
    assert asked[-1] == "onemap/observation/onemap-doctor"
    with db.connect() as conn:
        assert PROBE not in [name for names in find_unheard(conn, now(), now()) for name in names]
    # a broker that lets anybody say anything, and one that has other files
    monkeypatch.setattr(door_probe, "ask_broker", lambda *_: [])
    assert ["lets a device speak for another" in one.words for one in probe_as_device(db.begin, settings)] == [True]
    monkeypatch.setattr(door_probe, "ask_broker", lambda _, topics: list(topics))
    assert ["onemap/incident" in one.words for one in probe_as_device(db.begin, settings)] == [True]
    monkeypatch.setattr(door_probe, "TOLD_S", 0.0)
    assert ["was not tried" in one.words for one in probe_as_device(db.begin, settings)] == [True]


def test_broker_that_was_killed_and_files_that_were_lost_are_mended(
    api: httpx.Client, db: Engine, own_broker: Broker
) -> None:
    secret = add(api, db, "logger-4")
    (own_broker.folder / "acl").write_text("user nobody\n")
    wait_for(lambda: "user logger-4" in (own_broker.folder / "acl").read_text(), what="the keeper looks again")
    device = Device(own_broker, "logger-4", secret)
    assert wait_for(lambda: device.say("onemap/observation/logger-4", reading()) == 0)
    device.close()


def test_a_thousand_accounts_of_a_file(api: httpx.Client, db: Engine, own_broker: Broker) -> None:
    lines = ["name,sensors,note"] + [f"gauge-{n},gauge-{n}-a;gauge-{n}-b,river" for n in range(1000)]
    lines.insert(500, "no spaces please,x,")
    answer = api.post("/api/devices/import", json={"csv": "\n".join(lines)}).json()
    assert (answer["added"], answer["refused"]) == (1000, 1)
    [bad] = [one for one in answer["lines"] if one["error"]]
    assert (bad["line"], bad["field"]) == (501, "name")
    wait_open(db)
    last = answer["lines"][-1]["credentials"]
    device = Device(own_broker, last["username"], last["password"])
    assert device.say("onemap/observation/gauge-999-b", reading()) == 0
    assert device.say("onemap/observation/gauge-998-b", reading()) == NOT_AUTHORIZED
    device.close()


def test_words_of_the_command_line(
    city: System, own_broker: Broker, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in city.environment().items():
        if name.startswith("ONEMAP_"):
            monkeypatch.setenv(name, value)
    load_settings.cache_clear()
    try:
        assert main(["devices", "add", "cli-1", "--sensor", "cli-a", "--json"]) == 0
        told = json.loads(capfd.readouterr().out)
        assert set(told) == {"username", "password"}
        device = Device(own_broker, told["username"], told["password"])
        assert device.say("onemap/observation/cli-a", reading()) == 0
        device.close()
        assert main(["devices", "add", "cli-2", "--sensor", "cli-a"]) == 1
        assert "'cli-1' speaks for 'cli-a'" in capfd.readouterr().err
        assert main(["devices", "revoke", "cli-1"]) == 0
        assert main(["devices", "list"]) == 0
        assert "revoked" in capfd.readouterr().out
    finally:
        load_settings.cache_clear()
