"""Who was told of an alarm: by what, how that went, and whether they have confirmed it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import html

from alerts.deliveries.kept import Delivery
from app.dashboard import texts
from app.dashboard.components import clock_time, wild
from core.vocabulary import label

MAX_LINES = 8


def told(found: Sequence[Delivery]) -> list[Any]:
    if not found:
        return []
    lines = [line(one) for one in found]
    seen = sum(one["seen_at"] is not None for one in found)
    body: list[Any] = [html.Ul(lines[:MAX_LINES], className="near")]
    if lines[MAX_LINES:]:
        more = html.Summary(texts.both("card.told.more", n=len(lines) - MAX_LINES))
        body.append(html.Details([more, html.Ul(lines[MAX_LINES:], className="near")]))
    title = html.H3(texts.both("card.told", n=len(found), seen=seen))
    return [html.Section([title, *body], className="around", **wild({"data-testid": "told"}))]


def line(one: Delivery) -> html.Li:
    """Whom, by what, and what came of it, when."""
    name = html.Span([*texts.pair(one["names"]), " · ", *texts.pair(label("senders", one["sender"]))])
    at = one["seen_at"] or one["done_at"] or one["due_at"]
    state = [*texts.pair(label("delivery_states", one["state"])), " ", clock_time(at)]
    return html.Li([name, html.Span(state, className="way")], **wild({"data-state": one["state"]}))
