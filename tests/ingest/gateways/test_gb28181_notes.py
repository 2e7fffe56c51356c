"""GB/T 28181 notifications: encodings, hostile documents, and what alarms and positions become."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from core.errors import DecodeError
from core.pgarray import to_pg_us
from core.vocabulary import table
from ingest.gateways.gb28181_notes import (
    BEIJING,
    KINDS,
    METHODS,
    TYPES,
    alarm_response,
    command,
    publish_alarm,
    publish_mobile_position,
    read_note,
    text_of,
)
from ingest.gateways.publisher import Publication
from ingest.records import IncidentReportRow, PositionRow, VideoEventRow
from tests.ingest.gateways.support import PAYLOADS, SUQIAN, read_natively
from tests.support import now

VIDEO = (PAYLOADS / "gb28181" / "alarm_video.xml").read_bytes()
DEVICE = (PAYLOADS / "gb28181" / "alarm_device_gb2312.xml").read_bytes()
POSITION = (PAYLOADS / "gb28181" / "mobile_position.xml").read_bytes()
NOW = now().replace(microsecond=0)


def lately(document: bytes) -> bytes:
    """The document with the time of now, as the device's clock in Beijing shows it."""
    local = NOW.astimezone(BEIJING).replace(tzinfo=None).isoformat().encode()
    return document.replace(b"2026-05-04T09:19:12", local).replace(b"2026-05-04T10:19:14", local)


def alarm(document: bytes, **more: dict[str, str]) -> Publication:
    return publish_alarm(read_note(document), more.get("ids", {}), {**KINDS, **more.get("kinds", {})}, "onemap")


def test_alarm_that_a_camera_saw_is_a_video_event_that_ingest_reads() -> None:
    row = read_natively(alarm(lately(VIDEO)))
    assert isinstance(row, VideoEventRow)
    assert (row.camera_id, row.kind, row.score, row.time) == ("32130200001320000017", "intrusion", None, to_pg_us(NOW))
    assert row.event_id == f"32130200001320000017-{NOW:%Y%m%d%H%M%S}-5.6"
    assert (row.lon, row.lat) == (SUQIAN.lon, SUQIAN.lat)


def test_alarm_of_a_device_is_a_report_that_ingest_reads() -> None:
    row = read_natively(alarm(lately(DEVICE)))
    assert isinstance(row, IncidentReportRow)
    assert (row.channel, row.report_id) == ("gb28181", f"32130200001340000001-{NOW:%Y%m%d%H%M%S}-2.2")
    assert (row.kind, row.level, row.lon, row.time) == ("other", 4, None, to_pg_us(NOW))
    assert (row.title, row.text) == ("设备报警: 设备防拆 32130200001340000001", "堃园机房设备箱被打开")


def test_alarm_sent_again_is_the_same_to_the_last_letter() -> None:
    for document in (VIDEO, DEVICE):
        assert alarm(document) == alarm(document.replace(b"<SN>2</SN>", b"<SN>3</SN>"))


def test_position_is_what_ingest_reads() -> None:
    row = read_natively(publish_mobile_position(read_note(lately(POSITION)), {}, "onemap"))
    assert row == PositionRow("32130200001320000099", to_pg_us(NOW), SUQIAN.lon, SUQIAN.lat, 10.0, 89.5, None, None)


def test_devices_can_be_given_our_names_and_alarms_other_kinds() -> None:
    ids = {"32130200001320000017": "cam-7", "32130200001340000001": "box-1"}
    kinds = {"5/6": "trespass", "2/2": "manhole"}
    video, report = alarm(VIDEO, ids=ids, kinds=kinds), alarm(DEVICE, ids=ids, kinds=kinds)
    assert (video.topic, video.body["kind"]) == ("onemap/video/cam-7/event", "trespass")
    assert (report.topic, report.body["kind"]) == ("onemap/incident", "manhole")
    assert str(report.body["title"]).endswith("box-1")


TYPES_SEEN = [
    (b"<AlarmType>6</AlarmType>", "intrusion", "5.6"),
    (b"<AlarmType>06</AlarmType>", "intrusion", "5.6"),
    (b"", "alarm", "5"),
    (b"<AlarmType>77</AlarmType>", "alarm", "5.77"),
    (b"<AlarmType>x</AlarmType>", "alarm", "5"),
]


@pytest.mark.parametrize(("seen", "kind", "ending"), TYPES_SEEN)
def test_type_that_is_missing_or_unknown_loses_no_alarm(seen: bytes, kind: str, ending: str) -> None:
    body = alarm(VIDEO.replace(b"<AlarmType>6</AlarmType>", seen)).body
    assert body["kind"] == kind
    assert str(body["id"]).endswith(f"-{ending}")


def test_tables_agree_with_each_other_and_with_the_kinds_of_incidents() -> None:
    assert set(METHODS) == {str(number) for number in range(1, 8)} <= set(KINDS)
    assert set(KINDS) - set(METHODS) <= set(TYPES)
    assert {kind for key, kind in KINDS.items() if key[0] != "5"} <= set(table("incident_kinds"))


@pytest.mark.parametrize("number", [b"0.000", b"91", b"", b"nan", b"north"])
def test_unusable_position_loses_no_alarm(number: bytes) -> None:
    document = VIDEO.replace(b"118.275100", b"0").replace(b"33.963200", number)
    assert not {"lon", "lat"} & set(alarm(document).body)


BAD_ALARMS = [
    (b"<DeviceID>32130200001320000017</DeviceID>", b"<DeviceID>3213/#</DeviceID>", "DeviceID"),
    (b"<DeviceID>32130200001320000017</DeviceID>", b"", "DeviceID"),
    (b"2026-05-04T09:19:12", b"yesterday", "AlarmTime"),
    (b"2026-05-04T09:19:12", b"0001-01-01T00:00:00", "AlarmTime"),
    (b"<AlarmMethod>5<", b"<AlarmMethod>8<", "AlarmMethod"),
    (b"<AlarmMethod>5<", b"<AlarmMethod>5/1<", "AlarmMethod"),
    (b"<AlarmPriority>1<", b"<AlarmPriority>0<", "AlarmPriority"),
    (b"<AlarmPriority>1<", b"<AlarmPriority>5<", "AlarmPriority"),
]


@pytest.mark.parametrize(("old", "new", "field"), BAD_ALARMS)
def test_bad_alarm_names_the_field(old: bytes, new: bytes, field: str) -> None:
    with pytest.raises(DecodeError) as caught:
        alarm(VIDEO.replace(old, new))
    assert caught.value.field == field


def test_alarm_without_a_priority_is_not_lost() -> None:
    box = (PAYLOADS / "gb28181" / "alarm_device_gb2312.xml").read_bytes()
    for document in (VIDEO, box):
        told = alarm(re.sub(b"<AlarmPriority>.</AlarmPriority>", b"", lately(document)))
        assert told.topic == alarm(lately(document)).topic
        assert "level" not in told.body
        read_natively(told)


BAD_POSITIONS = [
    (b"33.9632", b"", "Latitude"),
    (b"33.9632", b"91", "lat"),
    (b"118.2751", b"inf", "Longitude"),
    (b"36.0", b"fast", "Speed"),
    (b"T09:19:12", b"T29:19:12", "Time"),
]


@pytest.mark.parametrize(("old", "new", "field"), BAD_POSITIONS)
def test_bad_position_names_the_field(old: bytes, new: bytes, field: str) -> None:
    with pytest.raises(DecodeError) as caught:
        publish_mobile_position(read_note(POSITION.replace(old, new)), {}, "onemap")
    assert caught.value.field == field


def test_time_with_an_offset_keeps_it() -> None:
    local, other = alarm(VIDEO), alarm(VIDEO.replace(b"09:19:12", b"01:19:12+00:00"))
    assert local == other
    assert BEIJING.utcoffset(None) == timedelta(hours=8)


CHINESE = "<Notify><CmdType>Alarm</CmdType><A>堃</A></Notify>"
ENCODINGS = [
    ("GB2312 that is GB18030", '<?xml version="1.0" encoding="GB2312"?>' + CHINESE, "gb18030"),
    ("GB18030", "<?xml version='1.0' encoding='gb18030' ?>\r\n" + CHINESE, "gb18030"),
    ("GBK", '<?xml version="1.0" encoding="GBK"?>' + CHINESE, "gbk"),
    ("UTF-8", '<?xml version="1.0" encoding="UTF-8"?>' + CHINESE, "utf-8"),
    ("UTF-8 with a byte order mark", '<?xml version="1.0"?>' + CHINESE, "utf-8-sig"),
    ("UTF-8 that is GBK", '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>' + CHINESE, "gbk"),
    ("nothing declared", CHINESE, "utf-8"),
    ("nothing declared, GBK", CHINESE, "gbk"),
]


@pytest.mark.parametrize(("text", "encoding"), [e[1:] for e in ENCODINGS], ids=[e[0] for e in ENCODINGS])
def test_chinese_is_read_in_whatever_encoding_it_comes(text: str, encoding: str) -> None:
    root = read_note(text.encode(encoding))
    assert command(root) == ("Notify", "Alarm")
    assert text_of(root, "A") == "堃"


def test_text_cut_within_a_character_loses_no_alarm() -> None:
    cut = DEVICE.replace("打开".encode("gb18030"), "打开".encode("gb18030")[:-1])
    assert str(alarm(cut).body["text"]).startswith("堃园机房设备箱被打")


BILLION = (
    b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]><Notify>&b;</Notify>'
)
HOSTILE = [
    ("entities", BILLION),
    ("a file", b'<!DOCTYPE n [<!ENTITY f SYSTEM "file:///etc/passwd">]><Notify><CmdType>&f;</CmdType></Notify>'),
    ("an undeclared entity", b"<Notify>&nobody;</Notify>"),
    ("no XML", b"hello"),
    ("nothing", b""),
    ("a NUL", b"<Notify>\0</Notify>"),
    ("depth", b"<a>" * 100_000),
    ("another encoding", b'<?xml version="1.0" encoding="UTF-7"?><Notify/>'),
]


@pytest.mark.parametrize("document", [h[1] for h in HOSTILE], ids=[h[0] for h in HOSTILE])
def test_hostile_document_is_refused(document: bytes) -> None:
    with pytest.raises(DecodeError) as caught:
        read_note(document)
    assert caught.value.field == "body"


@given(st.binary(max_size=200), st.integers(0, len(VIDEO)), st.integers(0, len(VIDEO)))
def test_no_bytes_raise_anything_but_a_decode_error(noise: bytes, start: int, end: int) -> None:
    for document in (noise, VIDEO[:start] + noise + VIDEO[end:], POSITION[:start] + noise + POSITION[end:]):
        for publish in (
            lambda root: publish_alarm(root, {}, KINDS, "onemap"),
            lambda root: publish_mobile_position(root, {}, "onemap"),
        ):
            with suppress(DecodeError):
                assert publish(read_note(document)).topic.startswith("onemap/")


def test_response_to_an_alarm_repeats_its_number() -> None:
    root = etree.fromstring(alarm_response("32130200001320000017", "51"))
    assert {node.tag: node.text for node in root} == {
        "CmdType": "Alarm",
        "SN": "51",
        "DeviceID": "32130200001320000017",
        "Result": "OK",
    }
    assert root.tag == "Response"


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (b"Info>", b"info>"),
        (b"AlarmType>", b"alarmType>"),
        (b"DeviceID>", b"DeviceId>"),
        (b"AlarmPriority>", b"ALARMPRIORITY>"),
        (b"<Info>", b"<Info><!-- x --></Info><Info>"),
    ],
)
def test_capitals_of_elements_are_as_platforms_send_them(ours: bytes, theirs: bytes) -> None:
    assert alarm(lately(VIDEO).replace(ours, theirs)) == alarm(lately(VIDEO))


def test_alarm_of_a_leap_second_is_read() -> None:
    document = VIDEO.replace(b"2026-05-04T09:19:12", b"2017-01-01T07:59:60")
    assert alarm(document).body["time"] == "2016-12-31T23:59:59.999+00:00"
