"""Where something is of which only an address was said: at its door, or nowhere, and the log says which."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, text

from dispatch import intake, log
from dispatch.places import place_said
from dispatch.present import read_incidents
from tests.app.test_finding import add_door, add_street
from tests.dispatch.test_incidents import NOW, opened

STREET = ("试验新路", "Shiyan New Road")
LON = 119.0


@pytest.fixture
def doors(conn: Connection) -> Connection:
    """One street with a door 88, of which 12 is registered in two places."""
    add_street(conn, 990001, *STREET)
    add_door(conn, "t-88", STREET, "88", LON)
    add_door(conn, "t-12a", STREET, "12", LON)
    add_door(conn, "t-12b", STREET, "12", LON + 0.05)
    add_door(conn, "t-16a", STREET, "16", LON)
    add_door(conn, "t-16b", STREET, "16", LON + 0.0005)
    return conn


@pytest.mark.parametrize(
    ("said", "key"),
    [
        ("试验新路88号", "door"),
        ("群众反映试验新路88号门口积水", "door"),
        ("88 Shiyan New Road", "door"),
        # two doors of one number side by side are one place
        ("试验新路16号", "door"),
        ("试验新路12号", "several"),
        ("试验新路99号", "street"),
        ("别处的路5号", None),
        ("积水了", None),
        ("", None),
        (None, None),
    ],
)
def test_a_place_is_found_at_a_door_or_not_at_all(doors: Connection, said: str | None, key: str | None) -> None:
    where, words = place_said(doors, said)
    assert (where is not None) == (key == "door")
    if where is not None:
        assert where.lon == pytest.approx(LON, abs=0.001)
    assert (words is None) == (key is None)
    expected = {"several": "多处", "street": "没有99号", "door": "按门牌"}
    assert words is None or expected[str(key)] in words["zh"]


def test_a_district_that_is_named_tells_doors_of_one_address_apart(doors: Connection) -> None:
    district = doors.execute(text("SELECT code, name_zh, name_en FROM district ORDER BY code LIMIT 1")).one()
    doors.execute(text("UPDATE address SET district = :code WHERE id = 't-12b'"), {"code": district.code})
    for said in (f"{district.name_zh}试验新路12号", f"12 Shiyan New Road, {district.name_en}"):
        where, _ = place_said(doors, said)
        assert where is not None
        assert where.lon == pytest.approx(LON + 0.05)


def test_a_report_that_says_an_address_alone_is_on_the_map(doors: Connection) -> None:
    for number, address in (("a", "试验新路88号"), ("b", "试验新路99号")):
        doors.execute(
            text("""
INSERT INTO incident_report (channel, report_id, time, kind, title, address, received_at)
VALUES ('12345', :id, :now, 'flooding', '积水', :address, :now)
"""),
            {"id": number, "now": NOW, "address": address},
        )
    assert intake.claim_reports(doors, NOW) == 2
    made = {row.report_id: row.id for row in doors.execute(text("SELECT report_id, id FROM incident"))}
    placed, unplaced = (read_incidents(doors, [made[number]])[0] for number in "ab")
    assert placed["lon"] == pytest.approx(LON)
    assert unplaced["lon"] is None
    assert [entry["what"] for entry in log.read(doors, made["a"])] == ["opened", "placed"]
    assert "待核" in log.read(doors, made["b"])[1]["text"]["zh"]


def test_a_position_that_is_said_goes_before_an_address(doors: Connection) -> None:
    incident = opened(doors, address="试验新路88号")
    assert read_incidents(doors, [incident])[0]["lon"] != pytest.approx(LON, abs=1e-6)
    assert [entry["what"] for entry in log.read(doors, incident)] == ["opened"]
