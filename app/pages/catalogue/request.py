"""The pane of one request: who asks for what, and the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dash import html

from app.api.catalogue import decides
from app.asking import Asking
from app.catalogue.keeping import decide_access
from app.dashboard import texts
from app.dashboard.components import clock_time
from app.pages import forms, ids
from app.pages.catalogue.listing import STATES
from app.pages.forms import Answer, Form, Kind, Section, Values
from app.pages.ids import CatalogueId
from app.pages.parts import done, facts, lamp, pane_head
from core.catalogue.requests import DecisionIn, need_request

KEY = "decision"
FAMILY = "catalogue.request.field"


def decision_form() -> Form:
    answers = (("yes", texts.both("catalogue.request.grant")), ("no", texts.both("catalogue.request.refuse")))
    return forms.form_of(
        DecisionIn, KEY, FAMILY, (Section(("grant", "answer")),), grant={"kind": Kind.CHOICE, "choices": answers}
    )


def pane(asking: Asking, base: Values, values: Values) -> html.Div:
    decided = [clock_time(base["decided_at"]), f" · {base['decided_by']}"] if base["decided_at"] else None
    told = facts(
        [
            ("catalogue.name", html.Code(f"{base['kind']}/{base['resource']}")),
            ("catalogue.request.field.department", html.Code(base["department"])),
            ("catalogue.request.field.purpose", base["purpose"]),
            ("catalogue.asked", [clock_time(base["asked_at"]), f" · {base['asked_by']}"]),
            ("catalogue.state", lamp(STATES[base["state"]], f"catalogue.asked_is.{base['state']}")),
            ("catalogue.request.field.answer", base["answer"]),
            ("catalogue.decided_by", decided),
        ]
    )
    form = decision_form()
    answer: list[Any] = []
    if base["state"] == "open" and decides(asking.conn, asking.viewer, need_request(asking.conn, base["id"])):
        answer = [forms.draw(form, values, locked=False, base=base), forms.save_button(form)]
    return html.Div(
        [pane_head(texts.both("catalogue.request"), ids.press(KEY, "close")), told, *answer], className="account"
    )


class DecisionHandler:
    """Granting or refusing."""

    key = KEY
    pane = CatalogueId.REQUEST_PANE.value
    lines: tuple[str, ...] = ()
    trial: Form | None = None

    def form(self, values: Mapping[str, Any]) -> Form:
        return decision_form()

    def save(self, asking: Asking, base: Values, values: dict[str, Any]) -> Answer:
        grant = {"yes": True, "no": False}.get(values.get("grant") or "")
        said = {"grant": grant, "answer": values.get("answer") or None}
        given, errors = forms.check(decision_form(), DecisionIn, said)
        if given is None:
            return Answer(errors)
        told = decide_access(asking.conn, asking.viewer, int(base["id"]), given, asking.now)
        return Answer(pane=pane(asking, dict(told), {}), toast=done("accounts.saved"), changed=True)

    def newer(self, asking: Asking, base: Values) -> Values:
        return dict(need_request(asking.conn, int(base["id"])))

    def draw(self, asking: Asking, base: Values, values: Values) -> html.Div:
        return pane(asking, base, values)

    def dry_run(self, asking: Asking, base: Values, values: dict[str, Any], trial: dict[str, Any]) -> Answer:
        raise NotImplementedError
