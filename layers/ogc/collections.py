"""Layers as collections of OGC API Features (OGC 17-069r4): ours and the city's own."""

from __future__ import annotations

from sqlalchemy import Connection

from core.scope import EVERYTHING, Scope, seen
from layers.collection import ROW, Collection
from layers.columns import CASTS, Column, with_role
from layers.own import OwnLayer, need_layer, prop, quoted, read_layers
from layers.served import LAYERS

OURS: tuple[Collection, ...] = tuple(spec.rows for spec in LAYERS if spec.rows is not None)


def of_own(layer: OwnLayer) -> Collection:
    """A layer of the city's own."""
    key = Column("key", "text", {"zh": "标识", "en": "Key"})
    values: list[tuple[Column, str]] = [] if any(c.name == "key" for c in layer.columns) else [(key, "key")]
    held = [(column, f"CAST({prop(column)} AS {CASTS[column.type]})") for column in layer.columns]
    values += held
    # a day and a time as they came in, with the offset that they had
    taken = [(column, prop(column) if column.type in ("date", "time") else sql) for column, sql in held]
    moment = next((sql for column, sql in values if column.role == "time" and column.type == "time"), None)
    label = with_role(layer.columns, "label")
    name = prop(label) if label else "key"
    return Collection(
        id=layer.id,
        title=layer.title,
        source="layer_row",
        key="id",
        key_cast="bigint",
        among=f"layer_id = {quoted(layer.id)}",
        sight=seen("district", str(int(layer.classification))),
        values=tuple(values),
        thing=ROW,
        names=(name, name),
        time=moment,
        drawn=layer.geometry != "none",
        version="version",
        edits=frozenset({"POST", "PUT", "PATCH", "DELETE"}),
        taken=tuple(taken),
    )


def ours(scope: Scope = EVERYTHING) -> list[Collection]:
    """Those of ours of which a scope can see anything."""
    return [one for one in OURS if (scope.city or one.of_all) and scope.shows_layer(one.id)]


def collections(conn: Connection, scope: Scope = EVERYTHING) -> list[Collection]:
    """Those of which a scope can see anything, the city's own last."""
    return [*ours(scope), *map(of_own, read_layers(conn, scope))]


def collection(conn: Connection, name: str, scope: Scope = EVERYTHING) -> Collection:
    """NotFound where there is none, or none that this scope may see."""
    found = next((one for one in ours(scope) if one.id == name), None)
    return found or of_own(need_layer(conn, name, scope))
