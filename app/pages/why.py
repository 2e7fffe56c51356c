"""What is asked twice with a reason: a dialog's words, a field for why, and the answer.

acts.asked_twice(button, DIALOG, words, work, *asked_of(DIALOG), HELD)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, State, dcc, html
from pydantic import ValidationError

from app.api.rules import WhyIn
from app.dashboard import texts
from app.dashboard.components import wild
from app.pages import ids
from app.pages.acts import Press
from core.errors import InputError
from core.given import as_input_error


def asked_of(dialog: str) -> tuple[State, State]:
    """What a dialog is about, and why; both are there once it was opened."""
    return State(ids.asked_about(dialog, ALL), "data"), State(ids.field(dialog, ALL), "value")


def asked(dialog: str, told: Sequence[Any], about: Mapping[str, Any], *, required: bool) -> list[Any]:
    """What is about to happen, and a field for why."""
    why = dmc.TextInput(
        id=ids.field(dialog, "why"),
        label=html.Span(texts.both("form.why")),
        value="",
        withAsterisk=required,
        autoComplete="off",
        **wild({"data-field": "why"}),
    )
    return [html.P(told), why, dcc.Store(id=ids.asked_about(dialog, "what"), data=dict(about))]


def answer_of(press: Press, *, required: bool) -> tuple[Mapping[str, Any], str | None]:
    """What was asked about, and why. InputError where it must be said and is not."""
    [about], [why], *_ = press.given
    said = str(why or "").strip()
    if required and not said:
        raise InputError("why: expected a reason", field="why", reason="rule_why")
    try:
        return about, WhyIn(why=said or None).why
    except ValidationError as exc:
        raise as_input_error(exc) from exc
