"""Administration of subscriptions: checked before they are kept, kept in every version, audited; their secrets apart.

Plain functions on the caller's transaction. Who may is asked by the caller; `owner` is whose they become.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection, text

from alerts.senders import SENDERS, SenderKind
from alerts.senders.webhook import new_secret
from alerts.stages.wanted import Filter
from alerts.subscriptions.given import Created, Subscription, SubscriptionChange, SubscriptionIn
from core import audit
from core.clock import rfc3339
from core.db import notify_change
from core.errors import Conflict, InputError, NotFound
from core.given import as_input_error
from core.history import write_version
from core.ids import new_id
from core.types import JsonObject
from core.vocabulary import table

MOST_OF_ONE = 50
RECENT = timedelta(days=7)
# names of routes may hold it: `receivers`
_COLUMNS = """
s.*, COALESCE((SELECT array_agg(x.name ORDER BY x.name) FROM subscription_secret x WHERE x.subscription_id = s.id),
    '{}') AS secrets,
  (SELECT count(*) FROM delivery d WHERE d.subscription_id = s.id AND d.state = 'waiting') AS waiting,
  (SELECT count(*) FROM delivery d WHERE d.subscription_id = s.id AND d.state IN ('failed', 'refused')
    AND d.done_at > :recent) AS failed,
  (SELECT d.done_at FROM delivery d WHERE d.subscription_id = s.id AND d.state = 'sent' ORDER BY d.id DESC LIMIT 1)
    AS last_sent_at,
  (SELECT d.error FROM delivery d WHERE d.subscription_id = s.id AND d.error IS NOT NULL ORDER BY d.id DESC LIMIT 1)
    AS last_error
"""
_ADD = text("""
INSERT INTO subscription (id, name_zh, name_en, owner, sender, filter, options, lang, quiet, digest_s, repeat_s,
  enabled, changed_at, changed_by, version)
VALUES (:id, :name_zh, :name_en, :owner, :sender, CAST(:filter AS jsonb), CAST(:options AS jsonb), :lang,
  CAST(:quiet AS jsonb), :digest_s, :repeat_s, :enabled, :now, :who,
  (SELECT COALESCE(max(version), 0) + 1 FROM subscription_version WHERE subscription_id = :id))
ON CONFLICT (id) DO NOTHING RETURNING id
""")
_SECRET = text("""
INSERT INTO subscription_secret (subscription_id, name, value) VALUES (:id, :name, :value)
ON CONFLICT (subscription_id, name) DO UPDATE SET value = EXCLUDED.value
""")


def list_subscriptions(conn: Connection, now: datetime, owner: str | None = None) -> list[Subscription]:
    """All of them, or those of one account."""
    where = "" if owner is None else "WHERE s.owner = :owner"
    rows = conn.execute(
        text(f"SELECT {_COLUMNS} FROM subscription s {where} ORDER BY s.owner NULLS FIRST, s.id"),
        {"recent": now - RECENT, "owner": owner},
    )
    return [subscription_object(row) for row in rows]


def read_subscription(conn: Connection, identity: str, now: datetime) -> Subscription:
    row = conn.execute(
        text(f"SELECT {_COLUMNS} FROM subscription s WHERE s.id = :id"), {"id": identity, "recent": now - RECENT}
    ).one_or_none()
    if row is None:
        raise NotFound(f"there is no subscription {identity!r}")
    return subscription_object(row)


def subscription_object(row: Any) -> Subscription:
    return {
        "id": row.id,
        "names": {"zh": row.name_zh, "en": row.name_en},
        "owner": row.owner,
        "sender": row.sender,
        "filter": row.filter,
        "options": row.options,
        "secrets": list(row.secrets),
        "lang": row.lang,
        "quiet": row.quiet,
        "digest_s": row.digest_s,
        "repeat_s": row.repeat_s,
        "enabled": row.enabled,
        "stopped_why": row.stopped_why,
        "waiting": row.waiting,
        "failed": row.failed,
        "last_sent_at": rfc3339(row.last_sent_at) if row.last_sent_at else None,
        "last_error": row.last_error,
        "version": row.version,
        "changed_at": rfc3339(row.changed_at),
        "changed_by": row.changed_by,
    }


def add_subscription(conn: Connection, given: SubscriptionIn, owner: str | None, who: str, now: datetime) -> Created:
    """InputError where its sender, options or filter cannot be; Conflict where there is one of this id, or the owner
    has as many as one may have."""
    kind = kind_of(given.sender)
    if kind.ours:
        raise InputError(f"sender: {given.sender!r} is the city's own", field="sender", reason="sender_ours")
    made = {"secret": new_secret()} if kind.key == "webhook" and not given.options.get("secret") else {}
    options, secrets = split(kind, {**given.options, **made}, {})
    check_names(conn, given.filter)
    _need_account(conn, owner)
    _need_room(conn, owner)
    identity = given.id or f"s-{new_id().hex[-12:]}"
    values: Mapping[str, object] = {
        "id": identity,
        "name_zh": given.name_zh,
        "name_en": given.name_en or given.name_zh,
        "owner": owner,
        "sender": given.sender,
        "filter": stored_filter(given.filter, kind),
        "options": json.dumps(options, ensure_ascii=False),
        "lang": given.lang,
        "quiet": given.quiet.model_dump_json() if given.quiet else None,
        "digest_s": given.digest_s,
        "repeat_s": given.repeat_s,
        "enabled": given.enabled,
        "now": now,
        "who": who,
    }
    if conn.scalar(_ADD, values) is None:
        raise Conflict(f"id: there is a subscription {identity!r}", reason="exists", field="id")
    _keep_secrets(conn, identity, secrets)
    _keep(conn, identity, "added", who, now, given.why)
    return {**read_subscription(conn, identity, now), "made": made}


def change_subscription(
    conn: Connection, identity: str, given: SubscriptionChange, who: str, now: datetime
) -> Subscription:
    """Set what was given, as a new version; nothing given is no new version. What waits goes out by what holds then."""
    row = lock(conn, identity, given.version)
    kind = kind_of(row.sender)
    values: dict[str, object] = {}
    for name in given.model_fields_set & {"name_zh", "name_en", "lang", "digest_s", "repeat_s", "enabled"}:
        value = getattr(given, name)
        if value is not None:
            values[name] = value
    if "quiet" in given.model_fields_set:
        values["quiet"] = given.quiet.model_dump_json() if given.quiet else None
    if given.filter is not None:
        check_names(conn, given.filter)
        values["filter"] = stored_filter(given.filter, kind)
    fresh: Mapping[str, str] = {}
    if given.options is not None:
        options, fresh = split(kind, given.options, _secrets(conn, identity))
        values["options"] = json.dumps(options, ensure_ascii=False)
        _keep_secrets(conn, identity, fresh)
    if values.get("enabled"):
        values["stopped_why"] = None
    if not values and not fresh:
        return read_subscription(conn, identity, now)
    sets = [f"{name} = " + (f"CAST(:{name} AS jsonb)" if name in _JSONB else f":{name}") for name in sorted(values)]
    sets += ["version = version + 1", "changed_at = :now", "changed_by = :who"]
    conn.execute(
        text(f"UPDATE subscription SET {', '.join(sets)} WHERE id = :id"),
        {**values, "id": identity, "now": now, "who": who},
    )
    _keep(conn, identity, "changed", who, now, given.why)
    return read_subscription(conn, identity, now)


_JSONB = frozenset({"filter", "options", "quiet"})


def remove_subscription(
    conn: Connection, identity: str, who: str, now: datetime, why: str | None = None, version: int | None = None
) -> None:
    """What waits for it is told to nobody; what was told stays written down. Conflict where a route names it."""
    row = lock(conn, identity, version)
    if kind_of(row.sender).ours:
        raise Conflict("the city's own subscriptions stay: switch them off", reason="sender_ours")
    route = conn.scalar(text("SELECT id FROM route WHERE :id = ANY(receivers) ORDER BY id LIMIT 1"), {"id": identity})
    if route is not None:
        raise Conflict(
            f"the route {route!r} names it", reason="subscription_routed", about={"route": {"zh": route, "en": route}}
        )
    conn.execute(
        text(
            "UPDATE subscription SET version = version + 1, enabled = false, changed_at = :now, changed_by = :who "
            "WHERE id = :id"
        ),
        {"id": identity, "now": now, "who": who},
    )
    _keep(conn, identity, "removed", who, now, why)
    conn.execute(text("DELETE FROM delivery WHERE subscription_id = :id AND state = 'waiting'"), {"id": identity})
    conn.execute(text("DELETE FROM subscription_secret WHERE subscription_id = :id"), {"id": identity})
    conn.execute(text("DELETE FROM subscription WHERE id = :id"), {"id": identity})


def lock(conn: Connection, identity: str, version: int | None) -> Any:
    row = conn.execute(text("SELECT * FROM subscription WHERE id = :id FOR UPDATE"), {"id": identity}).one_or_none()
    if row is None:
        raise NotFound(f"there is no subscription {identity!r}")
    if version is not None and version != row.version:
        told = f"version: it has changed (it is at {row.version}, you saw {version})"
        raise Conflict(told, reason="stale_version", field="version")
    return row


def owner_of(conn: Connection, identity: str) -> str | None:
    """Whose it is; None: the city's own. NotFound where there is none."""
    row = conn.execute(text("SELECT owner FROM subscription WHERE id = :id"), {"id": identity}).one_or_none()
    if row is None:
        raise NotFound(f"there is no subscription {identity!r}")
    owner: str | None = row.owner
    return owner


def kind_of(sender: str) -> SenderKind:
    if sender not in SENDERS:
        raise InputError(f"sender: there is no sender {sender!r}", field="sender", reason="no_sender")
    return SENDERS[sender]


def split(kind: SenderKind, given: JsonObject, held: Mapping[str, str]) -> tuple[JsonObject, Mapping[str, str]]:
    """Options as they are kept, and the secrets among them; those that are `held` need not be given again."""
    secret = kind.options.secret_names()
    said = {name: value for name, value in given.items() if not (name in secret and value in (None, ""))}
    try:
        checked = kind.options.model_validate({**{n: v for n, v in held.items() if n in secret}, **said})
    except ValidationError as exc:
        raise as_input_error(exc, "options") from exc
    kept = checked.model_dump(mode="json", exclude=set(secret), exclude_none=True)
    fresh = {name: str(getattr(checked, name)) for name in secret if getattr(checked, name) is not None}
    return kept, {name: value for name, value in fresh.items() if held.get(name) != value}


def stored_filter(given: Filter, kind: SenderKind) -> str:
    """What people are told of are alarms: messages of the broker have words for programs only."""
    said = given.model_dump(mode="json", exclude_defaults=True)
    return json.dumps(said if kind.ours else {**said, "kinds": ["alarm"]}, ensure_ascii=False)


def check_names(conn: Connection, given: Filter) -> None:
    """What a filter names is there: it would tell nobody, and look as if it did."""
    known = {
        "families": frozenset(table("alarm_families")),
        "alarm_kinds": frozenset(table("alarm_kinds")),
        "districts": frozenset(conn.scalars(text("SELECT code FROM district"))),
        "kinds": frozenset({"alarm", "message"}),
    }
    for name, there in known.items():
        unknown = next((one for one in getattr(given, name) if one not in there), None)
        if unknown is not None:
            field = f"filter.{name}"
            told = f"{field}: there is no {unknown!r}"
            raise InputError(told, field=field, reason="not_there", about={"what": {"zh": unknown, "en": unknown}})


def _need_account(conn: Connection, owner: str | None) -> None:
    if owner is not None and not conn.scalar(text("SELECT 1 FROM account WHERE username = :name"), {"name": owner}):
        raise InputError(f"owner: there is no account {owner!r}", field="owner", reason="no_account")


def _need_room(conn: Connection, owner: str | None) -> None:
    if owner is None:
        return
    have = conn.scalar(text("SELECT count(*) FROM subscription WHERE owner = :owner"), {"owner": owner}) or 0
    if have >= MOST_OF_ONE:
        raise Conflict(f"{owner} has {have} subscriptions, as many as one may have", reason="subscriptions_full")


def _secrets(conn: Connection, identity: str) -> Mapping[str, str]:
    rows = conn.execute(
        text("SELECT name, value FROM subscription_secret WHERE subscription_id = :id"), {"id": identity}
    )
    return {row.name: row.value for row in rows}


def _keep_secrets(conn: Connection, identity: str, secrets: Mapping[str, str]) -> None:
    rows: Sequence[Mapping[str, str]] = [{"id": identity, "name": n, "value": v} for n, v in secrets.items()]
    if rows:
        conn.execute(_SECRET, rows)


def _keep(conn: Connection, identity: str, what: str, who: str, now: datetime, why: str | None) -> None:
    write_version(conn, "subscription", identity, what, who, now, why)
    data = {"subscription": identity, **({"why": why} if why else {})}
    audit.write(conn, who, f"subscription.{what}", now, data)
    notify_change(conn, "subscription", [identity])
