"""Sessions and tokens of an account, as a list in which each can be ended, and the making of a token; `owner` is the
page they stand on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import html

from app.asking import Asking
from app.dashboard import texts
from app.dashboard.components import clock_time, wild
from app.pages import ids
from app.pages.parts import action, facts
from app.people.sessions import MadeToken, SessionObject, TokenIn
from core.errors import InputError
from core.vocabulary import Text
from layers.ogc.collections import collections

DAYS = 90


Layers = Sequence[tuple[str, Text]]


def access_view(owner: str, held: Sequence[SessionObject], layers: Layers, made: MadeToken | None = None) -> list[Any]:
    """`layers` are those that a token may be for: id and title."""
    listed = html.Ul([one_view(owner, one) for one in held], className="accesses")
    return [
        html.H3(texts.both("access.title")),
        listed if held else html.P(texts.both("access.none"), className="quiet"),
        *([made_view(made)] if made else []),
        token_view(owner, layers),
    ]


def layers_for(asking: Asking) -> Layers:
    return [(one.id, one.title) for one in collections(asking.conn, asking.viewer.scope)]


def one_view(owner: str, one: SessionObject) -> html.Li:
    name = [html.B(one["name"])] if one["name"] else []
    where = [html.Code(one["address"])] if one["address"] else []
    only = [html.Code(", ".join(one["layers"]))] if one["layers"] else []
    here = [html.Span(texts.both("access.current"), className="chip")] if one["current"] else []
    times = (("access.since", "created_at"), ("access.seen", "seen_at"), ("access.until", "expires_at"))
    told = [
        html.Span([*texts.both(key), " ", clock_time(one[name])], className="quiet")  # type: ignore[literal-required]
        for key, name in times
    ]
    key = f"end-{one['name'] or one['kind']}"
    end = action(ids.end_access(owner, one["id"]), "access.end", small=True, data_key=key)
    head = html.Div(
        [html.Span(texts.both(f"access.kind.{one['kind']}")), *name, *only, *where, *here], className="line"
    )
    return html.Li([html.Div([head, html.Div(told, className="line")]), end])


def made_view(made: MadeToken) -> html.Div:
    shown = [
        ("access.token", html.Code(made["token"], **wild({"data-key": "token"}))),
        ("access.until", clock_time(made["expires_at"])),
    ]
    return html.Div([html.P(texts.both("access.once")), facts(shown)], className="once", role="status")


def token_view(owner: str, layers: Layers) -> html.Details:
    key = ids.token(owner, "layers")
    told = [{"value": name, **title} for name, title in layers]
    kinds = [(kind, texts.both(f"access.kind.{kind}")) for kind in ("token", "feed")]
    inputs = [
        dmc.TextInput(id=ids.token(owner, "name"), label=html.Span(texts.both("access.name"))),
        dmc.NumberInput(
            id=ids.token(owner, "days"),
            label=html.Span(texts.both("access.days")),
            value=DAYS,
            min=1,
            max=3660,
            hideControls=True,
        ),
        dmc.RadioGroup(
            html.Div([dmc.Radio(label=html.Span(words), value=kind) for kind, words in kinds], className="line"),
            id=ids.token(owner, "kind"),
            value="token",
            label=html.Span(texts.both("access.kind")),
        ),
        dmc.MultiSelect(
            id=key,
            data=[{"value": one["value"], "label": one["zh"]} for one in told],
            label=html.Span(texts.both("access.layers")),
            searchable=True,
            **wild(
                {"data-field": "layers", "data-choices": json.dumps({"id": key, "choices": told}, ensure_ascii=False)}
            ),
        ),
        action(ids.token(owner, "make"), "access.make", small=True, data_key="make-token"),
    ]
    return html.Details([html.Summary(texts.both("access.make")), html.Div(inputs, className="fields")])


TYPED = ("name", "days", "kind", "layers")


def typed_token(
    name: str | None, days: float | str | None, kind: str | None, layers: list[str] | None = None
) -> TokenIn:
    """InputError where it is not well said."""
    if not (name or "").strip() or not isinstance(days, int | float) or not 0 < days <= 3660:
        raise InputError("name, days: expected a name and 1 to 3660 days", reason="token_incomplete")
    told = {"name": str(name).strip(), "days": days, "kind": kind or "token", "layers": layers or None}
    return TokenIn.model_validate(told)
