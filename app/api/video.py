"""/api/video-events, /api/cameras, /api/pictures"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request, Response
from sqlalchemy import Row, text

from app.api.shapes import Limit, Moment, page, parse_bbox
from app.cards import Asked, read_card
from app.deps import Conn, Now, PartsDep, Who, get_parts
from core.errors import NotFound
from core.pictures import Pictures, thumbnail
from layers.video import read_camera, read_cameras, read_video_events

router = APIRouter(tags=["video"])
# what a hash names never changes; only people who are logged in may see it
FOR_EVER = "private, max-age=31536000, immutable"
_SPOKEN_OF = "SELECT body FROM snapshot WHERE sha256 = :sha256 ORDER BY body IS NULL LIMIT 1"


def get_pictures(request: Request) -> Pictures:
    """The picture store of this process, made on first use."""
    state = request.app.state
    if not hasattr(state, "pictures"):
        settings = get_parts(request).settings
        state.pictures = Pictures(settings.pictures_url, settings.state_dir)
    pictures: Pictures = state.pictures
    return pictures


Store = Annotated[Pictures, Depends(get_pictures)]
Known = Annotated[str | None, Header(alias="If-None-Match")]


@router.get("/api/video-events")
def list_video_events(
    conn: Conn, who: Who, camera: str | None = None, since: Moment = None, bbox: str | None = None, cursor: str | None = None,
    limit: Limit = 200,
) -> dict[str, Any]:  # fmt: skip
    """Events newest first; `since` those that began then or later."""
    cameras = None if camera is None else [camera]
    box = parse_bbox(bbox)
    return page(read_video_events(conn, cameras=cameras, since=since, box=box, cursor=cursor, most=limit + 1), limit)


@router.get("/api/cameras")
def list_cameras(conn: Conn, who: Who, now: Now) -> dict[str, Any]:
    return {"items": read_cameras(conn, now), "next": None}


@router.get("/api/cameras/{camera_id}")
def get_camera(conn: Conn, who: Who, now: Now, camera_id: str) -> dict[str, Any]:
    return read_camera(conn, camera_id, now)


@router.get("/api/cards/video_event/{camera}/{event}")
def get_video_event_card(conn: Conn, who: Who, now: Now, parts: PartsDep, camera: str, event: str) -> dict[str, Any]:
    """The card of an event, whose id is made of two parts."""
    return read_card(Asked(conn, parts.road_graph(conn), who, now), "video_event", f"{camera}/{event}")


@router.get("/api/pictures/{sha256}.jpg", response_class=Response)
def get_picture(parts: PartsDep, who: Who, pictures: Store, sha256: str, known: Known = None) -> Response:
    """The picture as it came."""
    row = find_picture(parts, sha256)
    if is_known(sha256, known):
        return jpeg(sha256, b"", status=304)
    return jpeg(sha256, row.body or pictures.get(sha256))


@router.get("/api/pictures/{sha256}/thumbnail.jpg", response_class=Response)
def get_thumbnail(parts: PartsDep, who: Who, pictures: Store, sha256: str, known: Known = None) -> Response:
    """A small one, of at most 320 x 240; the picture itself where it cannot be made smaller."""
    row = find_picture(parts, sha256)
    if is_known(f"{sha256}-small", known):
        return jpeg(f"{sha256}-small", b"", status=304)
    body = (thumbnail(row.body) or row.body) if row.body else pictures.get(sha256, thumb=True)
    return jpeg(f"{sha256}-small", body)


def find_picture(parts: PartsDep, sha256: str) -> Row[Any]:
    """Its row. No connection is held while a slow store is asked for the bytes."""
    with parts.engine.connect() as conn:
        row = conn.execute(text(_SPOKEN_OF), {"sha256": sha256}).one_or_none()
    if row is None:
        raise NotFound("there is no such picture")
    return row


def is_known(tag: str, known: str | None) -> bool:
    """Whether If-None-Match (RFC 9110 section 13.1.2) names the tag."""
    given = (part.strip().removeprefix("W/") for part in (known or "").split(","))
    return f'"{tag}"' in given


def jpeg(tag: str, body: bytes | None, status: int = 200) -> Response:
    if body is None:
        raise NotFound("the picture is no longer kept")
    headers = {"ETag": f'"{tag}"', "Cache-Control": FOR_EVER, "X-Content-Type-Options": "nosniff"}
    return Response(body, status, headers, "image/jpeg")
