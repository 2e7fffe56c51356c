"""What is shown once a subscription was made or tried: its secret, and what the last days would have brought. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dash import html

from alerts.subscriptions import Preview
from app.dashboard import texts
from app.dashboard.components import clock_time
from core.vocabulary import label


def made_view(made: Mapping[str, str]) -> list[Any]:
    """Shown this once."""
    return [
        html.Section(
            [html.P(texts.both("subs.secret.once")), *(html.Code(value, className="once") for value in made.values())],
            className="card",
        )
    ]


def preview_view(found: Preview) -> list[Any]:
    if not found["alarms"]:
        return [html.P(texts.both("subs.preview.none", days=found["days"]), className="quiet")]
    levels = [
        html.Li([*texts.pair(label("levels", level)), " ", html.B(str(count))])
        for level, count in found["by_level"].items()
    ]
    examples = [
        html.Li(
            [
                html.A(texts.pair(one["names"]), href=f"/?open=alarm/{one['alarm']}", className="link"),
                " ",
                *texts.pair(label("levels", str(one["level"]))),
                " · ",
                clock_time(one["raised_at"]),
            ]
        )
        for one in found["examples"]
    ]
    return [
        html.P(
            texts.both(
                "subs.preview.count",
                days=found["days"],
                count=found["alarms"],
                day=found["most_a_day"],
                hour=found["most_an_hour"],
            )
        ),
        html.Ul(levels),
        *([html.P(texts.both("subs.preview.newest")), html.Ul(examples)] if examples else []),
    ]
