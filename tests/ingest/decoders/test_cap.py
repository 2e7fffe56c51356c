"""CAP 1.2 warnings of others: read on any topic, and XML's old tricks do nothing."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from core.errors import DecodeError
from ingest.decoders.cap import DECODER, decode_warning
from ingest.records import Record, WarningRow
from tests.ingest.decoders.support import NOW_US, at, payload, run


def decode(name: str) -> list[Record]:
    return run(DECODER, "any/topic", payload(f"cap/{name}.xml"))


def test_warning_keeps_its_headline_severity_expiry_and_whole_body() -> None:
    [row] = decode("rainstorm")
    assert isinstance(row, WarningRow)
    assert "预计未来 3 小时" in row.body
    assert row._replace(body="") == WarningRow(
        "weather@suqian.example.cn",
        "32130041600000_20260504113000_1",
        at("2026-05-04T19:30:00+08:00"),
        "Alert",
        "Actual",
        "宿迁市气象台发布暴雨橙色预警",
        "Severe",
        at("2026-05-05T07:30:00+08:00"),
        "",
    )


def test_cancel_without_info_is_a_warning_without_a_headline() -> None:
    [row] = decode("cancel_without_info")
    assert isinstance(row, WarningRow)
    assert (row.msg_type, row.headline, row.severity, row.expires) == ("Cancel", None, None, None)


@pytest.mark.parametrize("name", ["billion_laughs", "billion_laughs_attribute", "external_entity", "external_dtd"])
def test_entities_and_document_types_are_refused_at_once(name: str) -> None:
    began = time.process_time()
    with pytest.raises(DecodeError) as caught:
        decode(name)
    assert caught.value.reason == "not_cap"
    assert time.process_time() - began < 2


def test_file_an_entity_points_at_is_not_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("kept to ourselves")
    body = payload("cap/external_entity.xml")
    assert b"file:///etc/hostname" in body
    with pytest.raises(DecodeError) as caught:
        decode_warning(body.replace(b"file:///etc/hostname", secret.as_uri().encode()), NOW_US)
    assert caught.value.reason == "not_cap"
    assert "kept to ourselves" not in caught.value.message


BAD: list[tuple[bytes, bytes, str]] = [
    (b"<sent>2026", b"<sent>1926", "sent"),
    (b"2026-05-04T19:30:00+08:00</sent>", b"2026-05-04T19:30:00</sent>", "sent"),
    (b"<severity>Severe</severity>", b"", "info.severity"),
    (b"<sender>weather@suqian.example.cn</sender>", b"", "sender"),
    (b"2026-05-05T07:30:00+08:00</expires>", b"0001-01-01T00:00:00+14:00</expires>", "info.expires"),
    (b"2026-05-05T07:30:00+08:00</expires>", b"9999-12-31T23:59:59-14:00</expires>", "info.expires"),
    (b"32130041600000_", b"9" * 200, "identifier"),
    (b"weather@", b"w" * 200, "sender"),
    (b"Actual", b"A" * 65, "status"),
    (b"cap:1.2", b"cap:1.1", "alert"),
    (b"2026-05-05T07:30:00+08:00</expires>", b"tomorrow</expires>", "info.expires"),
    (b"</alert>", b"", "payload"),
]


@pytest.mark.parametrize(("old", "new", "field"), BAD)
def test_bad_warning_is_refused_and_the_element_is_named(old: bytes, new: bytes, field: str) -> None:
    body = payload("cap/rainstorm.xml")
    assert old in body
    with pytest.raises(DecodeError) as caught:
        decode_warning(body.replace(old, new, 1), NOW_US)
    assert caught.value.field == field
