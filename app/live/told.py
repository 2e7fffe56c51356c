"""What the clients of one sight have been told of: that something is gone, or hidden from them, is said of what they
were shown and of nothing else. An id tells that there is something, and a sensor's when it speaks."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from core.scope import Scope
from core.viewer import Permission

Sight = tuple[Scope, frozenset[Permission]]
# of one kind, the newest; beyond it a screen may keep something very old until it asks for everything again
IDS_AT_MOST = 200_000


class Told:
    """Used on the event loop only."""

    def __init__(self) -> None:
        self._ids: dict[Sight, dict[str, dict[str, None]]] = {}

    def shown(self, sight: Sight, kind: str, ids: Iterable[str]) -> None:
        held = self._held(sight, kind)
        held.update(dict.fromkeys(ids))
        while len(held) > IDS_AT_MOST:
            del held[next(iter(held))]

    def take(self, sight: Sight, kind: str, ids: Iterable[str]) -> tuple[list[str], list[str]]:
        """Those that were told of, which are forgotten, and the others."""
        held = self._held(sight, kind)
        known: list[str] = []
        others: list[str] = []
        for one in dict.fromkeys(ids):
            (known if one in held else others).append(one)
            held.pop(one, None)
        return known, others

    def _held(self, sight: Sight, kind: str) -> dict[str, None]:
        return self._ids.setdefault(sight, {}).setdefault(kind, {})

    def keep(self, sights: Collection[Sight]) -> None:
        """Nobody is there who sees as the others did."""
        for gone in [sight for sight in self._ids if sight not in sights]:
            del self._ids[gone]
