"""The form of one account, its secret shown once, and the file of many."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html

from app.api import devices as api
from app.asking import Asking
from app.dashboard import texts
from app.dashboard.components import clock_time, wild
from app.pages import forms, ids
from app.pages.forms import Answer, Form, Kind, Section, Values
from app.pages.ids import AccountsId
from app.pages.parts import action, done, facts, pane_head
from core.viewer import Permission
from ingest.doors import accounts as book

KEY = "account"
MANY = "accounts-import"
# as much as the importer takes
FILE_AT_MOST = 5_000_000
FAMILY = "accounts.field"
NAMED = Section(("name",))
SECTIONS = (
    Section(("kind", "sensors", "cameras", "units")),
    Section((("sources", "topics"),), "accounts.foreign", is_open=False),
    Section(("reports", "warnings", "note")),
)
EMPTY: Mapping[str, Any] = {
    "name": "",
    "kind": "device",
    "sensors": [],
    "cameras": [],
    "units": [],
    "sources": [],
    "topics": [],
    "reports": False,
    "warnings": False,
    "note": None,
}
EXAMPLE = "name,kind,sensors,note\nlogger-1,device,wl-001;wl-002,\nfire-12,unit,,"


def account_form(values: Mapping[str, Any]) -> Form:
    """An account that is not there yet has a name to give."""
    kinds = tuple((kind, texts.both(f"accounts.kind.{kind}")) for kind in ("device", "unit", "gateway"))
    sections = SECTIONS if values.get("created_at") else (NAMED, *SECTIONS)
    return forms.form_of(
        book.AccountIn, KEY, FAMILY, sections, kind={"kind": Kind.CHOICE, "choices": kinds, "required": True}
    )


def values_of(account: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("state", "created_at", "created_by", "rotated_at", "revoked_at", "heard_at")
    return {name: account[name] for name in (*EMPTY, *kept)}


def pane(asking: Asking, base: Values, values: Values, secret: book.Credentials | None = None) -> html.Div:
    is_new = not base.get("created_at")
    active = is_new or base["state"] == "active"
    acts = [
        action(AccountsId.ROTATE.value, "accounts.rotate", data_key="rotate"),
        action(AccountsId.REVOKE.value, "accounts.revoke", data_key="revoke"),
    ]
    form = account_form(values)
    return html.Div(
        [
            pane_head(texts.both("accounts.add") if is_new else [base["name"]], ids.press(KEY, "close")),
            *(secret_view(secret, asking.parts.settings.device_url) if secret else []),
            *([] if is_new else [known_view(base)]),
            forms.draw(form, values, locked=not active, base=base),
            *([forms.save_button(form)] if active else []),
            *([] if is_new or not active else [html.Div(acts, className="actions")]),
        ],
        className="account",
    )


def known_view(base: Values) -> html.Dl:
    return facts(
        [
            ("sources.state", html.Span(texts.both(f"accounts.is.{base['state']}"))),
            ("devices.last", clock_time(base["heard_at"]) if base["heard_at"] else None),
            ("accounts.created", [clock_time(base["created_at"]), f" · {base['created_by']}"]),
            ("accounts.rotated", clock_time(base["rotated_at"]) if base["rotated_at"] else None),
            ("accounts.revoked", clock_time(base["revoked_at"]) if base["revoked_at"] else None),
        ]
    )


def secret_view(secret: book.Credentials, address: str) -> list[Any]:
    """What the device is told. It is on no other page and in no other answer."""
    shown = [
        ("accounts.address", html.Code(address)) if address else ("accounts.address", None),
        ("accounts.username", html.Code(secret["username"], **wild({"data-key": "username"}))),
        ("accounts.password", html.Code(secret["password"], **wild({"data-key": "password"}))),
    ]
    return [html.Div([html.P(texts.both("accounts.once")), facts(shown)], className="once", role="status")]


class AccountHandler:
    """Adding and changing an account, by the functions behind the API."""

    key = KEY
    pane = AccountsId.PANE.value
    lines: tuple[str, ...] = ()
    trial: Form | None = None

    def form(self, values: Mapping[str, Any]) -> Form:
        return account_form(values)

    def save(self, asking: Asking, base: Values, values: dict[str, Any]) -> Answer:
        asking.viewer.require(Permission.DEVICE_MANAGE)
        whole = {name: base.get(name) for name in EMPTY} | values
        given, errors = forms.check(account_form(base), book.AccountIn, whole)
        if given is None:
            return Answer(errors)
        if base.get("created_at"):
            saved = api.put_account(asking.conn, asking.viewer, asking.now, asking.parts, str(base["name"]), given)
            secret = None
        else:
            made = api.post_account(asking.conn, asking.viewer, asking.now, asking.parts, given)
            saved, secret = made["account"], made["credentials"]
        now = values_of(saved)
        return Answer(pane=pane(asking, now, now, secret), toast=done("accounts.saved"), changed=True)

    def newer(self, asking: Asking, base: Values) -> Values:
        return values_of(api.get_account(asking.conn, asking.viewer, str(base["name"])))

    def draw(self, asking: Asking, base: Values, values: Values) -> html.Div:
        return pane(asking, base, values)

    def dry_run(self, asking: Asking, base: Values, values: dict[str, Any], trial: dict[str, Any]) -> Answer:
        raise NotImplementedError


def open_account(asking: Asking, name: str, secret: book.Credentials | None = None) -> html.Div:
    found = values_of(api.get_account(asking.conn, asking.viewer, name))
    return pane(asking, found, found, secret)


def open_new(asking: Asking) -> html.Div:
    asking.viewer.require(Permission.DEVICE_MANAGE)
    return pane(asking, dict(EMPTY), dict(EMPTY))


# --- many at once -----------------------------------------------------------------------------------------------------


def open_many(asking: Asking, typed: str = "") -> html.Div:
    asking.viewer.require(Permission.DEVICE_MANAGE)
    upload = dcc.Upload(
        html.Span(texts.both("accounts.drop")),
        id=AccountsId.UPLOAD.value,
        accept=".csv,text/csv",
        max_size=FILE_AT_MOST,
        className="drop",
    )
    box = dmc.Textarea(
        id=AccountsId.CSV.value,
        value=typed,
        placeholder=EXAMPLE,
        autosize=True,
        minRows=8,
        maxRows=20,
        label=html.Span(texts.both("accounts.csv")),
        description=html.Span(texts.both("accounts.csv.help")),
    )
    buttons = [action(AccountsId.IMPORT.value, "accounts.import", primary=True, data_key="import")]
    return html.Div(
        [
            pane_head(texts.both("accounts.import"), ids.press(KEY, "close")),
            upload,
            box,
            html.Div(buttons, className="actions"),
            html.Div(id=AccountsId.IMPORTED.value),
        ],
        className="account",
    )


def imported_view(answer: api.ImportAnswer) -> list[Any]:
    """How many are in, and which lines are not and why."""
    refused = [
        html.Li([html.Span(texts.both("accounts.line", n=one["line"])), " ", *texts.pair(one["message"])])
        for one in answer["lines"]
        if one["error"]
    ]
    told = html.P(texts.both("accounts.imported", n=answer["added"], m=answer["refused"]), role="status")
    return [told, html.Ul(refused)] if refused else [told]


def secrets_file(answer: api.ImportAnswer) -> str:
    """The file that is handed over once: user name and password of each."""
    lines = [one["credentials"] for one in answer["lines"] if one["credentials"]]
    return "\n".join(["username,password", *(f"{one['username']},{one['password']}" for one in lines)]) + "\n"
