"""What is told of an import."""

from __future__ import annotations

from typing_extensions import TypedDict


class Refused(TypedDict):
    """A row that is not kept: its number in the file, the column at fault, what was expected."""

    row: int
    field: str
    why: str
