"""The subscriptions that are on, as routing and sending need them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time
from functools import lru_cache
from zoneinfo import ZoneInfo

from pydantic import ValidationError
from sqlalchemy import Connection, text

from alerts.senders import SENDERS, Target
from alerts.stages.base import Quiet, Subscriber
from alerts.stages.wanted import filter_from
from core.errors import NotFound
from core.exposure import city_zone
from core.log import get_log
from core.scope import EVERYTHING, Scope
from core.viewer import scope_of

log = get_log("deliveries")
# an owner who is locked out is told nothing
READ = text("""
SELECT s.id, s.sender, s.filter::text AS filter, s.options::text AS options, s.lang, s.quiet, s.digest_s, s.repeat_s,
  s.owner, a.departments, a.districts, a.units, a.classification, r.permissions,
  (SELECT jsonb_object_agg(x.name, x.value) FROM subscription_secret x WHERE x.subscription_id = s.id) AS secrets
FROM subscription s LEFT JOIN account a ON a.username = s.owner LEFT JOIN role r ON r.id = a.role
WHERE s.enabled AND (s.owner IS NULL OR a.enabled) ORDER BY s.id
""")


@dataclass(frozen=True, slots=True)
class Subscription:
    """Who is told, by which sender."""

    subscriber: Subscriber
    sender: str
    target: Target
    repeat_s: float = 0.0

    @property
    def id(self) -> str:
        return self.target.id


@dataclass(frozen=True, slots=True)
class Subscribed:
    """All of them, by id."""

    by_id: Mapping[str, Subscription] = field(default_factory=dict)

    @property
    def subscribers(self) -> tuple[Subscriber, ...]:
        return tuple(one.subscriber for one in self.by_id.values())


@lru_cache(maxsize=4096)
def _parsed(value: str) -> Mapping[str, object]:
    parsed: Mapping[str, object] = json.loads(value)
    return parsed


def read_subscriptions(conn: Connection) -> Subscribed:
    """Those whose sender is there and whose filter can be used; another is told in the log and holds up nobody."""
    zone = ZoneInfo(city_zone(conn))
    found: dict[str, Subscription] = {}
    for row in conn.execute(READ):
        if row.sender not in SENDERS:
            log.error("sender_unknown", subscription=row.id, sender=row.sender)
            continue
        scope = EVERYTHING if row.owner is None else scope_of(row)
        try:
            wanted = filter_from(row.filter)
        except ValidationError as exc:
            log.error("filter_unusable", subscription=row.id, error=str(exc)[:200])
            continue
        subscriber = Subscriber(row.id, wanted, scope, quiet_of(row.quiet, zone), float(row.digest_s))
        target = Target(row.id, _parsed(row.options), row.secrets or {}, row.lang, scope, row.digest_s > 0)
        found[row.id] = Subscription(subscriber, row.sender, target, float(row.repeat_s))
    return Subscribed(found)


def scope_of_account(conn: Connection, username: str) -> Scope:
    """How far an account sees. NotFound where there is none."""
    row = conn.execute(
        text(
            "SELECT a.departments, a.districts, a.units, a.classification, r.permissions "
            "FROM account a JOIN role r ON r.id = a.role WHERE a.username = :name"
        ),
        {"name": username},
    ).one_or_none()
    if row is None:
        raise NotFound(f"owner: there is no account {username!r}", field="owner")
    return scope_of(row)


def quiet_of(given: Mapping[str, str] | None, zone: ZoneInfo) -> Quiet | None:
    return Quiet(time.fromisoformat(given["begins"]), time.fromisoformat(given["ends"]), zone) if given else None
