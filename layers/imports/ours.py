"""A table into one of our own registers (layers.imports.registers). What a file does not say of a thing that is there
stays as it is; what it says beyond the register's fields is kept with the thing where the register has a place for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import shapely
from sqlalchemy import Connection, text

from core.db import gather_statistics, notify_change
from core.errors import InputError
from core.exposure import city_box
from core.faults import expects
from core.history import THINGS, kept
from core.i18n import say
from core.vocabulary import table as vocabulary
from layers.imports.bring import NAMED, Outcome, Reader, Ready, Told, stage, zone_of
from layers.imports.nouns import Unfit
from layers.imports.plan import ColumnIn, Plan
from layers.imports.registers import REGISTERS, Known, Register
from layers.imports.tables import Table
from layers.imports.values import check_key

CODE = re.compile(r"\d{6}")
# bytes that a shapefile leaves of the name of a field (layers.exports)
SHAPEFILE_NAME = 10
LISTED = re.compile(r"[\s,，;；、|]+")


def plain(name: str) -> str:
    return re.sub(r"[\s_\-()（）]", "", name).lower()


def cut_names(field: Known) -> list[str]:
    """What a shapefile leaves of what a field is called, in UTF-8 and GB 18030."""
    called = (field.name, *field.called)
    return [one.encode(code)[:SHAPEFILE_NAME].decode(code, "ignore") for code in ("utf-8", "gb18030") for one in called]


def fitted(plan: Plan, register: Register) -> Plan:
    """A plan whose columns are called as the register's fields, by what files call those; each of what is left keeps
    its name. InputError where what the register must know is in no column."""
    left = list(plan.columns)
    found: dict[str, ColumnIn] = {}
    for field in register.fields:
        names = [plain(one) for one in (*field.called, *cut_names(field))]
        match = min(
            (column for column in left if plain(column.name) in names),
            key=lambda c: names.index(plain(c.name)),
            default=None,
        )
        if match is not None:
            found[field.name] = match
            left.remove(match)
    missing = [field for field in register.fields if field.required and field.name not in found]
    if missing:
        told = ", ".join(f"{field.title['zh']} ({field.name})" for field in missing)
        raise InputError(
            f"columns: expected columns for {told}; a column is one by its name",
            field="columns",
            about=expects("columns", "columns_needed", wanted=told),
        )
    kinds = {field.name: field.type for field in register.fields}
    columns = [
        column.model_copy(update={"name": name, "type": kinds[name], "role": None}) for name, column in found.items()
    ]
    rest = left if register.rest else []
    taken = {field.name for field in register.fields}
    others = [c.model_copy(update={"name": f"{c.name}_" if c.name in taken else c.name, "role": None}) for c in rest]
    return plan.model_copy(
        update={"layer": register.layer, "columns": [*columns, *others], "key": "id", "geometry": register.family}
    )


def spoken(words: str, value: str) -> str:
    """The key of a vocabulary by its own spelling or its word in either language. Unfit where it has none."""
    entries = vocabulary(words)
    wanted = value.strip().casefold()
    for key, row in entries.items():
        if wanted in (key.casefold(), str(row["zh"]).casefold(), str(row["en"]).casefold()):
            return key
    listed = "、".join(str(row["zh"]) for row in entries.values())
    raise Unfit("word", list=listed[:200], got=repr(value[:40]))


def worked_out(name: str, value: Any, props: Mapping[str, Any]) -> bool:
    """Whether our own export has it of what we know anyway: a district's code by the place, what KML calls Name from
    the name."""
    if name == "Name":
        return bool(value == props.get("name_zh"))
    return name == "district" and bool(CODE.fullmatch(str(value)))


def as_kept(row: Ready, register: Register) -> Ready:
    """A row as the register has it. Unfit, with the field, where it cannot be."""
    fields = {field.name: field for field in register.fields}
    props: dict[str, Any] = {}
    rest = {n: value for n, value in row.props.items() if n not in fields and not worked_out(n, value, row.props)}
    for name, value in row.props.items():
        field = fields.get(name)
        if field is None:
            continue
        if field.several:
            parts = [part for part in LISTED.split(str(value)) if part]
            props[name] = [spoken(field.words, part) for part in parts] if field.words else parts
        else:
            props[name] = spoken(field.words, str(value)) if field.words else value
    for field in register.fields:
        if field.required and props.get(field.name) in (None, ""):
            raise Unfit("field", name=field.title)
    for name, value in props.items():
        if fields[name].type == "integer" and not -(2**31) <= value < 2**31:
            raise Unfit("int4", got=value)
        if fields[name].least is not None and value < fields[name].least:
            raise Unfit("least", name=fields[name].title, least=fields[name].least, got=value)
    if props.get("classification") not in (None, 0, 1, 2):
        raise Unfit("class", got=repr(props["classification"]))
    register.check(props)
    if rest and register.rest:
        props["attributes"] = rest
    key = str(props["id"])
    check_key(key)
    return replace(row, key=key, props=props, shape=shape_of(row, register))


def shape_of(row: Ready, register: Register) -> shapely.Geometry:
    """As the register's column takes it: of several points or lines the only one."""
    shape = row.shape
    if shape is None:
        raise Unfit("placed")
    single = {"point": "Point", "line": "LineString"}.get(register.family)
    if single is None or shape.geom_type == single:
        return shape
    if shape.geom_type == f"Multi{single}" and len(shape.geoms) == 1:
        return shape.geoms[0]
    raise Unfit(register.family, got=shape.geom_type)


# --- into the register ------------------------------------------------------------------------------------------------


def preview_ours(conn: Connection, table: Table, plan: Plan, most: int = 20) -> tuple[list[Ready], Outcome]:
    outcome = Outcome()
    register = REGISTERS[plan.layer]
    reader = Reader(plan, zone_of(conn, plan), city_box(conn), outcome)
    return [row for piece in table.pieces(most) for row in fit_rows(reader.ready(piece), register, outcome)], outcome


def fit_rows(rows: Iterator[Ready], register: Register, outcome: Outcome) -> Iterator[Ready]:
    for row in rows:
        try:
            yield as_kept(row, register)
        except Unfit as exc:
            outcome.refuse(row.row, "", exc.text)


def once(rows: Iterator[Ready], taken: dict[str, int], outcome: Outcome) -> Iterator[Ready]:
    """Keys as the register writes them: two that the file writes in two ways may be one."""
    for row in rows:
        before = taken.setdefault(row.key, row.row)
        if before != row.row:
            outcome.refuse(row.row, "", say("refused.twice", name=repr(row.key[:80]), row=before))
        else:
            yield row


def bring_ours(
    conn: Connection,
    table: Table,
    plan: Plan,
    who: str,
    now: datetime,
    told: Told = lambda done, whole: None,
    file: str | None = None,
) -> Outcome:
    """Load all rows into one of our registers, in the caller's transaction; what was, and by which file it became
    another, is kept where the register has a history."""
    register = REGISTERS[plan.layer]
    if plan.remove_gone and not register.removable:
        told_of = f"remove_gone: {register.layer} are retired one by one, never removed by a file"
        raise InputError(told_of, field="remove_gone", about=expects("remove_gone", "not_removed"))
    outcome = Outcome()
    reader = Reader(plan, zone_of(conn, plan), city_box(conn), outcome)
    taken = dict[str, int]()
    stage(
        conn, table, lambda piece: once(fit_rows(reader.ready(piece), register, outcome), taken, outcome), outcome, told
    )
    settle(conn, register, plan, outcome, who, now, file)
    gather_statistics(conn, register.table, outcome.added + outcome.changed + outcome.removed)
    notify_change(conn, "layer", [register.layer])
    return outcome


def settle(
    conn: Connection, register: Register, plan: Plan, outcome: Outcome, who: str, now: datetime, file: str | None
) -> None:
    name, key = register.table, f"CAST(t.{register.key} AS text)"
    place = "home" if name == "unit" else "geom"
    shape = f"jsonb_build_object('{place}', encode(ST_AsBinary(t.{place}), 'hex'))"
    bare = f"(to_jsonb(t) - '{place}' - 'version' - 'changed_at' - 'status_at' - 'center' || {shape})"
    old = kept("t", place) if register.family == "point" else "NULL::jsonb"
    given = {"now": now, "who": who, "file": file, "type": name, "most": NAMED}

    def run(sql: str) -> Any:
        return conn.execute(text(sql), given)

    run("DROP TABLE IF EXISTS was")
    run(f"""
CREATE TEMP TABLE was ON COMMIT DROP AS
SELECT {key} AS key, {bare} AS row, {old} AS whole FROM {name} t JOIN brought b ON b.key = {key}
""")
    run(register.upsert)
    counts = run(f"""
SELECT count(*) FILTER (WHERE w.key IS NULL),
  count(*) FILTER (WHERE w.key IS NOT NULL AND w.row IS DISTINCT FROM {bare}), count(*)
FROM {name} t JOIN brought b ON b.key = {key} LEFT JOIN was w ON w.key = b.key
""").one()
    outcome.added, outcome.changed = counts[0], counts[1]
    outcome.same = counts[2] - outcome.added - outcome.changed
    if name == "asset":
        run(f"""
UPDATE asset t SET version = t.version + 1, changed_at = :now
FROM was w WHERE w.key = t.id AND w.row IS DISTINCT FROM {bare}
""")
    if name in THINGS:
        run(f"""
INSERT INTO asset_event (type, thing_id, time, what, who, source, before, after)
SELECT :type, {key}, :now, 'imported', :who, :file, w.whole, {kept("t")}
FROM {name} t JOIN brought b ON b.key = {key} LEFT JOIN was w ON w.key = b.key
WHERE w.row IS DISTINCT FROM {bare}
""")
    if name == "unit":
        run(f"""
INSERT INTO unit_event (unit_id, time, what, who, status, incident_id, assignment_id, after)
SELECT t.id, :now, 'imported', :who, t.status, s.incident_id, s.id,
  {kept("t", "home")} || jsonb_build_object('incident_id', s.incident_id)
FROM brought b JOIN unit t ON t.id = b.key LEFT JOIN assignment s ON s.unit_id = t.id AND s.ended_at IS NULL
LEFT JOIN was w ON w.key = t.id WHERE w.row IS DISTINCT FROM {bare}
""")
    settle_gone(conn, register, plan, outcome, given)
    if register.told:
        others = f"""
SELECT b.key FROM brought b JOIN {name} t ON {key} = b.key LEFT JOIN was w ON w.key = b.key
WHERE w.row IS DISTINCT FROM {bare}
"""
        tell(conn, register, [row.key for row in run(others)])


def tell(conn: Connection, register: Register, keys: list[str]) -> None:
    """Screens show what may be seen from now on: the things that are others now, and their open alarms."""
    notify_change(conn, register.told, keys)
    alarms = text("SELECT id FROM alarm WHERE thing_type = :kind AND thing_id = ANY(:keys) AND state <> 'normal'")
    notify_change(conn, "alarm", conn.scalars(alarms, {"kind": register.table, "keys": keys}).all())


def settle_gone(conn: Connection, register: Register, plan: Plan, outcome: Outcome, given: Mapping[str, Any]) -> None:
    """Things like those of the file that it has not any more."""
    name, key = register.table, f"CAST(t.{register.key} AS text)"
    gone = f"""
FROM {name} t WHERE NOT EXISTS (SELECT 1 FROM brought b WHERE b.key = {key})
  AND {register.like} IN (SELECT {register.like} FROM {name} t JOIN brought b ON b.key = {key})
"""
    outcome.gone = int(conn.scalar(text(f"SELECT count(*) {gone}"), given) or 0)
    outcome.gone_keys = list(conn.scalars(text(f"SELECT {key} {gone} ORDER BY 1 LIMIT :most"), given))
    if not (plan.remove_gone and outcome.gone):
        return
    if name in THINGS:
        conn.execute(
            text(f"""
INSERT INTO asset_event (type, thing_id, time, what, who, source, before, after)
SELECT :type, {key}, :now, 'gone', :who, :file, {kept("t")}, NULL {gone}
"""),
            given,
        )
    outcome.removed = conn.execute(text(f"DELETE {gone}"), given).rowcount
