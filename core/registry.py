"""A registry of named parts: an explicit list of ours plus one entry-point group for others'."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from core.errors import NotFound, SetupError

T = TypeVar("T")


class Registry(Generic[T]):
    """Maps a key to a part. `Registry("onemap.layers", LAYERS, key=lambda s: s.id)`.

    Keys are unique: a second part under a key is a SetupError, so that an extension cannot replace ours unseen.
    """

    def __init__(self, group: str, ours: Iterable[T], key: Callable[[T], str]) -> None:
        self._group = group
        self._parts: dict[str, T] = {}
        theirs = [entry.load() for entry in entry_points(group=group)]
        for part in [*ours, *theirs]:
            name = key(part)
            if name in self._parts:
                raise SetupError(f"{group}: two parts are called {name!r}", reason="duplicate_part")
            self._parts[name] = part

    def __getitem__(self, name: str) -> T:
        try:
            return self._parts[name]
        except KeyError:
            known = ", ".join(sorted(self._parts))
            raise NotFound(f"{self._group} has no {name!r}; there are: {known}") from None

    def __contains__(self, name: object) -> bool:
        return name in self._parts

    def __iter__(self) -> Iterator[T]:
        return iter(self._parts.values())

    def __len__(self) -> int:
        return len(self._parts)
