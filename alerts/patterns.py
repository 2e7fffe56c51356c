"""Patterns as in a shell, of which only `*` means something: any text, an empty one too. Pure."""

from __future__ import annotations

from collections.abc import Iterable

ANY = "*"


def is_literal(pattern: str) -> bool:
    """Whether it takes one text only, itself."""
    return ANY not in pattern


def fits(pattern: str, value: str) -> bool:
    """Whether the whole of `value` is of this pattern; capitals count. What is found first of each part is found
    best, so that nothing is ever tried twice."""
    first, *rest = pattern.split(ANY)
    if not rest:
        return value == pattern
    *middle, last = rest
    if len(value) < len(first) + len(last) or not value.startswith(first) or not value.endswith(last):
        return False
    at, end = len(first), len(value) - len(last)
    for part in middle:
        found = value.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def can_share(one: str, other: str) -> bool:
    """Whether some text is of both patterns: both are read side by side, `*` stands for nothing or for one more."""
    reached = {(0, 0)}
    waiting = [(0, 0)]
    while waiting:
        i, j = waiting.pop()
        if i == len(one) and j == len(other):
            return True
        for step in _steps(one, other, i, j):
            if step not in reached:
                reached.add(step)
                waiting.append(step)
    return False


def _steps(one: str, other: str, i: int, j: int) -> Iterable[tuple[int, int]]:
    at, there = one[i : i + 1], other[j : j + 1]
    if at == ANY:
        yield i + 1, j
        if there and there != ANY:
            yield i, j + 1
    if there == ANY:
        yield i, j + 1
        if at and at != ANY:
            yield i + 1, j
    if at and at == there and at != ANY:
        yield i + 1, j + 1
