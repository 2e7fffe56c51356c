"""CAP 1.2 documents: what we build is valid and reads back; what others send is read strictly and harmlessly."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from capvalidator import check_schema
from hypothesis import given
from hypothesis import strategies as st

from core.cap import NS, Alert, Area, Info, build, parse
from core.errors import InputError

SENT = datetime(2026, 5, 4, 0, 0, 7, 250_000, tzinfo=UTC)
RING = ((119.0, 33.0), (119.1, 33.0), (119.1, 33.1), (119.0, 33.0))
INFO = Info(
    category="Met",
    event="水位超限",
    urgency="Immediate",
    severity="Extreme",
    certainty="Observed",
    response_type="Prepare",
    onset=SENT,
    expires=SENT,
    sender_name="中心",
    headline="红色预警",
    description="a < b & c",
    instruction="go",
    parameters=(("level", "I"),),
    areas=(Area("here", (RING,), ((119.0, 33.0, 1.5),), (("GB/T 2260", "329906"),)),),
)
ALERT = Alert(
    identifier="onemap-1",
    sender="us@example.org",
    sent=SENT,
    status="Exercise",
    msg_type="Update",
    scope="Restricted",
    restriction="field",
    references="us@example.org,onemap-0,2026-05-04T08:00:00+08:00",
    info=(INFO,),
    zone="Asia/Shanghai",
)
MINIMAL = (
    "<alert xmlns='urn:oasis:names:tc:emergency:cap:1.2'><identifier>x</identifier><sender>s</sender>"
    "<sent>2026-05-04T08:00:00+08:00</sent><status>Actual</status><msgType>Alert</msgType><scope>Public</scope></alert>"
)


def test_built_alert_is_valid_against_the_schema() -> None:
    result = check_schema(build(ALERT))
    assert result.passed, result.message


def test_times_have_no_fraction_and_an_offset_and_positions_are_lat_lon() -> None:
    xml = build(ALERT).decode()
    assert "<sent>2026-05-04T08:00:07+08:00</sent>" in xml
    assert "<polygon>33.000000,119.000000 33.000000,119.100000" in xml
    assert "<circle>33.000000,119.000000 1.5</circle>" in xml


def test_built_alert_reads_back() -> None:
    read = parse(build(ALERT))
    assert (read.identifier, read.sender, read.msg_type, read.references) == (
        ALERT.identifier, ALERT.sender, ALERT.msg_type, ALERT.references,
    )  # fmt: skip
    assert read.sent == SENT.replace(microsecond=0)
    assert (read.info[0].event, read.info[0].description) == (INFO.event, INFO.description)


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]), min_size=1, max_size=60))
def test_any_text_survives(words: str) -> None:
    info = Info("Met", "e", "Past", "Minor", "Likely", headline="x" + words + "x")
    alert = Alert("i", "s", SENT, "Test", "Alert", "Public", info=(info,))
    assert parse(build(alert)).info[0].headline == "x" + words + "x"


@pytest.mark.parametrize(
    ("why", "body", "field"),
    [
        ("not XML at all", b"\x00\xff{", "payload"),
        ("empty", b"", "payload"),
        ("another root", b"<feed/>", "alert"),
        ("CAP 1.1", MINIMAL.replace("1.2", "1.1").encode(), "alert"),
        ("no identifier", MINIMAL.replace("<identifier>x</identifier>", "").encode(), "identifier"),
        ("an empty sender", MINIMAL.replace("<sender>s</sender>", "<sender> </sender>").encode(), "sender"),
        ("a time that is none", MINIMAL.replace("2026-05-04T08:00:00+08:00", "yesterday").encode(), "sent"),
        ("a time without offset", MINIMAL.replace("+08:00", "").encode(), "sent"),
        (
            "an info without event",
            MINIMAL.replace("</alert>", "<info><category>Met</category></info></alert>").encode(),
            "info.event",
        ),
    ],
)
def test_bad_alert_names_the_element(why: str, body: bytes, field: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(body)
    assert caught.value.field == field, why


def test_external_entity_is_not_read(tmp_path: object) -> None:
    attack = f"<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/hostname'>]>{MINIMAL.replace('<sender>s', '<sender>&x;')}"
    with pytest.raises(InputError):
        parse(attack.encode())


def test_entity_bomb_is_refused_at_once() -> None:
    entities = "".join(f"<!ENTITY e{i} '{f'&e{i - 1};' * 10 if i else 'x'}'>" for i in range(12))
    with pytest.raises(InputError):
        parse(f"<!DOCTYPE a [{entities}]>{MINIMAL.replace('<sender>s', '<sender>&e11;')}".encode())


def test_namespace_is_the_standards() -> None:
    assert NS.endswith(":cap:1.2")
