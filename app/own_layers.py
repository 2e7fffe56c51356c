"""The city's own layers as a process knows them between two changes."""

from __future__ import annotations

from threading import Lock

from sqlalchemy import Engine

from core.scope import Scope
from layers.own import OwnLayer, read_layers
from layers.served import need_ours


class OwnLayers:
    """The city's own layers, kept from one change to the next: a tile that is there takes no connection to say who may
    see it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: dict[str, OwnLayer] | None = None
        self._lock = Lock()
        self._generation = 0

    def clear(self) -> None:
        self._generation += 1
        self._known = None

    def check(self, name: str, scope: Scope) -> None:
        """NotFound, which names those of ours, where there is no such layer, or none that this scope may see."""
        known = self._known
        if known is None:
            generation = self._generation
            with self._lock, self._engine.connect() as conn:
                known = {layer.id: layer for layer in read_layers(conn)}
            if generation == self._generation:  # else something has changed since it was read
                self._known = known
        layer = known.get(name)
        if layer is None or not layer.may_see(scope):
            need_ours(name)

    def shows(self, name: str, scope: Scope) -> bool:
        """Whether a layer is known to be seen by this scope: false also where nothing is known just now."""
        layer = (self._known or {}).get(name)
        return layer is not None and layer.may_see(scope)
