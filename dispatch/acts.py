"""What the phone of a unit sends: each act is taken in once, by the id that the phone gave it, and answered the same
however often it comes. The caller owns the transaction and does one act in it (docs/decisions/0016)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, cast
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, Field, ValidationError
from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from core.db import lock_key
from core.errors import LOST_RACE, Conflict, InputError, OneMapError
from core.faults import expects, listed, unfit
from core.given import Given, as_input_error
from core.i18n import say
from core.log import get_log
from core.process.faults import is_of_connection
from core.types import JsonObject, LonLat
from core.vocabulary import ENDED_INCIDENT, MOST_IN_DANGER, TaskReply, Text, table
from dispatch import incidents, log, tasks
from dispatch.incidents import NewIncident
from dispatch.present import OVER

events = get_log("dispatch")
# less than this is a clock that is right, and a slow network
CLOCK_OFF = timedelta(seconds=60)
CHANNEL = "field"
PANIC = "panic"
MESSAGE_LEVEL = 4
# a clock that was never set says 1970, in the city's zone the evening before
EARLIEST, LATEST = datetime(1969, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
Lon = Annotated[float, Field(ge=-180, le=180)]
Lat = Annotated[float, Field(ge=-90, le=90)]


def check_range(value: datetime) -> datetime:
    """What may be moved by the difference of two clocks."""
    if not EARLIEST <= value <= LATEST:
        raise unfit("moment_range", "expected a moment between {least} and {most}", least=1969, most=2200)
    return value


ByClock = Annotated[AwareDatetime, AfterValidator(check_range)]


class ActIn(Given):
    """What every act says: its own id, and when it happened by the phone's clock."""

    id: UUID
    at: ByClock


class ReplyIn(ActIn):
    """A milestone of the task; `reason` of a decline: a key of the table `decline_reasons`, or in words."""

    kind: Literal["reply"]
    task: UUID
    state: TaskReply
    reason: str | None = Field(None, max_length=500)


class MessageIn(ActIn):
    """To the desk; about a task, or, without one, an incident of its own that the desk deals with."""

    kind: Literal["message"]
    task: UUID | None = None
    text: str = Field(min_length=1, max_length=2000, pattern=r"\S")


class ReportIn(ActIn):
    """Something new that was seen; without lon and lat it is where its `address` says, or nobody knows where."""

    kind: Literal["report"]
    what: str = Field(max_length=40)
    text: str = Field(min_length=1, max_length=2000, pattern=r"\S")
    lon: Lon | None = None
    lat: Lat | None = None
    address: str | None = Field(None, max_length=500)
    in_danger: int | None = Field(None, ge=0, le=MOST_IN_DANGER)


class PanicIn(ActIn):
    """The crew itself is in need; where it was last heard, where it does not say where it is."""

    kind: Literal["panic"]
    lon: Lon | None = None
    lat: Lat | None = None


class Outcome(TypedDict):
    """What came of an act. A refused one has its reason, the field at fault and what fills in the reason's words; what
    opened an incident has its number."""

    id: str
    state: str
    reason: str | None
    field: str | None
    about: dict[str, Text]
    incident: str | None


@dataclass(frozen=True, slots=True)
class Sent:
    """One act as it came: from whose phone, when it happened by our clock, and what the phone's own clock said of that
    where it is wrong."""

    act: ActIn
    unit: str
    by: str
    at: datetime
    clock: datetime | None
    now: datetime


KINDS: Mapping[str, type[ActIn]] = {"reply": ReplyIn, "message": MessageIn, "report": ReportIn, "panic": PanicIn}


def read_act(given: JsonObject) -> ActIn:
    """One act as a phone sent it. InputError names the field."""
    kind = KINDS.get(str(given.get("kind")))
    if kind is None:
        raise InputError(
            f"kind: expected one of {', '.join(KINDS)}",
            field="kind",
            about=expects("kind", "one_of", expected=listed(list(KINDS))),
        )
    try:
        return kind.model_validate(given)
    except ValidationError as exc:
        raise as_input_error(exc) from exc


def believe(at: datetime, clock: datetime, now: datetime) -> tuple[datetime, datetime | None]:
    """When it happened by our clock, and no later than now; and what the phone's said of that where it is wrong.
    `clock`: what the phone's said when it sent."""
    off = now - clock
    if abs(off) <= CLOCK_OFF:
        return min(at, now), None
    return min(at + off, now), at


def take_act(conn: Connection, act: ActIn, unit: str, by: str, clock: datetime, now: datetime) -> Outcome:
    """Take an act in, or answer what came of it the first time. What cannot be done is an outcome and no error; only a
    lost race is raised."""
    kept = conn.execute(_KEEP, _as_kept(act, unit, by, now)).one_or_none()
    if kept is None:
        return _before(conn, act, unit)
    sent = Sent(act, unit, by, *believe(act.at, clock, now), now)
    try:
        with conn.begin_nested():
            number = _TAKE[type(act)](conn, sent)
    except OneMapError as exc:
        if exc.reason == LOST_RACE:
            raise
        outcome = refused(str(act.id), exc)
    except Exception as exc:
        if is_of_connection(exc):
            raise
        # a fault of ours: it is kept with what was said, the person is told, and what comes after it is taken in
        events.exception("act_failed", id=str(act.id), unit=unit)
        outcome = refused(str(act.id), Conflict("it could not be taken in", reason="act_failed"))
    else:
        outcome = done(str(act.id), number)
    told = json.dumps({name: value for name, value in outcome.items() if name not in ("id", "state")})
    conn.execute(_STORE, {"id": act.id, "state": outcome["state"], "outcome": told})
    return outcome


# whoever sends the same id at the same moment waits here until the first has committed
_KEEP = text("""
INSERT INTO field_act (id, unit_id, username, kind, at, received_at, body, state, outcome)
VALUES (:id, :unit, :by, :kind, :at, :now, CAST(:body AS jsonb), 'done', '{}') ON CONFLICT (id) DO NOTHING RETURNING id
""")
_STORE = text("UPDATE field_act SET state = :state, outcome = CAST(:outcome AS jsonb) WHERE id = :id")


def _as_kept(act: ActIn, unit: str, by: str, now: datetime) -> dict[str, Any]:
    body = act.model_dump(mode="json", exclude_unset=True)
    given = {"id": act.id, "unit": unit, "by": by, "kind": body["kind"], "at": act.at, "now": now}
    return {**given, "body": json.dumps(body, ensure_ascii=False)}


def _before(conn: Connection, act: ActIn, unit: str) -> Outcome:
    row = conn.execute(text("SELECT unit_id, state, outcome FROM field_act WHERE id = :id"), {"id": act.id}).one()
    if row.unit_id != unit:
        return refused(str(act.id), Conflict("id: it is another unit's", reason="act_taken", field="id"))
    return cast(Outcome, {"id": str(act.id), "state": row.state, **row.outcome})


def done(act: str, incident: str | None = None) -> Outcome:
    return {"id": act, "state": "done", "reason": None, "field": None, "about": {}, "incident": incident}


def refused(act: str, why: OneMapError) -> Outcome:
    return {
        "id": act,
        "state": "refused",
        "reason": why.reason,
        "field": why.field,
        "about": why.about,
        "incident": None,
    }


_TASK = text("SELECT id, incident_id, unit_id, status, ended_at FROM assignment WHERE id = :id")


def _own_task(conn: Connection, task: UUID, unit: str) -> Any:
    row = conn.execute(_TASK, {"id": task}).one_or_none()
    if row is None or row.unit_id != unit:
        raise Conflict("task: it is not this unit's", reason="task_not_yours", field="task")
    return row


def _reply(conn: Connection, sent: Sent) -> None:
    """The same reply as one by MQTT. What another phone of the unit has said already is said."""
    act = sent.act
    assert isinstance(act, ReplyIn)
    _own_task(conn, act.task, sent.unit)
    note = (act.reason or "").strip() or None
    if tasks.reply(conn, act.task, act.state, sent.unit, sent.at, sent.now, note, sent.clock):
        return
    task = _own_task(conn, act.task, sent.unit)
    if task.status == act.state or (task.ended_at is None and act.state is not TaskReply.DECLINED):
        return
    if task.status in OVER:
        raise Conflict(f"task: it is {task.status}", reason="task_over", field="task", about=_status(task.status))
    raise Conflict(f"state: the unit is {task.status}", reason="task_begun", field="state", about=_status(task.status))


def _status(status: str) -> dict[str, Text]:
    row = table("milestones")[status]
    return {"status": {"zh": row["zh"], "en": row["en"]}}


def _message(conn: Connection, sent: Sent) -> str | None:
    act = sent.act
    assert isinstance(act, MessageIn)
    names = _names(conn, sent.unit)
    if act.task is not None:
        task = _own_task(conn, act.task, sent.unit)
        words = say("incident.message", unit=names, text=act.text.strip())
        log.write(conn, task.incident_id, "message", sent.unit, words, sent.now, unit=sent.unit, **_times(sent))
        return None
    new = NewIncident(
        kind="other",
        titles=say("incident.message.title", unit=names),
        channel=CHANNEL,
        level=MESSAGE_LEVEL,
        where=_last_place(conn, sent.unit),
        text=act.text.strip(),
        reporter=sent.unit,
        report_id=str(act.id),
    )
    return _open(conn, new, say("incident.from_message", unit=names), sent)


def _report(conn: Connection, sent: Sent) -> str:
    act = sent.act
    assert isinstance(act, ReportIn)
    kinds = [kind for kind in table("incident_kinds") if kind != PANIC]
    if act.what not in kinds:
        about = expects("what", "one_of", expected=listed(kinds))
        raise InputError(f"what: expected one of {', '.join(kinds)}", field="what", about=about)
    said = act.text.strip()
    title = said if len(said) <= 40 else f"{said[:39]}…"
    new = NewIncident(
        kind=act.what,
        titles={"zh": title, "en": title},
        channel=CHANNEL,
        where=_place(act.lon, act.lat),
        text=said,
        address=act.address,
        reporter=sent.unit,
        report_id=str(act.id),
        in_danger=act.in_danger,
    )
    return _open(conn, new, say("incident.from_field", unit=_names(conn, sent.unit)), sent)


_OPEN_PANIC = text("""
SELECT id, number FROM incident WHERE kind = :kind AND channel = :channel AND reporter = :unit
  AND NOT status = ANY(:ended) ORDER BY opened_at LIMIT 1
""")


def _panic(conn: Connection, sent: Sent) -> str:
    """One incident of level I for a crew in need, however often it presses."""
    act = sent.act
    assert isinstance(act, PanicIn)
    conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": lock_key(f"panic/{sent.unit}")})
    names = _names(conn, sent.unit)
    given = {"kind": PANIC, "channel": CHANNEL, "unit": sent.unit, "ended": list(ENDED_INCIDENT)}
    held = conn.execute(_OPEN_PANIC, given).one_or_none()
    if held is not None:
        words = say("incident.panic.again", unit=names)
        log.write(conn, held.id, "message", sent.unit, words, sent.now, unit=sent.unit, **_times(sent))
        return str(held.number)
    title = say("incident.panic", unit=names)
    new = NewIncident(
        kind=PANIC,
        titles=title,
        channel=CHANNEL,
        level=1,
        where=_place(act.lon, act.lat) or _last_place(conn, sent.unit),
        reporter=sent.unit,
        report_id=str(act.id),
    )
    return _open(conn, new, title, sent)


def _open(conn: Connection, new: NewIncident, words: Text, sent: Sent) -> str:
    incident = incidents.open_incident(conn, new, sent.unit, words, sent.now)
    number: str = conn.execute(text("SELECT number FROM incident WHERE id = :id"), {"id": incident}).scalar_one()
    return number


def _times(sent: Sent) -> dict[str, datetime]:
    return {"at": sent.at} if sent.clock is None else {"at": sent.at, "clock": sent.clock}


def _names(conn: Connection, unit: str) -> Text:
    return tasks.unit_names(conn.execute(text("SELECT name_zh, name_en FROM unit WHERE id = :id"), {"id": unit}).one())


def _place(lon: float | None, lat: float | None) -> LonLat | None:
    return None if lon is None or lat is None else LonLat(lon, lat)


_LAST = text("""
SELECT COALESCE(s.lon, ST_X(u.home)) AS lon, COALESCE(s.lat, ST_Y(u.home)) AS lat
FROM unit u LEFT JOIN unit_state s ON s.unit_id = u.id WHERE u.id = :id
""")


def _last_place(conn: Connection, unit: str) -> LonLat | None:
    """Where it was last heard, else where it is at home."""
    row = conn.execute(_LAST, {"id": unit}).one()
    return _place(row.lon, row.lat)


_TAKE: Mapping[type[ActIn], Callable[[Connection, Sent], str | None]] = {
    ReplyIn: _reply,
    MessageIn: _message,
    ReportIn: _report,
    PanicIn: _panic,
}
