"""From the JSON schema of a pydantic model to the fields of a form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, JsonValue

from app.pages.forms.model import Field, Form, Kind, Lines, Section

LONG_TEXT = 300
NUMBERS = ("integer", "number")


def form_of(
    model: type[BaseModel], key: str, words: str, sections: tuple[Section, ...] = (), **changes: Mapping[str, Any]
) -> Form:
    """The form of a model; `changes` are attributes of its fields that the schema cannot say (choices, unit, lines)."""
    fields = fields_of(model.model_json_schema())
    form = Form(key, words, fields, sections or (Section(tuple(f.name for f in fields)),))
    for name, change in changes.items():
        form = form.changed(name, **change)
    return form


def fields_of(schema: Mapping[str, Any], defs: Mapping[str, Any] | None = None) -> tuple[Field, ...]:
    """From a JSON schema of type object, as pydantic writes it."""
    known = schema.get("$defs", defs or {})
    required = set(schema.get("required", ()))
    return tuple(
        field_of(name, one, known, required=name in required) for name, one in schema.get("properties", {}).items()
    )


def field_of(name: str, schema: Mapping[str, Any], defs: Mapping[str, Any], *, required: bool) -> Field:
    inner, nullable = unwrap(schema, defs)
    kind = kind_of(inner, defs)
    return Field(
        name,
        kind,
        required=required,
        nullable=nullable,
        default=schema.get("default"),
        choices=tuple((str(one), [str(one)]) for one in inner.get("enum", ())),
        fields=fields_of(inner, defs) if kind is Kind.GROUP else (),
        lines=lines_of(inner, defs) if kind is Kind.LINES and inner.get("type") == "array" else Lines(),
        is_number=(inner.get("items") or inner).get("type") in NUMBERS,
    )


def unwrap(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
    """Behind references and "or null"."""
    if "$ref" in schema:
        return unwrap(defs[schema["$ref"].rsplit("/", 1)[-1]], defs)
    if "allOf" in schema and len(schema["allOf"]) == 1:
        return unwrap(schema["allOf"][0], defs)
    others = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    if len(others) == 1:
        inner, _ = unwrap(others[0], defs)
        return inner, True
    return schema, False


def kind_of(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> Kind:
    if "enum" in schema:
        return Kind.CHOICE
    match schema.get("type"):
        case "boolean":
            return Kind.TICK
        case "integer" | "number":
            return Kind.NUMBER
        case "string":
            return Kind.LONG if schema.get("maxLength", 0) > LONG_TEXT else Kind.TEXT
        case "array" if schema.get("items", {}).get("type") in ("string", *NUMBERS):
            return Kind.LIST
        case "array" if is_plain(schema.get("items", {}), defs):
            return Kind.LINES
        case "object" if schema.get("properties"):
            return Kind.GROUP
        case "object" if speaks_of_text(schema.get("additionalProperties")):
            return Kind.LINES
    return Kind.JSON


def is_plain(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> bool:
    """A model whose fields are each one input of a line."""
    fields = fields_of(unwrap(schema, defs)[0], defs)
    return bool(fields) and all(one.kind in (Kind.TEXT, Kind.NUMBER, Kind.CHOICE) for one in fields)


def lines_of(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> Lines:
    """A list of models, each a line: what is empty is left out, so that the model's own default stands."""
    fields = fields_of(unwrap(schema["items"], defs)[0], defs)

    def split(value: Any) -> list[Sequence[Any]]:
        return [[row.get(one.name) for one in fields] for row in value or ()]

    def join(rows: list[list[str]]) -> list[JsonValue]:
        return [
            {
                one.name: as_number(cell) if one.is_number else cell
                for one, cell in zip(fields, row, strict=True)
                if cell
            }
            for row in rows
        ]

    choices = {one.name: one.choices for one in fields if one.choices}
    return Lines(tuple(one.name for one in fields), split, join, choices=choices, keyed=False)


def as_number(words: str) -> JsonValue:
    """A number where it is one; whoever takes it names what is none."""
    try:
        value = float(words)
    except ValueError:
        return words
    return int(value) if value.is_integer() else value


def speaks_of_text(schema: Any) -> bool:
    if not isinstance(schema, Mapping):
        return False
    return schema.get("type") == "string" or any(one.get("type") == "string" for one in schema.get("anyOf", ()))
