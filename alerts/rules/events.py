"""Events that several kinds count: incidents and alarms by kind, each at its place and time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import model_validator
from pydantic_core import PydanticCustomError
from sqlalchemy import Connection, text

from alerts.rules.base import Params
from core.i18n import say
from core.vocabulary import Text


class Events(Params):
    """Which events count: incidents and alarms of some kinds."""

    incident_kinds: tuple[str, ...] = ()
    alarm_kinds: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _names_something(self) -> Events:
        if not (self.incident_kinds or self.alarm_kinds):
            raise PydanticCustomError("rule_names_nothing", "one of incident_kinds and alarm_kinds is needed")
        return self


# whoever sees the alarm reads the name: of what is not for all there is none (`said`). An incident that was opened from
# an alarm that counts too is that alarm; what was withdrawn never was
EVENTS = """
SELECT 'incident-' || i.id AS id, i.opened_at AS at, CASE i.classification WHEN 0 THEN i.titles END AS names,
  i.district, ST_X(i.geom) AS lon, ST_Y(i.geom) AS lat
FROM incident i WHERE i.kind = ANY(:incidents) AND i.geom IS NOT NULL AND i.status <> 'cancelled'
  AND i.opened_at > :since AND i.opened_at <= :now AND NOT EXISTS (
    SELECT 1 FROM alarm a WHERE a.incident_id = i.id AND a.kind = ANY(:alarms) AND a.raised_at > :since)
UNION ALL
SELECT 'alarm-' || a.id, a.raised_at, a.names, a.district, ST_X(a.geom), ST_Y(a.geom)
FROM alarm a WHERE a.kind = ANY(:alarms) AND a.geom IS NOT NULL AND a.rule_id <> :rule
  AND a.raised_at > :since AND a.raised_at <= :now
"""
_READ = text(f"{EVENTS} ORDER BY at, id")


def said(names: Text | None) -> Text:
    return names or say("alarm.here")


def given(events: Events, rule: str, since: datetime, now: datetime) -> dict[str, Any]:
    return {
        "incidents": list(events.incident_kinds),
        "alarms": list(events.alarm_kinds),
        "rule": rule,
        "since": since,
        "now": now,
    }


def read_events(conn: Connection, events: Events, rule: str, since: datetime, now: datetime) -> Sequence[Any]:
    """Rows of id, at, names, district, lon, lat: after `since`, until `now`, the oldest first."""
    return conn.execute(_READ, given(events, rule, since, now)).all()
