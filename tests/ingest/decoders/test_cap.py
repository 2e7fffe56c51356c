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


SUQIAN = (117.9, 33.1, 119.2, 34.5)


def info(severity: str, expires: str | None = None, area: str = "", language: str = "zh-CN") -> str:
    end = f"<expires>{expires}</expires>" if expires else ""
    return (
        f"<info><language>{language}</language><category>Met</category><event>e</event><urgency>Expected</urgency>"
        f"<severity>{severity}</severity><certainty>Likely</certainty>{end}"
        f"<headline>{severity if language == 'zh-CN' else language}</headline>"
        f"<area><areaDesc>a</areaDesc>{area}</area></info>"
    )


HERE = "<polygon>33.9,118.2 33.9,118.4 34.0,118.4 33.9,118.2</polygon>"
NANJING = "<polygon>32.0,118.7 32.0,118.9 32.1,118.9 32.0,118.7</polygon>"
BROKEN = "<polygon>x</polygon>"
XUZHOU = "<circle>34.2,117.2 {}</circle>"
PAST, SOON, LATER = "2026-05-04T19:59:00+08:00", "2026-05-04T21:00:00+08:00", "2026-05-05T07:30:00+08:00"
CHOICES = [
    ("the gravest", [info("Minor", SOON, HERE), info("Severe", SOON, HERE)], "Severe", SOON),
    ("in force until the last ends", [info("Minor", LATER, HERE), info("Severe", SOON, HERE)], "Severe", LATER),
    ("one without an end", [info("Minor", None, HERE), info("Severe", SOON, HERE)], "Severe", None),
    ("in force", [info("Extreme", PAST, HERE), info("Moderate", LATER, HERE)], "Moderate", LATER),
    ("of our area", [info("Extreme", LATER, NANJING), info("Minor", SOON, HERE)], "Minor", SOON),
    ("a circle from afar", [info("Minor", SOON, HERE), info("Severe", SOON, XUZHOU.format(90))], "Severe", SOON),
    ("one that ends before us", [info("Minor", SOON, HERE), info("Severe", SOON, XUZHOU.format(30))], "Minor", SOON),
    ("no shape may be ours", [info("Minor", SOON, HERE), info("Severe", SOON)], "Severe", SOON),
    ("a shape nobody can read", [info("Minor", SOON, HERE), info("Severe", SOON, BROKEN)], "Severe", SOON),
    ("the first of two languages", [info("Severe", SOON, HERE), info("Severe", SOON, HERE, "en-US")], "Severe", SOON),
    ("none of ours", [info("Minor", SOON, NANJING), info("Severe", SOON, NANJING)], "Severe", SOON),
    ("an unknown word", [info("Dreadful", SOON, HERE), info("Minor", SOON, HERE)], "Minor", SOON),
]  # fmt: skip


@pytest.mark.parametrize(("words", "infos", "headline", "expires"), CHOICES, ids=[case[0] for case in CHOICES])
def test_of_several_info_blocks_the_gravest_in_force_and_in_our_area_speaks(
    words: str, infos: list[str], headline: str, expires: str | None
) -> None:
    """It was the first, whatever it said."""
    text = payload("cap/rainstorm.xml").decode()
    body = text[: text.index("  <info>")] + "".join(infos) + "</alert>"
    [row] = decode_warning(body.encode(), NOW_US, SUQIAN)
    assert isinstance(row, WarningRow)
    assert (row.headline, row.expires) == (headline, at(expires) if expires else None)
