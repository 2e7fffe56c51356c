"""A source tried on one message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from pydantic import JsonValue
from sqlalchemy import Connection

from core.clock import rfc3339
from core.errors import DecodeError, InputError
from core.exposure import city_zone
from core.pgarray import from_pg_us, to_pg_us
from core.types import JsonObject
from ingest.admin.sources.nouns import COLUMNS, Trial, TryError, TryIn
from ingest.filters import matches
from ingest.quality import flag
from ingest.records import Reading, Record
from ingest.source import make_source
from ingest.sources import read_extent

MOMENTS = frozenset({"time", "ended", "revised", "sent", "expires"})


def try_source(conn: Connection, given: TryIn, prefix: str, now: datetime) -> Trial:
    """What the source would make of the message, nothing written: `records`, or the `error` a dead letter would
    carry."""
    body = given.body()
    made = make_source({name: getattr(given, name) for name in COLUMNS}, prefix, city_zone(conn))
    parts = given.topic.split("/")
    fits = any(matches(f.split("/"), parts) for f in made.filters)
    extent, clock = read_extent(conn), to_pg_us(now)
    faults: list[DecodeError] = []
    spelled: dict[str, str] = {}
    try:
        records = made.decode(given.topic, body, given.properties, clock, faults, extent, spelled)
        if faults and not records:
            raise faults[0]
    except InputError as exc:
        return {"matches": fits, "records": [], "faults": [], "error": told(exc)}
    flagged = [r._replace(quality=flag(r, None, extent, clock)) if isinstance(r, Reading) else r for r in records]
    listed = [record_object(r, spelled) for r in flagged]
    return {"matches": fits, "records": listed, "faults": [told(fault) for fault in faults], "error": None}


def told(exc: InputError) -> TryError:
    return {"reason": exc.reason, "field": exc.field, "detail": exc.message}


def record_object(record: Record, spelled: Mapping[str, str]) -> JsonObject:
    fields = {name: plain(name, value) for name, value in record._asdict().items()}
    called: JsonObject = {
        name: spelled[value] for name, value in fields.items() if isinstance(value, str) and value in spelled
    }
    return {"type": type(record).__name__.removesuffix("Row"), **fields, **({"called": called} if called else {})}


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
