"""The pane of routes that were removed: what each was last, by whom it was removed and why, and the way back."""

from __future__ import annotations

from collections.abc import Sequence

from dash import html

from alerts.routing.versions import RemovedRoute
from app.api import routing as api
from app.asking import Asking
from app.dashboard import texts
from app.dashboard.components import clock_time
from app.pages import ids
from app.pages.history import who_words
from app.pages.parts import action, facts, pane_head
from app.pages.routing import nouns
from app.pages.routing.words import receiver_words, said

KEY = "removed-routes"
SHOWN = 200


def open_removed(asking: Asking) -> html.Div:
    found = api.get_removed_routes(asking.conn, asking.viewer, None, SHOWN)
    return pane(found["items"], may=nouns.may_change(asking, nouns.ROUTE))


def pane(removed: Sequence[RemovedRoute], *, may: bool) -> html.Div:
    """The last one first; `may`: they can be put back."""
    listed = html.Ol([one_view(one, may=may) for one in removed], className="accesses")
    return html.Div(
        [
            pane_head(texts.both("routing.removed"), ids.press(KEY, "close")),
            html.P(texts.both("routing.removed.explain" if removed else "routing.removed.none"), className="quiet"),
            *([listed] if removed else []),
        ],
        className="rule routed",
    )


def one_view(one: RemovedRoute, *, may: bool) -> html.Li:
    head = html.Div([html.B(texts.pair(one["names"])), html.Span(one["id"], className="quiet")], className="line")
    took = ("routing.what", html.Span(texts.pair(said(one["after"]["matchers"]))))
    told = ("routing.receivers", html.Span(texts.pair(receiver_words(one["after"]["receivers"]))))
    gone = html.Div([clock_time(one["removed_at"]), " · ", *who_words(one["removed_by"])], className="quiet")
    why = [html.Div(one["why"], className="why")] if one["why"] else []
    back = action(
        ids.put_back(one["id"], one["version"]), "routing.put_back", small=True, data_key=f"put-back-{one['id']}"
    )
    return html.Li([html.Div([head, facts([took, told]), gone, *why]), *([back] if may else [])])
