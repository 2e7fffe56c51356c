"""What was typed into a form: gathered from the states of a callback, read as the model takes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dash import ALL, State
from pydantic import JsonValue

from app.pages import ids
from app.pages.forms.model import Field, Form, Kind
from app.pages.forms.schema import as_number
from core.errors import InputError
from core.faults import expects
from core.types import JsonObject


@dataclass(frozen=True, slots=True)
class Typed:
    """What stands in the inputs: of fields, switches, and lines by row."""

    values: Mapping[str, JsonValue] = field(default_factory=dict)
    ticks: Mapping[str, bool] = field(default_factory=dict)
    rows: Mapping[str, Mapping[str, Mapping[str, str]]] = field(default_factory=dict)


def states_of(key: str) -> tuple[State, ...]:
    """What a callback must ask for to know what was typed into a form."""
    return (
        State(ids.field(key, ALL), "value"),
        State(ids.tick(key, ALL), "checked"),
        State(ids.cell(key, ALL, ALL, ALL), "value"),
    )


def gather(key: str, states: Any) -> Typed:
    """From the states of a callback (`ctx.states_list`), those of the form `key`."""
    values, ticks, rows = JsonObject(), dict[str, bool](), dict[str, dict[str, dict[str, str]]]()
    flat = [one for part in states for one in (part if isinstance(part, list) else [part])]
    for one in flat:
        name = one["id"]
        if not isinstance(name, dict) or name.get("form") != key:
            continue
        if "field" in name:
            values[name["field"]] = one.get("value")
        elif "tick" in name:
            ticks[name["tick"]] = bool(one.get("value"))
        elif "cells" in name:
            rows.setdefault(ids.dotted(name["cells"]), {}).setdefault(name["row"], {})[name["column"]] = (
                one.get("value") or ""
            )
    return Typed(values, ticks, rows)


def read(form: Form, typed: Typed) -> JsonObject:
    """Values as the model takes them, of the fields that are shown. InputError where an input cannot be one."""
    return {one.name: read_field(one, typed) for one in form.shown()}


def read_field(one: Field, typed: Typed) -> JsonValue:
    return read_inner(one, one.name, typed)


def read_group(one: Field, name: str, typed: Typed) -> JsonValue:
    """What differs from the model's own defaults; of a model that must be given, at least that it is."""
    found = {inner.name: read_inner(inner, f"{name}.{inner.name}", typed) for inner in one.fields}
    empty: dict[str, tuple[Any, ...]] = {
        inner.name: (None, inner.default) if inner.required else (None, inner.default, {}, []) for inner in one.fields
    }
    return {key: value for key, value in found.items() if value not in empty[key]}


def read_inner(one: Field, name: str, typed: Typed) -> JsonValue:
    if one.kind is Kind.GROUP:
        return read_group(one, name, typed)
    if one.kind is not Kind.LINES:
        return read_plain(one, name, typed)
    rows = typed.rows.get(name, {}).values()
    cells = [[as_cell(row.get(column, "")) for column in one.lines.columns] for row in rows]
    return one.lines.join([row for row in cells if one.lines.are(row)])


def as_cell(value: object) -> str:
    """Several values of one input stand in lines."""
    return "\n".join(map(str, value)) if isinstance(value, list) else str(value).strip()


def read_plain(one: Field, name: str, typed: Typed) -> JsonValue:
    if one.kind is Kind.TICK:
        return typed.ticks.get(name, bool(one.default))
    value = typed.values.get(name)
    words = value.strip() if isinstance(value, str) else value
    match one.kind:
        case Kind.LIST:
            return [as_item(one, line.strip()) for line in str(words or "").splitlines() if line.strip()]
        case Kind.CHOICES:
            return value if isinstance(value, list) else []
        case Kind.CHOICE if one.is_number and isinstance(words, str):
            return as_number(words) if words else None
        case Kind.JSON:
            return read_json(name, words)
        case Kind.NUMBER | Kind.CHOICE:
            return None if words == "" else words
    return None if words in ("", None) and one.nullable else words or ""


def as_item(one: Field, words: str) -> JsonValue:
    return as_number(words) if one.is_number else words


def read_json(name: str, words: JsonValue) -> JsonValue:
    if not words:
        return None
    try:
        given: JsonValue = json.loads(str(words))
    except ValueError as exc:
        raise InputError(f"{name}: expected JSON", field=name, about=expects(name, "json_invalid")) from exc
    return given
