"""Sources: which filter wins, what is mapped, converted and moved, what is refused when a source is saved."""

from __future__ import annotations

import codecs
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.client import topic_matches_sub
from sqlalchemy import Connection, text

from core.clock import rfc3339
from core.crs import Datum, from_wgs84
from core.errors import DecodeError, InputError
from core.pgarray import to_pg_us
from core.types import LonLat
from ingest.arrived import Arrived
from ingest.filters import check_filter, matches
from ingest.records import PositionRow, Reading, SnapshotRow, WarningRow
from ingest.source import Source, make_source
from ingest.sources import Sources, read_sources
from tests.ingest.decoders.support import NOW_US, PAYLOADS, at
from tests.support import now

ROW: dict[str, Any] = {
    "id": "s",
    "decoder": "native",
    "topic_filters": ["maker/observation/+"],
    "options": {"prefix": "maker"},
    "datum": "WGS84",
    "timezone": None,
    "units": {},
    "metrics": {},
    "only_mapped": False,
    "coarse": None,
    "id_prefix": "",
    "owner": None,
    "interval_s": None,
    "district": None,
}


def source(**change: Any) -> Source:
    return make_source({**ROW, **change}, "onemap", "Asia/Shanghai")


def readings(made: Source, **payload: Any) -> list[tuple[str, str, float, str | None]]:
    body = json.dumps({"time": rfc3339(now()), **payload}).encode()
    found = made.decode("maker/observation/d1", body, {}, to_pg_us(now()))
    return [(r.sensor_id, r.metric, r.value, r.unit) for r in found if isinstance(r, Reading)]


LEVELS = st.lists(st.sampled_from(["a", "b", "+", "#", ""]), min_size=1, max_size=4)


@given(LEVELS, st.lists(st.sampled_from(["a", "b", "", "$s"]), min_size=1, max_size=4))
def test_filters_match_as_the_mqtt_library_says(levels: list[str], parts: list[str]) -> None:
    pattern = "/".join(levels)
    if "#" in levels[:-1] or not pattern:
        return
    assert matches(levels, parts) == topic_matches_sub(pattern, "/".join(parts))


def test_most_exact_filter_wins() -> None:
    made = [
        source(id=name, topic_filters=[f]) for name, f in (("c", "x/#"), ("b", "x/+/z"), ("a", "x/y/+"), ("d", "x/y/z"))
    ]
    sources = Sources(made)
    found = {topic: s.id for topic in ("x/y/z", "x/y/q", "x/q/z", "x/q", "x") if (s := sources.find(topic))}
    assert found == {"x/y/z": "d", "x/y/q": "a", "x/q/z": "b", "x/q": "c", "x": "c"}
    assert sources.find("elsewhere") is None


def test_topic_without_a_source_is_a_dead_letter() -> None:
    message = Arrived("nowhere", b"{}", 1, 1)
    Sources([source()]).decode(message, to_pg_us(now()))
    assert (message.reason, message.source_id) == ("no_source", None)


def test_metric_is_mapped_by_its_whole_name_or_its_last_part_and_null_drops_it() -> None:
    made = source(metrics={"BME.T": "temperature", "RH": "humidity", "rssi": None})
    assert readings(made, values={"BME.T": 1, "x.RH": 2, "rssi": 3, "other": 4}) == [
        ("d1", "temperature", 1.0, None), ("d1", "humidity", 2.0, None), ("d1", "other", 4.0, None)
    ]  # fmt: skip


def test_only_what_is_mapped_is_kept_where_the_source_says_so() -> None:
    made = source(metrics={"a": "flow"}, only_mapped=True)
    assert readings(made, values={"a": 1, "b": 2}) == [("d1", "flow", 1.0, None)]


def test_unit_that_the_device_names_is_converted_to_ours() -> None:
    assert readings(source(), metric="water_level", value=320, unit="cm") == [("d1", "water_level", 3.2, "m")]
    assert readings(source(), metric="water_level", value=3.2, unit="m") == [("d1", "water_level", 3.2, "m")]
    assert readings(source(), metric="not_of_ours", value=3.2, unit="cm") == [("d1", "not_of_ours", 3.2, "cm")]


def test_unit_that_does_not_fit_is_a_dead_letter_and_not_a_wrong_level() -> None:
    with pytest.raises(DecodeError) as caught:
        readings(source(), metric="water_level", value=320, unit="hPa")
    assert caught.value.reason == "unit"


def test_unit_map_speaks_for_devices_that_name_no_unit() -> None:
    made = source(
        units={"water_level": "cm", "temperature": {"scale": 0.1}, "flow": {"unit": "m3/h", "scale": 0.1, "offset": 36}}
    )
    assert readings(made, values={"water_level": 320, "temperature": 205, "flow": 0}) == [
        ("d1", "water_level", 3.2, "m"), ("d1", "temperature", 20.5, "°C"), ("d1", "flow", pytest.approx(10.0), "L/s")
    ]  # fmt: skip


def test_unit_that_the_device_names_goes_before_the_one_we_supposed() -> None:
    made = source(units={"water_level": "cm"})
    assert readings(made, metric="water_level", value=3.2, unit="m") == [("d1", "water_level", 3.2, "m")]
    assert readings(made, metric="water_level", value=320) == [("d1", "water_level", 3.2, "m")]
    # a name that is no length at all is the device's mistake: somebody has said what it means
    assert readings(made, metric="water_level", value=320, unit="Zoll?") == [("d1", "water_level", 3.2, "m")]


def test_position_that_no_datum_has_is_a_dead_letter() -> None:
    message = Arrived(
        "maker/position/u1", json.dumps({"time": rfc3339(now()), "lon": -179.999, "lat": -89.999}).encode(), 1, 1
    )
    Sources([source(datum="BD-09", topic_filters=["maker/#"])]).decode(message, to_pg_us(now()))
    assert message.reason is not None


def test_ids_of_two_makers_never_meet() -> None:
    assert readings(source(id_prefix="acme-"), values={"a": 1})[0][0] == "acme-d1"


def test_position_is_moved_to_wgs84() -> None:
    here = LonLat(118.29, 33.96)
    for datum in Datum:
        there = from_wgs84(here, datum)
        made = source(datum=datum.value, topic_filters=["maker/#"])
        body = json.dumps({"time": rfc3339(now()), "lon": there.lon, "lat": there.lat}).encode()
        [fix] = made.decode("maker/position/u1", body, {}, to_pg_us(now()))
        assert isinstance(fix, PositionRow)
        assert (fix.lon, fix.lat) == pytest.approx((here.lon, here.lat), abs=1e-6)


BAD = [
    ({"decoder": "telepathy"}, "decoder"),
    ({"options": {"speed": 1}}, "options.speed"),
    ({"datum": "GCJ02"}, "datum"),
    ({"timezone": "Mars/Base"}, "timezone"),
    ({"topic_filters": []}, "topic_filters"),
    ({"topic_filters": ["a/#/b"]}, "topic_filters"),
    ({"topic_filters": ["a+/b"]}, "topic_filters"),
    ({"topic_filters": ["#"]}, "topic_filters"),
    ({"topic_filters": ["{prefix}/#"]}, "topic_filters"),
    ({"topic_filters": ["+/alert/#"]}, "topic_filters"),
    ({"topic_filters": ["$SYS/#"]}, "topic_filters"),
    ({"topic_filters": [""]}, "topic_filters"),
    ({"id_prefix": "a b"}, "id_prefix"),
    ({"metrics": {"T": "a b"}}, "metrics"),
    ({"metrics": {"T": 5}}, "metrics"),
    ({"units": {"water_level": "hPa"}}, "units"),
    ({"units": {"water_level": {"factor": 2}}}, "units"),
    ({"units": []}, "units"),
    ({"metrics": []}, "metrics"),
    ({"units": {"smoke": "dB/m"}}, "units"),
    ({"units": {"water_level": {"scale": 1e300}}}, "units"),
    ({"units": {"water_level": {"scale": "2"}}}, "units"),
    ({"units": {"water_level": 3}}, "units"),
]


@pytest.mark.parametrize(("change", "field"), BAD, ids=[str(c)[:50] for c, _ in BAD])
def test_unusable_source_is_refused_and_the_field_named(change: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as caught:
        source(**change)
    assert caught.value.field == field
    assert field.partition(".")[0] in caught.value.message


def test_filter_carries_our_prefix() -> None:
    assert check_filter("{prefix}/observation/+", "city/x") == "city/x/observation/+"


@pytest.mark.parametrize("topic_filter", ["a/b\nuser gateway", "a/b\ntopic readwrite #", " a/b", "a/b ", "a\t/b"])
def test_filter_that_would_be_more_than_one_line_in_the_brokers_files_is_refused(topic_filter: str) -> None:
    with pytest.raises(InputError):
        check_filter(topic_filter, "onemap")


def test_unusable_source_does_not_stop_the_others(conn: Connection) -> None:
    conn.execute(text("UPDATE source SET enabled = true, timezone = 'Mars/Base' WHERE id = 'tasmota'"))
    sources = read_sources(conn, "onemap")
    assert set(sources.by_id) == {"native"}
    assert "timezone" in sources.faults["tasmota"]


@pytest.mark.parametrize(
    "broken", ["units = '[]'", "metrics = '3'", "topic_filters = '{NULL}'", """units = '{"flow": {"scale": 1e400}}'"""]
)
def test_row_written_past_our_checks_does_not_stop_the_others_either(broken: str, conn: Connection) -> None:
    conn.execute(text(f"UPDATE source SET enabled = true, {broken} WHERE id = 'tasmota'"))
    sources = read_sources(conn, "onemap")
    assert set(sources.by_id) == {"native"}
    assert set(sources.faults) == {"tasmota"}


def test_every_seeded_source_can_be_switched_on(conn: Connection) -> None:
    conn.execute(text("UPDATE source SET enabled = true"))
    sources = read_sources(conn, "onemap")
    assert sources.faults == {}
    assert len(sources.by_id) == conn.scalar(text("SELECT count(*) FROM source"))
    shared = sources.filters("g")
    assert "$share/g/onemap/observation/+" in shared
    assert len(shared) == len(set(shared))


@pytest.mark.parametrize("topic", ["maker/observation/d1", "maker/x"])
def test_retained_message_that_is_cleared_says_nothing(topic: str) -> None:
    """It was a dead letter, once for each session."""
    message = Arrived(topic, b"", 1, 1)
    Sources([source(topic_filters=["maker/#"])]).decode(message, to_pg_us(now()))
    assert (message.reason, list(message.records), message.source_id) == (None, [], "s")


WRITTEN = '{"time": "2026-05-04T12:00:00Z", "metric": "water_level", "value": 1}'


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-16-le"])
def test_byte_order_mark_is_passed_over(encoding: str) -> None:
    """It was a dead letter: expected JSON in UTF-8."""
    body = WRITTEN.replace("2026-05-04T12:00:00Z", rfc3339(now())).encode(encoding)
    marks = {"utf-16-be": codecs.BOM_UTF16_BE, "utf-16-le": codecs.BOM_UTF16_LE}
    found = source().decode("maker/observation/d1", marks.get(encoding, b"") + body, {}, to_pg_us(now()))
    assert [record.value for record in found if isinstance(record, Reading)] == [1.0]


def test_warning_in_utf_16_is_read_as_it_says_itself() -> None:
    body = (PAYLOADS / "cap/rainstorm.xml").read_text(encoding="utf-8").replace("UTF-8", "UTF-16").encode("utf-16")
    made = source(decoder="cap", options={}, topic_filters=["cap/#"])
    [warning] = made.decode("cap/x", body, {}, NOW_US)
    assert isinstance(warning, WarningRow)
    assert warning.headline == "宿迁市气象台发布暴雨橙色预警"


def test_picture_is_not_taken_for_text() -> None:
    made = source(topic_filters=["maker/#"])
    body = (PAYLOADS / "frigate/snapshot.jpg").read_bytes()
    [picture] = made.decode("maker/video/c1/snapshot", body, {}, to_pg_us(now()))
    assert isinstance(picture, SnapshotRow)
    assert picture.body == body


def test_leap_second_is_the_end_of_the_second_before_it() -> None:
    body = b'{"time": "2016-12-31T23:59:60Z", "metric": "water_level", "value": 1}'
    [reading] = source().decode("maker/observation/d1", body, {}, at("2017-01-01T00:00:05+00:00"))
    assert isinstance(reading, Reading)
    assert reading.time == at("2016-12-31T23:59:59.999999+00:00")
