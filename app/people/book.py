"""The accounts of people: who there is, with which role and scope."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

from pydantic import Field, field_validator
from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from app.accounts import insert_account, replace_password
from app.people.rights import begin, hold, need_manager, need_within
from app.people.roles import permissions_of
from core import audit
from core.clock import rfc3339
from core.errors import Conflict, NotFound
from core.given import Given
from core.scope import Classification, Scope
from core.types import Params
from core.viewer import Permission, Viewer
from core.vocabulary import Text

USERNAME = r"^[^\s/\x00-\x1f]{1,64}$"
# in the place of a hash, where nobody has given a password yet: nothing fits
NOTHING_FITS = "!"
_PEOPLE = f"""
SELECT a.username, a.name, a.role, r.name_zh AS role_zh, r.name_en AS role_en, a.departments, a.districts, a.units,
  a.classification, a.enabled, a.demo, a.must_change, a.password <> '{NOTHING_FITS}' AS has_password,
  a.created_at, a.version,
  GREATEST(a.seen_at, s.seen_at) AS seen_at, COALESCE(s.sessions, 0) AS sessions, COALESCE(s.tokens, 0) AS tokens
FROM account a JOIN role r ON r.id = a.role
LEFT JOIN (SELECT username, max(seen_at) AS seen_at, count(*) FILTER (WHERE kind IN ('browser', 'phone')) AS sessions,
  count(*) FILTER (WHERE kind IN ('token', 'feed')) AS tokens FROM session WHERE expires_at > now() GROUP BY username) s
  ON s.username = a.username
"""


class PersonObject(TypedDict):
    """An account. A limit of its scope that is null does not limit; `seen_at`: the last log-in or use of a token."""

    username: str
    name: str
    role: str
    role_names: Text
    departments: list[str] | None
    districts: list[str] | None
    units: list[str] | None
    classification: int | None
    enabled: bool
    demo: bool
    must_change: bool
    has_password: bool
    created_at: str
    seen_at: str | None
    sessions: int
    tokens: int
    version: int


def in_order(given: list[str] | None) -> list[str] | None:
    """Each once; an empty list is no limit."""
    return sorted({one.strip() for one in given if one.strip()}) or None if given else None


class PersonChange(Given):
    """An account's name, role, scope and whether it may log in, as a whole; of the `version` that was read."""

    name: str = Field(min_length=1, max_length=64, pattern=r"\S")
    role: str = Field(max_length=40)
    departments: list[str] | None = Field(None, max_length=1000)
    districts: list[str] | None = Field(None, max_length=1000)
    units: list[str] | None = Field(None, max_length=1000)
    classification: Classification | None = None
    enabled: bool = True
    version: int = Field(0, ge=0, lt=2**31)

    _sorted = field_validator("departments", "districts", "units")(in_order)


class PersonIn(PersonChange):
    username: str = Field(pattern=USERNAME)


def person_object(row: Any) -> PersonObject:
    return {
        "username": row.username,
        "name": row.name,
        "role": row.role,
        "role_names": {"zh": row.role_zh, "en": row.role_en},
        "departments": row.departments,
        "districts": row.districts,
        "units": row.units,
        "classification": row.classification,
        "enabled": row.enabled,
        "demo": row.demo,
        "must_change": row.must_change,
        "has_password": row.has_password,
        "created_at": rfc3339(row.created_at),
        "seen_at": rfc3339(row.seen_at) if row.seen_at else None,
        "sessions": row.sessions,
        "tokens": row.tokens,
        "version": row.version,
    }


def find_people(q: str = "") -> tuple[str, Params]:
    """SQL of the accounts in whose user name, name or role `q` stands."""
    where = "WHERE strpos(lower(concat_ws(' ', a.username, a.name, a.role, r.name_zh, r.name_en)), lower(:q)) > 0"
    return f"{_PEOPLE} {where}", {"q": q}


def read_people(conn: Connection, after: str | None, most: int | None, q: str = "") -> list[PersonObject]:
    """By user name, those after `after`."""
    sql, params = find_people(q)
    place = "AND (CAST(:after AS text) IS NULL OR a.username > :after) ORDER BY a.username LIMIT :most"
    rows = conn.execute(text(f"{sql} {place}"), {**params, "after": after, "most": most})
    return [person_object(row) for row in rows]


def read_person(conn: Connection, username: str) -> PersonObject:
    row = conn.execute(text(f"{_PEOPLE} WHERE a.username = :username"), {"username": username}).one_or_none()
    if row is None:
        raise NotFound(f"username: there is no account {username!r}", field="username")
    return person_object(row)


def add_person(conn: Connection, who: Viewer, given: PersonIn, hashed: str, now: datetime) -> PersonObject:
    """With a password that was checked and hashed before the transaction began, to be changed at the first log-in."""
    begin(conn, who)
    need_within(who, permissions_of(conn, given.role), scope_of(conn, given))
    insert_account(conn, given.username, given.name, given.role, hashed, now, must_change=True)
    conn.execute(_SCOPE, stated(given))
    audit.write(conn, who, "person.add", now, stated(given))
    return read_person(conn, given.username)


_SCOPE = text("""
UPDATE account SET departments = :departments, districts = :districts, units = :units,
  classification = :classification, enabled = :enabled WHERE username = :username
""")
_CHANGE = text("""
UPDATE account SET name = :name, role = :role, departments = :departments, districts = :districts, units = :units,
  classification = :classification, enabled = :enabled, version = version + 1
WHERE username = :username AND version = :version
""")


def change_person(conn: Connection, who: Viewer, username: str, given: PersonChange, now: datetime) -> PersonObject:
    """409 where the version is old. Whoever may not log in any more is put out."""
    begin(conn, who)
    need_may_change(conn, who, username)
    need_within(who, permissions_of(conn, given.role), scope_of(conn, given))
    set_person(conn, username, given)
    audit.write(conn, who, "person.change", now, {**stated(given), "username": username})
    return read_person(conn, username)


def set_person(conn: Connection, username: str, given: PersonChange) -> None:
    """Conflict where the version is old, or where nobody would be left who manages people."""
    hold(conn)
    permissions_of(conn, given.role)
    done = conn.execute(_CHANGE, {**stated(given), "username": username})
    if not done.rowcount:
        raise Conflict("version: somebody else has changed this account since you looked", reason="stale_version")
    need_manager(conn)


def give_password(conn: Connection, who: Viewer, username: str, hashed: str, now: datetime) -> None:
    """Of somebody else's making: it must be changed at the first log-in. Ends every session and token."""
    begin(conn, who)
    need_may_change(conn, who, username)
    replace_password(conn, username, hashed, must_change=True)
    audit.write(conn, who, "person.password", now, {"username": username})


def need_may_change(conn: Connection, who: Viewer, username: str) -> None:
    """Who could take over an account of more power would have that power."""
    held = read_person(conn, username)
    need_within(who, permissions_of(conn, held["role"]), scope_of(conn, as_change(held)))


def as_change(held: PersonObject) -> PersonChange:
    """What would change nothing."""
    return PersonChange.model_validate({name: held[name] for name in PersonChange.model_fields})  # type: ignore[literal-required]


def scope_of(conn: Connection, given: PersonChange) -> Scope:
    """As somebody with this role and these limits would see."""
    limits = {
        name: None if (held := getattr(given, name)) is None else frozenset(held)
        for name in ("departments", "districts", "units")
    }
    highest = Classification.SECRET if given.classification is None else given.classification
    city = Permission.CITY_READ in permissions_of(conn, given.role)
    return Scope(**limits, classification=highest, city=city)


def stated(given: PersonChange) -> dict[str, Any]:
    return given.model_dump(mode="json")


def make_password() -> str:
    """One that nobody guesses, of characters that can be told apart when read from paper."""
    letters = "".join(secrets.choice("abcdefghjkmnpqrstuvwxyzACDEFGHJKLMNPQRTUVWXY34679") for _ in range(14))
    return f"{letters[:5]}-{letters[5:10]}-{letters[10:]}-Zx4"
