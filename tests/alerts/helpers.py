"""Alarms and readings for tests, made the way the engine and the ingester make them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from alerts.folding import fold_all
from alerts.loading import load_rules, load_things
from alerts.rules.base import Finding, RuleRow, Thing
from core.packed import pack
from core.pgarray import to_pg_us
from ingest.arrived import Arrived
from ingest.records import Reading
from ingest.writer import Writer

SENSOR = "wl-spare"


def rule_of(conn: Connection, rule_id: str = "water-stage") -> RuleRow:
    return next(rule for rule in load_rules(conn) if rule.id == rule_id)


def thing_of(conn: Connection, sensor: str = SENSOR) -> Thing:
    return next(thing for thing in load_things(conn) if thing.id == sensor)


def find(
    conn: Connection, level: int | None, now: datetime, value: float = 12.5, rule_id: str = "water-stage"
) -> Finding:
    limit = None if level is None else 12.0
    return Finding(
        rule_of(conn, rule_id), thing_of(conn), level, "water_level", value, "m", to_pg_us(now), limit, "alarm.above"
    )


def change(
    conn: Connection, level: int | None, now: datetime, value: float = 12.5, rule_id: str = "water-stage"
) -> UUID | None:
    """Let a finding of `level` happen to the test sensor's alarm; the alarm, where that changed anything."""
    changes = fold_all(conn, [find(conn, level, now, value, rule_id)], now).changes
    return changes[0].alarm_id if changes else None


def write(
    conn: Connection,
    values: list[tuple[float, float]],
    start: datetime,
    sensor: str = SENSOR,
    metric: str = "water_level",
    writer: Writer | None = None,
) -> None:
    """Write (seconds after `start`, value) readings as one batch of the ingester's."""
    readings = [
        Reading(sensor, metric, to_pg_us(start + timedelta(seconds=s)), v, "m", "good", None, None) for s, v in values
    ]
    (writer or Writer(1)).write(
        conn, [Arrived("t", b"", 1, 1, records=[r]) for r in readings], start + timedelta(days=1)
    )


def hand_on(conn: Connection, partition: int, sensor: str, metric: str, at: datetime, value: float) -> None:
    """A batch of one reading for the engine, which is in no table of readings."""
    number = conn.execute(
        text(
            """
INSERT INTO series (sensor_id, metric) VALUES (:sensor, :metric)
ON CONFLICT (sensor_id, metric) DO UPDATE SET metric = EXCLUDED.metric RETURNING number
"""
        ),
        {"sensor": sensor, "metric": metric},
    ).scalar_one()
    conn.execute(
        text("INSERT INTO ingest_batch (partition, created_at, packed) VALUES (:partition, now(), :packed)"),
        {"partition": partition, "packed": pack([number], [to_pg_us(at)], [value])},
    )


def alarms(conn: Connection) -> list[dict[str, Any]]:
    rows = conn.execute(
        text("SELECT id, rule_id, thing_id, metric, level, state, active, value, version, risk FROM alarm ORDER BY id")
    )
    return [dict(row._mapping) for row in rows]


def events(conn: Connection) -> list[tuple[str, int]]:
    return [(r.what, r.level) for r in conn.execute(text("SELECT what, level FROM alarm_event ORDER BY id"))]
