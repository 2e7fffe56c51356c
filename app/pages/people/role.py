"""The pane of one role: its names, and a switch for each permission."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dash import html
from pydantic import BaseModel, create_model

from app.asking import Asking
from app.dashboard import texts
from app.pages import forms, ids
from app.pages.forms import Answer, Form, Section, Values
from app.pages.ids import PeopleId
from app.pages.parts import action, done, pane_head
from app.people import roles
from app.people.roles import RoleChange, RoleIn
from core.viewer import Permission

KEY = "role"


def flat(permission: str) -> str:
    """As a name of a field."""
    return permission.replace(".", "_")


BY_FIELD = {flat(one): one for one in Permission}
Permissions: type[BaseModel] = create_model("Permissions", **dict.fromkeys(BY_FIELD, (bool, False)))  # type: ignore[call-overload]


class RoleForm(BaseModel):
    """A role as the page shows it."""

    id: str
    name_zh: str
    name_en: str
    permissions: Permissions


NAMED = Section(("id",))
SECTIONS = (Section((("name_zh", "name_en"),)), Section(("permissions",), "roles.field.permissions"))
NOTHING = dict.fromkeys(BY_FIELD, False)


def role_form(values: Values) -> Form:
    sections = SECTIONS if values.get("version") else (NAMED, *SECTIONS)
    return forms.form_of(RoleForm, KEY, "roles.field", sections)


class RoleHandler:
    key = KEY
    pane = PeopleId.ROLE_PANE.value
    lines: tuple[str, ...] = ()
    trial: Form | None = None

    def form(self, values: Mapping[str, Any]) -> Form:
        return role_form(values)

    def save(self, asking: Asking, base: Values, values: dict[str, Any]) -> Answer:
        asking.viewer.require(Permission.PERSON_MANAGE)
        chosen = [BY_FIELD[name] for name, on in values["permissions"].items() if on]
        whole = {**values, "permissions": chosen, "version": base.get("version", 0)}
        if base.get("version"):
            whole.pop("id", None)
            given, errors = forms.check(role_form(base), RoleChange, whole)
            if given is None:
                return Answer(errors)
            saved = roles.change_role(asking.conn, asking.viewer, str(base["id"]), given, asking.now)
            asking.parts.sessions.forget_all()
        else:
            new, errors = forms.check(role_form(base), RoleIn, whole)
            if new is None:
                return Answer(errors)
            saved = roles.add_role(asking.conn, asking.viewer, new, asking.now)
        return Answer(pane=open_role(asking, saved["id"]), toast=done("accounts.saved"), changed=True)

    def newer(self, asking: Asking, base: Values) -> Values:
        return values_of(asking, str(base["id"]))

    def draw(self, asking: Asking, base: Values, values: Values) -> html.Div:
        return pane(base, values)

    def dry_run(self, asking: Asking, base: Values, values: dict[str, Any], trial: dict[str, Any]) -> Answer:
        raise NotImplementedError


def values_of(asking: Asking, role: str) -> dict[str, Any]:
    found = roles.read_role(asking.conn, role)
    return {
        "id": found["id"],
        "name_zh": found["names"]["zh"],
        "name_en": found["names"]["en"],
        "permissions": {name: one in found["permissions"] for name, one in BY_FIELD.items()},
        "built_in": found["built_in"],
        "accounts": found["accounts"],
        "version": found["version"],
    }


def open_role(asking: Asking, role: str) -> html.Div:
    asking.viewer.require(Permission.PERSON_MANAGE)
    found = values_of(asking, role)
    return pane(found, found)


def open_new(asking: Asking) -> html.Div:
    asking.viewer.require(Permission.PERSON_MANAGE)
    values = {"id": "", "name_zh": "", "name_en": "", "permissions": NOTHING}
    return pane(values, values)


def pane(base: Values, values: Values) -> html.Div:
    """One of the software's is shown and cannot be changed."""
    is_new = not base.get("version")
    locked = bool(base.get("built_in"))
    form = role_form(base)
    told = [html.P(texts.both("roles.built_in.help"), className="quiet")] if locked else []
    remove = action(PeopleId.ROLE_REMOVE.value, "roles.remove", disabled=bool(base.get("accounts")), data_key="remove")
    return html.Div(
        [
            pane_head(
                texts.both("roles.add") if is_new else texts.pair({"zh": base["name_zh"], "en": base["name_en"]}),
                ids.press(KEY, "close"),
            ),
            *told,
            forms.draw(form, values, locked=locked, base=base),
            *([] if locked else [forms.save_button(form)]),
            *([] if locked or is_new else [html.Div([remove], className="actions")]),
        ],
        className="account",
    )
