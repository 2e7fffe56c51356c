"""Units and cameras that nobody has registered: what they sent last is kept to be seen, bounded, and they are taken
into use with what they have sent before."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, text

from app.api import pending as api
from core.errors import Conflict, Forbidden, InputError, NotFound
from core.pgarray import to_pg_us
from core.viewer import Role
from dispatch.present import read_units
from ingest.admin import pending as book
from ingest.arrived import Arrived
from ingest.flood import Flood, Held, Limits
from ingest.records import PositionRow, Record, SnapshotRow, UnitReportRow, VideoEventRow
from ingest.writer import Writer
from layers.video import read_shown_events
from tests.people import person
from tests.support import now

ADMIN, READER = person(Role.ADMIN), person(Role.DISPATCHER)
T = now() - timedelta(minutes=5)


def at(seconds: float) -> int:
    return to_pg_us(T + timedelta(seconds=seconds))


def message(*records: Record, payload: bytes = b'{"a": 1}', topic: str = "owntracks/u/p") -> Arrived:
    return Arrived(topic, payload, 1, 1, records=list(records))


def position(unit: str, seconds: float = 0, lon: float = 118.3, lat: float = 33.95) -> PositionRow:
    return PositionRow(unit, at(seconds), lon, lat, 3.0, 90.0, None, None)


def seen(camera: str, event: str = "e1", **place: float) -> VideoEventRow:
    return VideoEventRow(camera, event, at(0), "smoke", 0.9, None, None, place.get("lon"), place.get("lat"))


def write(conn: Connection, *messages: Arrived, writer: Writer | None = None) -> Any:
    return (writer or Writer(1)).write(conn, list(messages), now())


def listed(conn: Connection, **asked: Any) -> dict[str, book.Pending]:
    page = api.list_pending(conn, READER, **asked, limit=1000)
    return {one["id"]: one for one in page["items"]}


def test_unit_nobody_knows_is_seen_with_the_newest_of_what_it_sent(conn: Connection) -> None:
    write(conn, message(position("van-9"), payload=b"first"), message(position("fire-01", lon=118.2)))
    write(
        conn, message(position("van-9", 1, 0.0, 0.0)), message(UnitReportRow("van-9", at(2), "available"), payload=b"2")
    )
    found = listed(conn, type="unit")
    assert set(found) == {"unit/van-9"}, "fire-01 is registered"
    van = found["unit/van-9"]
    assert (van["type"], van["sent"], van["messages"], van["topic"]) == ("unit", "2", 3, "owntracks/u/p")
    assert (van["lon"], van["lat"]) == (118.3, 33.95), "0,0 is no place"


def test_newest_of_a_batch_is_what_came_last_whatever_it_says(conn: Connection) -> None:
    report = message(UnitReportRow("van-9", at(0), "available"), payload=b"status")
    write(conn, report, message(position("van-9", 1), payload=b"position"))
    assert listed(conn)["unit/van-9"]["sent"] == "position"


def test_camera_nobody_knows_is_seen_whether_it_sends_events_or_pictures(conn: Connection) -> None:
    write(
        conn,
        message(seen("gate-1")),
        message(SnapshotRow("gate-2", "ab" * 32, None, None, b"x"), payload=b"\xff\xd8\xff"),
    )
    found = listed(conn, type="camera")
    assert {name: one["sent"] for name, one in found.items()} == {
        "camera/gate-1": '{"a": 1}',
        "camera/gate-2": "JPEG, 3 bytes",
    }


def test_registered_unit_is_no_stranger_and_one_that_is_registered_meanwhile_is_one_no_longer(conn: Connection) -> None:
    writer = Writer(1)
    write(conn, message(position("van-9")), writer=writer)
    api.accept_unit(conn, ADMIN, now(), "van-9", api.UnitIn(kind="rescue", name_zh="九号车", name_en="Van 9"))
    write(conn, message(position("van-9", 1)), writer=writer)
    assert "unit/van-9" not in listed(conn)
    with pytest.raises(NotFound):
        api.get_pending(conn, READER, "unit", "van-9")


def test_accepted_unit_stands_where_it_has_said_with_its_status(conn: Connection) -> None:
    write(conn, message(position("van-9")), message(UnitReportRow("van-9", at(1), "out_of_service")))
    body = api.UnitIn(kind="rescue", name_zh="九号车", name_en="Van 9", capabilities=["rescue", "medical"])
    answer = api.accept_unit(conn, ADMIN, now(), "van-9", body)
    [unit] = read_units(conn, ["van-9"])
    assert answer == unit
    assert (unit["lon"], unit["lat"], unit["status"]) == (118.3, 33.95, "out_of_service")
    assert unit["capabilities"] == ["medical", "rescue"]
    what = conn.scalars(text("SELECT what FROM unit_event WHERE unit_id = 'van-9'")).all()
    assert what == ["accepted"]


def test_accepted_camera_shows_the_events_it_has_sent_before(conn: Connection) -> None:
    write(conn, message(seen("gate-1")))
    body = api.CameraIn(name_zh="东门", name_en="East gate", lon=118.3, lat=33.95, heading=90)
    camera = api.accept_camera(conn, ADMIN, now(), "gate-1", body)
    assert (camera["names"]["en"], camera["lon"]) == ("East gate", 118.3)
    [event] = read_shown_events(conn, now(), ["gate-1"])
    assert (event["lon"], event["lat"]) == (118.3, 33.95)
    assert "camera/gate-1" not in listed(conn)


def test_retired_one_is_listed_apart_stays_so_and_may_be_accepted_after_all(conn: Connection) -> None:
    write(conn, message(position("van-9")))
    api.retire(conn, ADMIN, now(), "unit", "van-9")
    write(conn, message(position("van-9", 1)))
    assert "unit/van-9" not in listed(conn)
    assert "unit/van-9" in listed(conn, status="retired")
    with pytest.raises(Conflict):
        api.retire(conn, ADMIN, now(), "unit", "van-9")
    api.accept_unit(conn, ADMIN, now(), "van-9", api.UnitIn(kind="fire", name_zh="九", name_en="9"))
    assert "unit/van-9" not in listed(conn, status="retired")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "ufo"}, "kind"),
        ({"kind": "fire", "capabilities": ["flying"]}, "capabilities"),
        ({"kind": "fire", "lon": 118.3}, "lat"),
    ],
)
def test_unit_that_is_said_to_be_what_there_is_not_is_refused(
    conn: Connection, body: dict[str, Any], field: str
) -> None:
    write(conn, message(position("van-9")))
    with pytest.raises(InputError) as caught:
        api.accept_unit(conn, ADMIN, now(), "van-9", api.UnitIn(name_zh="九", name_en="9", **body))
    assert caught.value.field == field


def test_only_administrators_decide(conn: Connection) -> None:
    write(conn, message(position("van-9")))
    with pytest.raises(Forbidden):
        api.accept_unit(conn, READER, now(), "van-9", api.UnitIn(kind="fire", name_zh="九", name_en="9"))
    with pytest.raises(Forbidden):
        api.retire(conn, READER, now(), "unit", "van-9")


def test_who_makes_up_names_is_held_back_and_each_message_is_a_letter(conn: Connection) -> None:
    flood = Flood(Limits(0, 5))
    flood.tell({}, Held())
    writer = Writer(1, flood=flood)
    done = write(conn, *(message(position(f"v-{n}")) for n in range(20)), writer=writer)
    assert (done.inserted, done.dead) == (5, 15)
    assert len(listed(conn, type="unit")) == 5
    detail = conn.scalar(text("SELECT detail FROM dead_letter WHERE reason = 'quarantined' LIMIT 1"))
    assert "too many new units" in str(detail)
    again = write(conn, message(position("v-0", 1)), message(position("fire-01", 1)), writer=writer)
    assert (again.inserted, again.dead) == (2, 0), "who is known goes on"


def test_pending_of_every_kind_is_one_list_in_pages(conn: Connection) -> None:
    write(conn, message(position("van-9")), message(seen("gate-1")))
    conn.execute(
        text(
            """
INSERT INTO sensor (id, kind, name_zh, name_en, status, metrics, thresholds, attributes, district, first_seen_at)
VALUES ('x-1', 'unknown', 'x', 'x', 'pending', '{}', '{}', '{"topic": "t", "sent": "s"}', '000000', now())
"""
        )
    )
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = api.list_pending(conn, READER, cursor=cursor, limit=1)
        found += [one["id"] for one in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert {"camera/gate-1", "sensor/x-1", "unit/van-9"} <= set(found)
    assert len(found) == len(set(found))
