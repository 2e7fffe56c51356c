"""/api/audit: who did what, when, from where, with which result."""

from __future__ import annotations

from fastapi import APIRouter
from sqlalchemy import text
from typing_extensions import TypedDict

from app.api.shapes import Limit, Moment, Name, page, parse_number
from app.deps import Conn, Who
from core.clock import rfc3339
from core.nouns import Page
from core.types import JsonObject
from core.viewer import Permission

router = APIRouter(prefix="/api/audit", tags=["audit"])
_ENTRIES = text("""
SELECT id, time, who, address, what, result, data FROM audit
WHERE (CAST(:cursor AS bigint) IS NULL OR id < :cursor) AND (CAST(:who AS text) IS NULL OR who = :who)
  AND (CAST(:what AS text) IS NULL OR what = :what) AND (CAST(:since AS timestamptz) IS NULL OR time >= :since)
ORDER BY id DESC LIMIT :most
""")


class AuditEntry(TypedDict):
    """`what` is a noun and a verb; `result` ok, refused or failed."""

    id: int
    time: str
    who: str
    address: str | None
    what: str
    result: str
    data: JsonObject


@router.get("")
def get_audit(
    conn: Conn,
    who: Who,
    by: Name = None,
    what: Name = None,
    since: Moment = None,
    cursor: Name = None,
    limit: Limit = 100,
) -> Page[AuditEntry]:
    """Newest first: `by` somebody, of one kind, since a moment."""
    who.require(Permission.AUDIT_READ)
    given = {"cursor": parse_number(cursor), "who": by, "what": what, "since": since, "most": limit + 1}
    rows = conn.execute(_ENTRIES, given)
    found: list[AuditEntry] = [
        {
            "id": row.id,
            "time": rfc3339(row.time),
            "who": row.who,
            "address": row.address,
            "what": row.what,
            "result": row.result,
            "data": row.data,
        }
        for row in rows
    ]
    return page(found, limit)
