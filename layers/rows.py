"""Single rows of the city's own layers: made, replaced, changed, removed, and each of that taken back. Values are read
as an import reads them; what was stays known (layer_row_event). An import writes no history of its rows, but moves on
the version of each that it changes.

Whoever edits holds the layer: a row that an import is about to change waits for it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, TypeAlias
from uuid import uuid4
from zoneinfo import ZoneInfo

import shapely
from pydantic import Field, JsonValue
from sqlalchemy import Connection, text
from sqlalchemy.exc import DataError, OperationalError
from typing_extensions import TypedDict

from core import audit
from core.clock import rfc3339
from core.coordinates import read_position
from core.db import notify_place
from core.errors import Conflict, InputError, NotFound, Unavailable
from core.exposure import city_box, city_zone
from core.faults import expects
from core.given import Given
from core.i18n import say
from core.process.faults import sqlstate
from core.scope import EVERYTHING, Scope
from core.types import Box, JsonObject
from core.viewer import Viewer
from core.vocabulary import Text
from layers.columns import Column
from layers.drawn import read_shape
from layers.imports.nouns import Unfit
from layers.imports.values import check_key, shown, value_of
from layers.ogc.collections import of_own
from layers.ogc.errors import BadRequest
from layers.ogc.expressions import TEXT, read_filter
from layers.ogc.filters import condition
from layers.ogc.systems import CRS84
from layers.own import NUMBER, OwnLayer, RowObject, district_of, need_layer, need_whole, object_of_row, read_layer
from layers.row_history import RowEvent, differences, event_of

HISTORY_AT_MOST = 50
# how far around the old place a position is read that may be read in several ways
NEAR_DEG = 2.0
# half of the last digit that /ogc gives away, and a little (layers.ogc.query.DIGITS)
ROUNDED_DEG = 6e-8
# of a place that is none: no tile shows it
NOWHERE: Box = (0.0, 0.0, 0.0, 0.0)
Reason = Annotated[str | None, Field(max_length=500)]


class RowIn(Given):
    """A row as it shall be: `values` by the names of the layer's columns (what is left out or null has none),
    `geometry` in GeoJSON, WGS 84; of a point `place` instead, as people write positions. `reason` is for the record."""

    values: dict[str, JsonValue] = Field(default_factory=dict, max_length=500)
    geometry: dict[str, JsonValue] | None = None
    place: str | None = Field(None, min_length=1, max_length=100)
    reason: Reason = None


class RowReplaced(RowIn):
    """The same, in the version that was seen."""

    version: int = Field(ge=1, le=2**31 - 1)


class RowChange(Given):
    """What is changed of a row, in the version that was seen; what is left out stays, what is null has no value any
    more."""

    version: int = Field(ge=1, le=2**31 - 1)
    values: dict[str, JsonValue] = Field(default_factory=dict, max_length=500)
    geometry: dict[str, JsonValue] | None = None
    place: str | None = Field(None, min_length=1, max_length=100)
    reason: Reason = None

    def said(self) -> JsonObject:
        """As `update_row` takes it."""
        return self.model_dump(include={"values", "geometry", "place"}, exclude_unset=True)


class Row(TypedDict):
    """A row of a layer of the city's own: `id` is its number; `geometry` is GeoJSON, WGS 84."""

    id: str
    layer: str
    key: str
    values: JsonObject
    geometry: JsonObject | None
    district: str
    version: int
    changed_at: str


@dataclass(frozen=True, slots=True)
class Edit:
    """Who edits, when, by which door and why; the system in which geometries are given."""

    who: Viewer
    now: datetime
    source: str = "api"
    reason: str | None = None
    crs: str = CRS84


# what a history keeps of a row
STATE = """
jsonb_build_object('key', r.key, 'values', r.props, 'geometry', ST_AsGeoJSON(r.geom, 15, 0)::jsonb,
  'district', r.district, 'version', r.version)
"""
_SHOWN = """
r.id, r.layer_id, r.key, r.props, r.district, r.version, r.changed_at, ST_AsGeoJSON(r.geom, 15, 0)::jsonb AS geometry
"""
_READ = f"""
SELECT {_SHOWN}, {STATE} AS state, ST_XMin(r.geom) AS w, ST_YMin(r.geom) AS s, ST_XMax(r.geom) AS e,
  ST_YMax(r.geom) AS n
FROM layer_row r WHERE r.layer_id = :layer AND r.id = CAST(:id AS bigint)
"""


def read_row(conn: Connection, layer_id: str, number: str, scope: Scope = EVERYTHING) -> Row:
    """NotFound where there is no such layer or row that this scope may see."""
    layer = need_layer(conn, layer_id, scope)
    return _row(_need_row(conn, layer, number, scope))


def name_rows(conn: Connection, layer_id: str, scope: Scope = EVERYTHING, *, most: int = 200) -> dict[str, str]:
    """What the rows that have a place are called, by their number, in the order of their names."""
    layer = need_layer(conn, layer_id, scope)
    rows = conn.execute(
        text(f"SELECT id, key FROM layer_row WHERE {of_own(layer).seen} AND geom IS NOT NULL ORDER BY key LIMIT :most"),
        {**scope.params(), "most": most},
    )
    return {str(row.id): row.key for row in rows}


def read_rows(
    conn: Connection,
    layer_id: str,
    scope: Scope = EVERYTHING,
    *,
    after: int | None = None,
    most: int = 100,
    filter: str | None = None,
    language: str = TEXT,
) -> list[Row]:
    """Rows in the order of their numbers, those after the number `after`; of which `filter` (CQL2) is true."""
    layer = need_layer(conn, layer_id, scope)
    given: dict[str, Any] = {**scope.params(), "after": after or 0, "most": most}
    conditions = [of_own(layer).seen, "layer_row.id > :after"]
    try:
        if filter is not None:
            found = condition(read_filter(filter, language), of_own(layer), CRS84)
            conditions.append(found.sql)
            given |= found.given
        sql = f"""
SELECT {_SHOWN} FROM (SELECT * FROM layer_row WHERE {" AND ".join(conditions)} ORDER BY id LIMIT :most) r ORDER BY r.id
"""
        return [_row(row) for row in conn.execute(text(sql), given)]
    except BadRequest as exc:
        raise InputError(exc.message, field=exc.field, about=exc.about) from exc
    except DataError as exc:
        if filter is None:
            raise
        raise InputError(
            "filter: expected what can be computed for every row", field="filter", about=expects("filter", "computable")
        ) from exc


# --- edits ------------------------------------------------------------------------------------------------------------


def create_row(
    conn: Connection, layer_id: str, values: JsonObject, geometry: object, by: Edit, *, place: str | None = None
) -> Row:
    """NotFound; Forbidden where the layer reaches beyond what one sees; InputError names the column, or what is wrong
    with the shape; Conflict where the key is taken."""
    layer = _held(conn, layer_id, by.who.scope)
    props = _values(conn, layer, values)
    drawn = _drawn(conn, layer, geometry, place, None, by)
    key = _key_of(layer, props)
    number = _insert(conn, layer, None, 1, key or uuid4().hex, props, drawn, by.now)
    if key is None:
        # a layer whose rows have no name of their own: an import calls them by their number in the file
        conn.execute(text("UPDATE layer_row SET key = 'r' || id WHERE id = :id"), {"id": number})
    return _done(conn, layer, number, "create", None, by, 1)


def replace_row(
    conn: Connection,
    layer_id: str,
    number: str,
    versions: Collection[int] | None,
    values: JsonObject,
    geometry: object,
    by: Edit,
    *,
    place: str | None = None,
) -> Row:
    """As `create_row` and `update_row`: what is not said has no value any more."""
    layer = _held(conn, layer_id, by.who.scope)
    before = _held_row(conn, layer, number, versions)
    drawn = _drawn(conn, layer, geometry, place, before, by)
    return _change(conn, layer, before, _values(conn, layer, values), drawn, "replace", by)


def update_row(
    conn: Connection,
    layer_id: str,
    number: str,
    versions: Collection[int] | None,
    said: Mapping[str, Any],
    by: Edit,
) -> Row:
    """What is `said` (`values`, `geometry`, `place`) is changed, all else stays. `versions`: those that were seen, None
    any; Conflict where somebody else was quicker."""
    layer = _held(conn, layer_id, by.who.scope)
    before = _held_row(conn, layer, number, versions)
    props = {**before.props, **_values(conn, layer, said.get("values", {}), {})}
    props = {name: value for name, value in props.items() if value is not None}
    if "geometry" in said or said.get("place") is not None:
        drawn: Shape = _drawn(conn, layer, said.get("geometry"), said.get("place"), before, by)
    else:
        drawn = SAME
    return _change(conn, layer, before, props, drawn, "update", by)


def delete_row(conn: Connection, layer_id: str, number: str, versions: Collection[int] | None, by: Edit) -> None:
    """It can be taken back (`revert_row`)."""
    layer = _held(conn, layer_id, by.who.scope)
    before = _held_row(conn, layer, number, versions)
    conn.execute(text("DELETE FROM layer_row WHERE id = :id"), {"id": before.id})
    _write_down(conn, layer, before.id, "delete", before, None, by, -1)


def revert_row(conn: Connection, layer_id: str, number: str, event: int, version: int, by: Edit) -> Row | None:
    """Bring back what a row was before one of its changes: one that was removed is there again under its number, one
    that was made is removed (None). That too is a change, and can be taken back. What the layer has no column for any
    more is not brought back."""
    layer = _held(conn, layer_id, by.who.scope)
    was = next(iter(_events(conn, layer, number, "AND id = :event", event=event)), None)
    if was is None:
        raise NotFound(f"event: there is no change {event} of {number!r} that could be taken back", field="event")
    before = _read(conn, layer, number, lock=True)
    last = before.version if before else _last_version(conn, layer, number)
    if last != version:
        raise _stale()
    if was.before is None:
        if before is not None:
            conn.execute(text("DELETE FROM layer_row WHERE id = :id"), {"id": before.id})
            _write_down(conn, layer, before.id, "revert", before, None, by, -1)
        return None
    named = {column.name for column in layer.columns}
    props = _values(conn, layer, {name: value for name, value in was.before["values"].items() if name in named})
    kept = was.before["geometry"]
    drawn = None if kept is None else read_shape(conn, kept, _family(layer))
    key = _key_of(layer, props) or was.before["key"]
    if before is not None:
        return _change(conn, layer, before, props, drawn, "revert", by, key)
    _insert(conn, layer, int(number), version + 1, key, props, drawn, by.now)
    return _done(conn, layer, int(number), "revert", None, by, 1)


class _Same:
    """The shape stays."""


SAME = _Same()
# others edit for milliseconds, an import loads for minutes
PATIENCE, PATIENT_AGAIN = text("SET LOCAL lock_timeout = '2s'"), text("SET LOCAL lock_timeout = DEFAULT")
LOCK_NOT_AVAILABLE = "55P03"
Shape: TypeAlias = shapely.Geometry | _Same | None


def _held(conn: Connection, layer_id: str, scope: Scope) -> OwnLayer:
    """The layer, which nobody else edits or renews until the transaction ends."""
    need_whole(need_layer(conn, layer_id, scope), scope)
    try:
        with conn.begin_nested():
            conn.execute(PATIENCE)
            layer = read_layer(conn, layer_id, lock=True)
            conn.execute(PATIENT_AGAIN)
    except OperationalError as exc:
        if sqlstate(exc) != LOCK_NOT_AVAILABLE:
            raise
        # whoever waits holds a connection: an import of minutes would stop all who ask for anything
        raise Unavailable("layer: a file is being loaded into it; try again soon", reason="layer_loading") from exc
    if layer is None or not layer.may_see(scope):
        raise NotFound(f"layer: there is no layer {layer_id!r}", field="layer")
    need_whole(layer, scope)
    return layer


def _read(conn: Connection, layer: OwnLayer, number: str, *, lock: bool = False) -> Any:
    if not NUMBER.fullmatch(number):
        return None
    sql = text(_READ + (" FOR UPDATE" if lock else ""))
    return conn.execute(sql, {"layer": layer.id, "id": number}).one_or_none()


def _need_row(conn: Connection, layer: OwnLayer, number: str, scope: Scope, *, lock: bool = False) -> Any:
    row = _read(conn, layer, number, lock=lock)
    if row is None or not scope.sees(row.district, layer.classification):
        raise NotFound(f"row: there is no row {number[:40]!r} in {layer.id}", field="row")
    return row


def _held_row(conn: Connection, layer: OwnLayer, number: str, versions: Collection[int] | None) -> Any:
    row = _need_row(conn, layer, number, EVERYTHING, lock=True)
    if versions is not None and row.version not in versions:
        raise _stale()
    return row


def _stale() -> Conflict:
    return Conflict("version: somebody else has changed it meanwhile", field="version", reason="stale_version")


def _values(conn: Connection, layer: OwnLayer, given: JsonObject, nothing: object = None) -> JsonObject:
    """As an import would keep them. Where `nothing` is a dictionary, what is null stays in the answer."""
    columns = {column.name: column for column in layer.columns}
    for name in given:
        if name not in columns:
            told = f"{name[:63]}: there is no such column; expected one of {', '.join(columns)}"
            raise InputError(
                told, field=name[:63], reason="no_column", about={"name": {"zh": name[:63], "en": name[:63]}}
            )
    zone = ZoneInfo(city_zone(conn))
    found = {name: _value(columns[name], value, zone) for name, value in given.items()}
    return {name: value for name, value in found.items() if value is not None or nothing is not None}


def _value(column: Column, given: JsonValue, zone: ZoneInfo) -> JsonValue:
    try:
        if isinstance(given, (dict, list)):
            raise Unfit("plain", got=shown(json.dumps(given, ensure_ascii=False)))
        value: JsonValue = value_of(given, column.type, zone)
    except Unfit as exc:
        raise _at(column, exc.text) from exc
    return value


def _at(column: Column, why: Text) -> InputError:
    told = f"{column.name}: {why['en']}"
    return InputError(told, field=column.name, reason="row_value", about={"column": column.title, "why": why})


def _key_of(layer: OwnLayer, props: JsonObject) -> str | None:
    """None where the layer's rows have no name of their own."""
    column = next((column for column in layer.columns if column.name == layer.key), None)
    if column is None:
        return None
    key = str(props.get(column.name, ""))
    try:
        check_key(key)
    except Unfit as exc:
        raise _at(column, exc.text) from exc
    return key


def _family(layer: OwnLayer) -> Any:
    if layer.geometry == "none":
        why = say("drawn.none")
        raise InputError(f"geometry: {why['en']}", field="geometry", reason="row_geometry", about={"why": why})
    return layer.geometry


def _drawn(
    conn: Connection, layer: OwnLayer, geometry: object, place: str | None, before: Any, by: Edit
) -> shapely.Geometry | None:
    if place is not None:
        if geometry is not None:
            raise InputError("place: expected without geometry", field="place", about=expects("place", "place_columns"))
        return _written(conn, layer, place, before)
    return None if geometry is None else read_shape(conn, geometry, _family(layer), by.crs)


def _written(conn: Connection, layer: OwnLayer, place: str, before: Any) -> shapely.Geometry:
    """Where a text says; what may be read in several ways is read as near to where the row was, or to the city, as it
    can be."""
    if _family(layer) != "point":
        raise InputError(
            "place: expected a geometry, the layer has no points",
            field="place",
            about=expects("place", "place_geometry"),
        )
    box = city_box(conn)
    if before is not None and before.w is not None:
        box = (before.w - NEAR_DEG, before.s - NEAR_DEG, before.e + NEAR_DEG, before.n + NEAR_DEG)
    found = read_position(place, box)
    if not found:
        why = say("refused.place", got=repr(place))
        told = f"place: expected longitude, latitude such as 118.99, 31.35; got {place!r}"
        raise InputError(told, field="place", reason="row_geometry", about={"why": why})
    where = found[0].where
    return read_shape(conn, {"type": "Point", "coordinates": [where.lon, where.lat]}, "point")


_INSERT = f"""
INSERT INTO layer_row ({{id}}layer_id, key, props, geom, district, version, changed_at) {{over}}
SELECT {{given}}:layer, :key, CAST(:props AS jsonb), g.geom, {district_of("g.geom")}, :version, :now
FROM (SELECT ST_GeomFromEWKB(decode(:shape, 'hex')) AS geom) g RETURNING id
"""
_NEW = text(_INSERT.format(id="", over="", given=""))
_BROUGHT_BACK = text(_INSERT.format(id="id, ", over="OVERRIDING SYSTEM VALUE", given="CAST(:id AS bigint), "))
_CHANGE = """
UPDATE layer_row SET key = :key, props = CAST(:props AS jsonb), version = version + 1, changed_at = :now WHERE id = :id
"""
_CHANGE_SHAPE = f"""
UPDATE layer_row SET key = :key, props = CAST(:props AS jsonb), version = version + 1, changed_at = :now, geom = g.geom,
  district = {district_of("g.geom")}
FROM (SELECT ST_GeomFromEWKB(decode(:shape, 'hex')) AS geom) g WHERE id = :id
"""


def _insert(
    conn: Connection,
    layer: OwnLayer,
    number: int | None,
    version: int,
    key: str,
    props: JsonObject,
    drawn: shapely.Geometry | None,
    now: datetime,
) -> int:
    _check_free(conn, layer, key, 0)
    given = {"layer": layer.id, "key": key, "props": _json(props), "shape": _hex(drawn), "version": version, "now": now}
    found = conn.scalar(_NEW, given) if number is None else conn.scalar(_BROUGHT_BACK, {**given, "id": number})
    return int(found or 0)


def _change(
    conn: Connection,
    layer: OwnLayer,
    before: Any,
    props: JsonObject,
    drawn: Shape,
    what: str,
    by: Edit,
    key: str | None = None,
) -> Row:
    """What changes nothing is no change."""
    if not isinstance(drawn, _Same) and _is_there(drawn, before.geometry):
        drawn = SAME
    key = _key_of(layer, props) or key or before.key
    if props == before.props and key == before.key and drawn is SAME:
        return _row(before)
    if key != before.key:
        _check_free(conn, layer, key, before.id)
    given = {"id": before.id, "key": key, "props": _json(props), "now": by.now}
    if isinstance(drawn, _Same):
        conn.execute(text(_CHANGE), given)
    else:
        conn.execute(text(_CHANGE_SHAPE), {**given, "shape": _hex(drawn)})
    return _done(conn, layer, before.id, what, before, by, 0)


def _is_there(drawn: shapely.Geometry | None, was: JsonObject | None) -> bool:
    """Whether a shape is the one that stands there: programs send back what they were given, rounded."""
    if drawn is None or was is None:
        return drawn is None and was is None
    return bool(shapely.equals_exact(drawn, shapely.from_geojson(json.dumps(was)), ROUNDED_DEG))


def _check_free(conn: Connection, layer: OwnLayer, key: str, number: int) -> None:
    taken = conn.scalar(
        text("SELECT id FROM layer_row WHERE layer_id = :layer AND key = :key AND id <> :id"),
        {"layer": layer.id, "key": key, "id": number},
    )
    if taken is not None:
        field = layer.key or "key"
        raise Conflict(f"{field}: {key[:80]!r} is the key of row {taken} already", field=field, reason="taken")


def _hex(drawn: shapely.Geometry | None) -> str | None:
    return None if drawn is None else str(shapely.to_wkb(shapely.set_srid(drawn, 4326), hex=True, include_srid=True))


def _json(props: JsonObject) -> str:
    return json.dumps(props, ensure_ascii=False)


def _done(conn: Connection, layer: OwnLayer, number: int, what: str, before: Any, by: Edit, more: int) -> Row:
    after = _read(conn, layer, str(number))
    _write_down(conn, layer, number, what, before, after, by, more)
    return _row(after)


_EVENT = text("""
INSERT INTO layer_row_event (layer_id, row_id, time, what, who, source, reason, before, after)
VALUES (:layer, :id, :now, :what, :who, :source, :reason, CAST(:before AS jsonb), CAST(:after AS jsonb))
""")
_COUNTED = text("UPDATE layer SET rows = rows + :more, changed_at = :now WHERE id = :layer")


def _write_down(
    conn: Connection, layer: OwnLayer, number: int, what: str, before: Any, after: Any, by: Edit, more: int
) -> None:
    """Everything that an edit of one row brings with it: its history, the layer's count, the audit, open pages."""
    states = {"before": before and before.state, "after": after and after.state}
    given = {
        "layer": layer.id,
        "id": number,
        "now": by.now,
        "what": what,
        "who": by.who.username,
        "source": by.source,
        "reason": by.reason,
        **{name: None if state is None else _json(state) for name, state in states.items()},
    }
    conn.execute(_EVENT, given)
    conn.execute(_COUNTED, {"more": more, "now": by.now, "layer": layer.id})
    changed = sorted(differences(states["before"], states["after"]))
    data = {"layer": layer.id, "row": number, "fields": changed, "source": by.source, "reason": by.reason}
    audit.write(conn, by.who, f"row.{what}", by.now, data)
    notify_place(conn, layer.id, _box(before, after))


def _box(*rows: Any) -> Box:
    """In which tiles a row was or is."""
    placed = [row for row in rows if row is not None and row.w is not None]
    if not placed:
        return NOWHERE
    return (
        float(min(row.w for row in placed)),
        float(min(row.s for row in placed)),
        float(max(row.e for row in placed)),
        float(max(row.n for row in placed)),
    )


def _row(row: Any) -> Row:
    return {
        "id": str(row.id),
        "layer": row.layer_id,
        "key": row.key,
        "values": row.props,
        "geometry": row.geometry,
        "district": row.district,
        "version": row.version,
        "changed_at": rfc3339(row.changed_at),
    }


# --- what happened ----------------------------------------------------------------------------------------------------


# a layer of the same id that was there before is another
_EVENTS = """
SELECT id, time, what, who, source, reason, before, after FROM layer_row_event
WHERE layer_id = :layer AND row_id = CAST(:row AS bigint)
  AND time >= (SELECT created_at FROM layer WHERE id = :layer) {more} ORDER BY id DESC LIMIT :most
"""


def _events(conn: Connection, layer: OwnLayer, number: str, more: str = "", **given: Any) -> Sequence[Any]:
    if not NUMBER.fullmatch(number):
        return []
    params = {"layer": layer.id, "row": number, "most": HISTORY_AT_MOST, **given}
    return conn.execute(text(_EVENTS.format(more=more)), params).all()


def _last_version(conn: Connection, layer: OwnLayer, number: str) -> int:
    """The last one that is known of a row that is gone."""
    last = next(iter(_events(conn, layer, number)), None)
    state = last and (last.after or last.before)
    return int(state["version"]) if state else 0


def read_history(
    conn: Connection,
    layer_id: str,
    number: str,
    scope: Scope = EVERYTHING,
    *,
    most: int = HISTORY_AT_MOST,
    before: int | None = None,
) -> list[RowEvent]:
    """The newest changes of a row first, those before the event `before`; of a row that is gone for who sees the whole
    layer."""
    layer = need_layer(conn, layer_id, scope)
    row = _read(conn, layer, number)
    if row is None:
        if scope.districts is not None or not _events(conn, layer, number):
            raise NotFound(f"row: there is no row {number[:40]!r} in {layer.id}", field="row")
    elif not scope.sees(row.district, layer.classification):
        raise NotFound(f"row: there is no row {number[:40]!r} in {layer.id}", field="row")
    older = "" if before is None else "AND id < :before"
    return [event_of(one) for one in _events(conn, layer, number, older, before=before, most=most)]


def read_removed(conn: Connection, identity: str, scope: Scope) -> RowObject:
    """A row that was removed by hand, as it was: by `layer/number`, for who sees the whole layer. NotFound where there
    is none."""
    layer_id, _, number = identity.rpartition("/")
    layer = need_layer(conn, layer_id, scope)
    last = next(iter(_events(conn, layer, number)), None)
    if scope.districts is not None or last is None or last.after is not None or _read(conn, layer, number) is not None:
        raise NotFound(f"there is no row {identity!r}")
    was = last.before or {}
    middle = shapely.from_geojson(json.dumps(was["geometry"])).representative_point() if was.get("geometry") else None
    return object_of_row(
        layer,
        number=number,
        key=was["key"],
        props=was["values"],
        district=was["district"],
        version=was["version"],
        changed_at=last.time,
        lon=middle and middle.x,
        lat=middle and middle.y,
        removed=True,
    )
