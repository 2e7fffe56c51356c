"""A department asks for what is shared on conditions, and its provider decides (table `access_request`)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field
from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from core import audit
from core.catalogue.nouns import Kind, Name
from core.clock import rfc3339
from core.errors import Conflict, NotFound
from core.given import Given
from core.viewer import Viewer

State = Literal["open", "granted", "refused"]
_COLUMNS = "id, kind, resource, department, purpose, asked_by, asked_at, state, answer, decided_by, decided_at"


class RequestIn(Given):
    """`department`: the code of the one that asks."""

    department: str = Field(min_length=1, max_length=64, pattern=r"\S")
    purpose: str = Field(min_length=1, max_length=2000, pattern=r"\S")


class DecisionIn(Given):
    """`answer`: what the one who asked is told."""

    grant: bool
    answer: str | None = Field(None, max_length=2000)


class RequestObject(TypedDict):
    id: int
    kind: str
    resource: str
    department: str
    purpose: str
    asked_by: str
    asked_at: str
    state: str
    answer: str | None
    decided_by: str | None
    decided_at: str | None


def request_object(row: Any) -> RequestObject:
    return {
        "id": row.id,
        "kind": row.kind,
        "resource": row.resource,
        "department": row.department,
        "purpose": row.purpose,
        "asked_by": row.asked_by,
        "asked_at": rfc3339(row.asked_at),
        "state": row.state,
        "answer": row.answer,
        "decided_by": row.decided_by,
        "decided_at": rfc3339(row.decided_at) if row.decided_at else None,
    }


def read_requests(
    conn: Connection, *, state: str | None = None, by: str | None = None, before: int | None = None, most: int = 1000
) -> list[RequestObject]:
    """The newest first; of one state, of one person."""
    rows = conn.execute(
        text(f"""
SELECT {_COLUMNS} FROM access_request
WHERE (CAST(:state AS text) IS NULL OR state = :state) AND (CAST(:by AS text) IS NULL OR asked_by = :by)
  AND (CAST(:before AS bigint) IS NULL OR id < :before) ORDER BY id DESC LIMIT :most
"""),
        {"state": state, "by": by, "before": before, "most": most},
    )
    return [request_object(row) for row in rows]


def need_request(conn: Connection, request_id: int) -> RequestObject:
    """Locked until the transaction ends."""
    row = conn.execute(
        text(f"SELECT {_COLUMNS} FROM access_request WHERE id = :id FOR UPDATE"), {"id": request_id}
    ).one_or_none()
    if row is None:
        raise NotFound(f"request: there is no request {request_id}", field="request")
    return request_object(row)


def ask(conn: Connection, name: Name, given: RequestIn, who: Viewer, now: datetime) -> RequestObject:
    """Conflict where the same department waits for an answer already."""
    asked = {**name._asdict(), "department": given.department.strip(), "purpose": given.purpose.strip()}
    conn.execute(text("SELECT pg_advisory_xact_lock(hashtext('access_request'), hashtext(:kind || :id))"), asked)
    waiting = text(
        "SELECT 1 FROM access_request WHERE kind = :kind AND resource = :id AND department = :department "
        "AND state = 'open'"
    )
    if conn.scalar(waiting, asked):
        raise Conflict("department: it has asked already", field="department", reason="already_asked")
    row = conn.execute(
        text(f"""
INSERT INTO access_request (kind, resource, department, purpose, asked_by, asked_at)
VALUES (:kind, :id, :department, :purpose, :who, :now) RETURNING {_COLUMNS}
"""),
        {**asked, "who": who.username, "now": now},
    ).one()
    audit.write(conn, who, "catalogue.ask", now, asked)
    return request_object(row)


def decide(conn: Connection, request_id: int, given: DecisionIn, who: Viewer, now: datetime) -> RequestObject:
    """Conflict where somebody has decided already."""
    before = need_request(conn, request_id)
    if before["state"] != "open":
        raise Conflict("request: it is decided", field="request", reason="already_decided")
    row = conn.execute(
        text(f"""
UPDATE access_request SET state = :state, answer = :answer, decided_by = :who, decided_at = :now WHERE id = :id
RETURNING {_COLUMNS}
"""),
        {
            "id": request_id,
            "state": "granted" if given.grant else "refused",
            "answer": given.answer,
            "who": who.username,
            "now": now,
        },
    ).one()
    done = request_object(row)
    audit.write(conn, who, "catalogue.grant" if given.grant else "catalogue.refuse", now, {**done})
    return done


def count_answered(conn: Connection, username: str) -> int:
    """How many of a person's requests are answered and were not opened since."""
    told = text("SELECT count(*) FROM access_request WHERE asked_by = :who AND state <> 'open' AND seen_at IS NULL")
    return int(conn.scalar(told, {"who": username}) or 0)


def mark_seen(conn: Connection, request_id: int, username: str, now: datetime) -> None:
    """Whoever asked has seen the answer. Nothing changes for others, or while there is none."""
    conn.execute(
        text(
            "UPDATE access_request SET seen_at = :now "
            "WHERE id = :id AND asked_by = :who AND state <> 'open' AND seen_at IS NULL"
        ),
        {"id": request_id, "who": username, "now": now},
    )


def name_of(request: RequestObject) -> Name:
    return Name(Kind(request["kind"]), request["resource"])
