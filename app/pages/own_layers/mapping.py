"""How a file is read, as a form: its table, datum and key, its columns under the names that the layer gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from app.dashboard import texts
from app.files.nouns import ImportObject, MappingIn
from app.pages import forms
from app.pages.forms import Form, Kind, Lines, Section
from app.pages.own_layers.detail import group_choices
from app.pages.parts import class_choices
from core.types import JsonObject
from layers.columns import ColumnType
from layers.imports.registers import REGISTERS

KEY = "bring"
FAMILY = "bring.field"
ROLES = ("label", "class", "state", "time")
COLUMNS = ("source", "name", "type", "title_zh", "title_en", "role")


def split_columns(columns: Any) -> list[Sequence[Any]]:
    return [[one.get(name) or "" for name in COLUMNS] for one in columns or ()]


def join_columns(rows: list[list[str]]) -> Any:
    return [{name: value or None for name, value in zip(COLUMNS, row, strict=True)} for row in rows]


def column_lines(layer: str = "") -> Lines:
    types = tuple((name, texts.both(f"bring.type.{name}")) for name in get_args(ColumnType))
    roles = (("", []), *((name, texts.both(f"bring.role.{name}")) for name in ROLES))
    return Lines(
        COLUMNS,
        split_columns,
        join_columns,
        offered={"name": [field.name for field in REGISTERS[layer].fields]} if layer in REGISTERS else {},
        choices={"type": types, "role": roles},
        fixed=frozenset({"source"}),
        grows=False,
    )


def bring_form(tables: Sequence[str] = (), names: Sequence[str] = (), layer: str = "") -> Form:
    """`tables` of the file, `names` of the layer's columns; of a register of ours (`layer`) there is less to say."""
    several = ("table",) if len(tables) > 1 else ()
    ours = layer in REGISTERS
    named: tuple[tuple[str, ...], ...] = () if ours else (("layer", "group"), ("title", "title_en"))
    kept = () if ours else ("classification", "departments")
    sections = (
        Section((*several, *named, ("datum",) if ours else ("datum", "key"))),
        Section(("columns",), "bring.columns"),
        Section((("encoding", "zone"), ("x", "y"), "anywhere", *kept), "bring.more", is_open=False),
    )
    form = forms.form_of(
        MappingIn,
        KEY,
        FAMILY,
        sections,
        table={"kind": Kind.CHOICE, "choices": tuple((name, [name]) for name in tables)},
        layer={"required": True},
        title={"required": True},
        datum={"kind": Kind.TEXT},
        group={"kind": Kind.CHOICE, "choices": group_choices()},
        columns={"kind": Kind.LINES, "lines": column_lines(layer)},
        classification={"kind": Kind.CHOICE, "choices": class_choices()},
        departments={"kind": Kind.LIST},
    )
    return form.changed("key", kind=Kind.CHOICE, choices=tuple((name, [name]) for name in names), nullable=True)


def form_of_plan(answer: ImportObject) -> tuple[Form, dict[str, Any]]:
    """The form with what was found or said."""
    plan = answer["plan"]
    columns: Any = plan["columns"]
    tables = [one["name"] for one in answer["tables"]]
    values = {
        **plan,
        "table": answer["table"],
        "title": plan["title_zh"],
        "encoding": answer["encoding"],
        "classification": str(plan["classification"]),
        "departments": plan["departments"] or [],
    }
    return bring_form(tables, [one["name"] for one in columns], str(plan["layer"])), values


def given_of(values: Mapping[str, Any]) -> JsonObject:
    """What was typed, as `MappingIn` takes it: what was left empty is not said."""
    said = {name: value for name, value in values.items() if value not in (None, "", [])}
    if "classification" in said:
        said["classification"] = int(said["classification"])
    return said
