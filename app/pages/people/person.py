"""The pane of one account: its form, a password shown once, its sessions and tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dash import html

from app.asking import Asking
from app.dashboard import texts
from app.dashboard.components import clock_time, wild
from app.pages import forms, ids
from app.pages.access import access_view, layers_for
from app.pages.forms import Answer, Form, Kind, Section, Values
from app.pages.ids import PeopleId
from app.pages.parts import action, class_choices, done, facts, pane_head
from app.people import book, roles, sessions
from app.people.book import PersonChange, PersonIn
from app.people.sessions import MadeToken
from core.viewer import Permission

KEY = "person"
NAMED = Section(("username",))
SECTIONS = (
    Section(("name", "role", "enabled")),
    Section(("districts", "units", "departments", "classification"), "people.scope"),
)
EMPTY: Mapping[str, Any] = {
    "username": "",
    "name": "",
    "role": "viewer",
    "departments": [],
    "districts": [],
    "units": [],
    "classification": None,
    "enabled": True,
}
FACTS = ("created_at", "seen_at", "demo", "must_change", "has_password", "version")


class PersonHandler:
    """Adding and changing an account. It stands with the roles there are, so it is made for who asks."""

    key = KEY
    pane = PeopleId.PANE.value
    lines: tuple[str, ...] = ()
    trial: Form | None = None

    def form(self, values: Mapping[str, Any]) -> Form:
        return person_form(values)

    def save(self, asking: Asking, base: Values, values: dict[str, Any]) -> Answer:
        asking.viewer.require(Permission.PERSON_MANAGE)
        given, errors = forms.check(person_form(base), PersonIn, {**EMPTY, **base_of(base), **in_model(values)})
        if given is None:
            return Answer(errors)
        if base.get("created_at"):
            change = PersonChange.model_validate(given.model_dump(exclude={"username"}))
            book.change_person(asking.conn, asking.viewer, given.username, change, asking.now)
            asking.parts.sessions.forget_all()
        else:
            book.add_person(asking.conn, asking.viewer, given, book.NOTHING_FITS, asking.now)
        shown = open_person(asking, given.username)
        return Answer(pane=shown, toast=done("accounts.saved"), changed=True)

    def newer(self, asking: Asking, base: Values) -> Values:
        return values_of(asking, str(base["username"]))

    def draw(self, asking: Asking, base: Values, values: Values) -> html.Div:
        return pane(asking, base, values)

    def dry_run(self, asking: Asking, base: Values, values: dict[str, Any], trial: dict[str, Any]) -> Answer:
        raise NotImplementedError


def base_of(base: Values) -> dict[str, Any]:
    kept = {name: base[name] for name in EMPTY if base.get(name) is not None}
    return {**in_model(kept), "version": base.get("version", 0)}


def in_model(values: Mapping[str, Any]) -> dict[str, Any]:
    """A choice is text in the page, and a number in the model."""
    chosen = values.get("classification")
    return {**values, "classification": int(chosen)} if chosen not in (None, "") else {**values}


def person_form(values: Mapping[str, Any]) -> Form:
    """What roles there are is told with the values (`roles`), so that every step draws the same choices."""
    offered = values.get("roles") or ()
    levels = class_choices()
    sections = SECTIONS if values.get("created_at") else (NAMED, *SECTIONS)
    return forms.form_of(
        PersonIn,
        KEY,
        "people.field",
        sections,
        role={
            "kind": Kind.CHOICE,
            "choices": tuple((one["id"], texts.pair(one["names"])) for one in offered),
            "required": True,
        },
        classification={"kind": Kind.CHOICE, "choices": levels, "nullable": True},
    )


def values_of(asking: Asking, username: str) -> dict[str, Any]:
    person: Mapping[str, Any] = book.read_person(asking.conn, username)
    level = person["classification"]
    return {
        **{name: person[name] for name in (*EMPTY, *FACTS)},
        **{name: person[name] or [] for name in ("departments", "districts", "units")},
        "classification": None if level is None else str(level),
        "roles": offered_roles(asking),
    }


def offered_roles(asking: Asking) -> list[dict[str, Any]]:
    """Those that who asks may give."""
    return [
        {"id": one["id"], "names": one["names"]}
        for one in roles.read_roles(asking.conn)
        if asking.viewer.permissions.issuperset(one["permissions"])
    ]


def open_person(asking: Asking, username: str, password: str = "", token: MadeToken | None = None) -> html.Div:
    asking.viewer.require(Permission.PERSON_MANAGE)
    found = values_of(asking, username)
    return pane(asking, found, found, password, token)


def open_new(asking: Asking) -> html.Div:
    asking.viewer.require(Permission.PERSON_MANAGE)
    values = {**EMPTY, "roles": offered_roles(asking)}
    return pane(asking, values, values)


def pane(asking: Asking, base: Values, values: Values, password: str = "", token: MadeToken | None = None) -> html.Div:
    is_new = not base.get("created_at")
    form = person_form(base)
    rest: list[Any] = []
    if not is_new:
        username = str(base["username"])
        acts = [
            action(PeopleId.PASSWORD.value, "people.password", primary=not base["has_password"], data_key="password"),
            action(PeopleId.END.value, "people.end", data_key="end-all"),
        ]
        held = sessions.read_sessions(asking.conn, username, asking.now, asking.viewer.session)
        rest = [html.Div(acts, className="actions"), *access_view("people", held, layers_for(asking), token)]
    return html.Div(
        [
            pane_head(texts.both("people.add") if is_new else [base["name"]], ids.press(KEY, "close")),
            *([secret_view(str(base["username"]), password)] if password else []),
            *([] if is_new else [known_view(base)]),
            forms.draw(form, values, base=base),
            forms.save_button(form),
            *rest,
        ],
        className="account",
    )


def known_view(base: Values) -> html.Dl:
    waiting = "people.no_password" if not base["has_password"] else "people.must_change" if base["must_change"] else ""
    return facts(
        [
            ("people.field.username", html.Code(base["username"])),
            ("people.seen", clock_time(base["seen_at"]) if base["seen_at"] else None),
            ("accounts.created", clock_time(base["created_at"])),
            ("accounts.password", html.Span(texts.both(waiting)) if waiting else None),
        ]
    )


def secret_view(username: str, password: str) -> html.Div:
    """What the person is told. It is on no other page and in no other answer."""
    shown = [
        ("people.field.username", html.Code(username)),
        ("accounts.password", html.Code(password, **wild({"data-key": "secret"}))),
    ]
    return html.Div([html.P(texts.both("people.once")), facts(shown)], className="once", role="status")
