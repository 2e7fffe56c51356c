"""/api/video-events, /api/cameras, /api/pictures"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Response

from app.api.shapes import Limit, Moment, Name, page, parse_bbox
from app.deps import Conn, Now, PartsDep, Who
from app.seeing import need_seen
from core.errors import NotFound
from core.nouns import Page
from core.pictures import thumbnail
from layers.video import Camera, CameraWhole, VideoEvent, read_camera, read_cameras, read_picture, read_video_events

router = APIRouter(tags=["video"])
# what a hash names never changes; only people who are logged in may see it
FOR_EVER = "private, max-age=31536000, immutable"


Known = Annotated[str | None, Header(alias="If-None-Match")]


@router.get("/api/video-events")
def list_video_events(
    conn: Conn,
    who: Who,
    camera: str | None = None,
    since: Moment = None,
    bbox: str | None = None,
    cursor: str | None = None,
    limit: Limit = 200,
) -> Page[VideoEvent]:
    """Events newest first; `since` those that began then or later."""
    cameras = None if camera is None else [camera]
    box = parse_bbox(bbox)
    return page(
        read_video_events(conn, cameras=cameras, since=since, box=box, cursor=cursor, most=limit + 1, scope=who.scope),
        limit,
    )


@router.get("/api/cameras")
def list_cameras(conn: Conn, who: Who, now: Now, cursor: Name = None, limit: Limit = 1000) -> Page[Camera]:
    """By id."""
    return page(read_cameras(conn, now, after=cursor, most=limit + 1, scope=who.scope), limit)


@router.get("/api/cameras/{camera_id}")
def get_camera(conn: Conn, who: Who, now: Now, camera_id: str) -> CameraWhole:
    return need_seen(who, "camera", [read_camera(conn, camera_id, now)], camera_id)


@router.get("/api/pictures/{sha256}.jpg", response_class=Response)
def get_picture(parts: PartsDep, who: Who, sha256: str, known: Known = None) -> Response:
    """The picture as it came."""
    body = find_picture(parts, who, sha256)
    if is_known(sha256, known):
        return jpeg(sha256, b"", status=304)
    return jpeg(sha256, body or parts.pictures.get(sha256))


@router.get("/api/pictures/{sha256}/thumbnail.jpg", response_class=Response)
def get_thumbnail(parts: PartsDep, who: Who, sha256: str, known: Known = None) -> Response:
    """A small one, of at most 320 x 240; the picture itself where it cannot be made smaller."""
    body = find_picture(parts, who, sha256)
    if is_known(f"{sha256}-small", known):
        return jpeg(f"{sha256}-small", b"", status=304)
    small = (thumbnail(body) or body) if body else parts.pictures.get(sha256, thumb=True)
    return jpeg(f"{sha256}-small", small)


def find_picture(parts: PartsDep, who: Who, sha256: str) -> bytes | None:
    """Its bytes, where they still lie in its row. No connection is held while a slow store is asked for them."""
    with parts.engine.connect() as conn:
        return read_picture(conn, sha256, who.scope)


def is_known(tag: str, known: str | None) -> bool:
    """Whether If-None-Match (RFC 9110 section 13.1.2) names the tag."""
    given = (part.strip().removeprefix("W/") for part in (known or "").split(","))
    return f'"{tag}"' in given


def jpeg(tag: str, body: bytes | None, status: int = 200) -> Response:
    if body is None:
        raise NotFound("the picture is no longer kept")
    headers = {"ETag": f'"{tag}"', "Cache-Control": FOR_EVER}
    return Response(body, status, headers, "image/jpeg")
