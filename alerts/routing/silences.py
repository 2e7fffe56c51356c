"""Silences: what is told to nobody for a time, for maintenance and the like."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, Field
from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from alerts.routing.kept import INT4, MUTES, MatcherList, Why, as_json, keep, lock_row, read_row, touch, write_change
from core.clock import rfc3339
from core.errors import Conflict, InputError
from core.faults import unfit
from core.given import Given
from core.ids import new_id
from core.types import Params

MAX_SILENCE = timedelta(days=30)
# a clock that is a little behind
START_GRACE = timedelta(minutes=5)
LATEST_YEAR = 2200


def check_moment(value: datetime) -> datetime:
    if not 1970 <= value.year <= LATEST_YEAR:
        raise unfit("moment_range", "expected a moment between {least} and {most}", least=1970, most=LATEST_YEAR)
    return value


Moment = Annotated[AwareDatetime, AfterValidator(check_moment)]


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


def list_silences(conn: Connection, now: datetime, *, over: bool = False) -> list[Silence]:
    """Those that hold or are to come, what ends first first; with `over` those that are over too, the newest of them
    first."""
    where = "" if over else "WHERE t.ends_at > :now AND t.ended_at IS NULL"
    rows = conn.execute(text(f"SELECT t.*, {MUTES} FROM silence t {where} ORDER BY t.ends_at, t.id"), {"now": now})
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
    return silence_object(read_row(conn, "silence", identity, f"t.*, {MUTES}"), now)


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
    values: Params = {"id": identity, "matchers": as_json(given.matchers), "starts": starts, "ends": given.ends_at}
    conn.execute(_ADD_SILENCE, {**values, "why": given.why.strip(), "who": who, "now": now})
    keep(conn, "silence", identity, "added", who, now)
    return read_silence(conn, identity, now)


def _need_end(starts: datetime, ends: datetime, now: datetime) -> None:
    if ends <= max(starts, now):
        raise InputError("ends_at: expected a moment after the start", field="ends_at", reason="silence_end")
    if ends - max(starts, now) > MAX_SILENCE:
        raise InputError(f"ends_at: expected {MAX_SILENCE.days} days at most", field="ends_at", reason="silence_long")


def change_silence(conn: Connection, identity: str, given: SilenceChange, who: str, now: datetime) -> Silence:
    """Conflict where it has changed since, or is over. It lasts 30 days at most, counted from now where it has
    begun."""
    row = lock_row(conn, "silence", identity, given.version)
    if row.ended_at is not None or row.ends_at <= now:
        raise Conflict("the silence is over", reason="silence_over")
    if given.ends_at is not None:
        _need_end(row.starts_at, given.ends_at, now)
    # why it holds is of the silence itself
    write_change(conn, "silence", identity, given, {}, who, now, own=("why",))
    return read_silence(conn, identity, now)


def end_silence(conn: Connection, identity: str, who: str, now: datetime) -> Silence:
    """Before its time. One that is over is answered as it stands."""
    row = lock_row(conn, "silence", identity, None)
    if row.ended_at is None and row.ends_at > now:
        conn.execute(text("UPDATE silence SET ended_at = :now WHERE id = :id"), {"now": now, "id": identity})
        touch(conn, "silence", identity, who, now)
        keep(conn, "silence", identity, "ended", who, now)
    return read_silence(conn, identity, now)
