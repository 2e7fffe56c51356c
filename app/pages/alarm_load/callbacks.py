"""Callback of the page: the figures for what is chosen, read anew every minute while somebody looks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from dash import Dash, Input, Output, ctx
from dash.exceptions import PreventUpdate

from alerts.figures import whole
from app.api.alarm_load import get_metrics
from app.asking import Asking, Door
from app.dashboard.components import notice
from app.pages.alarm_load import layout, view
from app.pages.ids import AlarmLoadId, Id
from app.pages.parts import error_words
from core.errors import OneMapError

# of the shell's ticks
EVERY = 12
HOURS = {value for value, _ in layout.PERIODS}


def register(app: Dash, door: Door) -> None:
    @app.callback(
        Output(AlarmLoadId.FIGURES.value, "children"),
        Input(AlarmLoadId.PERIOD.value, "value"),
        Input(AlarmLoadId.OPERATOR.value, "value"),
        Input(Id.TICK.value, "n_intervals"),
    )
    async def read(hours: str | None, operator: str | None, ticks: int | None) -> Any:
        if ctx.triggered_id == Id.TICK.value and (ticks or 0) % EVERY:
            raise PreventUpdate
        return await door.ask(lambda asking: figures(asking, hours or layout.STANDARD, (operator or "").strip()))


def figures(asking: Asking, hours: str, operator: str) -> Any:
    """The figures, or why there are none."""
    back = timedelta(hours=int(hours) if hours in HOURS else int(layout.STANDARD))
    try:
        found = get_metrics(
            asking.conn, asking.viewer, asking.now, whole(asking.now - back), asking.now, operator[:200] or None
        )
    except OneMapError as exc:
        return [notice("load.failed", "empty"), error_words(exc)]
    return view.figures_view(found)
