"""The page's frame: which period and whose, and the figures below."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import html

from app.asking import Asking
from app.dashboard import texts
from app.dashboard.components import notice, wild
from app.pages import shell
from app.pages.ids import AlarmLoadId
from core.viewer import Permission

# hours back
PERIODS = (
    ("8", "load.period.shift"),
    ("24", "load.period.day"),
    ("168", "load.period.week"),
    ("720", "load.period.month"),
)
STANDARD = "24"


def draw(asking: Asking, _: str) -> list[Any]:
    """The page for who asks; its figures are read by a callback, and anew while somebody looks."""
    near = ("/rules", "/routing", "/set-aside")
    if not asking.viewer.may(Permission.METRICS_READ):
        return shell.page("load.title", asking.viewer, near, [notice("load.forbidden", "empty")])
    periods = [{"value": value, "label": html.Span(texts.both(key))} for value, key in PERIODS]
    chosen = html.Div(
        [
            html.Div(
                dmc.SegmentedControl(id=AlarmLoadId.PERIOD.value, data=periods, value=STANDARD, size="xs"),
                role="group",
                **wild({"aria-label": texts.named("load.period")}),
            ),
            dmc.TextInput(
                id=AlarmLoadId.OPERATOR.value,
                label=html.Span(texts.both("load.operator")),
                debounce=True,
                value="",
                autoComplete="off",
                size="xs",
            ),
        ],
        className="load-asked",
    )
    figures = html.Div(notice("lists.loading", "loading"), id=AlarmLoadId.FIGURES.value)
    content = html.Div(
        [html.P(texts.both("load.explain"), className="quiet"), chosen, figures], className="load scroll"
    )
    return shell.page("load.title", asking.viewer, near, [content])
