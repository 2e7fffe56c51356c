"""Somebody else was quicker: what they changed, and how one's own entries are kept."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from dash import html

from app.dashboard import texts
from app.dashboard.components import wild
from app.pages import ids
from app.pages.forms.drawing import label_of
from app.pages.forms.model import Form, Kind, Values, Words
from app.pages.parts import action


def merge(base: Values, mine: Values, newer: Values) -> Values:
    """The newer version with what I have changed since `base`: nothing typed is lost, nothing untouched goes back."""
    return {**newer, **{name: value for name, value in mine.items() if value != base.get(name)}}


def theirs(form: Form, base: Values, newer: Values) -> list[tuple[str, Words]]:
    """What somebody else has changed, in words."""
    found: list[tuple[str, Words]] = []
    for one in form.shown():
        before, after = base.get(one.name), newer.get(one.name)
        if one.kind is Kind.GROUP and isinstance(before, Mapping) and isinstance(after, Mapping):
            inner = [each.name for each in one.fields if before.get(each.name) != after.get(each.name)]
            found += [(f"{one.name}.{name}", [say_value(after.get(name))]) for name in inner]
        elif before != after:
            found.append((one.name, one.lines.said(after) if one.lines.said else [say_value(after)]))
    return found


def say_value(value: Any) -> str:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return str(value)
    return "–" if value in (None, "", [], {}) else json.dumps(value, ensure_ascii=False)


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
