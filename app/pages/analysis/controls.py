"""What is chosen on the page: the subject, and what is asked of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import html

from app.dashboard import texts
from app.dashboard.components import wild
from app.pages import ids
from app.pages.analysis.state import State
from app.pages.ids import AnalysisId
from app.pages.parts import action
from core.analysis import SubjectObject
from core.analysis.asked import COUNT
from core.vocabulary import Text

KEY = "analysis"
# so many to choose from can be searched
MANY = 8
# a value that is not given, which a list to choose from must call something
NOT_GIVEN = "∅"
Choice = tuple[str, Text]


def choice(name: str, key: str | ids.Key, choices: Sequence[Choice], value: str | None, *, clears: bool = False) -> Any:
    """A list to choose from, in the page's language (`assets/js/pages/main.mjs`)."""
    told = [{"value": one, **words} for one, words in choices]
    return dmc.Select(
        id=key,
        data=[{"value": one["value"], "label": one["zh"]} for one in told],
        value=value if value in {one for one, _ in choices} else None,
        label=html.Span(texts.both(f"analysis.field.{name}")),
        allowDeselect=False,
        clearable=clears,
        searchable=len(told) > MANY,
        checkIconPosition="right",
        comboboxProps={"withinPortal": True},
        **wild({"data-field": name, "data-choices": json.dumps({"id": key, "choices": told}, ensure_ascii=False)}),
    )


def titled(listed: Sequence[Mapping[str, Any]]) -> list[Choice]:
    return [(str(one["id"]), dict(one["title"])) for one in listed]


def subject_choice(subjects: Sequence[SubjectObject], chosen: str) -> Any:
    return choice("subject", AnalysisId.SUBJECT.value, titled(subjects), chosen)


def fields_view(subject: SubjectObject, state: State, districts: Sequence[Choice]) -> html.Div:
    """All but the subject; drawn anew for another one."""

    def chosen(name: str, choices: Sequence[Choice], value: str | None, *, clears: bool = False) -> Any:
        return choice(name, ids.field(KEY, name), choices, value, clears=clears)

    groupings = titled(subject["groupings"])
    first = groupings[0][0] if groupings else None
    parts = [
        chosen("by", groupings, state.get("by") or first),
        chosen("then", groupings, state.get("then"), clears=True),
        chosen("measure", titled(subject["measures"]), state.get("measure") or COUNT),
    ]
    if subject["times"]:
        parts.append(times_view(subject, state))
    if districts:
        parts.append(chosen("district", districts, state.get("district"), clears=True))
    if subject["columns"]:
        column = chosen("column", titled(subject["columns"]), state.get("column"), clears=True)
        parts += [column, html.Div(id=AnalysisId.VALUE.value)]
    return html.Div(parts, key=subject["id"], className="fields")


def times_view(subject: SubjectObject, state: State) -> html.Div:
    """Between which days; a press fills both in."""
    several = titled(subject["times"])
    of = [choice("time", ids.field(KEY, "time"), several, state.get("time") or several[0][0])]
    days = [
        dmc.TextInput(
            id=ids.field(KEY, name),
            value=state.get(name, ""),
            label=html.Span(texts.both(f"analysis.field.{name}")),
            placeholder="2026-01-31",
            debounce=True,
            autoComplete="off",
            **wild({"data-field": name}),
        )
        for name in ("from", "to")
    ]
    spans = [
        action(ids.press(KEY, name), f"analysis.span.{name}", small=True, data_key=f"span-{name}")
        for name in ("week", "month", "year", "all")
    ]
    return html.Div(
        [*(of if len(several) > 1 else []), html.Div(days, className="pair"), html.Div(spans, className="spans")],
        className="fields",
    )


def value_choice(column: str, values: Sequence[Choice], chosen: str | None) -> html.Div:
    """The values of the column that it is narrowed by."""
    return html.Div(choice("value", ids.field(KEY, "value"), values, chosen, clears=True), key=column)
