"""Names: what people write is kept, ids stay safe, what is no measurement is no metric, probes are told apart."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from sqlalchemy import Connection, text

from core.errors import InputError
from core.types import DEVICE_ID
from core.vocabulary import table
from ingest.decoders.base import safe_name
from ingest.names import is_measured, known_metric
from ingest.records import Reading, Record
from ingest.source import Source
from ingest.writer import Writer
from layers.sensors import read_sensors
from tests.ingest.decoders.support import double, metric, sparkplug
from tests.ingest.test_half_a_message import arrive, maker
from tests.support import now

LIVING = "zigbee2mqtt/客厅温湿度"
Z2M = maker("zigbee2mqtt", "zigbee2mqtt/#")


def told(records: Iterable[Record]) -> set[tuple[str, str, float]]:
    return {(r.sensor_id, r.metric, r.value) for r in records if isinstance(r, Reading)}


def write(conn: Connection, source: Source, topic: str, body: object) -> None:
    message = arrive(source, topic, body)
    assert message.reason is None, message.detail
    assert Writer(1).write(conn, [message], now()).dead == 0


def sensors(conn: Connection, prefix: str = "") -> list[Any]:
    return [s for s in read_sensors(conn, {}, status="pending") if s["id"].startswith(prefix)]


def test_chinese_device_and_metrics_keep_their_names_and_known_ones_are_ours(conn: Connection) -> None:
    """Both were hashes."""
    write(conn, Z2M, LIVING, {"温度": 21.5, "湿度": 50, "浊度": 3})
    own = safe_name("客厅温湿度")
    [sensor] = sensors(conn, own)
    assert sensor["names"] == {"zh": "客厅温湿度", "en": "客厅温湿度"}
    unknown = safe_name("浊度")
    assert DEVICE_ID.fullmatch(unknown)
    assert {m: (v["value"], v.get("title")) for m, v in sensor["values"].items()} == {
        "temperature": (21.5, None), "humidity": (50.0, None), unknown: (3.0, "浊度"),
    }  # fmt: skip


def test_sensor_that_had_only_its_hash_gets_its_name_when_it_speaks_again(conn: Connection) -> None:
    own = safe_name("客厅温湿度")
    write(conn, Z2M, LIVING, {"温度": 21.5})
    conn.execute(text("UPDATE sensor SET name_zh = id, name_en = id WHERE id = :id"), {"id": own})
    write(conn, Z2M, LIVING, {"温度": 21.6})
    assert sensors(conn, own)[0]["name"] == "客厅温湿度"
    conn.execute(text("UPDATE sensor SET name_zh = '起居室' WHERE id = :id"), {"id": own})
    write(conn, Z2M, LIVING, {"温度": 21.7})
    assert sensors(conn, own)[0]["name"] == "起居室"


def test_name_that_the_network_gives_goes_with_the_prefixed_id(conn: Connection) -> None:
    source = maker("chirpstack", "application/+/device/+/event/up", id_prefix="lora-")
    body = {"deviceInfo": {"devEui": "24e1", "deviceName": "东门\u202e液位"}, "object": {"液位": 3.2}}
    write(conn, source, "application/1/device/24e1/event/up", body)
    [sensor] = sensors(conn, "lora-")
    assert (sensor["id"], sensor["name"], list(sensor["values"])) == ("lora-24e1", "东门 液位", ["water_level"])


def test_metric_of_a_birth_keeps_its_name_too(conn: Connection) -> None:
    ms = int(now().timestamp() * 1000)
    body = sparkplug(ms, metric("浊度", 1, ms, 10, double(13, 1.0)), metric("水位", 2, ms, 10, double(13, 2.0)))
    source = maker("sparkplug", "spBv1.0/#")
    write(conn, source, "spBv1.0/水厂/NBIRTH/泵1", body)
    data = sparkplug(ms, metric(None, 1, ms + 1, None, double(13, 4.0)), metric(None, 2, ms + 1, None, double(13, 5.0)))
    write(conn, source, "spBv1.0/水厂/NDATA/泵1", data)
    [sensor] = [s for s in sensors(conn) if s["name"] == "水厂:泵1"]
    assert {m: v["value"] for m, v in sensor["values"].items()} == {
        "online": 1.0, "water_level": 5.0, safe_name("浊度"): 4.0
    }  # fmt: skip
    assert sensor["values"][safe_name("浊度")]["title"] == "浊度"


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("温度", "temperature"), ("探头.环境温度", "temperature"), ("PM2.5", "pm25"), ("a.b.pm2.5", "pm25"),
        ("air/ＰＭ2.5", "pm25"), ("噪声", "noise"), ("电压", "voltage"), ("烟雾浓度", "smoke"), ("瞬时流量", "flow"),
        ("浊度", None), ("5", None), ("", None), ("temperature", None),
    ],
)  # fmt: skip
def test_name_that_we_know_is_our_metric(name: str, ours: str | None) -> None:
    assert known_metric(name) == ours


def test_every_name_we_know_is_of_a_metric_of_ours() -> None:
    assert {row["metric"] for row in table("metric_names").values()} <= set(table("metrics"))


@pytest.mark.parametrize(
    "name",
    ["SerialNumber", "a.serial_no", "ts", "Epoch", "last seen", "rssi.0", "linkquality", "序列号", "fCnt"],
)
def test_what_is_about_the_device_is_no_metric(name: str) -> None:
    assert not is_measured(name)


@pytest.mark.parametrize("name", ["temperature", "battery", "voltage", "counter", "0", "", "frequency", "空气"])
def test_what_may_be_measured_is_one(name: str) -> None:
    assert is_measured(name)


CHATTY = {"linkquality": 120, "serial": 17, "timestamp": 1777895970, "temperature": 21.5}


def test_serial_numbers_times_and_link_data_are_no_rows_unless_they_are_mapped() -> None:
    assert told(arrive(Z2M, "zigbee2mqtt/t", CHATTY).records) == {("t", "temperature", 21.5)}
    mapped = maker("zigbee2mqtt", "zigbee2mqtt/#", metrics={"linkquality": "linkquality"})
    assert told(arrive(mapped, "zigbee2mqtt/t", CHATTY).records) == {
        ("t", "temperature", 21.5),
        ("t", "linkquality", 120),
    }


def test_link_data_that_an_option_asks_for_are_rows() -> None:
    body = {"deviceInfo": {"devEui": "a"}, "object": {"x": 1}, "rxInfo": [{"rssi": -70, "snr": 5}]}
    source = maker("chirpstack", "application/#", options={"radio": True})
    found = told(arrive(source, "application/1/device/a/event/up", body).records)
    assert found == {("a", "x", 1.0), ("a", "rssi", -70.0), ("a", "snr", 5.0)}


def test_message_that_measures_nothing_is_a_letter_and_not_silence() -> None:
    message = arrive(Z2M, "zigbee2mqtt/t", {"linkquality": 120})
    assert (message.reason, list(message.records)) == ("nothing_usable", [])


PROBES = {
    "DS18B20-1": {"Id": "3C01", "Temperature": 4.0},
    "DS18B20-2": {"Temperature": 21.5},
    "BME280": {"Humidity": 50},
}
MAPPINGS: list[tuple[dict[str, str | None], set[tuple[str, str, float]]]] = [
    (
        {"DS18B20-1": "cellar/", "DS18B20-2": "hall/", "Temperature": "temperature"},
        {("b:cellar", "temperature", 4.0), ("b:hall", "temperature", 21.5), ("b", "BME280.Humidity", 50.0)},
    ),
    (
        {"DS18B20-1.Temperature": "cellar/temperature", "DS18B20-2.Temperature": "temperature", "Humidity": None},
        {("b:cellar", "temperature", 4.0), ("b", "temperature", 21.5)},
    ),
    ({"DS18B20-1.Temperature": "t1", "DS18B20-2": None, "DS18B20-2.Temperature": "t2", "Humidity": "humidity"},
     {("b", "t1", 4.0), ("b", "t2", 21.5), ("b", "humidity", 50.0)}),
]  # fmt: skip


@pytest.mark.parametrize(("metrics", "expected"), MAPPINGS)
def test_probes_of_one_message_are_told_apart_by_the_mapping(
    metrics: dict[str, str | None], expected: set[tuple[str, str, float]]
) -> None:
    """Two temperatures under one name were a conflict."""
    source = maker("tasmota", "tele/+/SENSOR", metrics=metrics)
    assert told(arrive(source, "tele/b/SENSOR", PROBES).records) == expected


def test_probe_of_a_chinese_device_has_its_name(conn: Connection) -> None:
    source = maker("tasmota", "tele/+/SENSOR", metrics={"DS18B20-1": "cellar/"})
    write(conn, source, "tele/锅炉/SENSOR", PROBES)
    assert {s["name"] for s in sensors(conn, safe_name("锅炉"))} == {"锅炉", "锅炉 cellar"}


@pytest.mark.parametrize("ours", ["a b", "a/b/c", "/a", "/", "", "x" * 33 + "/a"])
def test_mapping_to_what_is_no_name_is_refused(ours: str) -> None:
    with pytest.raises(InputError) as caught:
        maker("tasmota", "tele/+/SENSOR", metrics={"T": ours})
    assert caught.value.field == "metrics"
