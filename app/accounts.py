"""Accounts and sessions: who there is and which secrets open the door; of a secret only a digest is kept. Callers own
the transaction."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from app.passwords import check_password, hash_password
from core.errors import Conflict, InputError, NotFound
from core.faults import expects
from core.viewer import Viewer, known_permissions, reading, scope_of


@dataclass(frozen=True, slots=True)
class Policy:
    """Waiting after failures, and life of sessions, from the settings."""

    failures: int
    lock_s: int
    hours: int
    idle_minutes: int


def add_account(
    conn: Connection, username: str, name: str, role: str, password: str, now: datetime, *, demo: bool = False
) -> None:
    check_password(password, username, name)
    insert_account(conn, username, name, role, hash_password(password), now, demo=demo)


def insert_account(
    conn: Connection,
    username: str,
    name: str,
    role: str,
    hashed: str,
    now: datetime,
    *,
    demo: bool = False,
    must_change: bool = False,
) -> None:
    """With a password that was checked and hashed before the transaction began (`Hashing.hash`)."""
    if not 1 <= len(username) <= 64 or not username.isprintable():
        raise InputError(
            "username: expected 1 to 64 printable characters",
            field="username",
            about=expects("username", "printable", least="1", most="64"),
        )
    if not conn.scalar(text("SELECT 1 FROM role WHERE id = :role"), {"role": role}):
        raise InputError(
            f"role: there is no role {role!r}", field="role", about=expects("role", "none_such", name=str(role))
        )
    done = conn.execute(
        text(
            """
INSERT INTO account (username, name, role, password, must_change, lang, enabled, demo, created_at)
VALUES (:username, :name, :role, :password, :must_change, 'zh', true, :demo, :now) ON CONFLICT (username) DO NOTHING
"""
        ),
        {
            "username": username,
            "name": name,
            "role": role,
            "password": hashed,
            "must_change": must_change,
            "demo": demo,
            "now": now,
        },
    )
    if not done.rowcount:
        raise Conflict(f"username: {username!r} is taken", field="username")


def set_password(conn: Connection, username: str, password: str) -> None:
    """Change it, end every session of the account and forget its failures."""
    check_password(password, username, _name_of(conn, username))
    replace_password(conn, username, hash_password(password))


def replace_password(
    conn: Connection, username: str, hashed: str, *, must_change: bool = False, but: int | None = None
) -> None:
    """As `set_password`, with one that was checked and hashed before the transaction began; the session `but`
    stays."""
    done = conn.execute(
        text("UPDATE account SET password = :password, must_change = :must_change WHERE username = :username"),
        {"password": hashed, "must_change": must_change, "username": username},
    )
    if not done.rowcount:
        raise NotFound(f"username: there is no account {username!r}", field="username")
    conn.execute(text("DELETE FROM login_failure WHERE username = :username"), {"username": username})
    end_sessions(conn, username, but)


def set_language(conn: Connection, username: str, lang: str) -> None:
    """In which a person is spoken to."""
    conn.execute(
        text("UPDATE account SET lang = :lang WHERE username = :username"), {"lang": lang, "username": username}
    )


def _name_of(conn: Connection, username: str) -> str:
    name = conn.scalar(text("SELECT name FROM account WHERE username = :username"), {"username": username})
    if name is None:
        raise NotFound(f"username: there is no account {username!r}", field="username")
    return str(name)


class Holder(NamedTuple):
    """An account as logging in needs it."""

    viewer: Viewer
    password: str
    enabled: bool
    demo: bool


_VIEWER = """
a.username, a.name, a.role, a.lang, a.departments, a.districts, a.units, a.classification, a.must_change, a.demo,
  r.permissions, r.name_zh AS role_zh, r.name_en AS role_en
"""


def viewer_of(row: Any) -> Viewer:
    """From a row of `_VIEWER`. Demo passwords are told to whoever sits at the machine: they stay."""
    return Viewer(
        row.username,
        row.name,
        row.role,
        known_permissions(row.permissions),
        {"zh": row.role_zh, "en": row.role_en},
        row.lang,
        scope_of(row),
        must_change=row.must_change and not row.demo,
    )


def read_holder(conn: Connection, username: str) -> Holder | None:
    row = conn.execute(
        text(
            f"""
SELECT {_VIEWER}, a.password, a.enabled FROM account a JOIN role r ON r.id = a.role WHERE a.username = :username
"""
        ),
        {"username": username},
    ).one_or_none()
    return None if row is None else Holder(viewer_of(row), row.password, row.enabled, row.demo)


def note_entry(conn: Connection, username: str, now: datetime) -> None:
    """When somebody logged in last. Before whatever else a log-in writes: those of one account come one after the other
    (docs/decisions/0016)."""
    conn.execute(
        text("UPDATE account SET seen_at = :now WHERE username = :username"), {"now": now, "username": username}
    )


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def open_session(
    conn: Connection,
    username: str,
    kind: str,
    now: datetime,
    hours: float,
    *,
    name: str | None = None,
    address: str | None = None,
    layers: Sequence[str] | None = None,
) -> tuple[str, datetime]:
    """A new secret for this account and when it ends. Only its digest is stored. A token has a name; a feed token may
    open some `layers` only."""
    secret = secrets.token_urlsafe(32)
    expires = now + timedelta(hours=hours)
    conn.execute(
        text(
            """
INSERT INTO session (digest, username, kind, name, layers, address, created_at, seen_at, expires_at)
VALUES (:digest, :username, :kind, :name, :layers, :address, :now, :now, :expires)
"""
        ),
        {
            "digest": digest(secret),
            "username": username,
            "kind": kind,
            "name": name,
            "layers": None if layers is None else list(layers),
            "address": address,
            "now": now,
            "expires": expires,
        },
    )
    conn.execute(_FORGET_ENDED, {"now": now})
    return secret, expires


# what somebody else ends or touches just now they look after themselves: nobody waits for it
_FORGET_ENDED = text("""
DELETE FROM session
WHERE digest IN (SELECT digest FROM session WHERE expires_at < :now ORDER BY digest FOR UPDATE SKIP LOCKED)
""")


def read_session(conn: Connection, secret: str, kinds: tuple[str, ...], policy: Policy, now: datetime) -> Viewer | None:
    """Who holds this secret; None where it is unknown, ended or idle too long."""
    row = conn.execute(
        text(
            f"""
SELECT s.id AS session, s.seen_at, s.kind, s.layers, {_VIEWER} FROM session s
JOIN account a USING (username) JOIN role r ON r.id = a.role
WHERE s.digest = :digest AND s.expires_at > :now AND a.enabled AND s.kind = ANY(:kinds)
"""
        ),
        {"digest": digest(secret), "now": now, "kinds": list(kinds)},
    ).one_or_none()
    if row is None:
        return None
    if row.kind == "browser" and policy.idle_minutes and now - row.seen_at > timedelta(minutes=policy.idle_minutes):
        return None
    if now - row.seen_at > timedelta(seconds=60):
        conn.execute(
            text("UPDATE session SET seen_at = :now WHERE digest = :digest"), {"now": now, "digest": digest(secret)}
        )
    viewer = replace(viewer_of(row), session=row.session)
    if row.kind != "feed":
        return viewer
    only = None if row.layers is None else frozenset(row.layers)
    return replace(viewer, permissions=reading(viewer.permissions), scope=replace(viewer.scope, layers=only))


def close_session(conn: Connection, secret: str) -> None:
    conn.execute(text("DELETE FROM session WHERE digest = :digest"), {"digest": digest(secret)})


class Account(NamedTuple):
    """One account as an administrator lists it."""

    username: str
    role: str
    name: str
    enabled: bool
    demo: bool


def list_accounts(conn: Connection) -> list[Account]:
    rows = conn.execute(text("SELECT username, role, name, enabled, demo FROM account ORDER BY username"))
    return [Account(*row) for row in rows]


def require_account(conn: Connection, username: str) -> None:
    """NotFound where nobody has that name."""
    if not conn.scalar(text("SELECT 1 FROM account WHERE username = :username"), {"username": username}):
        raise NotFound(f"username: there is no account {username!r}", field="username")


def end_sessions(conn: Connection, username: str, but: int | None = None) -> int:
    """Ends every session and token of an account, one excepted; how many there were."""
    return conn.execute(_END_ALL, {"username": username, "but": but}).rowcount


_END_ALL = text("""
DELETE FROM session WHERE digest IN (SELECT digest FROM session
  WHERE username = :username AND id IS DISTINCT FROM CAST(:but AS bigint) ORDER BY digest FOR UPDATE)
""")
