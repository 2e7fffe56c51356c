"""Callbacks of the page: change the password, end sessions, make tokens, choose the language."""

from __future__ import annotations

from typing import Any

from dash import ALL, Dash, Input, State, html, set_props
from dash.exceptions import PreventUpdate

from app.accounts import set_language
from app.asking import Asking, Door
from app.login import change_password
from app.pages import ids
from app.pages.access import TYPED, typed_token
from app.pages.acts import Act, Acts, Press, fills
from app.pages.ids import Id, MeId
from app.pages.me.view import OWNER, changed_view, own_access
from app.pages.parts import done, reason_words
from app.people import sessions
from core.errors import InputError

INPUTS = {"old": MeId.OLD, "new": MeId.NEW}


def register(app: Dash, door: Door) -> None:
    acts = Acts(app, door)
    typed = (State(ids.token(OWNER, part), "value") for part in TYPED)
    acts.button(ids.token(OWNER, "make"), make_token, *typed)
    acts.button(ids.end_access(OWNER, ALL), end_one)

    @app.callback(
        Input(MeId.CHANGE.value, "n_clicks"),
        State(MeId.OLD.value, "value"),
        State(MeId.NEW.value, "value"),
        prevent_initial_call=True,
    )
    async def change(clicks: int | None, old: str | None, new: str | None) -> None:
        if not clicks:
            raise PreventUpdate
        wrong: dict[str, Any] = {}
        try:
            await change_password(door.parts, door.viewer(), old or "", new or "")
        except InputError as exc:
            wrong[exc.field or "new"] = html.Span(reason_words(exc.reason))
        for field, component in INPUTS.items():
            set_props(component.value, {"error": wrong.get(field)})
        if not wrong:
            set_props(MeId.PASSWORD.value, {"children": changed_view()})

    @app.callback(Input(MeId.LANG.value, "value"), prevent_initial_call=True)
    async def choose(lang: str | None) -> None:
        if lang not in ("zh", "en") or lang == door.viewer().lang:
            raise PreventUpdate
        await door.ask(keep_lang, lang)
        set_props(Id.TOASTS.value, {"children": done("accounts.saved")})


def keep_lang(asking: Asking, lang: str) -> None:
    set_language(asking.conn, asking.viewer.username, lang)
    asking.parts.sessions.forget_all()


def end_one(asking: Asking, press: Press) -> Act:
    sessions.end_session(asking.conn, asking.viewer, asking.viewer.username, int(press.what["end"]), asking.now)
    asking.parts.sessions.forget_all()
    return Act([fills(MeId.ACCESS, own_access(asking))], done("people.ended", n=1))


def make_token(asking: Asking, press: Press) -> Act:
    made = sessions.make_token(
        asking.conn, asking.viewer, asking.viewer.username, typed_token(*press.given), asking.now
    )
    return Act([fills(MeId.ACCESS, own_access(asking, made))])
