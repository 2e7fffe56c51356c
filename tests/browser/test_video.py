"""A camera sees something: its event comes over MQTT onto the map, and the card shows the picture that came with it."""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta
from typing import Any

import httpx
import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from core.clock import rfc3339
from demo.devices.drawing import draw
from tests.browser.desk import DRAWN_AT, MAP, Desk
from tests.support import PATIENCE_S, Mailbox, System, now, wait_for

CAMERA = "cam-010"
EVENT, QUIET = f"{CAMERA}/seen-1", f"{CAMERA}/seen-2"
CARD_PICTURE = "#card [data-testid=card-picture]"
WIDTH_OF = "selector => document.querySelector(selector)?.naturalWidth ?? 0"
Json = dict[str, Any]


def see(devices: Mailbox, event: str, kind: str, age: timedelta = timedelta(0)) -> None:
    body = {"id": event.split("/")[1], "time": rfc3339(now() - age), "kind": kind, "score": 0.93, "zone": "东门"}
    devices.publish(f"onemap/video/{CAMERA}/event", body)


def send(client: mqtt.Client, picture: bytes, event: str) -> None:
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    properties.UserProperty = ("event", event.split("/")[1])
    client.publish(f"onemap/video/{CAMERA}/snapshot", picture, qos=1, properties=properties).wait_for_publish(
        PATIENCE_S
    )


@pytest.fixture(scope="module")
def picture() -> bytes:
    return draw(1, CAMERA, now(), "fire")


@pytest.fixture(scope="module")
def drawn(desk: Desk, devices: Mailbox, picture: bytes) -> list[float]:
    """Where the map has drawn a fire that was seen, with its picture, while the desk was watching; it is in the
    middle."""
    see(devices, EVENT, "fire")
    send(devices.client, picture, EVENT)
    see(devices, QUIET, "car", timedelta(minutes=40))
    place = desk.until(DRAWN_AT, value=["video-urgent", EVENT], what="the fire is on the map")
    return [float(part) for part in place]


def test_event_is_on_the_map_where_its_camera_is(desk: Desk, drawn: list[float], processes: System) -> None:
    [site] = processes.rows("SELECT ST_X(geom) AS lon, ST_Y(geom) AS lat FROM camera WHERE id = %s", CAMERA)
    assert drawn == pytest.approx([site["lon"], site["lat"]], abs=1e-3)


def test_card_of_the_event_shows_its_picture_and_what_was_seen(desk: Desk, drawn: list[float]) -> None:
    desk.select("video_event", EVENT)
    desk.until(WIDTH_OF, value=f"{CARD_PICTURE} img", what="the thumbnail is drawn")
    shown = " ".join(words for place, words in desk.text() if place.startswith("card"))
    assert "火情" in shown
    assert "93 %" in shown
    assert "东门" in shown


def test_press_on_the_picture_shows_it_full_size_and_escape_leaves_the_card_open(
    desk: Desk, drawn: list[float], picture: bytes
) -> None:
    desk.select("video_event", EVENT)
    desk.page.click(CARD_PICTURE)
    assert desk.until(WIDTH_OF, value="#picture img", what="the picture is drawn") == 640
    source = desk.page.get_attribute("#picture img", "src")
    assert source == f"/api/pictures/{hashlib.sha256(picture).hexdigest()}.jpg"
    desk.page.keyboard.press("Escape")
    desk.page.wait_for_selector("#picture", state="hidden")
    assert desk.page.is_visible("#card-title")


def test_card_of_the_camera_has_the_picture_with_its_age_and_the_way_to_its_events(
    desk: Desk, drawn: list[float]
) -> None:
    desk.select("video_event", EVENT)
    desk.page.click(f"#card .facts [data-select-id='{CAMERA}']")
    desk.page.wait_for_selector("#card .events")
    desk.until(WIDTH_OF, value=f"{CARD_PICTURE} img", what="the last picture is drawn")
    assert desk.until("() => document.querySelector('#card .picture .age').textContent")
    assert desk.page.locator("#card .events li").count() == 2
    desk.page.click(f"#card .events [data-select-id='{EVENT}']")
    desk.page.wait_for_selector(f"#card .facts [data-select-id='{CAMERA}']")


def test_picture_that_no_new_one_follows_is_said_to_be_old(desk: Desk, drawn: list[float]) -> None:
    desk.select("camera", CAMERA)
    desk.until(WIDTH_OF, value=f"{CARD_PICTURE} img", what="the last picture is drawn")
    assert desk.page.is_hidden("#card .picture .not-live")
    # ten minutes later
    desk.ask("() => { const real = Date.now; document.real = real; Date.now = () => real() + 600000; }")
    desk.page.wait_for_selector("#card .picture .not-live", state="visible")
    assert re.search(r"非实时画面，\d\d:\d\d:\d\d 之后没有新画面", desk.page.inner_text("#card .picture .not-live"))
    desk.page.click(CARD_PICTURE)
    desk.page.wait_for_selector("#picture .not-live", state="visible")
    desk.page.keyboard.press("Escape")
    desk.ask("() => { Date.now = document.real; }")
    # what a camera saw is no claim about now
    desk.select("video_event", EVENT)
    desk.until(WIDTH_OF, value=f"{CARD_PICTURE} img", what="the thumbnail is drawn")
    assert desk.page.locator(".picture .not-live").count() == 0


def test_camera_that_is_accepted_appears_on_the_map_that_is_open(
    desk: Desk, admin: httpx.Client, devices: Mailbox, processes: System
) -> None:
    """It was there for windows opened later."""
    page = MAP.removesuffix(".map")
    desk.ask(f"async () => {page}.showLayers([true], [{{ id: 'cameras' }}])")
    known = f"async () => (await {MAP}.getSource('cameras').getData()).features.map(one => one.properties.id)"
    desk.until(known, lambda ids: len(ids) > 0, what="the cameras are on the map")
    devices.publish("onemap/video/gate-7/event", {"id": "e1", "time": rfc3339(now()), "kind": "smoke"})
    wait_for(lambda: admin.get("/api/pending/camera/gate-7").status_code == 200)
    [site] = processes.rows("SELECT ST_X(geom) AS lon, ST_Y(geom) AS lat FROM camera WHERE id = %s", CAMERA)
    told = {"name_zh": "七号门", "name_en": "Gate 7", "lon": site["lon"] + 0.0005, "lat": site["lat"]}
    assert admin.post("/api/pending/camera/gate-7/accept", json=told).status_code == 200
    desk.until(known, lambda ids: "gate-7" in ids, what="the new camera is on the map")


def test_old_event_is_paler_than_a_new_one(desk: Desk, drawn: list[float]) -> None:
    fading = f"""async id => {MAP}.querySourceFeatures('video_events',
        {{ filter: ['==', ['get', 'id'], id] }})[0]?.properties.fading"""
    assert desk.until(fading, lambda step: step == 2, value=QUIET) == 2
    assert desk.until(fading, lambda step: step == 0, value=EVENT) == 0


def test_report_from_the_card_becomes_an_incident(desk: Desk, drawn: list[float], processes: System) -> None:
    desk.select("video_event", EVENT)
    desk.page.click("#card [data-next=create_incident]")
    desk.page.wait_for_selector("#card [data-testid^=next-assign]")
    [incident] = processes.rows("SELECT kind, titles FROM incident ORDER BY opened_at DESC LIMIT 1")
    assert incident["kind"] == "fire"
    assert "东门" in incident["titles"]["zh"]


def test_cards_have_no_serious_barriers_and_the_console_is_silent(desk: Desk, drawn: list[float]) -> None:
    for kind, identity in (("video_event", EVENT), ("camera", CAMERA)):
        desk.select(kind, identity)
        assert desk.serious_barriers() == []
    assert desk.complaints == []


def test_picture_that_the_store_has_lost_is_said_in_words(
    desk: Desk, drawn: list[float], devices: Mailbox, processes: System
) -> None:
    # nobody may look at it before it is lost: the camera's open card would fetch it at once, and a browser keeps what
    # it has
    desk.page.click("#card-close")
    desk.page.wait_for_selector("body[data-card=closed]", state="attached")
    lost = draw(2, CAMERA, now())
    digest = hashlib.sha256(lost).hexdigest()
    folder = processes.logs / "state" / "pictures" / digest[:2]
    send(devices.client, lost, QUIET)
    wait_for(lambda: (folder / f"{digest}.thumb.jpg").exists(), what="the picture has been moved to the store")
    wait_for(
        lambda: processes.one("SELECT body IS NULL FROM snapshot WHERE sha256 = %s", digest), what="the row forgot"
    )
    for file in folder.glob(f"{digest}*"):
        file.unlink()
    desk.select("video_event", QUIET)
    desk.page.wait_for_selector("#card .picture[data-failed] .gone")
