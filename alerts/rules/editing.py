"""Changing rules: checked before they are saved, kept in every version, audited, told to the engines with the commit.

Plain functions on the caller's transaction.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from alerts.rules import check_params
from core import audit
from core.db import notify_change
from core.errors import Conflict, NotFound
from core.history import write_version
from core.vocabulary import Text

_RULE = (
    "SELECT id, kind, alarm_kind, name_zh, name_en, watches, params, enabled, version, changed_at, changed_by FROM rule"
)


def list_rules(conn: Connection) -> list[Any]:
    """All rules, by id."""
    return list(conn.execute(text(f"{_RULE} ORDER BY id")))


def read_rule(conn: Connection, rule_id: str) -> Any:
    row = conn.execute(text(f"{_RULE} WHERE id = :id"), {"id": rule_id}).one_or_none()
    if row is None:
        raise NotFound(f"rule: there is no rule {rule_id!r}", field="rule")
    return row


def rule_names(conn: Connection, rule_id: str) -> Text:
    """What a rule is called; its id where there is none of it any more."""
    row = conn.execute(text("SELECT name_zh, name_en FROM rule WHERE id = :id"), {"id": rule_id}).one_or_none()
    return {"zh": row.name_zh, "en": row.name_en} if row else {"zh": rule_id, "en": rule_id}


def set_params(
    conn: Connection, rule_id: str, params: Mapping[str, object], version: int | None, who: str, now: datetime
) -> None:
    """Give a rule new parameters. InputError names the field at fault; Conflict where it has changed since `version`
    was seen."""
    row = lock(conn, rule_id, version)
    check_params(row.kind, dict(params))
    if row.params == dict(params):
        return
    conn.execute(
        text("UPDATE rule SET params = CAST(:params AS jsonb) WHERE id = :id"),
        {"params": json.dumps(dict(params)), "id": rule_id},
    )
    write_down(conn, rule_id, "changed", {"before": row.params, "after": dict(params)}, who, now)


def switch(conn: Connection, rule_id: str, on: bool, who: str, now: datetime, why: str | None = None) -> None:
    """Arm or disarm a rule; what it is already changes nothing."""
    if lock(conn, rule_id, None).enabled == on:
        return
    conn.execute(text("UPDATE rule SET enabled = :on WHERE id = :id"), {"on": on, "id": rule_id})
    write_down(conn, rule_id, "armed" if on else "disarmed", {}, who, now, why)


def lock(conn: Connection, rule_id: str, version: int | None) -> Any:
    """The rule, held for the transaction. Raises Conflict where it has changed since `version` was seen."""
    row = conn.execute(text(f"{_RULE} WHERE id = :id FOR UPDATE"), {"id": rule_id}).one_or_none()
    if row is None:
        raise NotFound(f"rule: there is no rule {rule_id!r}", field="rule")
    if version is not None and version != row.version:
        told = f"version: the rule has changed (it is at {row.version}, you saw {version})"
        raise Conflict(told, reason="stale_version", field="version")
    return row


def write_down(
    conn: Connection,
    rule_id: str,
    what: str,
    data: Mapping[str, object],
    who: str,
    now: datetime,
    why: str | None = None,
) -> None:
    """The next version of a rule that has just been changed, audited and told."""
    conn.execute(
        text("UPDATE rule SET version = version + 1, changed_at = :now, changed_by = :who WHERE id = :id"),
        {"now": now, "who": who, "id": rule_id},
    )
    write_version(conn, "rule", rule_id, what, who, now, why)
    audit.write(conn, who, f"rule.{what}", now, {"rule": rule_id, **data, **({"why": why} if why else {})})
    notify_change(conn, "rule", [rule_id])
