"""What routes, inhibitions and silences share: their fields, locks and versions. What has changed is kept in every
version, audited, and holds from the next turn of the alerts process on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field
from sqlalchemy import Connection, text

from alerts.labels import Label, Matcher
from core import audit
from core.db import notify_change
from core.errors import Conflict, NotFound
from core.given import Given
from core.history import write_version

INT4 = 2**31 - 1
JSONB = frozenset({"matchers", "source", "target"})
Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,47}$")]
Title = Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")]
Why = Annotated[str, Field(min_length=1, max_length=500, pattern=r"\S")]
MatcherList = Annotated[list[Matcher], Field(max_length=20)]
LabelList = Annotated[list[Label], Field(max_length=11)]
# of a row `t`: how many alarms it mutes just now
MUTES = "(SELECT count(*) FROM alarm a WHERE a.state <> 'normal' AND a.muted->>'by' = t.id) AS mutes"


def as_json(matchers: Sequence[Matcher]) -> str:
    return json.dumps([one.as_json() for one in matchers], ensure_ascii=False)


def read_row(conn: Connection, table: str, identity: str, columns: str = "t.*", lock: str = "") -> Any:
    row = conn.execute(text(f"SELECT {columns} FROM {table} t WHERE t.id = :id {lock}"), {"id": identity}).one_or_none()
    if row is None:
        raise NotFound(f"there is no {table} {identity!r}")
    return row


def lock_row(conn: Connection, table: str, identity: str, version: int | None) -> Any:
    row = read_row(conn, table, identity, lock="FOR UPDATE")
    need_version(version, row.version)
    return row


def need_version(seen: int | None, version: int) -> None:
    """Conflict where what was seen has changed since."""
    if seen is not None and seen != version:
        told = f"version: it has changed (it is at {version}, you saw {seen})"
        raise Conflict(told, reason="stale_version", field="version")


def write_change(
    conn: Connection,
    table: str,
    identity: str,
    given: Given,
    renamed: Mapping[str, str],
    who: str,
    now: datetime,
    what: str = "changed",
    own: Sequence[str] = (),
) -> None:
    """Set what was given, as a new version; nothing given is no new version. `why` is of the version, unless it is
    among what is the thing's `own`."""
    values: dict[str, object] = {}
    for name in given.model_fields_set - ({"version", "why"} - set(own)):
        value = getattr(given, name)
        if value is not None:
            values[name] = as_json(value) if name in JSONB else value
    if not values:
        return
    sets = ", ".join(
        f"{renamed.get(name, name)} = " + (f"CAST(:{name} AS jsonb)" if name in JSONB else f":{name}")
        for name in sorted(values)
    )
    conn.execute(text(f"UPDATE {table} SET {sets} WHERE id = :id"), {**values, "id": identity})
    touch(conn, table, identity, who, now)
    keep(conn, table, identity, what, who, now, None if own else getattr(given, "why", None))


def touch(conn: Connection, table: str, identity: str, who: str, now: datetime) -> None:
    conn.execute(
        text(f"UPDATE {table} SET version = version + 1, changed_at = :now, changed_by = :who WHERE id = :id"),
        {"now": now, "who": who, "id": identity},
    )


def keep(
    conn: Connection, table: str, identity: str, what: str, who: str, now: datetime, why: str | None = None
) -> None:
    write_version(conn, table, identity, what, who, now, why)
    audit.write(conn, who, f"{table}.{what}", now, {table: identity, **({"why": why} if why else {})})
    notify_change(conn, "routing", [identity])
