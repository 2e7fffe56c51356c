"""What stands in a cell, as values that `assets/js/pages/grid.js` draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Required

from typing_extensions import TypedDict

from app.dashboard import texts

# `as` says what is drawn and which of the others it has; `zh` and `en` are its words, `data` what a press tells the
# callback
Cell = TypedDict(
    "Cell",
    {
        "as": Required[Literal["words", "plain", "age", "moment", "lamp", "press", "switch", "line"]],
        "zh": str,
        "en": str,
        "text": str,
        "look": str,
        "time": str,
        "state": str,
        "label": "Cell",
        "key": str,
        "data": Mapping[str, object],
        "on": bool,
        "locked": bool,
        "parts": list["Cell"],
    },
    total=False,
)


def words(key: str, **params: object) -> Cell:
    """A text of the catalogue."""
    said = texts.entry(key, **params)
    return {"as": "words", "zh": said["zh"], "en": said["en"]}


def pair(names: Mapping[str, str] | None) -> Cell:
    """A `{zh, en}` object."""
    found = names or {}
    first = found.get("zh") or found.get("en") or ""
    return {"as": "words", "zh": found.get("zh") or first, "en": found.get("en") or first}


def known(family: str, key: object) -> Cell:
    """The text `family.key`, the bare key where there is none."""
    name = f"{family}.{key}"
    return words(name) if name in texts.catalogue() else plain(key)


def plain(value: object, look: str = "") -> Cell:
    return {"as": "plain", "text": "" if value is None else str(value), "look": look}


def code(value: object) -> Cell:
    return {"as": "plain", "text": str(value), "look": "code"}


def quiet(value: object) -> Cell:
    return plain(value, "quiet")


def age(iso: str | None) -> Cell:
    """How long ago; the browser keeps it current. `never` where it was not."""
    return {"as": "age", "time": iso} if iso else {**words("sources.never"), "look": "quiet"}


def moment(iso: str) -> Cell:
    """A time in the city's zone, as the browser writes it."""
    return {"as": "moment", "time": iso}


def lamp(state: str, key: str) -> Cell:
    return {**words(key), "as": "lamp", "state": state}


def chip(inner: Cell) -> Cell:
    return {**inner, "look": "chip"}


def press(name: str, label: Cell, *, key: str, look: str = "link", **data: object) -> Cell:
    """A button; the callback is told `{"press": name, **data}`. `key` names it for tests."""
    return {"as": "press", "label": label, "key": key, "look": look, "data": {"press": name, **data}}


def switch(name: str, *, on: bool, label: Cell, key: str, locked: bool, **data: object) -> Cell:
    return {"as": "switch", "on": on, "label": label, "key": key, "locked": locked, "data": {"press": name, **data}}


def stack(*lines: Sequence[Cell]) -> list[Cell]:
    """Lines one below the other."""
    return [{"as": "line", "parts": list(line)} for line in lines if line]
