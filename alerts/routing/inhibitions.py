"""Inhibitions: while one alarm burns, what it is the cause of is told to nobody."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field
from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from alerts.around import inhibition_of
from alerts.routing.kept import (
    INT4,
    MUTES,
    Id,
    LabelList,
    MatcherList,
    Title,
    Why,
    as_json,
    keep,
    lock_row,
    read_row,
    write_change,
)
from alerts.stages.inhibit import find_circle
from core.clock import rfc3339
from core.errors import Conflict
from core.given import Given
from core.ids import new_id
from core.vocabulary import Text


class InhibitionIn(Given):
    """While an alarm that `source` takes burns, those that `target` takes are told to nobody, where the labels of
    `equal` are the same. Both have at least one matcher."""

    id: Id | None = None
    name_zh: Title
    name_en: Title
    source: MatcherList = Field(min_length=1)
    target: MatcherList = Field(min_length=1)
    equal: LabelList = Field(default_factory=list)
    enabled: bool = True
    why: Why | None = None


class InhibitionChange(Given):
    """What of an inhibition becomes different; `version` is the one that was seen."""

    version: int = Field(ge=1, le=INT4)
    name_zh: Title | None = None
    name_en: Title | None = None
    source: MatcherList | None = Field(None, min_length=1)
    target: MatcherList | None = Field(None, min_length=1)
    equal: LabelList | None = None
    enabled: bool | None = None
    why: Why | None = None


class Inhibition(TypedDict):
    """What mutes what; `mutes`: so many alarms just now."""

    id: str
    names: Text
    source: list[dict[str, Any]]
    target: list[dict[str, Any]]
    equal: list[str]
    enabled: bool
    mutes: int
    version: int
    changed_at: str
    changed_by: str | None


def list_inhibitions(conn: Connection) -> list[Inhibition]:
    return [
        inhibition_object(row) for row in conn.execute(text(f"SELECT t.*, {MUTES} FROM inhibition t ORDER BY t.id"))
    ]


def inhibition_object(row: Any) -> Inhibition:
    return {
        "id": row.id,
        "names": {"zh": row.name_zh, "en": row.name_en},
        "source": row.source,
        "target": row.target,
        "equal": row.equal,
        "enabled": row.enabled,
        "mutes": row.mutes,
        "version": row.version,
        "changed_at": rfc3339(row.changed_at),
        "changed_by": row.changed_by,
    }


def read_inhibition(conn: Connection, identity: str) -> Inhibition:
    return inhibition_object(read_row(conn, "inhibition", identity, f"t.*, {MUTES}"))


_ADD_INHIBITION = text("""
INSERT INTO inhibition (id, name_zh, name_en, source, target, equal, enabled, changed_at, changed_by)
VALUES (:id, :name_zh, :name_en, CAST(:source AS jsonb), CAST(:target AS jsonb), :equal, :enabled, :now, :who)
ON CONFLICT (id) DO NOTHING RETURNING id
""")


def add_inhibition(conn: Connection, given: InhibitionIn, who: str, now: datetime) -> Inhibition:
    """Conflict where there is one of this id, or where causes could mute each other in a circle."""
    _lock_inhibitions(conn)
    identity = given.id or f"i-{new_id().hex[-12:]}"
    values = {**given.model_dump(include={"name_zh", "name_en", "equal", "enabled"}), "id": identity}
    pair = {"source": as_json(given.source), "target": as_json(given.target)}
    if conn.scalar(_ADD_INHIBITION, {**values, **pair, "now": now, "who": who}) is None:
        raise Conflict(f"id: there is an inhibition {identity!r}", reason="exists", field="id")
    _need_no_circle(conn)
    keep(conn, "inhibition", identity, "added", who, now, given.why)
    return read_inhibition(conn, identity)


def change_inhibition(
    conn: Connection, identity: str, given: InhibitionChange, who: str, now: datetime, what: str = "changed"
) -> Inhibition:
    """Conflict where it has changed since, or where causes could mute each other in a circle."""
    _lock_inhibitions(conn)
    lock_row(conn, "inhibition", identity, given.version)
    write_change(conn, "inhibition", identity, given, {}, who, now, what)
    _need_no_circle(conn)
    return read_inhibition(conn, identity)


def _lock_inhibitions(conn: Connection) -> None:
    conn.execute(text("SELECT id FROM inhibition ORDER BY id FOR UPDATE"))


def _need_no_circle(conn: Connection) -> None:
    rows = conn.execute(text("SELECT * FROM inhibition WHERE enabled ORDER BY id"))
    circle = find_circle([inhibition_of(row) for row in rows])
    if circle is not None:
        names = ", ".join(circle)
        raise Conflict(
            f"causes would mute each other in a circle: {names}",
            reason="inhibition_circle",
            about={"names": {"zh": "、".join(circle), "en": names}},
        )
