"""Callbacks of the page: open, add, import, rotate and revoke; keep what is said of the broker current."""

from __future__ import annotations

import base64
from typing import Any

from dash import Dash, Input, Output, State, html
from dash.exceptions import PreventUpdate

from app.api import devices as api
from app.asking import Asking, Door
from app.dashboard import texts
from app.pages import forms, ids, tables
from app.pages.accounts import form, layout, listing
from app.pages.acts import Act, Acts, Press, fills
from app.pages.ids import AccountsId, Id
from app.pages.parts import done
from ingest.doors.many import read_text

HELD = State(ids.held(form.KEY), "data")


def register(app: Dash, door: Door) -> None:
    tables.register(app, door, listing.TABLE, listing.read_rows)
    forms.register(app, door, form.AccountHandler())
    acts = Acts(app, door)
    acts.follows(listing.TABLE.key, tell_door)
    acts.cells(listing.TABLE.key, open=open_account)
    acts.button(AccountsId.ADD, lambda asking, press: Act([fills(AccountsId.PANE, form.open_new(asking))]))
    acts.button(AccountsId.MANY, lambda asking, press: Act([fills(AccountsId.PANE, form.open_many(asking))]))
    acts.button(AccountsId.IMPORT, import_many, State(AccountsId.CSV.value, "value"))
    acts.closes(form.KEY, AccountsId.PANE)
    acts.asked_twice(AccountsId.ROTATE, layout.ROTATING, lambda press: ask("rotate", press), rotate, HELD)
    acts.asked_twice(AccountsId.REVOKE, layout.REVOKING, lambda press: ask("revoke", press), revoke, HELD)
    register_upload(app)


def tell_door(asking: Asking, _: Press) -> Act:
    return Act([fills(AccountsId.DOOR, listing.door_view(asking))])


def open_account(asking: Asking, press: Press) -> Act:
    return Act([fills(AccountsId.PANE, form.open_account(asking, str(press.what["id"])))])


def ask(act: str, press: Press) -> Any:
    return html.Span(texts.both(f"accounts.{act}.ask", name=name_of(press)))


def name_of(press: Press) -> str:
    return str(press.given[0]["name"])


def rotate(asking: Asking, press: Press) -> Act:
    made = api.post_rotate(asking.conn, asking.viewer, asking.now, name_of(press))
    shown = form.open_account(asking, name_of(press), made["credentials"])
    return Act([fills(AccountsId.PANE, shown)], done("accounts.rotated_now", name=name_of(press)), changed=True)


def revoke(asking: Asking, press: Press) -> Act:
    api.post_revoke(asking.conn, asking.viewer, asking.now, name_of(press))
    shown = form.open_account(asking, name_of(press))
    return Act([fills(AccountsId.PANE, shown)], done("accounts.revoked_now", name=name_of(press)), changed=True)


def import_many(asking: Asking, press: Press) -> Act:
    """The secrets leave as a file, once."""
    typed = (press.given[0] or "").strip()
    if not typed:
        return Act([(AccountsId.CSV, {"error": html.Span(texts.both("form.error.missing"))})])
    answer = api.post_accounts(asking.conn, asking.viewer, asking.now, asking.parts, api.ImportIn(csv=typed))
    sets: list[Any] = [fills(AccountsId.IMPORTED, form.imported_view(answer)), (AccountsId.CSV, {"error": None})]
    if answer["added"]:
        file = {"content": form.secrets_file(answer), "filename": "accounts.csv", "type": "text/csv"}
        sets.append((Id.DOWNLOAD, {"data": file}))
    return Act(sets, changed=True)


def register_upload(app: Dash) -> None:
    @app.callback(
        Output(AccountsId.CSV.value, "value"), Input(AccountsId.UPLOAD.value, "contents"), prevent_initial_call=True
    )
    async def take_file(contents: str | None) -> str:
        if not contents:
            raise PreventUpdate
        return read_text(base64.b64decode(contents.partition(",")[2]))
