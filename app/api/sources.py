"""/api/sources, /api/decoders"""

from __future__ import annotations

from fastapi import APIRouter

from app.api.shapes import Limit, Name, page, part
from app.deps import Conn, Now, PartsDep, Who
from core.nouns import Page
from core.viewer import Permission
from ingest.admin.sources.edit import add_source, change_source
from ingest.admin.sources.nouns import DecoderObject, SourceChange, SourceIn, SourceObject, Trial, TryIn
from ingest.admin.sources.read import list_decoders, read_source, read_source_states
from ingest.admin.sources.trial import try_source

router = APIRouter(tags=["sources"])


@router.get("/api/sources")
def list_sources(
    conn: Conn, who: Who, now: Now, parts: PartsDep, cursor: Name = None, limit: Limit = 1000
) -> Page[SourceObject]:
    """By id, with what came through each."""
    who.require(Permission.SOURCE_READ)
    found = read_source_states(conn, parts.settings.topic_prefix, now, after=cursor, most=limit + 1)
    return page(found, limit)


@router.get("/api/decoders")
def get_decoders(who: Who, cursor: Name = None, limit: Limit = 1000) -> Page[DecoderObject]:
    """What a source may be read by; `options` is the JSON schema of each one's options."""
    who.require(Permission.SOURCE_READ)
    return part(list_decoders(), cursor, limit)


@router.get("/api/sources/{source_id}")
def get_source(conn: Conn, who: Who, now: Now, parts: PartsDep, source_id: str) -> SourceObject:
    who.require(Permission.SOURCE_READ)
    return read_source(conn, source_id, parts.settings.topic_prefix, now)


@router.post("/api/sources", status_code=201)
def post_source(conn: Conn, who: Who, now: Now, parts: PartsDep, body: SourceIn) -> SourceObject:
    """A new source; the ingesters take it up at once. 409 where the id is taken."""
    who.require(Permission.SOURCE_MANAGE)
    add_source(conn, body, parts.settings.topic_prefix, who.username, now)
    return read_source(conn, body.id, parts.settings.topic_prefix, now)


@router.post("/api/sources/try")
def post_try(conn: Conn, who: Who, now: Now, parts: PartsDep, body: TryIn) -> Trial:
    """What a source would make of a message. Nothing is written."""
    who.require(Permission.SOURCE_MANAGE)
    return try_source(conn, body, parts.settings.topic_prefix, now)


@router.patch("/api/sources/{source_id}")
def patch_source(conn: Conn, who: Who, now: Now, parts: PartsDep, source_id: str, body: SourceChange) -> SourceObject:
    """Change what is given; the ingesters take it up at once. 409 where the version is old."""
    who.require(Permission.SOURCE_MANAGE)
    change_source(conn, source_id, body, parts.settings.topic_prefix, who.username, now)
    return read_source(conn, source_id, parts.settings.topic_prefix, now)
