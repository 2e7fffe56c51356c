"""What the doctor says: remarks, and the words they are made of."""

from __future__ import annotations

from dataclasses import dataclass

NAMED_AT_MOST = 5


@dataclass(frozen=True, slots=True)
class Remark:
    """One sentence that says what is, and what to do."""

    words: str
    wrong: bool = True


def words(seconds: float) -> str:
    """`320.0` as `5 min`."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def count_of(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def named(things: list[str]) -> str:
    more = len(things) - NAMED_AT_MOST
    return ", ".join(things[:NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")
