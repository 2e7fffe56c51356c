"""Rules as an administrator sees and changes them: made, changed, armed, put back to what they were. Checked before
they are kept, kept in every version with who and why, audited, told to the engines with the commit.

Plain functions on the caller's transaction.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import Field, JsonValue, ValidationError
from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from alerts.rules import KINDS, check_params
from alerts.rules.base import RuleRow
from alerts.rules.editing import lock, write_down
from core.clock import rfc3339
from core.errors import Conflict, InputError, NotFound
from core.faults import expects
from core.given import Given, as_input_error
from core.history import VersionHead, read_versions
from core.types import JsonObject
from core.vocabulary import Text, table

INT4 = 2**31 - 1
# what a rule has made is counted so far back
LOAD_OVER = timedelta(days=7)
Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,47}$")]
Title = Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")]
Why = Annotated[str, Field(min_length=1, max_length=500, pattern=r"\S")]
Names = Annotated[list[Annotated[str, Field(min_length=1, max_length=200)]], Field(max_length=1000)]
Attribute = Annotated[str, Field(min_length=1, max_length=100)]


class Watches(Given):
    """Which things a rule watches; what is left out does not limit it."""

    sensor_kinds: Names | None = None
    sensors: Names | None = None
    things: Names | None = None
    with_attribute: Attribute | None = None
    without_attribute: Attribute | Names | None = None


class RuleIn(Given):
    """A rule as it is given; `params` are those of its kind."""

    id: Id
    kind: str = Field(max_length=100)
    alarm_kind: str = Field(max_length=100)
    name_zh: Title
    name_en: Title
    watches: Watches = Field(default_factory=Watches)
    params: dict[str, JsonValue]
    why: Why | None = None


class RuleChange(Given):
    """What of a rule becomes different; `version` is the one that was seen."""

    version: int = Field(ge=1, le=INT4)
    alarm_kind: str | None = Field(None, max_length=100)
    name_zh: Title | None = None
    name_en: Title | None = None
    watches: Watches | None = None
    params: dict[str, JsonValue] | None = None
    why: Why | None = None


class RuleLoad(TypedDict):
    """What a rule has made in the last seven days: alarms begun, annunciations (raised, raised again, worsened), of
    these by day; alarms that an operator called not useful; alarms that hold now."""

    alarms: int
    annunciations: int
    per_day: float
    not_useful: int
    active: int


class RuleObject(TypedDict):
    """A rule of the API. `enabled`: armed."""

    id: str
    kind: str
    alarm_kind: str
    names: Text
    watches: JsonObject
    params: JsonObject
    enabled: bool
    version: int
    changed_at: str
    changed_by: str | None
    load: RuleLoad


class RuleVersion(VersionHead):
    """What a rule was from `time` on."""

    kind: str
    alarm_kind: str
    names: Text
    watches: JsonObject
    params: JsonObject
    enabled: bool


_LOADS = f"""
SELECT r.*, COALESCE(l.alarms, 0) AS alarms, COALESCE(l.told, 0) AS told, COALESCE(l.useless, 0) AS useless,
  COALESCE(a.active, 0) AS active
FROM rule r
LEFT JOIN (SELECT a.rule_id, count(DISTINCT e.alarm_id) FILTER (WHERE e.what = 'raised') AS alarms,
    count(*) FILTER (WHERE e.what IN ('raised', 'raised_again', 'worsened')) AS told,
    count(DISTINCT e.alarm_id) FILTER (WHERE e.what = 'not_useful' AND a.useful IS FALSE) AS useless
  FROM alarm_event e JOIN alarm a ON a.id = e.alarm_id
  WHERE e.time > CAST(:now AS timestamptz) - make_interval(days => {LOAD_OVER.days}) AND e.time <= :now
  GROUP BY a.rule_id) AS l ON l.rule_id = r.id
LEFT JOIN (SELECT rule_id, count(*) AS active FROM alarm WHERE active AND state <> 'normal' GROUP BY rule_id) AS a
  ON a.rule_id = r.id
"""


def list_rules(conn: Connection, now: datetime) -> list[RuleObject]:
    """All rules, by id."""
    return [_object(row) for row in conn.execute(text(f"{_LOADS} ORDER BY r.id"), {"now": now})]


def read_rule(conn: Connection, rule_id: str, now: datetime) -> RuleObject:
    row = conn.execute(text(f"{_LOADS} WHERE r.id = :id"), {"now": now, "id": rule_id}).one_or_none()
    if row is None:
        raise NotFound(f"rule: there is no rule {rule_id!r}", field="rule")
    return _object(row)


def _object(row: Any) -> RuleObject:
    return {
        "id": row.id,
        "kind": row.kind,
        "alarm_kind": row.alarm_kind,
        "names": {"zh": row.name_zh, "en": row.name_en},
        "watches": row.watches,
        "params": row.params,
        "enabled": row.enabled,
        "version": row.version,
        "changed_at": rfc3339(row.changed_at),
        "changed_by": row.changed_by,
        "load": {
            "alarms": row.alarms,
            "annunciations": row.told,
            "per_day": round(row.told / LOAD_OVER.days, 2),
            "not_useful": row.useless,
            "active": row.active,
        },
    }


def list_versions(conn: Connection, rule_id: str) -> list[RuleVersion]:
    """What it was, the newest first."""
    found = read_versions(conn, "rule", rule_id)
    if not found:
        raise NotFound(f"rule: there is no rule {rule_id!r}", field="rule")
    return [
        {
            **head,
            "kind": row["kind"],
            "alarm_kind": row["alarm_kind"],
            "names": {"zh": row["name_zh"], "en": row["name_en"]},
            "watches": row["watches"],
            "params": row["params"],
            "enabled": row["enabled"],
        }
        for head, row in found
    ]


_ADD = text("""
INSERT INTO rule (id, kind, alarm_kind, name_zh, name_en, watches, params, enabled, changed_at, changed_by, version)
VALUES (:id, :kind, :alarm_kind, :zh, :en, CAST(:watches AS jsonb), CAST(:params AS jsonb), false, :now, :who, 0)
ON CONFLICT (id) DO NOTHING RETURNING id
""")
_CHANGE = text("""
UPDATE rule SET alarm_kind = :alarm_kind, name_zh = :zh, name_en = :en, watches = CAST(:watches AS jsonb),
  params = CAST(:params AS jsonb) WHERE id = :id
""")


def add_rule(conn: Connection, given: RuleIn, who: str, now: datetime) -> RuleObject:
    """A new rule, disarmed: it is tried before it may wake anybody. Raises Conflict where the id is taken."""
    check(given.kind, given.alarm_kind, given.params)
    values = {
        "id": given.id,
        "kind": given.kind,
        "alarm_kind": given.alarm_kind,
        "zh": given.name_zh,
        "en": given.name_en,
        "watches": json.dumps(given.watches.model_dump(exclude_none=True)),
        "params": json.dumps(given.params),
        "now": now,
        "who": who,
    }
    if conn.scalar(_ADD, values) is None:
        raise Conflict(f"id: there is a rule {given.id!r} already", reason="rule_exists", field="id")
    write_down(conn, given.id, "added", {"kind": given.kind, "params": given.params}, who, now, given.why)
    return read_rule(conn, given.id, now)


def change_rule(conn: Connection, rule_id: str, given: RuleChange, who: str, now: datetime) -> RuleObject:
    """Raises Conflict where it has changed since `version` was seen; InputError names the field at fault."""
    row = lock(conn, rule_id, given.version)
    before = _kept(row)
    said = given.model_dump(exclude_none=True, exclude={"version", "why", "watches"})
    after = {**before, **said}
    if given.watches is not None:
        after["watches"] = given.watches.model_dump(exclude_none=True)
    if after == before:
        return read_rule(conn, rule_id, now)
    check(row.kind, after["alarm_kind"], after["params"])
    _put(conn, rule_id, after)
    write_down(conn, rule_id, "changed", {"before": before, "after": after}, who, now, given.why)
    return read_rule(conn, rule_id, now)


def take_back(
    conn: Connection, rule_id: str, to: int, version: int | None, why: str | None, who: str, now: datetime
) -> RuleObject:
    """The rule becomes again what it was in version `to`; armed or not stays as it is."""
    row = lock(conn, rule_id, version)
    held = conn.scalar(
        text("SELECT after FROM rule_version WHERE rule_id = :id AND version = :version"),
        {"id": rule_id, "version": to},
    )
    if held is None:
        raise NotFound(f"to: the rule has no version {to}", field="to")
    before, after = _kept(row), {name: held[name] for name in _KEPT}
    if after == before:
        return read_rule(conn, rule_id, now)
    check(row.kind, after["alarm_kind"], after["params"])
    _put(conn, rule_id, after)
    write_down(conn, rule_id, "taken_back", {"to": to, "before": before, "after": after}, who, now, why)
    return read_rule(conn, rule_id, now)


_KEPT = ("alarm_kind", "name_zh", "name_en", "watches", "params")


def _kept(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _KEPT}


def _put(conn: Connection, rule_id: str, after: Mapping[str, Any]) -> None:
    conn.execute(
        _CHANGE,
        {
            "id": rule_id,
            "alarm_kind": after["alarm_kind"],
            "zh": after["name_zh"],
            "en": after["name_en"],
            "watches": json.dumps(after["watches"]),
            "params": json.dumps(after["params"]),
        },
    )


def check(kind: str, alarm_kind: str, params: Mapping[str, object]) -> None:
    """InputError names the field at fault."""
    if alarm_kind not in table("alarm_kinds"):
        raise InputError(
            f"alarm_kind: there is no kind of alarm {alarm_kind!r}",
            field="alarm_kind",
            about=expects("alarm_kind", "none_such", name=alarm_kind),
        )
    check_params(kind, params)


def row_of(given: RuleIn) -> RuleRow:
    """A rule that is given and kept nowhere, as it is judged."""
    check(given.kind, given.alarm_kind, given.params)
    names: Text = {"zh": given.name_zh, "en": given.name_en}
    watched = given.watches.model_dump(exclude_none=True)
    return RuleRow(given.id, given.kind, given.alarm_kind, names, watched, check_params(given.kind, given.params))


def stored_row(conn: Connection, rule_id: str, version: int | None = None) -> RuleRow:
    """A rule as it is judged, armed or not; of an older `version` where one is asked for."""
    if version is None:
        found = conn.execute(text("SELECT to_jsonb(r) AS after FROM rule r WHERE id = :id"), {"id": rule_id})
    else:
        asked = {"id": rule_id, "version": version}
        found = conn.execute(text("SELECT after FROM rule_version WHERE rule_id = :id AND version = :version"), asked)
    held = found.scalar_one_or_none()
    if held is None:
        what = f"rule: there is no rule {rule_id!r}" if version is None else f"rule: it has no version {version}"
        raise NotFound(what, field="rule")
    names: Text = {"zh": held["name_zh"], "en": held["name_en"]}
    params = check_params(held["kind"], held["params"])
    return RuleRow(rule_id, held["kind"], held["alarm_kind"], names, held["watches"], params)


class RuleKindObject(TypedDict):
    """A kind of rule: the JSON Schema of its parameters."""

    kind: str
    params: JsonObject


def list_kinds() -> list[RuleKindObject]:
    return [{"kind": kind.key, "params": kind.params.model_json_schema()} for kind in KINDS]


def read_given(values: object) -> RuleIn:
    """A rule from a file. Raises InputError that names the field."""
    try:
        return RuleIn.model_validate(values)
    except ValidationError as exc:
        raise as_input_error(exc) from exc
