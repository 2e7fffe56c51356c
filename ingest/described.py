"""What the catalogue lists of sources, and what is measured of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, text

from core.catalogue.nouns import ColumnSaid, Kind, Measured, Name, Overlap, Resource
from core.vocabulary import table
from ingest.cover import covers, overlap

_SOURCES = text("""
SELECT s.id, s.name_zh, s.name_en, s.owner, s.topic_filters, s.decoder, s.datum, s.enabled, max(c.last_at) AS last_at,
  COALESCE(sum(c.messages), 0)::bigint AS messages, COALESCE(sum(c.records), 0)::bigint AS records,
  COALESCE(sum(c.dead_letters), 0)::bigint AS letters
FROM source s LEFT JOIN source_state c ON c.source_id = s.id
WHERE s.enabled AND (CAST(:id AS text) IS NULL OR s.id = :id) GROUP BY s.id ORDER BY s.id
""")
# what its sensors say: as what is newest of each has it
_METRICS = text("""
SELECT s.source_id, t.metric FROM sensor s JOIN sensor_state t ON t.sensor_id = s.id
WHERE s.source_id IS NOT NULL AND (CAST(:id AS text) IS NULL OR s.source_id = :id) GROUP BY 1, 2 ORDER BY 1, 2
""")
ITEMS_AT_MOST = 200


def read_resources(conn: Connection, source: str | None = None) -> list[Resource]:
    """Sources that are switched on, by id; or the one that is named."""
    metrics: dict[str, list[str]] = {}
    for row in conn.execute(_METRICS, {"id": source}):
        metrics.setdefault(row.source_id, []).append(row.metric)
    return [_resource(row, metrics.get(row.id, [])) for row in conn.execute(_SOURCES, {"id": source})]


def _resource(row: Any, metrics: Sequence[str]) -> Resource:
    return Resource(
        Name(Kind.SOURCE, row.id),
        {"zh": row.name_zh, "en": row.name_en},
        [column_said(metric) for metric in metrics[:ITEMS_AT_MOST]],
        provider=row.owner,
        updated_at=row.last_at,
        rows=row.records,
        lineage={"decoder": row.decoder, "datum": row.datum},
    )


def column_said(metric: str) -> ColumnSaid:
    known = table("metrics").get(metric, {})
    return {"name": metric, "title": {lang: known.get(lang, metric) for lang in ("zh", "en")}, "type": "number"}


def source_of(conn: Connection, sensor: str) -> str | None:
    """Through which source a sensor was first heard."""
    found: str | None = conn.scalar(text("SELECT source_id FROM sensor WHERE id = :id"), {"id": sensor})
    return found


def measure(conn: Connection, resource: Resource) -> Measured:
    """How many records it has brought, the share of its messages that was refused, and which other sources listen to
    the same."""
    rows = conn.execute(_SOURCES, {"id": None}).all()
    own = next(row for row in rows if row.id == resource.name.id)
    shares = [(row.id, share_of(own.topic_filters, row.topic_filters)) for row in rows if row.id != own.id]
    overlaps: list[Overlap] = [
        {"kind": Kind.SOURCE.value, "id": name, "share": round(share, 3)} for name, share in shares if share
    ]
    refused = round(min(1.0, own.letters / own.messages), 4) if own.messages else None
    return Measured(own.records, None, refused, tuple(overlaps))


def share_of(filters: Sequence[str], others: Sequence[str]) -> float:
    """Of the filters of one, the share that another hears too; one that is heard in part is half."""
    return sum(heard_of(one, others) for one in filters) / len(filters) if filters else 0.0


def heard_of(filter_: str, others: Sequence[str]) -> float:
    if any(covers(other, filter_) for other in others):
        return 1.0
    return 0.5 if any(overlap(filter_, other) for other in others) else 0.0
