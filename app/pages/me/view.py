"""What stands on the page; for who must change their password first, that alone."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import html

from app.asking import Asking
from app.dashboard import texts
from app.dashboard.components import wild
from app.pages import shell
from app.pages.access import access_view, layers_for
from app.pages.ids import MeId
from app.pages.parts import action, facts
from app.people import sessions
from app.people.sessions import MadeToken
from core.scope import Scope
from core.viewer import Viewer

OWNER = "me"


def draw(asking: Asking, _: str) -> list[Any]:
    who = asking.viewer
    near = () if who.must_change else ("/subscriptions", "/people")
    parts = [] if who.must_change else [about(who)]
    parts.append(password_view(must_change=who.must_change))
    if not who.must_change:
        parts += [language_view(who), html.Section(own_access(asking), id=MeId.ACCESS.value, className="card")]
    return shell.page("me.title", who, near, [html.Div(parts, className="own scroll")])


def about(who: Viewer) -> html.Section:
    told = [
        ("people.field.username", html.Code(who.username)),
        ("people.field.role", html.Span(texts.pair(dict(who.role_names)))),
        ("people.scope", scope_view(who.scope)),
    ]
    return html.Section([html.H2(who.name or who.username), facts(told)], className="card")


def scope_view(scope: Scope) -> html.Span:
    limits = [one for held in (scope.departments, scope.districts, scope.units) for one in sorted(held or ())]
    return html.Span([html.Code(one) for one in limits] if limits else texts.both("people.everywhere"))


def password_view(*, must_change: bool) -> html.Section:
    told = [html.P(texts.both("me.must_change"), className="once", role="status")] if must_change else []
    inputs = [
        dmc.PasswordInput(
            id=MeId.OLD.value,
            label=html.Span(texts.both("me.old")),
            **wild({"data-field": "old"}),
        ),
        dmc.PasswordInput(
            id=MeId.NEW.value,
            label=html.Span(texts.both("me.new")),
            description=html.Span(texts.both("me.new.help")),
            **wild({"data-field": "new"}),
        ),
        action(MeId.CHANGE.value, "me.change", primary=True, data_key="change-password"),
    ]
    body = html.Div(inputs, className="fields", id=MeId.PASSWORD.value)
    return html.Section([html.H2(texts.both("me.password")), *told, body], className="card")


def changed_view() -> list[Any]:
    """In the place of the inputs, once it is done."""
    return [
        html.P(texts.both("me.changed"), role="status"),
        html.A(texts.both("page.back"), href="/", className="action primary", **wild({"data-key": "go-on"})),
    ]


def language_view(who: Viewer) -> html.Section:
    choice = dmc.SegmentedControl(
        id=MeId.LANG.value,
        value=who.lang,
        data=[{"value": code, "label": texts.text(f"me.language.{code}", code)} for code in texts.LANGS],
    )
    return html.Section([html.H2(texts.both("me.language")), choice], className="card")


def own_access(asking: Asking, made: MadeToken | None = None) -> list[Any]:
    held = sessions.read_sessions(asking.conn, asking.viewer.username, asking.now, asking.viewer.session)
    return access_view(OWNER, held, layers_for(asking), made)
