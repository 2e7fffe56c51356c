"""What the kit asks of a page, and what each button of a form does with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from dash import no_update

from app.asking import Asking
from app.pages.forms.model import WHOLE, Errors, Form, Values
from app.pages.forms.typed import Typed, read
from app.pages.forms.versions import conflict_view, merge, theirs
from app.pages.forms.wrong import error_of
from core.errors import Conflict, InputError
from core.types import JsonObject


@dataclass(frozen=True, slots=True)
class Answer:
    """What pressing a button of a form led to. `pane` is drawn anew where it is given; `changed` tells tables to read
    anew."""

    errors: Errors = field(default_factory=dict)
    pane: Any = no_update
    toast: Any = no_update
    changed: bool = False
    result: Any = no_update


class Handler(Protocol):
    """What the kit asks of a page. Every method runs in a thread, in the transaction of `asking`, and checks what the
    person may do."""

    key: str
    # the pane in which the form stands
    pane: str
    # names of the fields that are lines
    lines: tuple[str, ...]
    # the form of the message to try, where a dry run is offered
    trial: Form | None

    def form(self, values: Values) -> Form:
        """The form for what is typed: what it shows may depend on a choice."""

    def save(self, asking: Asking, base: Values, values: JsonObject) -> Answer:
        """InputError and Conflict are shown in the form."""

    def newer(self, asking: Asking, base: Values) -> Values:
        """The thing as it is now."""

    def draw(self, asking: Asking, base: Values, values: Values) -> Any:
        """The pane with the form in it."""

    def dry_run(self, asking: Asking, base: Values, values: JsonObject, trial: JsonObject) -> Answer:
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
