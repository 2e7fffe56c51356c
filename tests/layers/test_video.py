"""Video events find their pictures and places, lists are whole, and silent cameras are named."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, text

from core.errors import InputError, NotFound
from core.i18n import catalogue
from core.pgarray import to_pg_us
from core.vocabulary import table
from ingest.arrived import Arrived
from ingest.decoders.jpeg import snapshot_row
from ingest.quality import Extent
from ingest.records import Record, TrackedEventRow, VideoEventRow
from ingest.writer import Writer
from layers.video import (
    FORGOTTEN,
    SILENT_LISTED,
    read_camera,
    read_camera_health,
    read_cameras,
    read_shown_events,
    read_video_event,
    read_video_events,
)
from tests.support import ROOT, now

JPEG = (ROOT / "tests" / "payloads" / "frigate" / "snapshot.jpg").read_bytes()
CAMERA, OTHER = "cam-001", "cam-002"
T = now().replace(microsecond=0) - timedelta(minutes=20)
Json = dict[str, Any]


def write(conn: Connection, record: Record, at: datetime = T) -> None:
    """The record as the ingester writes it at a moment."""
    Writer(1).write(conn, [Arrived("t", b"", 1, 1, records=[record])], at)


def see(
    conn: Connection, event: str = "e1", kind: str = "fire", time: datetime = T, camera: str = CAMERA,
    place: tuple[float, float] | None = None, received: datetime | None = None,
) -> None:  # fmt: skip
    lon, lat = place or (None, None)
    row = VideoEventRow(camera, event, to_pg_us(time), kind, 0.9, "东门", None, lon, lat)
    write(conn, row, received or time)


def picture(
    conn: Connection,
    at: datetime,
    event: str | None = None,
    label: str | None = None,
    camera: str = CAMERA,
    mark: int = 0,
) -> str:
    body = JPEG + bytes([mark])
    write(conn, snapshot_row(camera, event, label, body), at)
    return hashlib.sha256(body).hexdigest()


def after(seconds: float) -> datetime:
    return T + timedelta(seconds=seconds)


def test_event_has_the_words_of_its_kind_and_the_place_of_its_camera(conn: Connection) -> None:
    see(conn)
    [event] = read_video_events(conn)
    site = next(c for c in read_cameras(conn, now()) if c["id"] == CAMERA)
    assert event["id"] == f"{CAMERA}/e1"
    assert event["names"] == {"zh": "火情", "en": "Fire"}
    assert event["camera_names"] == site["names"]
    assert (event["lon"], event["lat"]) == (site["lon"], site["lat"])
    assert event["urgent"] is True
    assert event["snapshot"] is event["snapshot_url"] is event["ended_at"] is None


def test_event_with_a_position_of_its_own_lies_there(conn: Connection) -> None:
    see(conn, place=(119.0123, 31.3456))
    [event] = read_video_events(conn)
    assert (event["lon"], event["lat"]) == (119.0123, 31.3456)


def test_position_outside_the_city_gives_way_to_the_cameras(conn: Connection) -> None:
    row = VideoEventRow(CAMERA, "e1", to_pg_us(T), "fire", 0.9, None, None, 2.35, 48.85)
    Writer(1).write(conn, [Arrived("t", b"", 1, 1, records=[row])], T, Extent(118, 31, 120, 32))
    [event] = read_video_events(conn)
    assert event["quality"] == "outside"
    assert event["lon"] == next(c["lon"] for c in read_cameras(conn, now()) if c["id"] == CAMERA)


def test_kind_that_nobody_knows_is_its_own_word_and_not_urgent(conn: Connection) -> None:
    see(conn, kind="dragon", camera="cam-unknown")
    [event] = read_video_events(conn)
    assert event["names"] == {"zh": "dragon", "en": "dragon"}
    assert event["camera_names"] == {"zh": "cam-unknown", "en": "cam-unknown"}
    assert event["urgent"] is False
    assert event["lon"] is None


def test_picture_that_names_the_event_is_its_picture_whenever_it_came(conn: Connection) -> None:
    see(conn)
    tied = picture(conn, after(-30), event="e1", mark=1)
    picture(conn, after(1), label="fire", mark=2)
    [event] = read_video_events(conn)
    assert event["snapshot"] == tied
    assert event["snapshot_url"] == f"/api/pictures/{tied}.jpg"
    assert event["thumbnail_url"] == f"/api/pictures/{tied}/thumbnail.jpg"


def test_newest_of_the_pictures_that_name_an_event_is_shown(conn: Connection) -> None:
    see(conn)
    picture(conn, after(1), event="e1", mark=1)
    newest = picture(conn, after(40), event="e1", mark=2)
    assert read_video_event(conn, CAMERA, "e1")["snapshot"] == newest


def test_first_picture_of_that_label_within_two_minutes_is_taken_where_none_names_it(conn: Connection) -> None:
    see(conn, kind="person")
    picture(conn, after(-1), label="person", mark=1)
    first = picture(conn, after(5), label="person", mark=2)
    picture(conn, after(50), label="person", mark=3)
    assert read_video_event(conn, CAMERA, "e1")["snapshot"] == first


def test_camera_whose_clock_is_ahead_has_its_picture_all_the_same(conn: Connection) -> None:
    see(conn, kind="person", time=after(4), received=T)
    mine = picture(conn, after(1), label="person")
    assert read_video_event(conn, CAMERA, "e1")["snapshot"] == mine


@pytest.mark.parametrize(
    ("seconds", "more"),
    [
        (121, {"label": "person"}),
        (-1, {"label": "person"}),
        (5, {"label": "car"}),
        (5, {"label": None}),
        (5, {"label": "person", "camera": OTHER}),
        (5, {"label": "person", "event": "e2"}),
        (5, {"event": "e2"}),
        (5, {"event": "e1", "camera": OTHER}),
        (3_700, {"event": "e1"}),
    ],
    ids=[
        "too late",
        "before it",
        "another label",
        "no label",
        "another camera",
        "another event",
        "only another event",
        "named by another camera",
        "an hour later",
    ],
)
def test_picture_of_something_else_is_not_the_events(seconds: float, more: Json, conn: Connection) -> None:
    see(conn, kind="person")
    picture(conn, after(seconds), **more)
    assert read_video_event(conn, CAMERA, "e1")["snapshot"] is None


def test_list_is_newest_first_and_its_pages_are_whole_and_without_repeats(conn: Connection) -> None:
    for number in range(7):  # three of them at one moment
        see(conn, f"e{number}", time=after(60 * min(number, 4)), camera=(CAMERA, OTHER)[number % 2])
    everything = read_video_events(conn)
    assert [e["time"] for e in everything] == sorted((e["time"] for e in everything), reverse=True)
    pages, cursor = [], None
    while found := read_video_events(conn, cursor=cursor, most=2):
        pages += found
        cursor = found[-1]["id"]
    assert pages == everything
    assert len({e["id"] for e in pages}) == 7


@pytest.mark.parametrize("cursor", ["", "x", f"{CAMERA}/", f"{CAMERA}/none", "a/b/c"])
def test_cursor_of_no_event_is_refused(cursor: str, conn: Connection) -> None:
    with pytest.raises(InputError) as caught:
        read_video_events(conn, cursor=cursor)
    assert caught.value.field == "cursor"


def test_list_is_narrowed_by_camera_time_and_box(conn: Connection) -> None:
    see(conn, "old", time=after(-600))
    see(conn, "new", place=(119.0123, 31.3456))
    see(conn, "else", camera=OTHER, time=after(30))
    assert {e["event"] for e in read_video_events(conn, cameras=[CAMERA])} == {"old", "new"}
    assert {e["event"] for e in read_video_events(conn, since=T)} == {"new", "else"}
    assert [e["event"] for e in read_video_events(conn, box=(119.01, 31.34, 119.02, 31.35))] == ["new"]
    assert read_video_events(conn, cameras=[]) == []


def test_map_shows_the_last_hour(conn: Connection) -> None:
    see(conn, "gone", time=now() - timedelta(minutes=61))
    see(conn, "shown", time=now() - timedelta(minutes=59))
    assert [e["event"] for e in read_shown_events(conn, now())] == ["shown"]


def test_event_that_has_ended_says_when(conn: Connection) -> None:
    row = TrackedEventRow(CAMERA, "t1", to_pg_us(T), "person", 0.7, None, to_pg_us(after(30)), to_pg_us(after(30)))
    write(conn, row)
    ended = read_video_event(conn, CAMERA, "t1")["ended_at"]
    assert datetime.fromisoformat(ended) == after(30)


@pytest.mark.parametrize(("camera", "event"), [(CAMERA, "none"), ("none", "e1"), ("", "")])
def test_event_that_is_not_there_is_not_found(camera: str, event: str, conn: Connection) -> None:
    see(conn)
    with pytest.raises(NotFound):
        read_video_event(conn, camera, event)


def test_camera_has_its_newest_events_and_its_last_picture(conn: Connection) -> None:
    for number in range(12):
        see(conn, f"e{number}", time=after(number))
    picture(conn, after(20), mark=1)
    last = picture(conn, after(40), label="person", mark=2)
    camera = read_camera(conn, CAMERA, after(60))
    assert [e["event"] for e in camera["events"]] == [f"e{n}" for n in range(11, 1, -1)]
    assert camera["picture"]["snapshot"] == last
    assert camera["picture"]["label"] == "person"
    assert abs(datetime.fromisoformat(camera["frame_at"]) - after(40)) < timedelta(milliseconds=2)
    assert camera["age_s"] == pytest.approx(20, abs=0.2)
    assert camera["silent"] is False


def test_camera_that_was_never_heard_is_not_silent_but_unheard(conn: Connection) -> None:
    camera = read_camera(conn, CAMERA, now())
    assert camera["age_s"] is camera["last_at"] is camera["picture"] is None
    assert camera["silent"] is False
    assert camera["events"] == []


def test_camera_that_nobody_registered_is_known_once_it_was_heard(conn: Connection) -> None:
    with pytest.raises(NotFound):
        read_camera(conn, "cam-new", now())
    picture(conn, T, camera="cam-new")
    camera = read_camera(conn, "cam-new", T)
    assert camera["names"] == {"zh": "cam-new", "en": "cam-new"}
    assert camera["lon"] is None


@pytest.mark.parametrize(
    ("age", "silent"),
    [
        (timedelta(minutes=59), False),
        (timedelta(minutes=61), True),
        (FORGOTTEN - timedelta(minutes=1), True),
        (FORGOTTEN + timedelta(minutes=1), False),
    ],
    ids=["59 minutes", "61 minutes", "almost 30 days", "over 30 days"],
)
def test_camera_is_silent_from_an_hour_until_it_is_forgotten(age: timedelta, silent: bool, conn: Connection) -> None:
    moment = now()
    picture(conn, moment - age)
    assert read_camera(conn, CAMERA, moment)["silent"] is silent
    named = [c["id"] for c in read_camera_health(conn, moment)["silent"]]
    assert named == ([CAMERA] if silent else [])


def test_event_breaks_the_silence_as_a_picture_does(conn: Connection) -> None:
    moment = now()
    picture(conn, moment - timedelta(hours=5))
    see(conn, time=moment - timedelta(minutes=5))
    assert read_camera(conn, CAMERA, moment)["silent"] is False


def test_health_counts_all_and_names_the_latest_to_fall_silent(conn: Connection) -> None:
    moment = now()
    total = conn.scalar(text("SELECT count(*) FROM camera"))
    cameras = [c["id"] for c in read_cameras(conn, moment)][: SILENT_LISTED + 5]
    for number, camera in reversed(list(enumerate(cameras))):
        picture(conn, moment - timedelta(hours=2 + number), camera=camera)
    picture(conn, moment, camera="cam-new")
    health = read_camera_health(conn, moment)
    assert health["total"] == total + 1
    assert health["heard"] == len(cameras) + 1
    assert health["silent_total"] == len(cameras)
    assert [c["id"] for c in health["silent"]] == cameras[:SILENT_LISTED]
    assert set(health["silent"][0]) == {"id", "names", "last_at", "age_s"}


def test_kinds_of_events_lead_to_kinds_of_incidents_that_there_are() -> None:
    for row in table("video_kinds").values():
        assert row["zh"]
        assert row["en"]
        assert row.get("incident_kind", "other") in table("incident_kinds")
    assert "next.report_seen" in catalogue()
