"""Accounts and sessions: argon2id passwords, lock-out, secrets of which only a digest is kept. Callers own the
transaction."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, text

from core.errors import Conflict, InputError, NotFound, Unauthenticated
from core.viewer import Role, Viewer

HASHER = PasswordHasher()
MIN_PASSWORD = 8
CLASSES = 3
# verified against when the account does not exist, so that both answers take the same time
_NOBODY = HASHER.hash(secrets.token_hex(16))


@dataclass(frozen=True, slots=True)
class Policy:
    """Lock-out and life of sessions, from the settings."""

    failures: int
    lock_s: int
    hours: int
    idle_minutes: int


def check_password(password: str) -> None:
    """At least 8 characters of at least 3 classes (assessors' practice for GB/T 22239-2019 level 2)."""
    kinds = [any(c.islower() for c in password), any(c.isupper() for c in password), any(c.isdigit() for c in password)]
    kinds.append(any(not c.isalnum() for c in password))
    if len(password) < MIN_PASSWORD or sum(kinds) < CLASSES:
        raise InputError(
            f"password: expected at least {MIN_PASSWORD} characters with {CLASSES} of: lower case, upper case, digit, "
            "other",
            field="password",
        )


def add_account(
    conn: Connection, username: str, name: str, role: Role, password: str, now: datetime, *, demo: bool = False
) -> None:
    check_password(password)
    if not 1 <= len(username) <= 64 or not username.isprintable():
        raise InputError("username: expected 1 to 64 printable characters", field="username")
    done = conn.execute(
        text(
            "INSERT INTO account (username, name, role, password, lang, enabled, demo, created_at, failures) "
            "VALUES (:username, :name, :role, :password, 'zh', true, :demo, :now, 0) ON CONFLICT (username) DO NOTHING"
        ),
        {"username": username, "name": name, "role": role, "password": HASHER.hash(password), "demo": demo, "now": now},
    )
    if not done.rowcount:
        raise Conflict(f"username: {username!r} is taken", field="username")


def set_password(conn: Connection, username: str, password: str) -> None:
    """Change it and end every session of the account."""
    check_password(password)
    done = conn.execute(
        text("UPDATE account SET password = :password, failures = 0, locked_until = NULL WHERE username = :username"),
        {"password": HASHER.hash(password), "username": username},
    )
    if not done.rowcount:
        raise NotFound(f"username: there is no account {username!r}", field="username")
    end_sessions(conn, username)


def log_in(
    conn: Connection, username: str, password: str, policy: Policy, now: datetime, *, loopback: bool
) -> Viewer | None:
    """Who it is, or None. Failures are counted (the caller commits even so) and lock the account for a while."""
    row = None
    if username.isprintable():  # no account has another name, and no column takes NUL
        row = conn.execute(
            text("SELECT * FROM account WHERE username = :username FOR UPDATE"), {"username": username}
        ).one_or_none()
    if row is None or not row.enabled:
        _verify(_NOBODY, password)
        return None
    if row.locked_until and row.locked_until > now:
        raise Unauthenticated("too many failures; the account is locked for a few minutes", reason="locked")
    if not _verify(row.password, password):
        failures = row.failures + 1
        until = now + timedelta(seconds=policy.lock_s) if failures >= policy.failures else None
        conn.execute(
            text("UPDATE account SET failures = :failures, locked_until = :until WHERE username = :username"),
            {"failures": 0 if until else failures, "until": until, "username": username},
        )
        return None
    if row.demo and not loopback:
        raise Unauthenticated(
            "demo accounts work on this machine only; make an account with ./onemap user add", reason="demo_account"
        )
    conn.execute(
        text("UPDATE account SET failures = 0, locked_until = NULL WHERE username = :username"), {"username": username}
    )
    return Viewer(row.username, row.name, Role(row.role), row.lang)


def _verify(hashed: str, password: str) -> bool:
    try:
        return HASHER.verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def open_session(conn: Connection, username: str, kind: str, now: datetime, hours: float) -> tuple[str, datetime]:
    """A new secret for this account and when it ends. Only its digest is stored."""
    secret = secrets.token_urlsafe(32)
    expires = now + timedelta(hours=hours)
    conn.execute(
        text(
            "INSERT INTO session (digest, username, kind, created_at, seen_at, expires_at) "
            "VALUES (:digest, :username, :kind, :now, :now, :expires)"
        ),
        {"digest": digest(secret), "username": username, "kind": kind, "now": now, "expires": expires},
    )
    conn.execute(text("DELETE FROM session WHERE expires_at < :now"), {"now": now})
    return secret, expires


def read_session(conn: Connection, secret: str, kinds: tuple[str, ...], policy: Policy, now: datetime) -> Viewer | None:
    """Who holds this secret; None where it is unknown, ended or idle too long."""
    row = conn.execute(
        text(
            """
SELECT s.seen_at, s.kind, a.username, a.name, a.role, a.lang FROM session s
JOIN account a USING (username)
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
    return Viewer(row.username, row.name, Role(row.role), row.lang)


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


def end_sessions(conn: Connection, username: str) -> int:
    """Ends every session and token of an account; how many there were."""
    return conn.execute(text("DELETE FROM session WHERE username = :username"), {"username": username}).rowcount
