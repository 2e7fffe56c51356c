"""What the tabs of pending sensors and of pending units and cameras share."""

from __future__ import annotations

from typing import Any

from dash import html

from app.dashboard import texts
from app.pages import ids
from app.pages.parts import action
from app.pages.tables import Column, cells


def heard_columns() -> tuple[Column[Any], Column[Any]]:
    """When it was heard first, and last."""
    return (
        Column(
            "first",
            "devices.first",
            lambda row: [cells.age(row["first_seen_at"])],
            lambda row: row["first_seen_at"],
            width=130,
            rank=3,
        ),
        Column(
            "last", "devices.last", lambda row: [cells.age(row["heard_at"])], lambda row: row["heard_at"], width=130
        ),
    )


def place_view(key: str, *, has_place: bool) -> Any:
    """Takes the position it has sent into the form, where it has sent one."""
    if has_place:
        return action(ids.press(key, "place"), "devices.copy", small=True, data_key="copy-position")
    return html.P(texts.both("devices.nowhere"), className="hint")


def accept_buttons(key: str) -> html.Div:
    return html.Div(
        [
            action(ids.press(key, "save"), "devices.accept", primary=True, data_key="accept", data_submit="1"),
            action(ids.press(key, "retire"), "devices.retire", data_key="retire"),
        ],
        className="actions",
    )
