"""Devices that spoke before anybody registered them: taken into use, or out of it. Plain functions on the caller's
transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from core import audit
from core.db import notify_change
from core.errors import Conflict, InputError, NotFound
from core.faults import expects
from core.history import row_of, write_thing
from core.scope import EVERYTHING, Scope, seen
from core.types import UNKNOWN_DISTRICT, LonLat, Params
from core.vocabulary import table

ACCEPTED_FROM = ("pending", "retired")
DISTRICT = text(
    """
SELECT COALESCE(CAST(:given AS text), (SELECT code FROM district d WHERE ST_Contains(d.geom, ST_GeomFromEWKT(:where))
  ORDER BY code LIMIT 1), (SELECT district FROM source WHERE id = :source), :unknown)
"""
)


_PENDING = f"""
SELECT s.id, s.source_id, s.first_seen_at, v.metrics, v.heard_at
FROM sensor s LEFT JOIN LATERAL (
  SELECT string_agg(t.metric, ' ' ORDER BY t.metric) AS metrics, max(t.received_at) AS heard_at
  FROM sensor_state t WHERE t.sensor_id = s.id) v ON true
WHERE s.status = 'pending' AND {seen("s.district", "s.classification")}
  AND strpos(lower(concat_ws(' ', s.id, s.source_id, s.attributes->>'topic', v.metrics)), lower(:words)) > 0
"""


@dataclass(frozen=True, slots=True)
class Registration:
    """What a person says of a device. What is left out stays as it is known."""

    kind: str
    where: LonLat
    name_zh: str | None = None
    name_en: str | None = None
    interval_s: float | None = None
    district: str | None = None
    # limits of its own, by metric and level
    thresholds: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    classification: int | None = None


def find_pending(words: str, scope: Scope = EVERYTHING) -> tuple[str, Params]:
    """A SELECT of the devices nobody has registered, with its parameters: `words` stand in id, source, topic or
    metrics."""
    return _PENDING, {"words": words, **scope.params()}


_COUNT = text(f"SELECT count(*) FROM sensor s WHERE s.status = 'pending' AND {seen('s.district', 's.classification')}")


def count_pending(conn: Connection, scope: Scope = EVERYTHING) -> int:
    return int(conn.scalar(_COUNT, scope.params()) or 0)


def accept_sensor(conn: Connection, sensor_id: str, told: Registration, who: str, now: datetime) -> None:
    """Take a pending or retired sensor into use, with all that it has been heard to measure: from the next reading on
    it is judged. Conflict where it is in use already."""
    if told.kind not in table("sensor_kinds"):
        known = ", ".join(sorted(table("sensor_kinds")))
        raise InputError(
            f"kind: expected one of {known}; got {told.kind[:60]!r}",
            field="kind",
            about=expects("kind", "one_of", expected=known),
        )
    row = lock_sensor(conn, sensor_id)
    if row.status not in ACCEPTED_FROM:
        raise Conflict(f"status: the sensor is {row.status} already", reason="not_pending", field="status")
    before = row_of(conn, "sensor", sensor_id)
    district = conn.scalar(
        DISTRICT,
        {"given": told.district, "where": told.where.ewkt, "source": row.source_id, "unknown": UNKNOWN_DISTRICT},
    )
    conn.execute(
        text(
            """
UPDATE sensor SET status = 'active', kind = :kind, name_zh = COALESCE(CAST(:zh AS text), CAST(:en AS text), name_zh),
  name_en = COALESCE(CAST(:en AS text), CAST(:zh AS text), name_en), geom = ST_GeomFromEWKT(:where),
  district = :district, thresholds = thresholds || CAST(:thresholds AS jsonb),
  metrics = ARRAY(SELECT DISTINCT one FROM unnest(metrics
    || ARRAY(SELECT metric FROM sensor_state t WHERE t.sensor_id = sensor.id)) AS one ORDER BY one),
  interval_s = COALESCE(CAST(:interval_s AS float8), interval_s,
  (SELECT interval_s FROM source WHERE id = :source)),
  classification = COALESCE(CAST(:classification AS smallint), classification)
WHERE id = :id
"""
        ),
        {
            "id": sensor_id,
            "kind": told.kind,
            "zh": told.name_zh,
            "en": told.name_en,
            "where": told.where.ewkt,
            "district": district,
            "interval_s": told.interval_s,
            "source": row.source_id,
            "classification": told.classification,
            "thresholds": json.dumps({metric: dict(limits) for metric, limits in told.thresholds.items()}),
        },
    )
    write_thing(conn, "sensor", sensor_id, "accepted", who, before, now)
    write_down(conn, sensor_id, "sensor.accept", {"was": row.status, "kind": told.kind, "district": district}, who, now)


def retire_sensor(conn: Connection, sensor_id: str, who: str, now: datetime) -> None:
    """Take a sensor out of use: what it still sends is stored and not judged. Conflict where it is out of use
    already."""
    row = lock_sensor(conn, sensor_id)
    if row.status == "retired":
        raise Conflict("status: the sensor is retired already", reason="retired", field="status")
    before = row_of(conn, "sensor", sensor_id)
    conn.execute(text("UPDATE sensor SET status = 'retired' WHERE id = :id"), {"id": sensor_id})
    write_thing(conn, "sensor", sensor_id, "retired", who, before, now)
    write_down(conn, sensor_id, "sensor.retire", {"was": row.status}, who, now)


def lock_sensor(conn: Connection, sensor_id: str) -> Any:
    row = conn.execute(
        text("SELECT status, source_id FROM sensor WHERE id = :id FOR UPDATE"), {"id": sensor_id}
    ).one_or_none()
    if row is None:
        raise NotFound(f"there is no sensor {sensor_id!r}")
    return row


def write_down(conn: Connection, sensor_id: str, what: str, data: Params, who: str, now: datetime) -> None:
    """Write it down; the alert engine reads its sensors anew, screens are told."""
    audit.write(conn, who, what, now, {"sensor": sensor_id, **data})
    notify_change(conn, "sensor_register", [sensor_id])
    notify_change(conn, "sensor", [sensor_id])
