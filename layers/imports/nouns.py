"""What is told of an import."""

from __future__ import annotations

from typing_extensions import TypedDict

from core.i18n import say
from core.vocabulary import Text


class Refused(TypedDict):
    """A row that is not kept: its number in the file, the column at fault, what was expected."""

    row: int
    field: str
    why: Text


class Unfit(ValueError):
    """A value that cannot be kept; `text` says what was expected, in both languages."""

    def __init__(self, key: str, **params: object) -> None:
        self.text = say(f"refused.{key}", **params)
        super().__init__(self.text["en"])
