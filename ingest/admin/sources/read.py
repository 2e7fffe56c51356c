"""Sources with what came through them, and what a source may be read by."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from core.clock import rfc3339
from core.errors import InputError, NotFound
from core.exposure import city_zone
from ingest.admin.letters import COUNTED
from ingest.admin.sources.nouns import DecoderObject, SourceObject, SourceState
from ingest.decoders import DECODERS
from ingest.source import make_source

# a source is overdue once nothing came for so many of its intervals
OVERDUE = 3.0
# a source that does not say how often it speaks is given so long to say something that can be read
UNREAD_S = 600.0
_STATES = f"""
SELECT s.*, c.messages, c.records, c.dead_letters AS refused, c.decode_errors, c.rate, c.lag_s AS lag, c.last_at,
  c.first_at, c.good_at, c.bad_at,
  COALESCE(l.waiting, 0) AS waiting, COALESCE(d.devices, 0) AS devices, COALESCE(d.pending, 0) AS pending
FROM source s
LEFT JOIN (
  SELECT source_id, sum(messages)::bigint AS messages, sum(records)::bigint AS records,
    sum(dead_letters)::bigint AS dead_letters, sum(decode_errors)::bigint AS decode_errors, max(last_at) AS last_at,
    min(first_at) AS first_at, max(good_at) AS good_at, max(bad_at) AS bad_at,
    sum(rate * exp(-LEAST(GREATEST(extract(epoch FROM CAST(:now AS timestamptz) - last_at), 0), 6000)::float8 / 60)) AS
      rate,
    (array_agg(lag_s ORDER BY last_at DESC) FILTER (WHERE lag_s IS NOT NULL))[1] AS lag_s
  FROM source_state GROUP BY source_id) c ON c.source_id = s.id
LEFT JOIN (
  SELECT source_id, {COUNTED} AS waiting FROM dead_letter WHERE replayed_at IS NULL AND discarded_at IS NULL
    GROUP BY source_id
) l ON l.source_id = s.id
LEFT JOIN (
  SELECT source_id, count(*) FILTER (WHERE status = 'active') AS devices,
    count(*) FILTER (WHERE status = 'pending') AS pending
  FROM sensor WHERE source_id IS NOT NULL GROUP BY source_id) d ON d.source_id = s.id
"""


def read_source_states(
    conn: Connection,
    prefix: str,
    now: datetime,
    source_id: str | None = None,
    *,
    after: str | None = None,
    most: int | None = None,
) -> list[SourceObject]:
    """Sources as the API shows them, by id; all of them, a page, or the one named. `prefix` is our own first topic
    part."""
    where = "WHERE (CAST(:id AS text) IS NULL OR s.id = :id) AND (CAST(:after AS text) IS NULL OR s.id > :after)"
    rows = conn.execute(
        text(f"{_STATES} {where} ORDER BY s.id LIMIT :most"),
        {"now": now, "id": source_id, "after": after, "most": most},
    ).mappings()
    zone = city_zone(conn)
    return [source_object(row, find_fault(row, prefix, zone), now) for row in map(dict, rows)]


def read_source(conn: Connection, source_id: str, prefix: str, now: datetime) -> SourceObject:
    found = read_source_states(conn, prefix, now, source_id)
    if not found:
        raise NotFound(f"there is no source {source_id!r}")
    return found[0]


def read_version(conn: Connection, source_id: str) -> int | None:
    """The version of a source, which a change of it must name; None where there is no such source."""
    version: int | None = conn.scalar(text("SELECT version FROM source WHERE id = :id"), {"id": source_id})
    return version


def find_fault(row: Mapping[str, Any], prefix: str, zone: str) -> str | None:
    """Why the ingesters leave this source out; None where they can use it."""
    try:
        make_source(row, prefix, zone)
    except InputError as exc:
        return exc.message
    return None


def source_object(row: Mapping[str, Any], fault: str | None, now: datetime) -> SourceObject:
    return {
        "id": row["id"],
        "name_zh": row["name_zh"],
        "name_en": row["name_en"],
        "names": {"zh": row["name_zh"], "en": row["name_en"]},
        "topic_filters": row["topic_filters"],
        "decoder": row["decoder"],
        "options": row["options"],
        "datum": row["datum"],
        "timezone": row["timezone"],
        "units": row["units"],
        "metrics": row["metrics"],
        "only_mapped": row["only_mapped"],
        "coarse": row["coarse"],
        "id_prefix": row["id_prefix"],
        "owner": row["owner"],
        "interval_s": row["interval_s"],
        "district": row["district"],
        "enabled": row["enabled"],
        "version": row["version"],
        "changed_at": rfc3339(row["changed_at"]) if row["changed_at"] else None,
        "changed_by": row["changed_by"],
        "state": state_object(row, fault, now),
    }


def state_object(row: Mapping[str, Any], fault: str | None, now: datetime) -> SourceState:
    heard, good = row["last_at"], row["good_at"]
    age = None if heard is None else max(0.0, (now - heard).total_seconds())
    # what cannot be read is no sign of life
    good_age = None if good is None else max(0.0, (now - good).total_seconds())
    silent = find_silence(row, good_age, now)
    unread = find_unread(row)
    return {
        "enabled": row["enabled"],
        "fault": fault,
        "messages": row["messages"] or 0,
        "records": row["records"] or 0,
        "dead_letters": {"waiting": row["waiting"], "total": row["refused"] or 0},
        "decode_errors": row["decode_errors"] or 0,
        "rate": round(row["rate"] or 0.0, 3),
        "lag_s": None if row["lag"] is None else round(row["lag"], 2),
        "last_at": None if heard is None else rfc3339(heard),
        "age_s": None if age is None else round(age, 1),
        "good_at": None if good is None else rfc3339(good),
        "unread_since": None if unread is None else rfc3339(unread),
        "devices": row["devices"],
        "pending": row["pending"],
        "silent_s": None if silent is None else round(silent, 1),
        "overdue": silent is not None and silent > OVERDUE * row["interval_s"],
    }


def find_silence(row: Mapping[str, Any], age: float | None, now: datetime) -> float | None:
    """Seconds without a readable message of a source that is on and says how often it speaks; since it was changed
    where none ever came."""
    if not row["enabled"] or row["interval_s"] is None:
        return None
    changed: datetime | None = row["changed_at"]
    if age is None and changed is not None:
        return max(0.0, (now - changed).total_seconds())
    return age


def find_unread(row: Mapping[str, Any]) -> datetime | None:
    """Since when a source speaks and nothing of it can be read; None where something can, or nothing was said of
    late."""
    good: datetime | None = row["good_at"]
    bad: datetime | None = row["bad_at"]
    if bad is None or not row["enabled"]:
        return None
    since: datetime = good or row["first_at"]
    patience_s = UNREAD_S if row["interval_s"] is None else OVERDUE * row["interval_s"]
    return since if (bad - since).total_seconds() > patience_s else None


def list_decoders() -> list[DecoderObject]:
    return [
        {"key": d.key, "names": dict(d.names), "filters": list(d.filters), "options": d.options.model_json_schema()}
        for d in DECODERS
    ]
