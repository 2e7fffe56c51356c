"""Logging in. Whoever may not is told the same, after the same work, whether the name, the password or the moment is
wrong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from sqlalchemy import Connection

from app.accounts import Holder, Policy, note_entry, open_session, read_holder, replace_password
from app.auth import ATTEMPTS, policy_of
from app.deps import Parts
from app.failures import key_of, must_wait, note_failure, note_success, place_of
from app.passwords import check_password
from core import audit
from core.clock import utc_now
from core.errors import InputError, TooMany, Unauthenticated
from core.viewer import Viewer


@dataclass(frozen=True, slots=True)
class Try:
    """Somebody at the door; `local`: at this very machine."""

    username: str
    password: str
    address: str
    local: bool
    kind: Literal["browser", "token"]


class Entry(NamedTuple):
    """The secret of a new session, and when it ends."""

    secret: str
    expires: datetime


async def log_in(parts: Parts, given: Try) -> Entry:
    """Raises TooMany, Unavailable (`busy`) or Unauthenticated. No connection is held while the password is verified."""
    parts.hashing.check_room()
    policy = policy_of(parts.settings)
    count = parts.attempts.count(place_of(given.address))
    if count > ATTEMPTS:
        told = TooMany("too many log-ins from this address; wait a minute")
        if count == ATTEMPTS + 1:  # once: whoever floods the door shall not fill the audit
            await parts.work(lambda conn: _write(conn, given, told.reason))
        raise told
    holder, waits = await parts.work(lambda conn: _look(conn, given, policy))
    right = await parts.hashing.verify(holder.password if holder else None, given.password)
    if holder is None or waits or not right or not holder.enabled:
        await parts.work(lambda conn: _refuse(conn, given, waits))
        raise Unauthenticated(
            "username or password is wrong; after several failures wait some minutes before the next try",
            reason="wrong_password",
        )
    if holder.demo and not given.local:
        away = Unauthenticated(
            "demo accounts work on this machine only; make an account with ./onemap user add", reason="demo_account"
        )
        await parts.work(lambda conn: _write(conn, given, away.reason))
        raise away
    return await parts.work(lambda conn: _let_in(conn, given, parts.settings.session_hours))


def _look(conn: Connection, given: Try, policy: Policy) -> tuple[Holder | None, bool]:
    key = key_of(given.username)
    return read_holder(conn, key), must_wait(conn, key, given.address, policy, utc_now())


def _refuse(conn: Connection, given: Try, waits: bool) -> None:
    if not waits:
        note_failure(conn, key_of(given.username), given.address, utc_now())
    _write(conn, given, "must_wait" if waits else "wrong_password")


def _let_in(conn: Connection, given: Try, hours: float) -> Entry:
    now = utc_now()
    note_entry(conn, given.username, now)
    note_success(conn, given.username, given.address, now)
    audit.write(conn, given.username, "login", now, address=given.address)
    return Entry(*open_session(conn, given.username, given.kind, now, hours, address=given.address))


def _write(conn: Connection, given: Try, reason: str) -> None:
    audit.write(
        conn,
        given.username,
        "login",
        utc_now(),
        {"reason": reason},
        address=given.address,
        result="refused",
    )


async def change_password(parts: Parts, who: Viewer, old: str, new: str) -> None:
    """One's own. Whoever sits at an open page does not know the old one: failures count as they do at the door. Other
    sessions and tokens end."""
    local = Try(who.username, old, who.address or "", True, "browser")
    parts.hashing.check_room()
    holder, waits = await parts.work(lambda conn: _look(conn, local, policy_of(parts.settings)))
    right = await parts.hashing.verify(holder.password if holder else None, old)
    if waits or not right:
        await parts.work(lambda conn: _refuse(conn, local, waits))
        raise InputError("old: this is not your password", field="old", reason="wrong_password")
    if old == new:
        raise InputError("new: expected another than the old one", field="new", reason="same_password")
    try:
        check_password(new, who.username, who.name)
    except InputError as exc:
        raise InputError(exc.message.replace("password:", "new:", 1), field="new", reason=exc.reason) from exc
    hashed = await parts.hashing.hash(new)
    await parts.work(lambda conn: _replace(conn, who, hashed))
    parts.sessions.forget_all()


def _replace(conn: Connection, who: Viewer, hashed: str) -> None:
    replace_password(conn, who.username, hashed, but=who.session)
    audit.write(conn, who, "password.change", utc_now())
