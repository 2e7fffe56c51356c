"""What cameras saw, with pictures, and when each camera was last heard, as the objects of the API
(docs/integrators.md)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from core.clock import rfc3339
from core.errors import InputError, NotFound
from core.faults import expects
from core.history import as_row
from core.scope import EVERYTHING, Classification, Scope, seen
from core.types import Box, Params
from core.vocabulary import Text, label, table

# what the map shows; older events are in the lists
SHOWN = timedelta(minutes=60)
SHOWN_AT_MOST = 1000
EVENTS_OF_A_CAMERA = 10
# a camera of which nothing came for so long is silent, one of which nothing came for longer is forgotten
SILENT = timedelta(hours=1)
FORGOTTEN = timedelta(days=30)
SILENT_LISTED = 20

# A picture that names its event is looked for among those that came within an hour of it: the camera's pictures of a
# month are many. One that names none is taken for the first of that label within two minutes (Frigate sends them so);
# the camera's clock may be ahead of ours.
_EVENTS = """
WITH picked AS (
  SELECT v.*, c.name_zh, c.name_en, c.district, COALESCE(c.classification, 0) AS classification,
    COALESCE(CASE WHEN v.quality <> 'outside' THEN v.geom END, c.geom, v.geom) AS place
  FROM video_event v LEFT JOIN camera c ON c.id = v.camera_id
  WHERE {where} ORDER BY v.time DESC, v.camera_id DESC, v.event_id DESC LIMIT :most)
SELECT p.*, ST_X(p.place) AS lon, ST_Y(p.place) AS lat, COALESCE(tied.sha256, alike.sha256) AS sha256
FROM picked p
LEFT JOIN LATERAL (SELECT s.sha256 FROM snapshot s WHERE s.camera_id = p.camera_id AND s.event_id = p.event_id
  AND s.received_at BETWEEN p.received_at - interval '1 hour' AND p.received_at + interval '1 hour'
  ORDER BY s.received_at DESC, s.sha256 LIMIT 1) tied ON true
LEFT JOIN LATERAL (SELECT s.sha256 FROM snapshot s WHERE tied.sha256 IS NULL AND s.camera_id = p.camera_id
  AND s.event_id IS NULL
  AND s.label = p.kind AND s.received_at BETWEEN LEAST(p.time, p.received_at) AND p.time + interval '2 minutes'
  ORDER BY s.received_at, s.sha256 LIMIT 1) alike ON true
ORDER BY p.time DESC, p.camera_id DESC, p.event_id DESC
"""
# cameras that speak without being registered are cameras too
CLASSIFICATION = "COALESCE(c.classification, 0)"
_CAMERAS = f"""
SELECT COALESCE(c.id, t.camera_id) AS id, COALESCE(c.name_zh, t.camera_id) AS name_zh,
  COALESCE(c.name_en, t.camera_id) AS name_en, c.heading, c.fov, c.district, {CLASSIFICATION} AS classification,
  ST_X(c.geom) AS lon, ST_Y(c.geom) AS lat, t.frame_at, t.event_at, GREATEST(t.frame_at, t.event_at) AS last_at
FROM camera c FULL JOIN camera_state t ON t.camera_id = c.id
"""
_LAST_PICTURE = """
SELECT sha256, label, event_id, received_at FROM snapshot WHERE camera_id = :camera ORDER BY received_at DESC, sha256
  LIMIT 1
"""


class PictureRef(TypedDict):
    """Where a picture and its thumbnail are served; nulls where there is none."""

    snapshot: str | None
    snapshot_url: str | None
    thumbnail_url: str | None


class VideoEvent(PictureRef):
    """What a camera saw, with its picture."""

    id: str
    camera: str
    camera_names: Text
    event: str
    kind: str
    names: Text
    urgent: bool
    score: float | None
    zone: str | None
    time: str
    ended_at: str | None
    lon: float | None
    lat: float | None
    district: str | None
    classification: int
    quality: str


class LastPicture(PictureRef):
    """The newest picture of a camera."""

    label: str | None
    event: str | None
    received_at: str


class Camera(TypedDict):
    """A camera and when it was last heard; `age_s` seconds since anything came from it, null where nothing ever did."""

    id: str
    name: str
    names: Text
    lon: float | None
    lat: float | None
    heading: float | None
    fov: float | None
    district: str | None
    classification: int
    frame_at: str | None
    event_at: str | None
    last_at: str | None
    age_s: float | None
    silent: bool


class CameraWhole(Camera):
    """A camera with its newest events and its last picture."""

    events: list[VideoEvent]
    picture: LastPicture | None


class SilentCamera(TypedDict):
    id: str
    names: Text
    last_at: str | None
    age_s: float | None


class CameraHealth(TypedDict):
    """How many cameras there are, were heard within a month, and are silent; the newest to fall silent first."""

    total: int
    heard: int
    silent_total: int
    silent: list[SilentCamera]


def picture_urls(sha256: str | None) -> PictureRef:
    """Where a picture and its thumbnail are served; nulls where there is none."""
    if sha256 is None:
        return {"snapshot": None, "snapshot_url": None, "thumbnail_url": None}
    return {
        "snapshot": sha256,
        "snapshot_url": f"/api/pictures/{sha256}.jpg",
        "thumbnail_url": f"/api/pictures/{sha256}/thumbnail.jpg",
    }


def read_video_events(
    conn: Connection,
    *,
    cameras: Sequence[str] | None = None,
    since: datetime | None = None,
    box: Box | None = None,
    cursor: str | None = None,
    most: int = SHOWN_AT_MOST,
    scope: Scope = EVERYTHING,
) -> list[VideoEvent]:
    """Events newest first: of some cameras, that began at or after `since`, in a box (degrees), after the one whose id
    is `cursor`."""
    where = [seen("c.district", CLASSIFICATION)]
    given: dict[str, object] = {"most": most, **scope.params()}
    if cameras is not None:
        where.append("v.camera_id = ANY(:cameras)")
        given["cameras"] = list(cameras)
    if since is not None:
        where.append("v.time >= :since")
        given["since"] = since
    if box is not None:
        where.append(
            "COALESCE(CASE WHEN v.quality <> 'outside' THEN v.geom END, c.geom, v.geom) && ST_MakeEnvelope(:w, :s, :e, "
            ":n, 4326)"
        )
        given.update(zip("wsen", box, strict=True))
    if cursor is not None:
        where.append("(v.time, v.camera_id, v.event_id) < (:time, :camera, :event)")
        given.update(_place_in_list(conn, cursor))
    rows = conn.execute(text(_EVENTS.format(where=" AND ".join(where))), given)
    return [video_event_object(row) for row in rows]


def _place_in_list(conn: Connection, cursor: str) -> Params:
    camera, _, event = cursor.partition("/")
    given = {"camera": camera, "event": event}
    time = conn.scalar(text("SELECT time FROM video_event WHERE camera_id = :camera AND event_id = :event"), given)
    if time is None:
        raise InputError(
            "cursor: expected the `next` of an earlier answer", field="cursor", about=expects("cursor", "cursor")
        )
    return {**given, "time": time}


def read_video_event(conn: Connection, camera: str, event: str) -> VideoEvent:
    """One event. NotFound where it is not there."""
    where = "v.camera_id = :camera AND v.event_id = :event"
    row = conn.execute(text(_EVENTS.format(where=where)), {"camera": camera, "event": event, "most": 1}).one_or_none()
    if row is None:
        raise NotFound(f"there is no video event {camera}/{event}")
    return video_event_object(row)


def read_shown_events(conn: Connection, now: datetime, cameras: Sequence[str] | None = None) -> list[VideoEvent]:
    """The events of the map: of the last hour, everybody's or those of some cameras."""
    return read_video_events(conn, cameras=cameras, since=now - SHOWN)


# the events of the last hour as they were told by then, with the pictures that had come by then
_SHOWN_AT = _EVENTS.format(where="v.received_at <= :at AND v.time >= :since").replace(
    "s.received_at BETWEEN", "s.received_at <= :at AND s.received_at BETWEEN"
)
_REVISED = text("""
SELECT DISTINCT ON (camera_id, event_id) camera_id, event_id, before FROM video_event_past
WHERE until > :at AND (camera_id, event_id) IN (SELECT * FROM unnest(CAST(:cameras AS text[]), CAST(:events AS text[])))
ORDER BY camera_id, event_id, id
""")
REVISABLE = ("time", "kind", "score", "zone", "ended_at")


def read_shown_events_at(conn: Connection, at: datetime) -> list[VideoEvent]:
    """The events of the map as they were at a moment."""
    rows = conn.execute(text(_SHOWN_AT), {"at": at, "since": at - SHOWN, "most": SHOWN_AT_MOST}).all()
    given = {"at": at, "cameras": [r.camera_id for r in rows], "events": [r.event_id for r in rows]}
    before = {(r.camera_id, r.event_id): as_row(r.before) for r in conn.execute(_REVISED, given)}
    events: list[VideoEvent] = []
    for row in rows:
        then = before.get((row.camera_id, row.event_id))
        told = {name: getattr(then, name) for name in REVISABLE} if then else {}
        events.append(video_event_object(SimpleNamespace(**{**row._mapping, **told})))
    return events


def video_event_object(row: Any) -> VideoEvent:
    kind = table("video_kinds").get(row.kind, {})
    return {
        "id": f"{row.camera_id}/{row.event_id}",
        "camera": row.camera_id,
        "camera_names": _names(row, row.camera_id),
        "event": row.event_id,
        "kind": row.kind,
        "names": label("video_kinds", row.kind),
        "urgent": bool(kind.get("urgent", False)),
        "score": row.score,
        "zone": row.zone,
        "time": rfc3339(row.time),
        "ended_at": _time(row.ended_at),
        "lon": row.lon,
        "lat": row.lat,
        "district": row.district,
        "classification": row.classification,
        "quality": row.quality,
        **picture_urls(row.sha256),
    }


def _names(row: Any, fallback: str) -> Text:
    return {"zh": row.name_zh or fallback, "en": row.name_en or fallback}


def _time(moment: datetime | None) -> str | None:
    return rfc3339(moment) if moment else None


def read_cameras(
    conn: Connection,
    now: datetime,
    *,
    after: str | None = None,
    most: int | None = None,
    scope: Scope = EVERYTHING,
) -> list[Camera]:
    """Every camera that is registered or was ever heard, by id; all, or a page of them."""
    where = seen("c.district", CLASSIFICATION) + ("" if after is None else "AND COALESCE(c.id, t.camera_id) > :after")
    given = {"after": after, "most": most, **scope.params()}
    rows = conn.execute(text(f"{_CAMERAS} WHERE {where} ORDER BY 1 LIMIT :most"), given)
    return [camera_object(row, now) for row in rows]


def read_camera(conn: Connection, camera: str, now: datetime) -> CameraWhole:
    """One camera with its newest events and its last picture. NotFound where nobody knows it."""
    row = conn.execute(
        text(f"{_CAMERAS} WHERE COALESCE(c.id, t.camera_id) = :camera"), {"camera": camera}
    ).one_or_none()
    if row is None:
        raise NotFound(f"there is no camera {camera!r}")
    return {
        **camera_object(row, now),
        "events": read_video_events(conn, cameras=[camera], most=EVENTS_OF_A_CAMERA),
        "picture": read_last_picture(conn, camera),
    }


def read_last_picture(conn: Connection, camera: str) -> LastPicture | None:
    row = conn.execute(text(_LAST_PICTURE), {"camera": camera}).one_or_none()
    if row is None:
        return None
    return {
        **picture_urls(row.sha256),
        "label": row.label,
        "event": row.event_id,
        "received_at": rfc3339(row.received_at),
    }


def camera_object(row: Any, now: datetime) -> Camera:
    """`age_s` seconds since anything came from it, null where nothing ever did."""
    age = now - row.last_at if row.last_at else None
    return {
        "id": row.id,
        "name": row.name_zh,
        "names": {"zh": row.name_zh, "en": row.name_en},
        "lon": row.lon,
        "lat": row.lat,
        "heading": row.heading,
        "fov": row.fov,
        "district": row.district,
        "classification": row.classification,
        "frame_at": _time(row.frame_at),
        "event_at": _time(row.event_at),
        "last_at": _time(row.last_at),
        "age_s": round(age.total_seconds(), 1) if age is not None else None,
        "silent": age is not None and SILENT < age < FORGOTTEN,
    }


def read_picture(conn: Connection, sha256: str, scope: Scope = EVERYTHING) -> bytes | None:
    """A picture's bytes where they still lie in its row, None where the store has them. NotFound where nobody speaks of
    it."""
    row = conn.execute(
        text(
            f"""
SELECT s.body FROM snapshot s LEFT JOIN camera c ON c.id = s.camera_id
WHERE s.sha256 = :sha256 AND {seen("c.district", CLASSIFICATION)} ORDER BY s.body IS NULL LIMIT 1
"""
        ),
        {"sha256": sha256, **scope.params()},
    ).one_or_none()
    if row is None:
        raise NotFound("there is no such picture")
    return None if row.body is None else bytes(row.body)


def read_camera_health(conn: Connection, now: datetime) -> CameraHealth:
    """How many cameras there are, how many were heard within a month, and those of them that are silent, the newest to
    fall silent first. Whoever reads how things work is told the names of open ones."""
    cameras = read_cameras(conn, now)
    heard = [c for c in cameras if c["age_s"] is not None and c["age_s"] < FORGOTTEN.total_seconds()]
    silent = sorted((c for c in heard if c["silent"]), key=lambda c: c["age_s"] or 0.0)
    return {
        "total": len(cameras),
        "heard": len(heard),
        "silent_total": len(silent),
        "silent": [
            {"id": c["id"], "names": c["names"], "last_at": c["last_at"], "age_s": c["age_s"]}
            for c in [c for c in silent if c["classification"] == Classification.OPEN][:SILENT_LISTED]
        ],
    }
