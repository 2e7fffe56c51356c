"""/api/cards: what a person sees of one thing"""

from __future__ import annotations

from fastapi import APIRouter

from app.asking import Asking
from app.cards import Card, read_card
from app.deps import Conn, Now, PartsDep, Who

router = APIRouter(prefix="/api/cards", tags=["cards"])


@router.get("/video_event/{camera}/{event}")
def get_video_event_card(conn: Conn, who: Who, now: Now, parts: PartsDep, camera: str, event: str) -> Card:
    """The card of an event, whose id is made of two parts."""
    return read_card(Asking(conn, who, now, parts), "video_event", f"{camera}/{event}")


@router.get("/{kind}/{identity}")
def get_card(conn: Conn, who: Who, now: Now, parts: PartsDep, kind: str, identity: str) -> Card:
    return read_card(Asking(conn, who, now, parts), kind, identity)
