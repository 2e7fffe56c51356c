"""From the JSON schema of a pydantic model to the fields of a form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from app.pages.forms.model import Field, Form, Kind, Section

LONG_TEXT = 300


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
    kind = kind_of(inner)
    return Field(
        name,
        kind,
        required=required,
        nullable=nullable,
        default=schema.get("default"),
        choices=tuple((str(one), [str(one)]) for one in inner.get("enum", ())),
        fields=fields_of(inner, defs) if kind is Kind.GROUP else (),
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


def kind_of(schema: Mapping[str, Any]) -> Kind:
    if "enum" in schema:
        return Kind.CHOICE
    match schema.get("type"):
        case "boolean":
            return Kind.TICK
        case "integer" | "number":
            return Kind.NUMBER
        case "string":
            return Kind.LONG if schema.get("maxLength", 0) > LONG_TEXT else Kind.TEXT
        case "array" if schema.get("items", {}).get("type") == "string":
            return Kind.LIST
        case "object" if schema.get("properties"):
            return Kind.GROUP
        case "object" if speaks_of_text(schema.get("additionalProperties")):
            return Kind.LINES
    return Kind.JSON


def speaks_of_text(schema: Any) -> bool:
    if not isinstance(schema, Mapping):
        return False
    return schema.get("type") == "string" or any(one.get("type") == "string" for one in schema.get("anyOf", ()))
