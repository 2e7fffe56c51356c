"""What is changed of a layer of the city's own by hand: what it is called, where it stands, who may see it, how it is
drawn."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from typing import Annotated

from pydantic import Field, field_validator
from sqlalchemy import Connection, text

from core import audit
from core.db import notify_change
from core.errors import Conflict, Forbidden, InputError, NotFound
from core.faults import expects
from core.given import Given
from core.scope import Classification, Scope
from core.viewer import Viewer
from layers.own import OwnLayer, known_group, need_layer, need_whole, read_group, read_layer, write_order
from layers.styles import StyleIn, compiled


class LayerChange(Given):
    """What is changed of a layer, in the version that was seen; what is left out stays. `above`: it stands right above
    this layer of its group, on the map too; null is below all of it."""

    version: int = Field(ge=1, le=2**31 - 1)
    title_zh: str | None = Field(None, min_length=1, max_length=200, pattern=r"\S")
    title_en: str | None = Field(None, min_length=1, max_length=200, pattern=r"\S")
    group: str | None = Field(None, max_length=64)
    visible: bool | None = None
    min_zoom: int | None = Field(None, ge=0, le=20)
    classification: Classification | None = None
    departments: list[Annotated[str, Field(min_length=1, max_length=64)]] | None = Field(None, max_length=200)
    style: StyleIn | None = None
    above: str | None = Field(None, min_length=1, max_length=48)

    @field_validator("group")
    @classmethod
    def grouped(cls, value: str | None) -> str | None:
        return None if value is None else known_group(value)


# what of a change is which column
CHANGED = {"group": "tree_group"}
CAST = {"style": "CAST(:style AS jsonb)"}


def change_layer(
    conn: Connection, layer_id: str, change: LayerChange, scope: Scope, who: Viewer, now: datetime
) -> OwnLayer:
    """NotFound; Forbidden where it reaches beyond what one may see, or would be seen by fewer than oneself; Conflict
    where somebody else was quicker."""
    before = read_layer(conn, layer_id, lock=True)
    if before is None or not before.may_see(scope):
        raise NotFound(f"layer: there is no layer {layer_id!r}", field="layer")
    need_whole(before, scope)
    if before.version != change.version:
        raise Conflict("layer: somebody else has changed it meanwhile", field="version", reason="stale_version")
    said = change.model_dump(exclude={"version", "style", "above"}, exclude_unset=True)
    for name, value in said.items():
        if value is None and name != "departments":
            raise InputError(f"{name}: expected a value", field=name, about=expects(name, "missing"))
    after = replace(before, **{name: value for name, value in said.items() if name in ("classification",)})
    if "departments" in said:
        kept = said["departments"]
        after = replace(after, departments=None if kept is None else tuple(kept))
    if not after.may_see(scope):
        raise Forbidden("classification: above your own", field="classification", reason="layer_beyond_own")
    if change.style is not None:
        if change.style.icon is not None and before.geometry != "point":
            raise InputError(
                "style.icon: expected for a layer of points only",
                field="style.icon",
                about=expects("style.icon", "icon_points"),
            )
        style = compiled(conn, layer_id, before.columns, change.style)
        said["style"] = json.dumps(style, ensure_ascii=False)
    sets = [f"{CHANGED.get(name, name)} = {CAST.get(name, ':' + name)}" for name in said]
    conn.execute(
        text(f"UPDATE layer SET {', '.join([*sets, 'version = version + 1', 'changed_at = :now'])} WHERE id = :id"),
        {**said, "id": layer_id, "now": now},
    )
    group = change.group or before.group
    if "above" in change.model_fields_set or group != before.group:
        put_above(conn, layer_id, group, change.above, scope)
        said["above"] = change.above
    notify_change(conn, "layer", [layer_id])
    audit.write(conn, who, "layer.change", now, {"layer": layer_id, **said})
    return need_layer(conn, layer_id, scope)


def put_above(conn: Connection, layer_id: str, group: str, above: str | None, scope: Scope) -> None:
    """Stand a layer right above another of the group in which it is, or below all. What the scope does not see stays
    where it is to its neighbours. InputError where there is no such other."""
    others = [layer for layer in read_group(conn, group, lock=True) if layer.id != layer_id]
    order = [layer.id for layer in others]
    if above is not None and above not in [layer.id for layer in others if layer.may_see(scope)]:
        raise InputError(
            f"above: there is no layer {above!r} in {group}",
            field="above",
            about=expects("above", "none_such", name=str(above)),
        )
    order.insert(len(order) if above is None else order.index(above), layer_id)
    write_order(conn, order)


def share_layer(conn: Connection, layer_id: str, department: str, who: Viewer, now: datetime) -> None:
    """Another department sees a layer that is limited to some from now on."""
    done = conn.execute(
        text(
            "UPDATE layer SET departments = departments || CAST(:department AS text), version = version + 1 "
            "WHERE id = :id AND departments IS NOT NULL AND NOT CAST(:department AS text) = ANY(departments)"
        ),
        {"id": layer_id, "department": department},
    )
    if done.rowcount:
        notify_change(conn, "layer", [layer_id])
        audit.write(conn, who, "layer.change", now, {"layer": layer_id, "shared_with": department})
