"""Administration of routes, inhibitions and silences: checked before they are kept, kept in every version, audited.

Plain functions on the caller's transaction. What has changed holds from the next turn of the alerts process on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, Field
from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from alerts.around import inhibition_of
from alerts.labels import Label, Matcher
from alerts.stages.base import EVERYBODY
from alerts.stages.inhibit import find_circle
from core import audit
from core.clock import rfc3339
from core.db import notify_change
from core.errors import Conflict, InputError, NotFound
from core.faults import unfit
from core.given import Given
from core.history import write_version
from core.ids import new_id
from core.types import Params
from core.vocabulary import Text

ROOT_ID = "root"
MAX_WAIT_S = 86_400.0
MAX_SILENCE = timedelta(days=30)
# a clock that is a little behind
START_GRACE = timedelta(minutes=5)
INT4 = 2**31 - 1
LATEST_YEAR = 2200
JSONB = frozenset({"matchers", "source", "target"})
Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,47}$")]
Title = Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")]
Why = Annotated[str, Field(min_length=1, max_length=500, pattern=r"\S")]
Seconds = Annotated[float, Field(ge=0, le=MAX_WAIT_S)]


def check_moment(value: datetime) -> datetime:
    if not 1970 <= value.year <= LATEST_YEAR:
        raise unfit("moment_range", "expected a moment between {least} and {most}", least=1970, most=LATEST_YEAR)
    return value


Moment = Annotated[AwareDatetime, AfterValidator(check_moment)]
MatcherList = Annotated[list[Matcher], Field(max_length=20)]
LabelList = Annotated[list[Label], Field(max_length=11)]


class RouteIn(Given):
    """A node of the tree: which alarms come to it, how they are grouped there, and who is told (ids of subscriptions,
    or `*`: all that no route names)."""

    id: Id
    name_zh: Title
    name_en: Title
    parent: Id = ROOT_ID
    position: int = Field(0, ge=0, le=10_000)
    matchers: MatcherList = Field(default_factory=list)
    group_by: LabelList = ["family"]
    group_wait_s: Seconds = 0
    group_interval_s: Seconds = 0
    repeat_interval_s: Seconds = 0
    receivers: list[Annotated[str, Field(min_length=1, max_length=200)]] = Field(
        [EVERYBODY], min_length=1, max_length=100
    )
    goes_on: bool = False
    enabled: bool = True
    why: Why | None = None


class RouteChange(Given):
    """What of a route becomes different; `version` is the one that was seen."""

    version: int = Field(ge=1, le=INT4)
    name_zh: Title | None = None
    name_en: Title | None = None
    parent: Id | None = None
    position: int | None = Field(None, ge=0, le=10_000)
    matchers: MatcherList | None = None
    group_by: LabelList | None = None
    group_wait_s: Seconds | None = None
    group_interval_s: Seconds | None = None
    repeat_interval_s: Seconds | None = None
    receivers: list[Annotated[str, Field(min_length=1, max_length=200)]] | None = Field(
        None, min_length=1, max_length=100
    )
    goes_on: bool | None = None
    enabled: bool | None = None
    why: Why | None = None


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


class SilenceIn(Given):
    """What the matchers take is told to nobody until `ends_at`, 30 days at most. Level I only where a matcher names
    it."""

    matchers: MatcherList = Field(min_length=1)
    starts_at: Moment | None = None
    ends_at: Moment
    why: Why


class SilenceChange(Given):
    """What of a silence that is not over becomes different; `version` is the one that was seen."""

    version: int = Field(ge=1, le=INT4)
    matchers: MatcherList | None = Field(None, min_length=1)
    ends_at: Moment | None = None
    why: Why | None = None


class Route(TypedDict):
    """A node of the tree of routes; `receivers` are ids of subscriptions, `*` those that no route names. One that is
    not `enabled` takes nothing, nor do those below it."""

    id: str
    names: Text
    parent: str | None
    position: int
    matchers: list[dict[str, Any]]
    group_by: list[str]
    group_wait_s: float
    group_interval_s: float
    repeat_interval_s: float
    receivers: list[str]
    goes_on: bool
    enabled: bool
    version: int
    changed_at: str
    changed_by: str | None


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


class Silence(TypedDict):
    """Maintenance and the like. `state`: coming, active or over; `mutes`: so many alarms just now."""

    id: str
    matchers: list[dict[str, Any]]
    starts_at: str
    ends_at: str
    ended_at: str | None
    state: str
    why: str
    created_by: str
    created_at: str
    mutes: int
    version: int


# --- routes -----------------------------------------------------------------------------------------------------------


def list_routes(conn: Connection) -> list[Route]:
    """The tree from its root, those below a node after it in their order."""
    rows = conn.execute(text("SELECT * FROM route ORDER BY position, id")).all()

    def below(parent: str | None) -> list[Any]:
        return [one for row in rows if row.parent_id == parent for one in (row, *below(row.id))]

    return [route_object(row) for row in below(None)]


def route_object(row: Any) -> Route:
    return {
        "id": row.id,
        "names": {"zh": row.name_zh, "en": row.name_en},
        "parent": row.parent_id,
        "position": row.position,
        "matchers": row.matchers,
        "group_by": row.group_by,
        "group_wait_s": row.group_wait_s,
        "group_interval_s": row.group_interval_s,
        "repeat_interval_s": row.repeat_interval_s,
        "receivers": row.receivers,
        "goes_on": row.goes_on,
        "enabled": row.enabled,
        "version": row.version,
        "changed_at": rfc3339(row.changed_at),
        "changed_by": row.changed_by,
    }


_ADD_ROUTE = text("""
INSERT INTO route (id, parent_id, position, name_zh, name_en, matchers, group_by, group_wait_s, group_interval_s,
  repeat_interval_s, receivers, goes_on, enabled, changed_at, changed_by, version)
VALUES (:id, :parent, :position, :name_zh, :name_en, CAST(:matchers AS jsonb), :group_by, :group_wait_s,
  :group_interval_s, :repeat_interval_s, :receivers, :goes_on, :enabled, :now, :who,
  (SELECT COALESCE(max(version), 0) + 1 FROM route_version WHERE route_id = :id))
ON CONFLICT (id) DO NOTHING RETURNING id
""")


def add_route(conn: Connection, given: RouteIn, who: str, now: datetime) -> Route:
    """Conflict where there is one of this id; InputError where its parent or a receiver is not there."""
    _lock_tree(conn)
    need_receivers(conn, given.receivers)
    _need_parent(conn, given.id, given.parent)
    values: Params = {**given.model_dump(exclude={"matchers", "why"}), "matchers": _json(given.matchers)}
    if conn.scalar(_ADD_ROUTE, {**values, "now": now, "who": who}) is None:
        raise Conflict(f"id: there is a route {given.id!r}", reason="exists", field="id")
    _keep(conn, "route", given.id, "added", who, now, given.why)
    return read_route(conn, given.id)


def read_route(conn: Connection, identity: str) -> Route:
    return route_object(_row(conn, "route", identity))


def change_route(
    conn: Connection, identity: str, given: RouteChange, who: str, now: datetime, what: str = "changed"
) -> Route:
    """The root takes everything, has no parent and is never off: an alarm that no route takes would be told to
    nobody."""
    _lock_tree(conn)
    row = _lock(conn, "route", identity, given.version)
    if row.parent_id is None and (given.matchers or given.parent is not None or given.enabled is False):
        field = "matchers" if given.matchers else "enabled" if given.parent is None else "parent"
        raise InputError(f"{field}: the root of the routes takes every alarm", field=field, reason="root_route")
    if given.receivers is not None:
        need_receivers(conn, given.receivers)
    if given.parent is not None:
        _need_parent(conn, identity, given.parent)
    _write(conn, "route", identity, given, {"parent": "parent_id"}, who, now, what)
    return read_route(conn, identity)


def remove_route(
    conn: Connection, identity: str, who: str, now: datetime, why: str | None = None, version: int | None = None
) -> None:
    """Its alarms take the way of its parent from then on. Conflict for the root, where others stand below it, and
    where it has changed since `version` was seen."""
    _lock_tree(conn)
    row = _lock(conn, "route", identity, version)
    if row.parent_id is None:
        raise Conflict("the root of the routes stays", reason="root_route")
    if conn.scalar(text("SELECT 1 FROM route WHERE parent_id = :id LIMIT 1"), {"id": identity}):
        raise Conflict("other routes stand below it", reason="route_has_others")
    _touch(conn, "route", identity, who, now)
    _keep(conn, "route", identity, "removed", who, now, why)
    conn.execute(text("DELETE FROM route WHERE id = :id"), {"id": identity})


def list_receivers(conn: Connection) -> dict[str, Text]:
    """What a route can name: subscriptions with what they are called, by id."""
    rows = conn.execute(text("SELECT id, name_zh, name_en FROM subscription ORDER BY id"))
    return {row.id: {"zh": row.name_zh, "en": row.name_en} for row in rows}


def need_receivers(conn: Connection, receivers: Sequence[str]) -> None:
    known = {EVERYBODY, *list_receivers(conn)}
    unknown = next((one for one in receivers if one not in known), None)
    if unknown is not None:
        raise InputError(
            f"receivers: there is no subscription {unknown!r}", field="receivers", reason="no_subscription"
        )


def _need_parent(conn: Connection, identity: str, parent: str) -> None:
    """The parent is there, and not below the route itself."""
    parents = {row.id: row.parent_id for row in conn.execute(text("SELECT id, parent_id FROM route"))}
    at: str | None = parent
    while at is not None:
        if at not in parents or at == identity:
            raise InputError(f"parent: {parent!r} is no route above this one", field="parent", reason="no_parent_route")
        at = parents[at]


def _lock_tree(conn: Connection) -> None:
    conn.execute(text("SELECT id FROM route ORDER BY id FOR UPDATE"))


# --- inhibitions ------------------------------------------------------------------------------------------------------

_MUTES = "(SELECT count(*) FROM alarm a WHERE a.state <> 'normal' AND a.muted->>'by' = t.id) AS mutes"


def list_inhibitions(conn: Connection) -> list[Inhibition]:
    return [
        inhibition_object(row) for row in conn.execute(text(f"SELECT t.*, {_MUTES} FROM inhibition t ORDER BY t.id"))
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
    return inhibition_object(_row(conn, "inhibition", identity, f"t.*, {_MUTES}"))


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
    pair = {"source": _json(given.source), "target": _json(given.target)}
    if conn.scalar(_ADD_INHIBITION, {**values, **pair, "now": now, "who": who}) is None:
        raise Conflict(f"id: there is an inhibition {identity!r}", reason="exists", field="id")
    _need_no_circle(conn)
    _keep(conn, "inhibition", identity, "added", who, now, given.why)
    return read_inhibition(conn, identity)


def change_inhibition(
    conn: Connection, identity: str, given: InhibitionChange, who: str, now: datetime, what: str = "changed"
) -> Inhibition:
    """Conflict where it has changed since, or where causes could mute each other in a circle."""
    _lock_inhibitions(conn)
    _lock(conn, "inhibition", identity, given.version)
    _write(conn, "inhibition", identity, given, {}, who, now, what)
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


# --- silences ---------------------------------------------------------------------------------------------------------


def list_silences(conn: Connection, now: datetime, *, over: bool = False) -> list[Silence]:
    """Those that hold or are to come, what ends first first; with `over` those that are over too, the newest of them
    first."""
    where = "" if over else "WHERE t.ends_at > :now AND t.ended_at IS NULL"
    rows = conn.execute(text(f"SELECT t.*, {_MUTES} FROM silence t {where} ORDER BY t.ends_at, t.id"), {"now": now})
    found = [silence_object(row, now) for row in rows]
    return [*(s for s in found if s["state"] != "over"), *reversed([s for s in found if s["state"] == "over"])]


def silence_object(row: Any, now: datetime) -> Silence:
    over = row.ended_at is not None or row.ends_at <= now
    return {
        "id": row.id,
        "matchers": row.matchers,
        "starts_at": rfc3339(row.starts_at),
        "ends_at": rfc3339(row.ends_at),
        "ended_at": rfc3339(row.ended_at) if row.ended_at else None,
        "state": "over" if over else "coming" if row.starts_at > now else "active",
        "why": row.why,
        "created_by": row.created_by,
        "created_at": rfc3339(row.created_at),
        "mutes": row.mutes,
        "version": row.version,
    }


def read_silence(conn: Connection, identity: str, now: datetime) -> Silence:
    return silence_object(_row(conn, "silence", identity, f"t.*, {_MUTES}"), now)


_ADD_SILENCE = text("""
INSERT INTO silence (id, matchers, starts_at, ends_at, why, created_by, created_at, changed_at, changed_by)
VALUES (:id, CAST(:matchers AS jsonb), :starts, :ends, :why, :who, :now, :now, :who)
""")


def add_silence(conn: Connection, given: SilenceIn, who: str, now: datetime) -> Silence:
    """InputError where it would begin in the past, be over before it begins, or last too long."""
    starts = given.starts_at or now
    if starts < now - START_GRACE:
        raise InputError("starts_at: expected a moment to come", field="starts_at", reason="silence_past")
    _need_end(starts, given.ends_at, now)
    identity = f"s-{new_id().hex}"
    values: Params = {"id": identity, "matchers": _json(given.matchers), "starts": starts, "ends": given.ends_at}
    conn.execute(_ADD_SILENCE, {**values, "why": given.why.strip(), "who": who, "now": now})
    _keep(conn, "silence", identity, "added", who, now)
    return read_silence(conn, identity, now)


def _need_end(starts: datetime, ends: datetime, now: datetime) -> None:
    if ends <= max(starts, now):
        raise InputError("ends_at: expected a moment after the start", field="ends_at", reason="silence_end")
    if ends - max(starts, now) > MAX_SILENCE:
        raise InputError(f"ends_at: expected {MAX_SILENCE.days} days at most", field="ends_at", reason="silence_long")


def change_silence(conn: Connection, identity: str, given: SilenceChange, who: str, now: datetime) -> Silence:
    """Conflict where it has changed since, or is over. It lasts 30 days at most, counted from now where it has
    begun."""
    row = _lock(conn, "silence", identity, given.version)
    if row.ended_at is not None or row.ends_at <= now:
        raise Conflict("the silence is over", reason="silence_over")
    if given.ends_at is not None:
        _need_end(row.starts_at, given.ends_at, now)
    # why it holds is of the silence itself
    _write(conn, "silence", identity, given, {}, who, now, own=("why",))
    return read_silence(conn, identity, now)


def end_silence(conn: Connection, identity: str, who: str, now: datetime) -> Silence:
    """Before its time. One that is over is answered as it stands."""
    row = _lock(conn, "silence", identity, None)
    if row.ended_at is None and row.ends_at > now:
        conn.execute(text("UPDATE silence SET ended_at = :now WHERE id = :id"), {"now": now, "id": identity})
        _touch(conn, "silence", identity, who, now)
        _keep(conn, "silence", identity, "ended", who, now)
    return read_silence(conn, identity, now)


# --- what all three share ---------------------------------------------------------------------------------------------


def _json(matchers: Sequence[Matcher]) -> str:
    return json.dumps([one.as_json() for one in matchers], ensure_ascii=False)


def _row(conn: Connection, table: str, identity: str, columns: str = "t.*", lock: str = "") -> Any:
    row = conn.execute(text(f"SELECT {columns} FROM {table} t WHERE t.id = :id {lock}"), {"id": identity}).one_or_none()
    if row is None:
        raise NotFound(f"there is no {table} {identity!r}")
    return row


def _lock(conn: Connection, table: str, identity: str, version: int | None) -> Any:
    row = _row(conn, table, identity, lock="FOR UPDATE")
    if version is not None and version != row.version:
        told = f"version: it has changed (it is at {row.version}, you saw {version})"
        raise Conflict(told, reason="stale_version", field="version")
    return row


def _write(
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
            values[name] = _json(value) if name in JSONB else value
    if not values:
        return
    sets = ", ".join(
        f"{renamed.get(name, name)} = " + (f"CAST(:{name} AS jsonb)" if name in JSONB else f":{name}")
        for name in sorted(values)
    )
    conn.execute(text(f"UPDATE {table} SET {sets} WHERE id = :id"), {**values, "id": identity})
    _touch(conn, table, identity, who, now)
    _keep(conn, table, identity, what, who, now, None if own else getattr(given, "why", None))


def _touch(conn: Connection, table: str, identity: str, who: str, now: datetime) -> None:
    conn.execute(
        text(f"UPDATE {table} SET version = version + 1, changed_at = :now, changed_by = :who WHERE id = :id"),
        {"now": now, "who": who, "id": identity},
    )


def _keep(
    conn: Connection, table: str, identity: str, what: str, who: str, now: datetime, why: str | None = None
) -> None:
    write_version(conn, table, identity, what, who, now, why)
    audit.write(conn, who, f"{table}.{what}", now, {table: identity, **({"why": why} if why else {})})
    notify_change(conn, "routing", [identity])
