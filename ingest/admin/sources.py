"""Sources as people see and edit them: checked before they are saved, told to the ingesters with the commit, never deleted.

Plain functions on the caller's transaction. What a source is and how it reads messages stands in `ingest.sources`.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator
from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from core import audit
from core.clock import rfc3339
from core.db import SOURCE_CHANNEL, lock_key, notify
from core.errors import Conflict, InputError, NotFound
from core.exposure import city_zone
from core.history import write_version
from core.pgarray import from_pg_us, to_pg_us
from core.texts import check_texts
from core.types import JsonObject, Params
from core.vocabulary import Text
from ingest.decoders import DECODERS
from ingest.doors.accounts import want_doors
from ingest.quality import flag
from ingest.records import Reading, Record
from ingest.sources import Source, make_source, matches, read_extent

# a source is overdue once nothing came for so many of its intervals
OVERDUE = 3.0
NO_SOURCE = "-"
ID = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
JSON_COLUMNS = ("options", "units", "metrics")
MOMENTS = frozenset({"time", "ended", "revised", "sent", "expires"})


class Given(BaseModel):
    """What a person gives: a name we do not know is an error, and so is text that cannot be stored or seen."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def clean(cls, values: object) -> object:
        # a message to be tried may hold anything
        check_texts({k: v for k, v in values.items() if k != "payload"} if isinstance(values, dict) else values, "body")
        return values


class SourceIn(Given):
    """All that can be set of a source, with its defaults. Meaning (decoder, filters, units) is checked by `make_source`."""

    id: str = Field(pattern=ID)
    name_zh: str = Field(min_length=1, max_length=200)
    name_en: str = Field(min_length=1, max_length=200)
    topic_filters: list[str] = Field(min_length=1, max_length=100)
    decoder: str
    options: JsonObject = {}
    datum: str = "WGS84"
    timezone: str | None = Field(None, max_length=60)
    units: JsonObject = {}
    metrics: dict[str, str | None] = {}
    only_mapped: bool = False
    id_prefix: str = ""
    owner: str | None = Field(None, max_length=200)
    interval_s: float | None = Field(None, gt=0, allow_inf_nan=False)
    district: str | None = Field(None, pattern=r"^\d{6}$")
    enabled: bool = False


class SourceChange(Given):
    """Some of it, and the `version` that was seen: what is left out stays as it is."""

    version: int = Field(ge=0, lt=2**31)
    name_zh: str | None = None
    name_en: str | None = None
    topic_filters: list[str] | None = None
    decoder: str | None = None
    options: JsonObject | None = None
    datum: str | None = None
    timezone: str | None = None
    units: JsonObject | None = None
    metrics: dict[str, str | None] | None = None
    only_mapped: bool | None = None
    id_prefix: str | None = None
    owner: str | None = None
    interval_s: float | None = None
    district: str | None = None
    enabled: bool | None = None


class TryIn(SourceIn):
    """A source as it might be, and one message for it: text, or any bytes in base64."""

    id: str = Field("try", pattern=ID)
    name_zh: str = "-"
    name_en: str = "-"
    topic: str = Field(min_length=1, max_length=1000)
    payload: str | None = None
    payload_base64: str | None = None
    # MQTT 5 user properties
    properties: dict[str, str] = {}

    @model_validator(mode="after")
    def one_payload(self) -> TryIn:
        if (self.payload is None) == (self.payload_base64 is None):
            raise InputError("payload: expected either payload or payload_base64", field="payload")
        return self

    def body(self) -> bytes:
        if self.payload_base64 is None:
            return (self.payload or "").encode()
        try:
            return base64.b64decode(self.payload_base64, validate=True)
        except (binascii.Error, ValueError) as exc:
            raise InputError("payload_base64: expected base64 (RFC 4648 section 4)", field="payload_base64") from exc


COLUMNS = tuple(SourceIn.model_fields)
_STATES = """
SELECT s.*, c.messages, c.records, c.dead_letters AS refused, c.decode_errors, c.rate, c.lag_s AS lag, c.last_at,
  COALESCE(l.waiting, 0) AS waiting, COALESCE(d.devices, 0) AS devices, COALESCE(d.pending, 0) AS pending
FROM source s
LEFT JOIN (
  SELECT source_id, sum(messages)::bigint AS messages, sum(records)::bigint AS records, sum(dead_letters)::bigint AS dead_letters,
    sum(decode_errors)::bigint AS decode_errors, max(last_at) AS last_at,
    sum(rate * exp(-LEAST(GREATEST(extract(epoch FROM CAST(:now AS timestamptz) - last_at), 0), 6000)::float8 / 60)) AS rate,
    (array_agg(lag_s ORDER BY last_at DESC) FILTER (WHERE lag_s IS NOT NULL))[1] AS lag_s
  FROM source_state GROUP BY source_id) c ON c.source_id = s.id
LEFT JOIN (
  SELECT source_id, count(*) AS waiting FROM dead_letter WHERE replayed_at IS NULL AND discarded_at IS NULL GROUP BY source_id
) l ON l.source_id = s.id
LEFT JOIN (
  SELECT source_id, count(*) FILTER (WHERE status = 'active') AS devices, count(*) FILTER (WHERE status = 'pending') AS pending
  FROM sensor WHERE source_id IS NOT NULL GROUP BY source_id) d ON d.source_id = s.id
"""


class LetterCounts(TypedDict):
    """Dead letters: those that nobody has dealt with, and all that ever were."""

    waiting: int
    total: int


class SourceCounts(TypedDict):
    """What came through a source. `rate` in messages a second, falling off over a minute; ages, silence and lag in seconds. `fault`: why
    the ingesters leave it out, null where they can use it."""

    enabled: bool
    fault: str | None
    messages: int
    records: int
    decode_errors: int
    rate: float
    lag_s: float | None
    last_at: str | None
    age_s: float | None
    devices: int
    pending: int
    silent_s: float | None
    overdue: bool


class SourceState(SourceCounts):
    dead_letters: LetterCounts


class SourceObject(TypedDict):
    """A source, what can be set of it and what came through it."""

    id: str
    name_zh: str
    name_en: str
    names: Text
    topic_filters: list[str]
    decoder: str
    options: JsonObject
    datum: str
    timezone: str | None
    units: JsonObject
    metrics: dict[str, str | None]
    only_mapped: bool
    id_prefix: str
    owner: str | None
    interval_s: float | None
    district: str | None
    enabled: bool
    version: int
    changed_at: str | None
    changed_by: str | None
    state: SourceState


class DecoderObject(TypedDict):
    """What a source may be read by: topic filters such devices usually speak on, the JSON schema of its options."""

    key: str
    names: Text
    filters: list[str]
    options: JsonObject


class TryError(TypedDict):
    """What a dead letter would carry."""

    reason: str
    field: str | None
    detail: str


class Trial(TypedDict):
    """What a source makes of a message: whether one of its filters matches the topic; records, each with its `type`, or the error."""

    matches: bool
    records: list[JsonObject]
    error: TryError | None


# --- reading --------------------------------------------------------------------------------------------------------------


def read_source_states(
    conn: Connection,
    prefix: str,
    now: datetime,
    source_id: str | None = None,
    *,
    after: str | None = None,
    most: int | None = None,
) -> list[SourceObject]:
    """Sources as the API shows them, by id; all of them, a page, or the one named. `prefix` is our own first topic part."""
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
    heard = row["last_at"]
    age = None if heard is None else max(0.0, (now - heard).total_seconds())
    silent = find_silence(row, age, now)
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
        "devices": row["devices"],
        "pending": row["pending"],
        "silent_s": None if silent is None else round(silent, 1),
        "overdue": silent is not None and silent > OVERDUE * row["interval_s"],
    }


def find_silence(row: Mapping[str, Any], age: float | None, now: datetime) -> float | None:
    """Seconds without a message of a source that is on and says how often it speaks; since it was changed where none ever came."""
    if not row["enabled"] or row["interval_s"] is None:
        return None
    changed: datetime | None = row["changed_at"]
    if age is None and changed is not None:
        return max(0.0, (now - changed).total_seconds())
    return age


def list_decoders() -> list[DecoderObject]:
    return [
        {"key": d.key, "names": dict(d.names), "filters": list(d.filters), "options": d.options.model_json_schema()}
        for d in DECODERS
    ]


# --- changing -------------------------------------------------------------------------------------------------------------


def check_fields(values: Mapping[str, Any]) -> SourceIn:
    """`values` as a whole source. InputError names the field at fault."""
    try:
        return SourceIn.model_validate(dict(values))
    except ValidationError as exc:
        raise as_input_error(exc) from exc


def as_input_error(exc: ValidationError) -> InputError:
    first = exc.errors()[0]
    place = ".".join(map(str, first["loc"])) or "body"
    return InputError(f"{place}: {first['msg']}", field=place)


def add_source(conn: Connection, given: SourceIn, prefix: str, who: str, now: datetime) -> str:
    """A new source; Conflict where the id is taken."""
    lock_sources(conn)
    if conn.scalar(text("SELECT 1 FROM source WHERE id = :id"), {"id": given.id}):
        raise Conflict(f"id: there is a source {given.id!r} already", reason="taken", field="id")
    check_source(conn, given, prefix)
    names = [*COLUMNS, "changed_at", "changed_by"]
    conn.execute(
        text(f"INSERT INTO source ({', '.join(names)}) VALUES ({', '.join(map(place, names))})"),
        {**row_values(given), "changed_at": now, "changed_by": who},
    )
    write_version(conn, "source", given.id, "added", who, now)
    write_down(conn, given.id, "source.add", given.model_dump(), who, now)
    return given.id


def change_source(conn: Connection, source_id: str, change: SourceChange, prefix: str, who: str, now: datetime) -> None:
    """Change what is given and nothing else. Conflict where somebody else has changed it since it was seen."""
    lock_sources(conn)
    row = (
        conn.execute(text("SELECT * FROM source WHERE id = :id FOR UPDATE"), {"id": source_id}).mappings().one_or_none()
    )
    if row is None:
        raise NotFound(f"there is no source {source_id!r}")
    if change.version != row["version"]:
        told = f"version: the source has changed (it is at {row['version']}, you saw {change.version})"
        raise Conflict(told, reason="stale_version", field="version")
    before = {name: row[name] for name in COLUMNS}
    asked = change.model_dump(exclude_unset=True, exclude={"version"})
    given = check_fields({**before, **asked})
    check_source(conn, given, prefix)
    changed = {name: value for name, value in given.model_dump().items() if value != before[name]}
    if not changed:
        return
    sets = ", ".join(f"{name} = {place(name)}" for name in changed)
    conn.execute(
        text(
            f"UPDATE source SET {sets}, version = version + 1, changed_at = :now, changed_by = :who WHERE id = :source"
        ),
        {**row_values(given), "source": source_id, "now": now, "who": who},
    )
    write_version(conn, "source", source_id, "changed", who, now)
    was = {name: before[name] for name in changed}
    write_down(conn, source_id, "source.change", {"before": was, "after": changed}, who, now)


def lock_sources(conn: Connection) -> None:
    """One change of sources at a time: two that are right each may not be right together."""
    conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": lock_key("sources")})


def check_source(conn: Connection, given: SourceIn, prefix: str) -> Source:
    """The source, ready to read messages. InputError names the field at fault, or the source that reads the same filter."""
    made = make_source(given.model_dump(), prefix, city_zone(conn))
    if given.enabled:
        check_filters_are_free(conn, given, prefix)
    return made


def check_filters_are_free(conn: Connection, given: SourceIn, prefix: str) -> None:
    rows = conn.execute(
        text("SELECT id, topic_filters FROM source WHERE enabled AND id <> :id ORDER BY id"), {"id": given.id}
    )
    taken = {f.replace("{prefix}", prefix): row.id for row in rows for f in row.topic_filters}
    for one in given.topic_filters:
        other = taken.get(one.replace("{prefix}", prefix))
        if other is not None:
            raise InputError(
                f"topic_filters: the source {other!r} is on and reads {one!r} already; a message has one source",
                field="topic_filters",
            )


def place(name: str) -> str:
    return f"CAST(:{name} AS jsonb)" if name in JSON_COLUMNS else f":{name}"


def row_values(given: SourceIn) -> Params:
    values = given.model_dump()
    return {**values, **{name: json.dumps(values[name], ensure_ascii=False) for name in JSON_COLUMNS}}


def write_down(conn: Connection, source_id: str, what: str, data: Params, who: str, now: datetime) -> None:
    """Write it down; once this is committed the ingesters read the sources anew, and the broker opens their topics."""
    want_doors(conn)
    audit.write(conn, who, what, now, {"source": source_id, **data})
    notify(conn, SOURCE_CHANNEL, {"kind": "source", "ids": [source_id]})


# --- trying ---------------------------------------------------------------------------------------------------------------


def try_source(conn: Connection, given: TryIn, prefix: str, now: datetime) -> Trial:
    """What the source would make of the message, nothing written: `records`, or the `error` a dead letter would carry."""
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
