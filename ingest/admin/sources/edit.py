"""Sources added and changed: checked as a whole, one change at a time, written down."""

from __future__ import annotations

import json
from datetime import datetime

from pydantic import ValidationError
from sqlalchemy import Connection, text

from core import audit
from core.db import SOURCE_CHANNEL, lock_key, notify
from core.errors import Conflict, InputError, NotFound
from core.exposure import city_zone
from core.faults import expects
from core.given import as_input_error
from core.history import write_version
from core.types import Params
from ingest.admin.sources.nouns import COLUMNS, SourceChange, SourceIn
from ingest.doors.accounts import want_doors
from ingest.source import Source, make_source

JSON_COLUMNS = ("options", "units", "metrics")


def check_fields(values: Params) -> SourceIn:
    """`values` as a whole source. InputError names the field at fault."""
    try:
        return SourceIn.model_validate(dict(values))
    except ValidationError as exc:
        raise as_input_error(exc) from exc


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
    """The source, ready to read messages. InputError names the field at fault, or the source that reads the same
    filter."""
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
                about=expects("topic_filters", "read_by_other", name=other, topic=one),
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
