"""/api/sources, /api/decoders"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from app.deps import Conn, Now, PartsDep, Who
from core.viewer import Role
from ingest.admin.sources import (
    SourceChange,
    SourceIn,
    TryIn,
    add_source,
    change_source,
    list_decoders,
    read_source,
    read_source_states,
    try_source,
)

router = APIRouter(tags=["sources"])


@router.get("/api/sources")
def list_sources(conn: Conn, who: Who, now: Now, parts: PartsDep) -> dict[str, Any]:
    """Every source with what came through it."""
    return {"items": read_source_states(conn, parts.settings.topic_prefix, now), "next": None}


@router.get("/api/decoders")
def get_decoders(who: Who) -> dict[str, Any]:
    """What a source may be read by; `options` is the JSON schema of each one's options."""
    return {"items": list_decoders(), "next": None}


@router.get("/api/sources/{source_id}")
def get_source(conn: Conn, who: Who, now: Now, parts: PartsDep, source_id: str) -> dict[str, Any]:
    return read_source(conn, source_id, parts.settings.topic_prefix, now)


@router.post("/api/sources", status_code=201)
def post_source(conn: Conn, who: Who, now: Now, parts: PartsDep, body: SourceIn) -> dict[str, Any]:
    """A new source; the ingesters take it up at once. 409 where the id is taken."""
    who.require(Role.ADMIN)
    add_source(conn, body, parts.settings.topic_prefix, who.username, now)
    return read_source(conn, body.id, parts.settings.topic_prefix, now)


@router.post("/api/sources/try")
def post_try(conn: Conn, who: Who, now: Now, parts: PartsDep, body: TryIn) -> dict[str, Any]:
    """What a source would make of a message. Nothing is written."""
    who.require(Role.ADMIN)
    return try_source(conn, body, parts.settings.topic_prefix, now)


@router.patch("/api/sources/{source_id}")
def patch_source(conn: Conn, who: Who, now: Now, parts: PartsDep, source_id: str, body: SourceChange) -> dict[str, Any]:
    """Change what is given; the ingesters take it up at once. 409 where the version is old."""
    who.require(Role.ADMIN)
    change_source(conn, source_id, body, parts.settings.topic_prefix, who.username, now)
    return read_source(conn, source_id, parts.settings.topic_prefix, now)
