"""Phones of units: a code binds one, from then on it has an account that sees its unit and nothing else
(docs/decisions/0039). Callers own the transaction."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from app.accounts import digest, end_sessions, insert_account, open_session
from app.people.book import NOTHING_FITS
from core import audit
from core.clock import rfc3339
from core.errors import Conflict, NotFound
from core.ids import new_id
from core.viewer import Role, Viewer
from core.vocabulary import Text

CODE_LIFE = timedelta(minutes=10)
# more than that are no crew's
PHONES_AT_MOST = 20
_NAME_AT_MOST = 64


class Phone(TypedDict):
    """A phone that is bound to a unit, or, `paired_at` null, that may be bound until its code expires."""

    id: str
    name: str
    made_by: str
    made_at: str
    paired_at: str | None
    seen_at: str | None


class Code(NamedTuple):
    """A code that binds one phone once, in no table and in no other answer."""

    phone: UUID
    secret: str
    expires: datetime


class Bound(NamedTuple):
    """The session of a phone that was bound just now."""

    unit: str
    secret: str
    expires: datetime


_PHONES = text("""
SELECT p.id, p.name, p.made_by, p.made_at, p.paired_at, GREATEST(a.seen_at, max(s.seen_at)) AS seen_at
FROM phone p LEFT JOIN account a ON a.username = p.username LEFT JOIN session s ON s.username = p.username
WHERE p.unit_id = :unit AND p.revoked_at IS NULL AND (p.paired_at IS NOT NULL OR p.code_expires_at > :now)
GROUP BY p.id, a.seen_at ORDER BY p.made_at, p.id
""")
_FORGET_UNUSED = text("DELETE FROM phone WHERE unit_id = :unit AND paired_at IS NULL AND code_expires_at <= :now")
_ADD = text("""
INSERT INTO phone (id, unit_id, name, made_by, made_at, code_digest, code_expires_at)
VALUES (:id, :unit, :name, :who, :now, :digest, :expires)
""")
_WAITING = """
SELECT p.id, p.unit_id, p.name, u.name_zh, u.name_en FROM phone p JOIN unit u ON u.id = p.unit_id
WHERE p.code_digest = :digest AND p.code_expires_at > :now AND p.paired_at IS NULL AND p.revoked_at IS NULL
"""


def read_phones(conn: Connection, unit: str, now: datetime) -> list[Phone]:
    """Those that are bound or may be, in the order they were made."""
    return [phone_object(row) for row in conn.execute(_PHONES, {"unit": unit, "now": now})]


def phone_object(row: Any) -> Phone:
    return {
        "id": str(row.id),
        "name": row.name,
        "made_by": row.made_by,
        "made_at": rfc3339(row.made_at),
        "paired_at": rfc3339(row.paired_at) if row.paired_at else None,
        "seen_at": rfc3339(row.seen_at) if row.seen_at else None,
    }


def make_code(conn: Connection, who: Viewer, unit: str, name: str, now: datetime) -> Code:
    """A code of 192 bits by which one phone becomes this unit's; Conflict where the unit has many."""
    conn.execute(_FORGET_UNUSED, {"unit": unit, "now": now})
    if len(read_phones(conn, unit, now)) >= PHONES_AT_MOST:
        raise Conflict(f"unit: it has {PHONES_AT_MOST} phones; revoke one first", reason="phones_many", field="unit")
    code = Code(new_id(), secrets.token_urlsafe(24), now + CODE_LIFE)
    given = {"id": code.phone, "unit": unit, "name": name, "who": who.username, "now": now}
    conn.execute(_ADD, {**given, "digest": digest(code.secret), "expires": code.expires})
    audit.write(conn, who, "phone.code", now, {"unit": unit, "phone": code.phone, "name": name})
    return code


def unit_of_code(conn: Connection, code: str, now: datetime) -> Text | None:
    """Whose phone this code makes, in words; None where it is used, expired or was never ours. Uses nothing up."""
    row = conn.execute(text(_WAITING), {"digest": digest(code), "now": now}).one_or_none()
    return None if row is None else {"zh": row.name_zh, "en": row.name_en}


def bind(conn: Connection, code: str, address: str | None, hours: float, now: datetime) -> Bound | None:
    """The phone with this code is its unit's from now on; None where the code is used, expired or was never ours. Of
    two at once one is bound."""
    row = conn.execute(text(f"{_WAITING} FOR UPDATE OF p"), {"digest": digest(code), "now": now}).one_or_none()
    if row is None:
        return None
    username = f"phone-{row.id.hex[-12:]}"
    name = f"{row.name_zh} · {row.name}"[:_NAME_AT_MOST]
    insert_account(conn, username, name, Role.UNIT, NOTHING_FITS, now)
    conn.execute(
        text("UPDATE account SET units = ARRAY[CAST(:unit AS text)], seen_at = :now WHERE username = :username"),
        {"unit": row.unit_id, "now": now, "username": username},
    )
    conn.execute(
        text("UPDATE phone SET code_digest = NULL, paired_at = :now, username = :username WHERE id = :id"),
        {"now": now, "username": username, "id": row.id},
    )
    secret, expires = open_session(conn, username, "phone", now, hours, name=row.name, address=address)
    audit.write(conn, username, "phone.bind", now, {"unit": row.unit_id, "phone": row.id}, address=address)
    return Bound(row.unit_id, secret, expires)


def note_refused(conn: Connection, address: str | None, now: datetime) -> None:
    """Somebody came with a code that is none."""
    audit.write(conn, "phone", "phone.bind", now, {"reason": "phone_code"}, address=address, result="refused")


def revoke(conn: Connection, who: Viewer, unit: str, phone: UUID, now: datetime) -> None:
    """It is nobody's from now on: its account is closed and its session ends. NotFound where it is not this unit's."""
    row = conn.execute(
        text(
            """
UPDATE phone SET revoked_at = :now, revoked_by = :who, code_digest = NULL
WHERE id = :id AND unit_id = :unit AND revoked_at IS NULL RETURNING username
"""
        ),
        {"now": now, "who": who.username, "id": phone, "unit": unit},
    ).one_or_none()
    if row is None:
        raise NotFound(f"phone: this unit has no phone {phone}", field="phone")
    if row.username is not None:
        conn.execute(text("UPDATE account SET enabled = false WHERE username = :name"), {"name": row.username})
        end_sessions(conn, row.username)
    audit.write(conn, who, "phone.revoke", now, {"unit": unit, "phone": phone})
