"""/api/rules: what is judged, in every version; a rule is tried on what was recorded before it is armed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import AfterValidator, AwareDatetime, Field, model_validator
from sqlalchemy import Connection, text

from alerts.rules import administer, editing
from alerts.rules.administer import RuleChange, RuleIn, RuleKindObject, RuleObject, RuleVersion, Why
from alerts.rules.base import RuleRow
from alerts.trial import Trial, try_beside
from app.api.shapes import INT4, Limit, Name, check_moment, part
from app.deps import Conn, Now, Who
from core.errors import Unavailable
from core.faults import unfit
from core.given import Given
from core.nouns import Page
from core.viewer import Permission

router = APIRouter(tags=["rules"])
Id = Annotated[str, Path(min_length=1, max_length=200)]
Moment = Annotated[AwareDatetime, AfterValidator(check_moment)]
# a trial keeps a processor busy for up to a minute: one at a time, the next is told to come again
_TRYING = threading.Lock()


class WhyIn(Given):
    why: Why | None = None


class TakeBackIn(Given):
    """The rule becomes again what it was in version `to`."""

    to: int = Field(ge=0, le=INT4)
    version: int | None = Field(None, ge=1, le=INT4)
    why: Why | None = None


class RuleRef(Given):
    """A rule that is kept, perhaps as it was in an older version."""

    id: str = Field(min_length=1, max_length=200)
    version: int | None = Field(None, ge=0, le=INT4)


class TryIn(Given):
    """A rule (kept, by id, or given) over a recorded period from `from` until before `to`; `against` is another setting
    beside it."""

    rule: RuleIn | RuleRef | str
    from_: Moment = Field(alias="from")
    to: Moment
    against: RuleIn | RuleRef | str | None = None

    @model_validator(mode="after")
    def _in_order(self) -> TryIn:
        if self.to <= self.from_:
            raise unfit("try_order", "to: expected a moment after from")
        return self


@router.get("/api/rules")
def get_rules(conn: Conn, who: Who, now: Now, cursor: Name = None, limit: Limit = 200) -> Page[RuleObject]:
    """With what each has made in the last seven days."""
    who.require(Permission.METRICS_READ)
    return part(administer.list_rules(conn, now), cursor, limit)


@router.get("/api/rule-kinds")
def get_kinds(who: Who, cursor: Name = None, limit: Limit = 200) -> Page[RuleKindObject]:
    """What kinds there are, with the JSON Schema of their parameters."""
    who.require(Permission.METRICS_READ)
    return part(administer.list_kinds(), cursor, limit)


@router.post("/api/rules", status_code=201)
def post_rule(conn: Conn, who: Who, now: Now, body: RuleIn) -> RuleObject:
    """A new rule, not armed."""
    who.require(Permission.RULE_MANAGE)
    return administer.add_rule(conn, body, who.username, now)


@router.post("/api/rules/try")
def try_a_rule(conn: Conn, who: Who, body: TryIn) -> Trial:
    """The alarms that it would have raised, how they would have loaded operators, and whether they would have been
    right; nothing is written. 503 while another trial runs."""
    who.require(Permission.RULE_MANAGE)
    with _alone():
        conn.execute(text("SET TRANSACTION READ ONLY"))
        rule = _rule(conn, body.rule)
        against = None if body.against is None else _rule(conn, body.against)
        return try_beside(conn, rule, body.from_, body.to, against)


@router.get("/api/rules/{rule}")
def get_rule(conn: Conn, who: Who, now: Now, rule: Id) -> RuleObject:
    who.require(Permission.METRICS_READ)
    return administer.read_rule(conn, rule, now)


@router.patch("/api/rules/{rule}")
def patch_rule(conn: Conn, who: Who, now: Now, rule: Id, body: RuleChange) -> RuleObject:
    """409 where it has changed since `version` was seen."""
    who.require(Permission.RULE_MANAGE)
    return administer.change_rule(conn, rule, body, who.username, now)


@router.post("/api/rules/{rule}/arm")
def arm_rule(conn: Conn, who: Who, now: Now, rule: Id, body: WhyIn | None = None) -> RuleObject:
    return _switch(conn, who, now, rule, body, on=True)


@router.post("/api/rules/{rule}/disarm")
def disarm_rule(conn: Conn, who: Who, now: Now, rule: Id, body: WhyIn | None = None) -> RuleObject:
    """It judges no more; its alarms that hold are over within half a minute."""
    return _switch(conn, who, now, rule, body, on=False)


def _switch(conn: Conn, who: Who, now: datetime, rule: str, body: WhyIn | None, *, on: bool) -> RuleObject:
    who.require(Permission.RULE_MANAGE)
    editing.switch(conn, rule, on, who.username, now, body.why if body else None)
    return administer.read_rule(conn, rule, now)


@router.get("/api/rules/{rule}/versions")
def get_versions(conn: Conn, who: Who, rule: Id, cursor: Name = None, limit: Limit = 200) -> Page[RuleVersion]:
    """What it was, by whom and why, the newest first."""
    who.require(Permission.METRICS_READ)
    return part(administer.list_versions(conn, rule), cursor, limit)


@router.post("/api/rules/{rule}/take-back")
def take_back_rule(conn: Conn, who: Who, now: Now, rule: Id, body: TakeBackIn) -> RuleObject:
    who.require(Permission.RULE_MANAGE)
    return administer.take_back(conn, rule, body.to, body.version, body.why, who.username, now)


def _rule(conn: Connection, given: RuleIn | RuleRef | str) -> RuleRow:
    if isinstance(given, RuleIn):
        return administer.row_of(given)
    if isinstance(given, RuleRef):
        return administer.stored_row(conn, given.id, given.version)
    return administer.stored_row(conn, given)


@contextmanager
def _alone() -> Iterator[None]:
    if not _TRYING.acquire(blocking=False):
        raise Unavailable("another trial runs; try again when it has ended", reason="trial_busy")
    try:
        yield
    finally:
        _TRYING.release()
