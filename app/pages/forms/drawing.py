"""From a form and its values to components: labels, help, units, marks, lines that can be added."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html

from app.dashboard import texts
from app.dashboard.components import icon_button, wild
from app.pages import ids
from app.pages.forms.model import WHOLE, Field, Form, Kind, Section, Values, Words, as_names
from app.pages.parts import action

# so many to choose from can be searched
MANY = 8


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
            inner = html.Div(draw_group(form, one, value or {}), id=ids.group(form.key, one.name), className="fields")
            return html.Div([inner, error_slot(form, one.name)], className="fields")
        case Kind.LINES:
            return draw_lines(form, one, value or {})
        case _:
            return with_below(one, draw_control(form, one.name, one, value))


def with_below(one: Field, control: Any) -> Any:
    return html.Div([control, *one.below], className="field") if one.below else control


def draw_group(form: Form, one: Field, values: Values) -> list[Any]:
    """The fields of a model in the model; they are called `{field}.{name}`."""
    if not one.fields:
        return [html.P(texts.both(f"{form.says(one.name)}.none"), className="quiet")]
    return [draw_inner(form, one, inner, values.get(inner.name, inner.default)) for inner in one.fields]


def draw_inner(form: Form, one: Field, inner: Field, value: Any) -> Any:
    name = f"{one.name}.{inner.name}"
    whole = replace(inner, name=name)
    if inner.kind is Kind.LINES:
        lines = draw_lines(form, whole, value or {})
        return html.Div([html.P(label_of(form, name), className="label"), *hint_of(form, name), lines])
    if inner.kind is Kind.GROUP:
        fields = html.Div(draw_group(form, whole, value or {}), className="fields")
        head = [html.P(label_of(form, name), className="label"), *hint_of(form, name)]
        named: dict[str, Any] = {**wild({"data-field": name, "aria-label": texts.named(form.says(name))})}
        return html.Div([*head, fields, error_slot(form, name)], className="inset", role="group", **named)
    return with_below(inner, draw_control(form, name, inner, value))


def hint_of(form: Form, name: str) -> list[Any]:
    hint = f"{form.says(name)}.help"
    return [html.P(texts.both(hint), className="hint")] if hint in texts.catalogue() else []


def label_of(form: Form, name: str) -> Words:
    return texts.known(form.words, form.renamed.get(name, name))


def draw_control(form: Form, name: str, one: Field, value: Any) -> Any:
    hint = f"{form.says(name)}.help"
    named: dict[str, object] = {
        "label": html.Span(label_of(form, name)),
        "description": html.Span(texts.both(hint)) if hint in texts.catalogue() else None,
        **wild({"data-field": name}),
    }
    if one.kind is Kind.TICK:
        return dmc.Switch(id=ids.tick(form.key, name), checked=bool(value), **named)
    named |= {"id": ids.field(form.key, name), "withAsterisk": one.required}
    if one.kind is Kind.CHOICE:
        return draw_choice(one, value, named)
    if one.kind is Kind.CHOICES:
        return draw_choices(one, value, named)
    if one.kind is Kind.NUMBER:
        unit = (
            {"rightSection": html.Span(texts.both(one.unit), className="unit"), "rightSectionWidth": 76}
            if one.unit
            else {}
        )
        return dmc.NumberInput(value="" if value is None else value, hideControls=True, **unit, **named)
    if one.kind is Kind.TEXT:
        return dmc.TextInput(value="" if value is None else str(value), autoComplete="off", **named)
    words = value
    if one.kind is Kind.LIST:
        words = "\n".join(str(item) for item in value or ())
    elif one.kind is Kind.JSON:
        words = "" if value is None else json.dumps(value, ensure_ascii=False)
    return dmc.Textarea(value=words or "", autosize=True, minRows=2, maxRows=12, **named)


def draw_choice(one: Field, value: Any, named: dict[str, object]) -> dmc.Select:
    """A list to choose from. Its entries are bare strings: the browser puts those of the page's language there
    (`main.mjs`)."""
    choices = [{"value": key, **said_in_both(words)} for key, words in one.choices]
    told = {"id": named["id"], "choices": choices}
    return dmc.Select(
        data=[{"value": one["value"], "label": one["zh"]} for one in choices],
        value=str(value) if value else None,
        allowDeselect=False,
        clearable=one.nullable and not one.required,
        searchable=len(choices) > MANY,
        **named,
        **wild({"data-choices": json.dumps(told, ensure_ascii=False)}),
    )


def draw_choices(one: Field, value: Any, named: dict[str, object]) -> dmc.MultiSelect:
    """Several of a list; what stands there already and is of no list any more is kept."""
    held = [str(item) for item in value or ()]
    known = {key for key, _ in one.choices}
    listed = (*one.choices, *((item, [item]) for item in held if item not in known))
    choices = [{"value": key, **said_in_both(words)} for key, words in listed]
    told = {"id": named["id"], "choices": choices}
    return dmc.MultiSelect(
        data=[{"value": one["value"], "label": one["zh"]} for one in choices],
        value=held,
        searchable=len(choices) > MANY,
        hidePickedOptions=True,
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
    add, words = ids.add_line(form.key, one.name), f"{form.says(one.name)}.add"
    more = [action(add, words, small=True, data_key=f"add-{one.name}")] if one.lines.grows else []
    return html.Div(
        [html.Div(rows, id=ids.lines(form.key, one.name), className="lines"), *more, error_slot(form, one.name)],
        className="field",
        **wild({"data-field": one.name}),
    )


def draw_line(form: Form, one: Field, row: str, values: Sequence[Any]) -> html.Div:
    """One entry of a mapping, with a button that takes it away."""
    inputs = []
    for at, column in enumerate(one.lines.columns):
        key = form.says(f"{one.name}.{column}")
        given = values[at] if at < len(values) else None
        named: dict[str, object] = {
            "id": ids.cell(form.key, one.name, row, column),
            "label": html.Span(texts.both(key)),
            "value": shown(given),
            **marked(column),
        }
        own = one.lines.drawn.get(column)
        inputs.append(own(values, named) if own else draw_cell(one, column, given, named))
    gone = icon_button(ids.drop_line(form.key, one.name, row), "close", "form.remove")
    inner = html.Div([*inputs, gone], className=f"line columns-{len(inputs)}")
    return html.Div([inner], id=ids.line(form.key, one.name, row))


def shown(given: Any) -> str:
    """A value as one types it: a whole number without its point."""
    if isinstance(given, float) and given.is_integer():
        return str(int(given))
    return "" if given is None else str(given)


def marked(column: str) -> dict[str, Any]:
    """What the input of a line's column is known by."""
    return wild({"data-column": column})


def draw_cell(one: Field, column: str, given: Any, named: dict[str, Any]) -> Any:
    """One input of a line: of text, with proposals, or a choice; an empty one where that may be."""
    choices = one.lines.choices.get(column)
    if choices is not None:
        optional = any(not value for value, _ in choices)
        listed = Field(column, Kind.CHOICE, choices=tuple(c for c in choices if c[0]), nullable=optional)
        return draw_choice(listed, given, {name: value for name, value in named.items() if name != "value"})
    offered = one.lines.offered.get(column)
    if offered:
        return dmc.Autocomplete(data=list(offered), limit=8, **named)
    return dmc.TextInput(autoComplete="off", readOnly=column in one.lines.fixed, **named)


def save_button(form: Form) -> html.Button:
    return action(ids.press(form.key, "save"), "form.save", primary=True, data_key=f"save-{form.key}", data_submit="1")


def try_box(form: Form, trial: Form, values: Values) -> html.Section:
    """A dry run beside the form: what would come of it as it stands, saved or not."""
    busy = html.P(texts.both("form.trying"), className="quiet trying", role="status")
    told = html.Div(
        id=ids.result(form.key), className="result", **wild({"data-testid": "try-result", "aria-live": "polite"})
    )
    return html.Section(
        [
            html.H3(texts.both(f"{trial.words}.title")),
            html.P(texts.both(f"{trial.words}.hint"), className="hint"),
            draw(trial, values),
            action(ids.press(form.key, "try"), "form.try", data_key="try", data_submit="1"),
            busy,
            told,
        ],
        className="try",
    )
