"""One publish, delivered once for each of two filters of ours while one takes the other's place: which delivery is the
copy.

A broker knows no step from one filter to another: for a moment both stand, and a message that says no time would be two
rows. Nothing in it tells: a device may well say the same thing twice. So the change is made in steps that subscription
identifiers tell apart (MQTT 5 section 3.8.2.1.2), each one packet, which a broker carries out as a whole:

1. the new filters and the old ones, under identifier `both`: from here on each publish comes twice
2. the new ones again, under `alone`
3. the old ones are given up: each publish comes once
4. the new ones again, without an identifier

Deliveries without one are whole publishes, before and after. Those under `both` come in pairs, with each other or with
one under `alone`. One topic's order is kept, and the first of a pair is the one that is written, so nothing is lost
where the second never comes. A change that was cut off is begun anew with other identifiers, from whichever step it
had come to. Shared subscriptions deal the two deliveries to different sessions, which nothing tells apart: one session
is alone with both filters then (ingest.shared).
"""

from __future__ import annotations

import hashlib
import time
from typing import NamedTuple

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from ingest.arrived import Arrived

SUBSCRIPTION_IDENTIFIER = b"\x0b"
CHANGES = 2**27
HALVES_AT_MOST = 100_000


class Marks(NamedTuple):
    """The two identifiers of one change."""

    both: int
    alone: int


class Half(NamedTuple):
    """A delivery whose other half may follow."""

    change: int
    alone: bool
    digest: bytes


class Copies:
    """What one session has seen the first half of."""

    def __init__(self) -> None:
        self._halves: dict[tuple[str, int], Half] = {}
        self._change = 0

    def begin(self) -> Marks:
        """A change begins. Its number is none that a message still carries: it is the time, also for the process after
        this one."""
        self._change = max(int(time.time()) % CHANGES, self._change + 1)
        return Marks(2 * self._change, 2 * self._change + 1)

    def forget(self) -> None:
        """The connection is another: what was not acknowledged comes again, from its first half."""
        self._halves.clear()

    def is_copy(self, message: Arrived) -> bool:
        """Whether it is the second delivery of what came before."""
        mark = 0 if message.retained else subscription_of(message.raw_properties)
        if not mark:
            return False
        half = Half(mark >> 1, bool(mark & 1), hashlib.blake2b(message.payload, digest_size=16).digest())
        # deliveries of QoS 0 overtake others
        key = (message.topic, message.qos)
        first = self._halves.pop(key, None)
        alike = first is not None and (first.change, first.digest) == (half.change, half.digest)
        if first is not None and alike and not (first.alone and half.alone):
            return True
        if len(self._halves) >= HALVES_AT_MOST:
            self._halves.clear()
        self._halves[key] = half
        return False

    def awaits(self, message: Arrived) -> bool:
        """Whether the second delivery of this one is due: it is the next."""
        half = self._halves.get((message.topic, message.qos))
        return half is not None and not half.alone and subscription_of(message.raw_properties) == 2 * half.change


def subscription_of(raw_properties: bytes) -> int:
    """The identifier of the subscription that a message came for; 0: none, or several at once: then it is no copy."""
    if SUBSCRIPTION_IDENTIFIER not in raw_properties:
        return 0
    parsed = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    try:
        parsed.unpack(raw_properties)  # type: ignore[no-untyped-call]
    except Exception:  # noqa: BLE001 - paho raises bare Exceptions for malformed properties
        return 0
    found = getattr(parsed, "SubscriptionIdentifier", [])
    return int(found[0]) if len(found) == 1 else 0
