"""What waits between the socket and the database: bounded, counted in readings."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

from ingest.arrived import Arrived
from ingest.link import Link


@dataclass(frozen=True, slots=True)
class Parcel:
    """Messages of one read of one session, and the connection they came on."""

    link: Link
    generation: int
    messages: list[Arrived]
    readings: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Parcels that are written in one transaction."""

    parcels: list[Parcel]
    messages: list[Arrived]
    readings: int


class Waiting:
    """Filled by the network thread, emptied by the writer; `full` tells the former to stop reading sockets."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._parcels: deque[Parcel] = deque()
        self._changed = threading.Condition()
        # readings that are not written yet, those being written included
        self.readings = 0

    @property
    def full(self) -> bool:
        return self.readings >= self._most

    def put(self, parcel: Parcel) -> None:
        with self._changed:
            self._parcels.append(parcel)
            self.readings += parcel.readings
            self._changed.notify()

    def take(self, most: int, timeout_s: float) -> Batch | None:
        """Whatever waits, up to `most` readings (one parcel at least); None after `timeout_s` of nothing."""
        with self._changed:
            if not self._parcels:
                self._changed.wait(timeout_s)
            if not self._parcels:
                return None
            parcels: list[Parcel] = []
            total = 0
            while self._parcels and (total == 0 or total + self._parcels[0].readings <= most):
                parcels.append(self._parcels.popleft())
                total += parcels[-1].readings
        return Batch(parcels, [message for parcel in parcels for message in parcel.messages if not message.copy], total)

    def written(self, batch: Batch) -> None:
        with self._changed:
            self.readings -= batch.readings

    def wake(self) -> None:
        with self._changed:
            self._changed.notify()
