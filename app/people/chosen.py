"""What somebody has chosen of the page: theme, panels, their widths, layers, the order of work lists. It goes with the
account from one browser to the next; the language has a column of its own, for the server speaks it too."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field
from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from core.given import Given
from core.types import JsonObject

LAYERS_AT_MOST = 500
LayerId = Annotated[str, Field(min_length=1, max_length=64)]
# CSS pixels
Width = Annotated[int, Field(ge=100, le=2000)]
Panel = Literal["left", "right", "card"]


class LayerChosen(Given):
    visible: bool | None = None
    opacity: float | None = Field(None, ge=0, le=1)


class SettingsIn(Given):
    """What is named is replaced; null forgets it (RFC 7396, one level deep)."""

    theme: Literal["dark", "light"] | None = None
    # folded panels
    left: bool | None = None
    right: bool | None = None
    widths: dict[Panel, Width] | None = None
    layers: dict[LayerId, LayerChosen] | None = Field(None, max_length=LAYERS_AT_MOST)
    # whether the tour was seen
    tour: bool | None = None
    # by what work lists are ordered
    order: Literal["risk", "level", "time"] | None = None


class LayerChoice(TypedDict):
    visible: NotRequired[bool]
    opacity: NotRequired[float]


class ChosenObject(TypedDict, total=False):
    """As chosen; what was not chosen is not there. `left` and `right`: folded. `widths` in CSS pixels."""

    theme: Literal["dark", "light"]
    left: bool
    right: bool
    widths: dict[Panel, int]
    layers: dict[str, LayerChoice]
    tour: bool
    order: Literal["risk", "level", "time"]


def read_settings(conn: Connection, username: str) -> Any:
    return conn.scalar(text("SELECT settings FROM account WHERE username = :username"), {"username": username}) or {}


def change_settings(conn: Connection, username: str, changes: SettingsIn) -> None:
    given: JsonObject = changes.model_dump(exclude_unset=True)
    if changes.layers:
        given["layers"] = {name: layer.model_dump(exclude_none=True) for name, layer in changes.layers.items()}
    gone = [name for name, value in given.items() if value is None]
    conn.execute(_CHANGE, {"username": username, "given": json.dumps(given), "gone": gone})


_CHANGE = text("""
UPDATE account SET settings = (settings || CAST(:given AS jsonb)) - CAST(:gone AS text[]) WHERE username = :username
""")
