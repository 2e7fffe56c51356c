"""A source tried on one message."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import JsonValue
from sqlalchemy import Connection

from core.clock import rfc3339
from core.errors import InputError
from core.exposure import city_zone
from core.pgarray import from_pg_us, to_pg_us
from core.types import JsonObject
from ingest.admin.sources.nouns import COLUMNS, Trial, TryError, TryIn
from ingest.quality import flag
from ingest.records import Reading, Record
from ingest.sources import make_source, matches, read_extent

MOMENTS = frozenset({"time", "ended", "revised", "sent", "expires"})


def try_source(conn: Connection, given: TryIn, prefix: str, now: datetime) -> Trial:
    """What the source would make of the message, nothing written: `records`, or the `error` a dead letter would
    carry."""
    body = given.body()
    made = make_source({name: getattr(given, name) for name in COLUMNS}, prefix, city_zone(conn))
    parts = given.topic.split("/")
    fits = any(matches(f.split("/"), parts) for f in made.filters)
    try:
        records = made.decode(given.topic, body, given.properties, to_pg_us(now))
    except InputError as exc:
        error: TryError = {"reason": exc.reason, "field": exc.field, "detail": exc.message}
        return {"matches": fits, "records": [], "error": error}
    extent = read_extent(conn)
    flagged = [
        r._replace(quality=flag(r, None, extent, to_pg_us(now))) if isinstance(r, Reading) else r for r in records
    ]
    return {"matches": fits, "records": [record_object(r) for r in flagged], "error": None}


def record_object(record: Record) -> JsonObject:
    fields = {name: plain(name, value) for name, value in record._asdict().items()}
    return {"type": type(record).__name__.removesuffix("Row"), **fields}


def plain(name: str, value: object) -> JsonValue:
    """A field as JSON has it: moments as RFC 3339, bytes by their number."""
    if name in MOMENTS and isinstance(value, int):
        return rfc3339(from_pg_us(value))
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain("", one) for one in value]
    assert value is None or isinstance(value, str | int | float)
    return value
