"""Video over HTTP and on the live channel: lists, cameras, cards, and pictures that only the logged-in see."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from PIL import Image
from sqlalchemy import Connection, Engine, text

from app.asking import Asking
from app.cards import read_card
from core.db import notify_change
from core.pgarray import to_pg_us
from core.pictures import Pictures
from core.viewer import Role
from ingest.arrived import Arrived
from ingest.decoders.jpeg import snapshot_row
from ingest.pictures import move_one
from ingest.records import VideoEventRow
from ingest.writer import Writer
from tests.app.asking import ask_as
from tests.people import person
from tests.support import LOGS, Listener, System, now

CAMERA, PLACE = "cam-003", (119.0211, 31.3622)
Json = dict[str, Any]


def draw() -> bytes:
    out = io.BytesIO()
    Image.effect_noise((640, 360), 60).save(out, "JPEG")
    return out.getvalue()


JPEG = draw()
SHA = hashlib.sha256(JPEG).hexdigest()


def see(engine: Engine, event: str, kind: str = "fire", camera: str = CAMERA) -> str:
    row = VideoEventRow(camera, event, to_pg_us(now()), kind, 0.91, "东门", None, *PLACE)
    with engine.begin() as conn:
        Writer(1).write(conn, [Arrived("t", b"", 1, 1, records=[row])], now())
    return f"{camera}/{event}"


def show(engine: Engine, event: str | None = None, body: bytes = JPEG, camera: str = CAMERA) -> str:
    with engine.begin() as conn:
        Writer(1).write(conn, [Arrived("t", body, 1, 1, records=[snapshot_row(camera, event, None, body)])], now())
    return hashlib.sha256(body).hexdigest()


@pytest.fixture
def clean(db: Engine) -> Iterator[Engine]:
    """The served database, afterwards without what cameras said. Other tests have written batches a day ahead."""
    with db.begin() as conn:
        conn.execute(text("DELETE FROM source_state"))
    yield db
    with db.begin() as conn:
        for name in ("video_event", "snapshot", "camera_state"):
            conn.execute(text(f"DELETE FROM {name}"))


@pytest.fixture
def store() -> Iterator[Pictures]:
    """The picture store of the served process."""
    made = Pictures("", LOGS / "test_app" / "state")
    yield made
    made.delete(SHA)


@pytest.mark.parametrize("path", ["/api/video-events", "/api/cameras"])
def test_lists_have_items_and_a_next(path: str, viewer: httpx.Client) -> None:
    assert set(viewer.get(path).json()) == {"items", "next"}


@pytest.mark.parametrize(
    "path",
    [
        "/api/video-events",
        "/api/cameras",
        f"/api/cameras/{CAMERA}",
        f"/api/pictures/{SHA}.jpg",
        f"/api/pictures/{SHA}/thumbnail.jpg",
        "/api/cards/video_event/a%2Fb",
    ],
)
def test_stranger_sees_nothing(path: str, stranger: httpx.Client) -> None:
    assert stranger.get(path).status_code == 401


@pytest.mark.parametrize(
    ("path", "status", "field"),
    [
        ("/api/video-events?limit=0", 422, "limit"),
        ("/api/video-events?since=yesterday", 422, "since"),
        ("/api/video-events?bbox=1,2", 422, "bbox"),
        ("/api/video-events?cursor=x", 422, "cursor"),
        ("/api/cameras/nobody", 404, None),
        ("/api/cards/video_event/x", 404, None),
        ("/api/cards/video_event/x%2Fy", 404, None),
        (f"/api/pictures/{'0' * 64}.jpg", 404, None),
        ("/api/pictures/..%2F..%2Fetc%2Fpasswd.jpg", 400, None),
        (f"/api/pictures/{'0' * 64}/thumbnail.jpg", 404, None),
        ("/api/pictures/x.png", 404, None),
    ],
)
def test_error_is_a_problem_that_names_the_field(
    path: str, status: int, field: str | None, viewer: httpx.Client
) -> None:
    answer = viewer.get(path)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json().get("field") == field


def test_pages_of_events_follow_each_other(clean: Engine, viewer: httpx.Client) -> None:
    ids = [see(clean, f"e{n}") for n in range(5)]
    first = viewer.get("/api/video-events", params={"limit": 3}).json()
    second = viewer.get("/api/video-events", params={"limit": 3, "cursor": first["next"]}).json()
    assert [e["id"] for e in first["items"] + second["items"]] == ids[::-1]
    assert second["next"] is None


def test_events_of_one_camera_in_a_box_since_a_moment(clean: Engine, viewer: httpx.Client) -> None:
    before = now()
    mine = see(clean, "e1")
    see(clean, "e2", camera="cam-004")
    asked = {"camera": CAMERA, "since": before.isoformat(), "bbox": "119,31.3,119.1,31.4"}
    assert [e["id"] for e in viewer.get("/api/video-events", params=asked).json()["items"]] == [mine]
    later = {**asked, "since": (now() + timedelta(minutes=1)).isoformat()}
    assert viewer.get("/api/video-events", params=later).json()["items"] == []


def test_camera_tells_its_health_its_events_and_its_last_picture(clean: Engine, viewer: httpx.Client) -> None:
    see(clean, "e1")
    digest = show(clean, "e1")
    camera = viewer.get(f"/api/cameras/{CAMERA}").json()
    assert camera["events"][0]["snapshot"] == digest
    assert camera["picture"]["event"] == "e1"
    assert 0 <= camera["age_s"] < 60
    listed = next(c for c in viewer.get("/api/cameras").json()["items"] if c["id"] == CAMERA)
    assert listed["frame_at"] == camera["frame_at"]


@pytest.mark.parametrize("moved", [False, True], ids=["in its row", "in the store"])
def test_picture_is_served_from_its_row_and_from_the_store(
    moved: bool, clean: Engine, store: Pictures, viewer: httpx.Client
) -> None:
    digest = show(clean)
    if moved:
        assert move_one(clean, store, now())
    answer = viewer.get(f"/api/pictures/{digest}.jpg")
    assert answer.content == JPEG
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["etag"] == f'"{digest}"'
    assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert answer.headers["x-content-type-options"] == "nosniff"
    small = viewer.get(f"/api/pictures/{digest}/thumbnail.jpg")
    assert small.headers["content-type"] == "image/jpeg"
    with Image.open(io.BytesIO(small.content)) as image:
        assert image.width <= 320


@pytest.mark.parametrize("path", [f"/api/pictures/{SHA}.jpg", f"/api/pictures/{SHA}/thumbnail.jpg"])
def test_picture_that_the_browser_has_is_not_sent_again(path: str, clean: Engine, viewer: httpx.Client) -> None:
    show(clean)
    tag = viewer.get(path).headers["etag"]
    again = viewer.get(path, headers={"If-None-Match": f'"other", W/{tag}'})
    assert (again.status_code, again.content) == (304, b"")
    assert viewer.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_picture_that_no_row_speaks_of_is_not_served_though_the_store_has_it(
    clean: Engine, store: Pictures, viewer: httpx.Client
) -> None:
    store.put(SHA, JPEG)
    assert viewer.get(f"/api/pictures/{SHA}.jpg").status_code == 404


def test_picture_that_the_store_has_lost_is_not_found(clean: Engine, store: Pictures, viewer: httpx.Client) -> None:
    show(clean)
    assert move_one(clean, store, now())
    store.delete(SHA)
    for path in (f"/api/pictures/{SHA}.jpg", f"/api/pictures/{SHA}/thumbnail.jpg"):
        answer = viewer.get(path)
        assert answer.status_code == 404
        assert "no longer kept" in answer.json()["detail"]


def test_bytes_that_cannot_be_drawn_are_their_own_thumbnail(clean: Engine, viewer: httpx.Client) -> None:
    body = JPEG[:3] + b"nothing more"
    digest = show(clean, body=body)
    answer = viewer.get(f"/api/pictures/{digest}/thumbnail.jpg")
    assert answer.content == body
    assert answer.headers["content-type"] == "image/jpeg"


def seen(listener: Listener, identity: str, **wanted: Any) -> Json:
    def fits(item: Json) -> bool:
        return item["id"] == identity and all(item[name] == value for name, value in wanted.items())

    message = listener.until(lambda m: m["kind"] == "video_event" and any(fits(i) for i in m["items"]))
    return next(item for item in message["items"] if fits(item))


def test_event_is_pushed_and_again_when_its_picture_has_come(served: System, clean: Engine) -> None:
    with served.push() as listener:
        listener.until(lambda m: m["kind"] == "health")
        identity = see(clean, "e1")
        with clean.begin() as conn:
            notify_change(conn, "video_event", [CAMERA])
        assert seen(listener, identity)["snapshot"] is None
        digest = show(clean, "e1")
        with clean.begin() as conn:
            notify_change(conn, "video_event", [CAMERA])
        assert seen(listener, identity, snapshot=digest)["names"]["en"] == "Fire"


def test_who_connects_is_told_the_events_of_the_last_hour(served: System, clean: Engine) -> None:
    identity = see(clean, "e1")
    with clean.begin() as conn:
        conn.execute(
            text(
                """
INSERT INTO video_event (camera_id, event_id, time, kind, received_at)
SELECT camera_id, 'old', time - interval '61 minutes', kind, received_at FROM video_event
"""
            )
        )
    with served.push() as listener:
        snapshot = listener.until(lambda m: m["kind"] == "video_event" and m["op"] == "snapshot")
    assert [item["id"] for item in snapshot["items"]] == [identity]


def ask(conn: Connection, role: Role = Role.DISPATCHER) -> Asking:
    return ask_as(conn, person(role))


def test_card_of_an_event_offers_to_report_it_and_the_report_is_taken(clean: Engine, dispatcher: httpx.Client) -> None:
    identity = see(clean, "e1", "smoke")
    card = dispatcher.get(f"/api/cards/video_event/{identity.replace('/', '%2F')}").json()
    assert card["title"]["zh"].startswith("烟雾 · ")
    assert card["around"]["cameras"]
    assert card["incident"] is None
    made = dispatcher.request(card["next"]["method"], card["next"]["url"], json=card["next"]["body"])
    assert made.status_code == 201, made.text
    assert made.json()["kind"] == "fire"
    again = dispatcher.get(f"/api/cards/video_event/{identity.replace('/', '%2F')}").json()
    assert again["next"] is None
    assert again["incident"] == made.json()["id"]
    dispatcher.post(
        f"/api/incidents/{made.json()['id']}/status", json={"status": "closed", "version": made.json()["version"]}
    )


def test_viewer_and_what_is_nothing_to_report_have_no_next_step(clean: Engine) -> None:
    fire, car = see(clean, "e1"), see(clean, "e2", "car")
    with clean.connect() as conn:
        assert read_card(ask(conn, Role.VIEWER), "video_event", fire)["next"] is None
        assert read_card(ask(conn), "video_event", car)["next"] is None
        assert read_card(ask(conn), "video_event", fire)["next"]["action"] == "create_incident"


def test_card_of_a_camera_has_its_picture_and_events(clean: Engine, viewer: httpx.Client) -> None:
    see(clean, "e1")
    digest = show(clean)
    card = viewer.get(f"/api/cards/camera/{CAMERA}").json()
    assert card["object"]["picture"]["snapshot"] == digest
    assert card["object"]["events"][0]["id"] == f"{CAMERA}/e1"
    assert card["district_names"]["zh"]


def test_layer_of_events_is_served_as_features_too(clean: Engine, viewer: httpx.Client) -> None:
    identity = see(clean, "e1")
    features = viewer.get("/api/layers/video_events/features").json()["features"]
    assert [f["id"] for f in features] == [identity]
    assert features[0]["geometry"]["coordinates"] == list(PLACE)
