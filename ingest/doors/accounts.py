"""Accounts at the broker (table `broker_account`): added, changed, given a new secret, revoked, listed. The caller owns
the transaction.

A secret is shown once, where it is made; kept is only its hash. Two accounts never speak for the same thing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import Field
from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from core import audit
from core.clock import rfc3339
from core.db import DOOR_CHANNEL, notify
from core.errors import Conflict, Forbidden, InputError, NotFound
from core.faults import not_as
from core.given import Given
from core.installation import read_installation
from core.scope import EVERYTHING, Scope, seen, seen_unit, unit_district
from core.types import Params, check_device_id
from ingest.cover import covers, overlap
from ingest.doors.acl import CANARY, GATEWAY, PROBE, PROCESS, STRANGER, Account
from ingest.doors.secret import hash_secret, make_secret
from ingest.filters import check_filter

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
OURS = (PROCESS, GATEWAY, CANARY, STRANGER)
# what an account may speak for, each id of one account only
THINGS = ("sensors", "cameras", "units")
LISTS = (*THINGS, "sources", "topics")
AT_MOST = 2000
_COLUMNS = "name, kind, sensors, cameras, units, sources, topics, reports, warnings, note"
_INSERT = text(f"""
INSERT INTO broker_account ({_COLUMNS}, password, created_at, created_by)
VALUES (:name, :kind, :sensors, :cameras, :units, :sources, :topics, :reports, :warnings, :note, :password, :now, :who)
ON CONFLICT (name) DO NOTHING
""")
_UPDATE = text("""
UPDATE broker_account SET kind = :kind, sensors = :sensors, cameras = :cameras, units = :units, sources = :sources,
  topics = :topics, reports = :reports, warnings = :warnings, note = :note
WHERE name = :name
""")
_OTHERS = text("""
SELECT name, sensors, cameras, units FROM broker_account
WHERE revoked_at IS NULL AND name <> :name AND (sensors && :sensors OR cameras && :cameras OR units && :units)
ORDER BY name LIMIT 1
""")
_HEARD = """
  (SELECT max(heard) FROM (
    SELECT max(t.received_at) AS heard FROM sensor_state t WHERE t.sensor_id = ANY(a.sensors)
    UNION ALL SELECT max(greatest(c.event_at, c.frame_at)) FROM camera_state c WHERE c.camera_id = ANY(a.cameras)
    UNION ALL SELECT max(u.time) FROM unit_state u WHERE u.unit_id = ANY(a.units)
  ) every) AS heard_at
"""


class AccountIn(Given):
    """A device, unit or gateway that is to connect to the broker, and what it may speak for."""

    name: str = Field(pattern=NAME, description="user name at the broker, and its client id")
    kind: Literal["device", "unit", "gateway"] = "device"
    sensors: list[str] = Field(default_factory=list, max_length=AT_MOST, description="ids of sensors")
    cameras: list[str] = Field(default_factory=list, max_length=AT_MOST, description="ids of cameras")
    units: list[str] = Field(default_factory=list, max_length=AT_MOST, description="ids of units: it hears their tasks")
    sources: list[str] = Field(
        default_factory=list, max_length=100, description="sources, all topics of which it may use"
    )
    topics: list[str] = Field(default_factory=list, max_length=AT_MOST, description="single topics of sources")
    reports: bool = Field(False, description="may report incidents")
    warnings: bool = Field(False, description="may bring warnings of other centres")
    note: str | None = Field(None, max_length=500)

    def filled(self) -> AccountIn:
        """With what follows from its name where nothing else is said: a device is a sensor of that name, a unit a
        unit."""
        nothing = not any(getattr(self, name) for name in (*LISTS, "reports", "warnings"))
        changes = {name: sorted(set(getattr(self, name))) for name in LISTS}
        if self.kind == "device" and nothing:
            changes["sensors"] = [self.name]
        if self.kind == "unit" and not self.units:
            changes["units"] = [self.name]
        return self.model_copy(update=changes)


class AccountObject(TypedDict):
    """An account at the broker; `state` is `active` or `revoked`, `heard_at` when anything it speaks for was last
    heard."""

    name: str
    kind: str
    state: str
    sensors: list[str]
    cameras: list[str]
    units: list[str]
    sources: list[str]
    topics: list[str]
    reports: bool
    warnings: bool
    note: str | None
    created_at: str
    created_by: str
    rotated_at: str | None
    revoked_at: str | None
    heard_at: str | None


class Credentials(TypedDict):
    """What the device is told, once."""

    username: str
    password: str


class DoorState(TypedDict):
    """How far the broker has followed the accounts: `open` once all changes are in force; `error` says why they are
    not."""

    open: bool
    applied_at: str | None
    error: str | None


# --- changes ----------------------------------------------------------------------------------------------------------


def add_account(
    conn: Connection, given: AccountIn, prefix: str, who: str, now: datetime, *, own: bool = False
) -> Credentials:
    """A new account and its secret. Conflict where the name is taken or another speaks for one of its things. `own`:
    the doctor makes its own."""
    need_others(given.name, own=own)
    want_doors(conn)
    given = check_account(conn, given.filled(), prefix)
    secret = make_secret()
    row = {**given.model_dump(), "password": hash_secret(secret), "now": now, "who": who}
    if not conn.execute(_INSERT, row).rowcount:
        raise Conflict(f"name: there is an account {given.name!r} already", reason="taken", field="name")
    write_down(conn, given.name, "device.add", stated(given), who, now)
    return {"username": given.name, "password": secret}


def change_account(
    conn: Connection, given: AccountIn, prefix: str, who: str, now: datetime, *, own: bool = False
) -> None:
    """What it may speak for from now on, as a whole; its secret stays."""
    need_others(given.name, own=own)
    want_doors(conn)
    require_active(conn, given.name)
    given = check_account(conn, given.filled(), prefix)
    conn.execute(_UPDATE, given.model_dump())
    write_down(conn, given.name, "device.change", stated(given), who, now)


def rotate_account(conn: Connection, name: str, who: str, now: datetime, *, own: bool = False) -> Credentials:
    """A new secret; the old one is worth nothing once the broker has been told."""
    need_others(name, own=own)
    want_doors(conn)
    require_active(conn, name)
    secret = make_secret()
    conn.execute(
        text("UPDATE broker_account SET password = :password, rotated_at = :now WHERE name = :name"),
        {"password": hash_secret(secret), "now": now, "name": name},
    )
    write_down(conn, name, "device.rotate", {}, who, now)
    return {"username": name, "password": secret}


def revoke_account(conn: Connection, name: str, who: str, now: datetime) -> None:
    """Nobody connects with it any more. Its name is never given again."""
    need_others(name)
    want_doors(conn)
    require_active(conn, name)
    conn.execute(
        text("UPDATE broker_account SET revoked_at = :now, revoked_by = :who WHERE name = :name"),
        {"now": now, "who": who, "name": name},
    )
    write_down(conn, name, "device.revoke", {}, who, now)


def need_others(name: str, *, own: bool = False) -> None:
    """An account of the software itself is nobody's to have: the doctor's (`own`) is let in where our processes are."""
    if name in OURS or (name == PROBE and not own):
        raise not_as("name", "own_account", f"{name!r} is an account of the software itself")


def require_active(conn: Connection, name: str) -> None:
    found = conn.execute(
        text("SELECT revoked_at FROM broker_account WHERE name = :name FOR UPDATE"), {"name": name}
    ).one_or_none()
    if found is None:
        raise NotFound(f"name: there is no account {name[:80]!r} at the broker", field="name")
    if found.revoked_at is not None:
        raise Conflict(f"name: the account {name!r} is revoked", reason="revoked", field="name")


def check_account(conn: Connection, given: AccountIn, prefix: str) -> AccountIn:
    """InputError names the field at fault; Conflict where another account speaks for one of its things."""
    if given.name.startswith(read_installation(conn).client_id(prefix, "")):
        # where a client's id is its user name, it would be one of ours
        raise not_as("name", "own_account", f"{given.name!r} is a name of the software itself")
    if given.kind == "gateway" and any(getattr(given, name) for name in LISTS):
        raise not_as("kind", "gateway_alone", "a gateway may speak for all; leave out what it speaks for")
    for kind in THINGS:
        for one in getattr(given, kind):
            check_device_id(one, kind)
    rows = conn.execute(text("SELECT id, topic_filters FROM source")).all()
    known = {row.id: [f.replace("{prefix}", prefix) for f in row.topic_filters] for row in rows}
    for source in given.sources:
        if source not in known:
            raise not_as("sources", "no_source", f"there is no source {source[:80]!r}", name=source[:80])
        if all(overlap(f, f"{prefix}/#") for f in known[source]):
            raise not_as(
                "sources",
                "own_topics",
                f"{source!r} reads topics below {prefix}/; say for which sensors, cameras or units it speaks",
                name=source,
            )
    for topic in given.topics:
        check_topic(topic, known, prefix)
    other = conn.execute(_OTHERS, given.model_dump(include={"name", *THINGS})).one_or_none()
    if other is not None:
        kind, shared = next((k, both) for k in THINGS if (both := set(getattr(other, k)) & set(getattr(given, k))))
        thing = min(shared)
        raise Conflict(
            f"{kind}: the account {other.name!r} speaks for {thing!r} already",
            reason="spoken_for",
            field=kind,
            about={"thing": {"zh": thing, "en": thing}, "account": {"zh": other.name, "en": other.name}},
        )
    return given


_HIDDEN = text(f"""
SELECT EXISTS (SELECT 1 FROM unit u
    WHERE u.id = ANY(:units) AND NOT {seen_unit("u.id", unit_district("u.station", "u.home"))})
  OR EXISTS (SELECT 1 FROM sensor WHERE id = ANY(:sensors) AND NOT {seen("district", "classification")})
  OR EXISTS (SELECT 1 FROM camera WHERE id = ANY(:cameras) AND NOT {seen("district", "classification")})
""")


def need_reach(conn: Connection, given: AccountIn, scope: Scope) -> None:
    """Whoever makes an account knows its secret: Forbidden where it would hear, or speak for, what they do not see. A
    gateway hears every alarm and task."""
    if given.kind == "gateway":
        hidden = not scope.covers(EVERYTHING)
    else:
        things = given.filled().model_dump(include=set(THINGS))
        hidden = bool(conn.scalar(_HIDDEN, {**things, **scope.params()}))
    if hidden:
        raise Forbidden("this account reaches further than your own scope", reason="beyond_own")


def need_reach_of(conn: Connection, name: str, scope: Scope) -> None:
    """The same of an account that is there."""
    held = dict(read_account(conn, name))
    need_reach(conn, AccountIn.model_validate({one: held[one] for one in ("name", "kind", *THINGS)}), scope)


def check_topic(topic: str, known: Mapping[str, Sequence[str]], prefix: str) -> None:
    """A topic (or filter) that some source reads; our own topics are given by what the account speaks for."""
    try:
        check_filter(topic, prefix)
    except InputError as exc:
        told = f"expected a topic of a source, got {topic[:120]!r}"
        raise not_as("topics", "no_topic", told, name=topic[:120]) from exc
    if overlap(topic, f"{prefix}/#"):
        raise not_as(
            "topics",
            "own_topics",
            f"{topic[:120]!r} is below {prefix}/; say for which sensors, cameras or units it speaks",
            name=topic[:120],
        )
    if not any(covers(f, topic) for filters in known.values() for f in filters):
        raise not_as("topics", "unread_topic", f"no source reads {topic[:120]!r}", name=topic[:120])


def stated(given: AccountIn) -> Params:
    """What the audit has of it."""
    return given.model_dump(exclude={"name"}, exclude_defaults=True)


def want_doors(conn: Connection) -> None:
    """One more change that the broker must be told of. First in a transaction: edits of the doors follow one
    another."""
    conn.execute(text("UPDATE broker_door SET wanted = wanted + 1"))
    notify(conn, DOOR_CHANNEL, {})


def write_down(conn: Connection, name: str, what: str, data: Params, who: str, now: datetime) -> None:
    audit.write(conn, who, what, now, {"account": name, **data})


# --- as people and the keeper read them -------------------------------------------------------------------------------


def find_accounts(words: str) -> tuple[str, Params]:
    """A SELECT of all accounts in whose name, note or things `words` stand, with its parameters."""
    sql = f"""
SELECT {_COLUMNS}, created_at, created_by, rotated_at, revoked_at, CASE WHEN revoked_at IS NULL THEN 'active'
  ELSE 'revoked' END AS state, concat_ws(' ', array_to_string(sensors, ' '), array_to_string(cameras, ' '),
    array_to_string(units, ' '), array_to_string(sources, ' '), array_to_string(topics, ' ')) AS speaks_for,{_HEARD}
FROM broker_account a
WHERE strpos(lower(concat_ws(' ', name, note, array_to_string(sensors || cameras || units || sources || topics, ' '))),
  lower(:words)) > 0
"""
    return sql, {"words": words}


def read_accounts(conn: Connection, after: str | None, most: int, words: str = "") -> list[AccountObject]:
    """In order of their names, those after `after`."""
    sql, params = find_accounts(words)
    rows = conn.execute(
        text(f"{sql} AND (CAST(:after AS text) IS NULL OR name > :after) ORDER BY name LIMIT :most"),
        {**params, "after": after, "most": most},
    )
    return [account_object(row) for row in rows]


def read_account(conn: Connection, name: str) -> AccountObject:
    sql, params = find_accounts("")
    row = conn.execute(text(f"{sql} AND name = :name"), {**params, "name": name}).one_or_none()
    if row is None:
        raise NotFound(f"name: there is no account {name[:80]!r} at the broker", field="name")
    return account_object(row)


def account_object(row: Any) -> AccountObject:
    return {
        "name": row.name,
        "kind": row.kind,
        "state": row.state,
        "sensors": row.sensors,
        "cameras": row.cameras,
        "units": row.units,
        "sources": row.sources,
        "topics": row.topics,
        "reports": row.reports,
        "warnings": row.warnings,
        "note": row.note,
        "created_at": rfc3339(row.created_at),
        "created_by": row.created_by,
        "rotated_at": rfc3339(row.rotated_at) if row.rotated_at else None,
        "revoked_at": rfc3339(row.revoked_at) if row.revoked_at else None,
        "heard_at": rfc3339(row.heard_at) if row.heard_at else None,
    }


def read_active(conn: Connection) -> list[Account]:
    """All that may connect, with their hashes."""
    rows = conn.execute(
        text(f"SELECT {_COLUMNS}, password FROM broker_account WHERE revoked_at IS NULL ORDER BY name")
    ).mappings()
    return [Account(**{name: value for name, value in row.items() if name != "note"}) for row in rows]


def find_unheard(conn: Connection, since: datetime, silent_since: datetime) -> tuple[list[str], list[str]]:
    """Names of active accounts that were never heard though they are older than `since`, and of those last heard before
    `silent_since`. Whoever speaks on topics of sources only, or for all, cannot be told apart."""
    sql, params = find_accounts("")
    rows = conn.execute(
        text(
            f"""
SELECT name, heard_at FROM ({sql}) found
WHERE state = 'active' AND cardinality(sensors || cameras || units) > 0
  AND (heard_at < :silent OR heard_at IS NULL AND GREATEST(created_at, rotated_at) < :since)
ORDER BY name
"""
        ),
        {**params, "since": since, "silent": silent_since},
    ).all()
    return [row.name for row in rows if row.heard_at is None], [row.name for row in rows if row.heard_at is not None]


def read_door(conn: Connection) -> DoorState:
    row = conn.execute(text("SELECT wanted, applied, applied_at, error FROM broker_door")).one()
    return {
        "open": row.applied >= row.wanted,
        "applied_at": rfc3339(row.applied_at) if row.applied_at else None,
        "error": row.error,
    }
