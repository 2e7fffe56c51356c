"""What is wrong with what was typed, in words, at its field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from dash import html
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from app.dashboard import texts
from app.pages.forms.model import WHOLE, Errors, Form, Kind, Values, Words
from app.pages.parts import PLAIN, reason_words
from core.errors import Conflict, InputError
from core.faults import words_of

Model = TypeVar("Model", bound=BaseModel)


def check(form: Form, model: type[Model], values: Values, within: str = "") -> tuple[Model | None, Errors]:
    """The model, or what is wrong with which field; `within`: the field that the model is of."""
    try:
        return model.model_validate(dict(values)), {}
    except ValidationError as exc:
        return None, errors_of(form, exc, within)


def errors_of(form: Form, exc: ValidationError, within: str = "") -> Errors:
    """The first error of each field, in words."""
    found: Errors = {}
    for one in exc.errors():
        path = (*((within,) if within else ()), *one["loc"])
        place = place_of(form, path)
        found.setdefault(place, [*line_words(form, place, path), *error_text(one)])
    return found


def line_words(form: Form, place: str, path: Sequence[Any]) -> Words:
    """Of a list of lines: in which line, and in which column."""
    at = path[len(place.split(".")) :]
    if not place or not at or not isinstance(at[0], int) or form.field(place).kind is not Kind.LINES:
        return []
    column = at[1] if len(at) > 1 else None
    named = [" ", *texts.both(form.says(f"{place}.{column}"))] if column in form.field(place).lines.columns else []
    return [html.Span([*texts.both("form.error.line", n=at[0] + 1), *named]), " "]


def is_missing(one: ErrorDetails) -> bool:
    """An empty input is none given, whatever the type says of it."""
    given = one.get("input")
    return one["type"] == "missing" or given is None or given in ("", [])


def error_text(one: ErrorDetails) -> Words:
    """What to do in a form, where that is other than what is expected of a program."""
    name = f"form.error.{'missing' if is_missing(one) else one['type']}"
    return texts.both(name) if name in texts.catalogue() else sentence(words_of(one))


def sentence(why: Mapping[str, str]) -> Words:
    """What stands alone, and not behind the name of a field."""
    return texts.pair({lang: said[:1].upper() + said[1:] for lang, said in why.items()})


def place_of(form: Form, parts: Sequence[Any]) -> str:
    """The field that a path of the model leads to: the longest that the form has."""
    names, known = [str(part) for part in parts], set(form.names())
    for end in range(len(names), 0, -1):
        name = ".".join(names[:end])
        if name in known:
            return name
    return WHOLE


def error_of(form: Form, exc: InputError | Conflict) -> Errors:
    """What the server said of a field: the reason in words, and its detail as it stands, without the field's name."""
    place = place_of(form, (exc.field or "").split("."))
    if exc.reason in PLAIN and "why" in exc.about:
        return {place: sentence(exc.about["why"])}
    if exc.reason not in PLAIN and exc.about:
        return {place: texts.pair(texts.why(exc.reason, exc.about))}
    detail = exc.message.removeprefix(f"{exc.field}: ") if exc.field else exc.message
    words = texts.both("form.error.refused") if exc.reason in PLAIN else reason_words(exc.reason)
    return {place: [*words, " ", html.Code(detail)]}


def spread(errors: Errors, outputs: Any) -> tuple[list[Any], list[Any]]:
    """Errors over the inputs and slots that there are (`ctx.outputs_list`); what has no place stands with the whole
    form."""
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
