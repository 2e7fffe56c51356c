"""The form kit: from a pydantic schema to a form, and from what was typed back into the model.

    FORM = form_of(SourceIn, "source", "sources.field", SECTIONS, interval_s={"unit": "unit.word.s"})
    draw(FORM, values)                    # components: labels, help, units, defaults, required marks
    read(FORM, typed)                     # values as the model takes them
    register(app, door, handler)          # save, try, conflict, add and remove lines

Labels are `{words}.{field}` of the catalogue, help is `{words}.{field}.help` where there is one. What is wrong stands at its field. Where
somebody else has changed the thing meanwhile the form says what, and one's own entries are kept or given up, never lost.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Protocol

import dash_mantine_components as dmc
from dash import ALL, MATCH, Dash, Input, Output, Patch, State, ctx, dcc, html, no_update
from dash.exceptions import PreventUpdate
from pydantic import BaseModel, ValidationError

from app.dashboard import texts
from app.dashboard.components import icon_button, wild
from app.pages import ids
from app.pages.door import Asking, Door
from app.pages.parts import action, reason_words
from core.clock import utc_now
from core.errors import Conflict, InputError

Words = list[Any]
Values = Mapping[str, Any]
Errors = dict[str, Words]
LONG_TEXT = 300
# so many to choose from can be searched
MANY = 8
WHOLE = ""


class Kind(StrEnum):
    TEXT = "text"
    LONG = "long"
    NUMBER = "number"
    TICK = "tick"
    CHOICE = "choice"
    LIST = "list"  # of strings, one a line
    LINES = "lines"  # a mapping, each entry a line of inputs
    GROUP = "group"  # a model in the model
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Lines:
    """How a mapping is a table of inputs: `split` into rows of text, `join` them again. `offered` are values to choose from."""

    columns: tuple[str, ...] = ("key", "value")
    split: Callable[[Any], list[Sequence[Any]]] = lambda value: [list(item) for item in value.items()]
    join: Callable[[list[list[str]]], Any] = lambda rows: {row[0]: row[1] or None for row in rows}
    offered: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form. `choices` are (value, words); `unit` is a catalogue key, shown beside the input."""

    name: str
    kind: Kind
    required: bool = False
    nullable: bool = False
    default: Any = None
    choices: tuple[tuple[str, Words], ...] = ()
    unit: str = ""
    lines: Lines = Lines()
    fields: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """Fields under a heading that can be folded; without a heading they just stand there. Two names in a tuple stand side by side."""

    fields: tuple[str | tuple[str, ...], ...]
    title: str = ""
    is_open: bool = True


@dataclass(frozen=True, slots=True)
class Form:
    """`key` is part of every id; `words` the family of labels in the catalogue."""

    key: str
    words: str
    fields: tuple[Field, ...]
    sections: tuple[Section, ...]

    def field(self, name: str) -> Field:
        return next(one for one in self.fields if one.name == name)

    def shown(self) -> list[Field]:
        names = [name for section in self.sections for part in section.fields for name in as_names(part)]
        return [self.field(name) for name in names]

    def changed(self, name: str, **changes: Any) -> Form:
        return replace(self, fields=tuple(replace(f, **changes) if f.name == name else f for f in self.fields))


def as_names(part: str | tuple[str, ...]) -> tuple[str, ...]:
    return (part,) if isinstance(part, str) else part


# --- from the schema ------------------------------------------------------------------------------------------------------


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


# --- components -----------------------------------------------------------------------------------------------------------


def draw(form: Form, values: Values, *, locked: bool = False, base: Values | None = None) -> html.Div:
    """The fields with `values` in them. `base` is what the form was opened with, `values` where it is left out."""
    body = [draw_section(form, section, values) for section in form.sections]
    whole = html.Div(id=ids.said(form.key, WHOLE), **wild({"data-errors": ""}))
    return html.Div(
        [
            html.Fieldset(body, disabled=locked),
            whole,
            dcc.Store(id=ids.held(form.key), data=dict(values if base is None else base)),
        ],
        className="form",
        **wild({"data-testid": f"{form.key}-form"}),
    )


def draw_section(form: Form, section: Section, values: Values) -> Any:
    inner = [draw_part(form, part, values) for part in section.fields]
    if not section.title:
        return html.Div(inner, className="fields")
    hint = f"{section.title}.help"
    told = [html.P(texts.both(hint), className="hint")] if hint in texts.catalogue() else []
    return html.Details(
        [html.Summary(texts.both(section.title)), html.Div([*told, *inner], className="fields")], open=section.is_open
    )


def draw_part(form: Form, part: str | tuple[str, ...], values: Values) -> Any:
    drawn = [draw_field(form, form.field(name), values) for name in as_names(part)]
    return drawn[0] if isinstance(part, str) else html.Div(drawn, className="pair")


def draw_field(form: Form, one: Field, values: Values) -> Any:
    value = values.get(one.name, one.default)
    match one.kind:
        case Kind.GROUP:
            return html.Div(draw_group(form, one, value or {}), id=ids.group(form.key, one.name), className="fields")
        case Kind.LINES:
            return draw_lines(form, one, value or {})
        case _:
            return draw_control(form, one.name, one, value)


def draw_group(form: Form, one: Field, values: Values) -> list[Any]:
    """The fields of a model in the model; they are called `{field}.{name}`."""
    if not one.fields:
        return [html.P(texts.both(f"{form.words}.{one.name}.none"), className="quiet")]
    return [
        draw_control(form, f"{one.name}.{inner.name}", inner, values.get(inner.name, inner.default))
        for inner in one.fields
    ]


def label_of(form: Form, name: str) -> Words:
    return texts.known(form.words, name)


def draw_control(form: Form, name: str, one: Field, value: Any) -> Any:
    hint = f"{form.words}.{name}.help"
    named: dict[str, Any] = {
        "label": html.Span(label_of(form, name)),
        "description": html.Span(texts.both(hint)) if hint in texts.catalogue() else None,
        **wild({"data-field": name}),
    }
    if one.kind is Kind.TICK:
        return dmc.Switch(id=ids.tick(form.key, name), checked=bool(value), **named)
    named |= {"id": ids.field(form.key, name), "withAsterisk": one.required}
    if one.kind is Kind.CHOICE:
        return draw_choice(one, value, named)
    if one.kind is Kind.NUMBER:
        unit = (
            {"rightSection": html.Span(texts.both(one.unit), className="unit"), "rightSectionWidth": 56}
            if one.unit
            else {}
        )
        return dmc.NumberInput(value="" if value is None else value, hideControls=True, **unit, **named)
    if one.kind is Kind.TEXT:
        return dmc.TextInput(value="" if value is None else str(value), autoComplete="off", **named)
    words = value
    if one.kind is Kind.LIST:
        words = "\n".join(value or ())
    elif one.kind is Kind.JSON:
        words = "" if value is None else json.dumps(value, ensure_ascii=False)
    return dmc.Textarea(value=words or "", autosize=True, minRows=2, maxRows=12, **named)


def draw_choice(one: Field, value: Any, named: dict[str, Any]) -> dmc.Select:
    """A list to choose from. Its entries are bare strings: the browser puts those of the page's language there (`main.mjs`)."""
    choices = [{"value": key, **said_in_both(words)} for key, words in one.choices]
    told = {"id": named["id"], "choices": choices}
    return dmc.Select(
        data=[{"value": one["value"], "label": one["zh"]} for one in choices],
        value=value or None,
        allowDeselect=False,
        clearable=one.nullable and not one.required,
        searchable=len(choices) > MANY,
        **named,
        **wild({"data-choices": json.dumps(told, ensure_ascii=False)}),
    )


def said_in_both(words: Words) -> dict[str, str]:
    """The two spans of a text as plain words; a bare string is the same in both."""
    if words and isinstance(words[0], str):
        return dict.fromkeys(texts.LANGS, words[0])
    return {span.lang: str(span.children) for span in words}


def error_slot(form: Form, name: str) -> html.Div:
    return html.Div(id=ids.said(form.key, name), className="slot", role="alert")


def draw_lines(form: Form, one: Field, value: Any) -> html.Div:
    rows = [draw_line(form, one, str(n), row) for n, row in enumerate(one.lines.split(value))]
    more = action(
        ids.add_line(form.key, one.name), f"{form.words}.{one.name}.add", small=True, data_key=f"add-{one.name}"
    )
    return html.Div(
        [html.Div(rows, id=ids.lines(form.key, one.name), className="lines"), more, error_slot(form, one.name)],
        className="field",
        **wild({"data-field": one.name}),
    )


def draw_line(form: Form, one: Field, row: str, values: Sequence[Any]) -> html.Div:
    """One entry of a mapping, with a button that takes it away."""
    inputs = []
    for at, column in enumerate(one.lines.columns):
        key = f"{form.words}.{one.name}.{column}"
        given = values[at] if at < len(values) else None
        named: dict[str, Any] = {
            "id": ids.cell(form.key, one.name, row, column),
            "label": html.Span(texts.both(key)),
            "value": "" if given is None else str(given),
            **wild({"data-column": column}),
        }
        offered = one.lines.offered.get(column)
        inputs.append(
            dmc.Autocomplete(data=list(offered), limit=8, **named)
            if offered
            else dmc.TextInput(autoComplete="off", **named)
        )
    gone = icon_button(ids.drop_line(form.key, one.name, row), "close", "form.remove")  # type: ignore[arg-type]
    inner = html.Div([*inputs, gone], className=f"line columns-{len(inputs)}")
    return html.Div([inner], id=ids.line(form.key, one.name, row))


def save_button(form: Form) -> html.Button:
    return action(ids.press(form.key, "save"), "form.save", primary=True, data_key=f"save-{form.key}", data_submit="1")


def try_box(form: Form, trial: Form, values: Values) -> html.Section:
    """A dry run beside the form: what would come of it as it stands, saved or not."""
    told = html.Div(
        id=ids.result(form.key), className="result", **wild({"data-testid": "try-result", "aria-live": "polite"})
    )
    return html.Section(
        [
            html.H3(texts.both(f"{trial.words}.title")),
            html.P(texts.both(f"{trial.words}.hint"), className="hint"),
            draw(trial, values),
            action(ids.press(form.key, "try"), "form.try", data_key="try", data_submit="1"),
            told,
        ],
        className="try",
    )


def conflict_view(form: Form, told: Sequence[tuple[str, Words]]) -> html.Div:
    """Somebody else was quicker: which fields they changed, and the two ways on."""
    changed = html.Ul([html.Li([html.B(label_of(form, name)), " ", *words]) for name, words in told])
    return html.Div(
        [
            html.P(texts.both("form.conflict")),
            changed if told else None,
            html.Div(
                [
                    action(ids.press(form.key, "keep"), "form.conflict.keep", small=True, data_key="keep-mine"),
                    action(ids.press(form.key, "newer"), "form.conflict.newer", small=True, data_key="take-newer"),
                ],
                className="actions",
            ),
        ],
        className="error conflict",
        role="alert",
        **wild({"data-testid": "conflict"}),
    )


# --- what was typed -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Typed:
    """What stands in the inputs: of fields, switches, and lines by row."""

    values: Mapping[str, Any] = field(default_factory=dict)
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
    typed = Typed({}, {}, {})
    values, ticks, rows = dict[str, Any](), dict[str, bool](), dict[str, dict[str, dict[str, str]]]()
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
            rows.setdefault(name["cells"], {}).setdefault(name["row"], {})[name["column"]] = one.get("value") or ""
    return replace(typed, values=values, ticks=ticks, rows=rows)


def read(form: Form, typed: Typed) -> dict[str, Any]:
    """Values as the model takes them, of the fields that are shown. InputError where an input cannot be one."""
    return {one.name: read_field(one, typed) for one in form.shown()}


def read_field(one: Field, typed: Typed) -> Any:
    match one.kind:
        case Kind.GROUP:
            found = {inner.name: read_plain(inner, f"{one.name}.{inner.name}", typed) for inner in one.fields}
            standard = {inner.name: inner.default for inner in one.fields}
            return {name: value for name, value in found.items() if value not in (None, standard[name])}
        case Kind.LINES:
            rows = typed.rows.get(one.name, {}).values()
            cells = [[str(row.get(column, "")).strip() for column in one.lines.columns] for row in rows]
            return one.lines.join([row for row in cells if row[0]])
        case _:
            return read_plain(one, one.name, typed)


def read_plain(one: Field, name: str, typed: Typed) -> Any:
    if one.kind is Kind.TICK:
        return typed.ticks.get(name, bool(one.default))
    value = typed.values.get(name)
    words = value.strip() if isinstance(value, str) else value
    match one.kind:
        case Kind.LIST:
            return [line.strip() for line in str(words or "").splitlines() if line.strip()]
        case Kind.JSON:
            return read_json(name, words)
        case Kind.NUMBER | Kind.CHOICE:
            return None if words == "" else words
    return None if words in ("", None) and one.nullable else words or ""


def read_json(name: str, words: Any) -> Any:
    if not words:
        return None
    try:
        return json.loads(words)
    except ValueError as exc:
        raise InputError(f"{name}: expected JSON", field=name) from exc


# --- what is wrong --------------------------------------------------------------------------------------------------------


def check(form: Form, model: type[BaseModel], values: Values) -> tuple[BaseModel | None, Errors]:
    """The model, or what is wrong with which field."""
    try:
        return model.model_validate(dict(values)), {}
    except ValidationError as exc:
        return None, errors_of(form, exc)


def errors_of(form: Form, exc: ValidationError) -> Errors:
    """The first error of each field, in words."""
    found: Errors = {}
    for one in exc.errors():
        context = {
            name: value for name, value in (one.get("ctx") or {}).items() if isinstance(value, str | int | float)
        }
        key = "missing" if is_missing(one) else one["type"]
        found.setdefault(place_of(form, one["loc"]), error_text(key, context, one["msg"]))
    return found


def is_missing(one: Any) -> bool:
    """An empty input is none given, whatever the type says of it."""
    given = one.get("input")
    return one["type"] == "missing" or given is None or given in ("", [])


def error_text(key: str, context: Mapping[str, Any], message: str) -> Words:
    name = f"form.error.{key}"
    if name in texts.catalogue():
        return texts.both(name, **context)
    return texts.both("form.error.other", detail=message)


def place_of(form: Form, parts: Sequence[Any]) -> str:
    """The field that a path of the model leads to: the longest that the form has."""
    names = [str(part) for part in parts]
    for end in range(len(names), 0, -1):
        name = ".".join(names[:end])
        if name in {one.name for one in form.fields} | {
            f"{one.name}.{inner.name}" for one in form.fields for inner in one.fields
        }:
            return name
    return WHOLE


def error_of(form: Form, exc: InputError | Conflict) -> Errors:
    """What the server said of a field, without the field's name."""
    place = place_of(form, (exc.field or "").split("."))
    detail = exc.message.removeprefix(f"{exc.field}: ") if exc.field else exc.message
    known = reason_words(exc.reason) if f"reason.{exc.reason}" in texts.catalogue() else []
    words = [*known, " ", html.Span(detail)] if known else texts.both("form.error.refused", detail=detail)
    return {place: words}


def spread(errors: Errors, outputs: Any) -> tuple[list[Any], list[Any]]:
    """Errors over the inputs and slots that there are (`ctx.outputs_list`); what has no place stands with the whole form."""
    inputs = [one["id"]["field"] for one in outputs[0]]
    slots = [one["id"]["said"] for one in outputs[1]]
    at_slots = set(slots) - {WHOLE}
    lost = [words for name, words in errors.items() if name not in at_slots and name not in inputs]
    by_input = [html.Span(errors[name]) if name in errors and name not in at_slots else None for name in inputs]
    by_slot = [
        (lost_view(lost) if name == WHOLE else html.P(errors[name], className="error") if name in errors else [])
        for name in slots
    ]
    return by_input, by_slot


def lost_view(lost: list[Words]) -> list[Any]:
    return [words[0] if is_whole(words) else html.P(words, className="error", role="alert") for words in lost]


def is_whole(words: Words) -> bool:
    """A component of its own, which needs no frame (the conflict)."""
    return len(words) == 1 and getattr(words[0], "className", "") == "error conflict"


# --- versions -------------------------------------------------------------------------------------------------------------


def merge(base: Values, mine: Values, newer: Values) -> dict[str, Any]:
    """The newer version with what I have changed since `base`: nothing typed is lost, nothing untouched goes back."""
    return {**newer, **{name: value for name, value in mine.items() if value != base.get(name)}}


def theirs(form: Form, base: Values, newer: Values) -> list[tuple[str, Words]]:
    """What somebody else has changed, in words."""
    shown = [one.name for one in form.shown()]
    return [(name, [say_value(newer.get(name))]) for name in shown if newer.get(name) != base.get(name)]


def say_value(value: Any) -> str:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return str(value)
    return "–" if value in (None, "", [], {}) else json.dumps(value, ensure_ascii=False)


# --- callbacks ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer:
    """What pressing a button of a form led to. `pane` is drawn anew where it is given; `changed` tells tables to read anew."""

    errors: Errors = field(default_factory=dict)
    pane: Any = no_update
    toast: Any = no_update
    changed: bool = False
    result: Any = no_update


class Handler(Protocol):
    """What the kit asks of a page. Every method runs in a thread, in the transaction of `asking`, and checks what the person may do."""

    key: str
    # the pane in which the form stands
    pane: str
    # names of the fields that are lines
    lines: tuple[str, ...]
    # the form of the message to try, where a dry run is offered
    trial: Form | None

    def form(self, values: Mapping[str, Any]) -> Form:
        """The form for what is typed: what it shows may depend on a choice."""

    def save(self, asking: Asking, base: Values, values: dict[str, Any]) -> Answer:
        """InputError and Conflict are shown in the form."""

    def newer(self, asking: Asking, base: Values) -> Values:
        """The thing as it is now."""

    def draw(self, asking: Asking, base: Values, values: Values) -> Any:
        """The pane with the form in it."""

    def dry_run(self, asking: Asking, base: Values, values: dict[str, Any], trial: dict[str, Any]) -> Answer:
        """What would come of it; writes nothing."""


def press_save(asking: Asking, handler: Handler, base: Values, typed: Typed) -> Answer:
    form = handler.form(typed.values)
    try:
        with asking.conn.begin_nested():
            return handler.save(asking, base, read(form, typed))
    except Conflict as exc:
        if exc.reason != "stale_version":
            return Answer(error_of(form, exc))
        return Answer({WHOLE: [conflict_view(form, theirs(form, base, handler.newer(asking, base)))]})
    except InputError as exc:
        return Answer(error_of(form, exc))


def press_keep(asking: Asking, handler: Handler, base: Values, typed: Typed) -> Answer:
    """The newer version becomes what the form was opened with; what was typed stays."""
    newer = handler.newer(asking, base)
    mine = read(handler.form(typed.values), typed)
    return Answer(pane=handler.draw(asking, newer, merge(base, mine, newer)))


def press_newer(asking: Asking, handler: Handler, base: Values, _: Typed) -> Answer:
    newer = handler.newer(asking, base)
    return Answer(pane=handler.draw(asking, newer, newer))


def press_try(asking: Asking, handler: Handler, base: Values, typed: Typed, trial: Typed) -> Answer:
    form = handler.form(typed.values)
    try:
        with asking.conn.begin_nested():
            given = read(handler.trial, trial) if handler.trial else {}
            return handler.dry_run(asking, base, read(form, typed), given)
    except InputError as exc:
        return Answer(error_of(form, exc), result=[])


PRESSES: dict[str, Callable[[Asking, Handler, Values, Typed], Answer]] = {
    "save": press_save,
    "keep": press_keep,
    "newer": press_newer,
}


def register(app: Dash, door: Door, handler: Handler) -> None:
    """Bind the buttons of a form."""
    for name, work in PRESSES.items():
        register_press(app, door, handler, name, work)
    if handler.trial:
        register_try(app, door, handler, handler.trial)
    for name in handler.lines:
        register_lines(app, handler, name)


def register_press(app: Dash, door: Door, handler: Handler, name: str, work: Callable[..., Answer]) -> None:
    key = handler.key

    @app.callback(
        Output(ids.field(key, ALL), "error", allow_duplicate=True),
        Output(ids.said(key, ALL), "children", allow_duplicate=True),
        Output(handler.pane, "children", allow_duplicate=True),
        Output(ids.Id.TOASTS.value, "children", allow_duplicate=True),
        Output(ids.Id.CHANGED.value, "data", allow_duplicate=True),
        Input(ids.press(key, name), "n_clicks"),
        State(ids.held(key), "data"),
        *states_of(key),
        running=[(Output(ids.press(key, name), "disabled"), True, False)],
        prevent_initial_call=True,
    )
    async def pressed(clicks: int | None, base: dict[str, Any] | None, *_: Any) -> tuple[Any, ...]:
        if not clicks:
            raise PreventUpdate
        outputs = ctx.outputs_list
        answer = await door.ask(work, handler, base or {}, gather(key, ctx.states_list))
        changed = utc_now().isoformat() if answer.changed else no_update
        return (*spread(answer.errors, outputs), answer.pane, answer.toast, changed)


def register_try(app: Dash, door: Door, handler: Handler, trial: Form) -> None:
    key = handler.key

    @app.callback(
        Output(ids.field(key, ALL), "error", allow_duplicate=True),
        Output(ids.said(key, ALL), "children", allow_duplicate=True),
        Output(ids.field(trial.key, ALL), "error", allow_duplicate=True),
        Output(ids.said(trial.key, ALL), "children", allow_duplicate=True),
        Output(ids.result(key), "children"),
        Input(ids.press(key, "try"), "n_clicks"),
        State(ids.held(key), "data"),
        *states_of(key),
        *states_of(trial.key),
        running=[(Output(ids.press(key, "try"), "disabled"), True, False)],
        prevent_initial_call=True,
    )
    async def pressed(clicks: int | None, base: dict[str, Any] | None, *_: Any) -> tuple[Any, ...]:
        if not clicks:
            raise PreventUpdate
        outputs, states = ctx.outputs_list, ctx.states_list
        answer = await door.ask(press_try, handler, base or {}, gather(key, states), gather(trial.key, states))
        names = {one.name for one in trial.fields}
        there = {name: words for name, words in answer.errors.items() if name in names}
        here = {name: words for name, words in answer.errors.items() if name not in names}
        return (*spread(here, outputs[:2]), *spread(there, outputs[2:4]), answer.result)


def register_lines(app: Dash, handler: Handler, name: str) -> None:
    key = handler.key

    @app.callback(
        Output(ids.lines(key, name), "children"),
        Input(ids.add_line(key, name), "n_clicks"),
        prevent_initial_call=True,
    )
    async def add(clicks: int | None) -> Patch:
        if not clicks:
            raise PreventUpdate
        form = handler.form({})
        more = Patch()
        more.append(draw_line(form, form.field(name), f"new{clicks}", ()))
        return more

    @app.callback(
        Output(ids.line(key, name, MATCH), "children"),
        Input(ids.drop_line(key, name, MATCH), "n_clicks"),
        prevent_initial_call=True,
    )
    async def take_away(clicks: int | None) -> list[Any]:
        if not clicks:
            raise PreventUpdate
        return []
