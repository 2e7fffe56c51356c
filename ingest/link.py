"""One MQTT session of ours: the client id of a slot, its connection, what the broker keeps subscribed for it.

Sessions outlive processes. What a session is subscribed to stands in table `broker_subscription`, written before the
broker is told of more and after it was told of less, so that the table never knows less than the broker.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Sequence
from enum import Enum, auto
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions
from sqlalchemy import Engine, text

from core.installation import Installation
from core.log import get_log
from core.mqtt import connect, parse_mqtt_url, prepare
from core.settings import Settings
from ingest.arrived import Arrived
from ingest.copies import Copies
from ingest.cover import overlap
from ingest.receive import BatchClient

log = get_log("link")
QUIET_S = 2.0
FENCE = "onemap/fence"
# how long the first of two deliveries waits for the second, so that both are acknowledged at once
HALF_S = 1.0
SETTLE_S = 2.0
# retained messages come with a new subscription and not again with each connection (MQTT 5 section 3.8.3.1)
ONLY_WHEN_NEW = SubscribeOptions.RETAIN_SEND_IF_NEW_SUB
NEVER = SubscribeOptions.RETAIN_DO_NOT_SEND
KEEP = text(
    """
INSERT INTO broker_subscription (client_id, topic_filter)
SELECT :client, unnest(CAST(:filters AS text[])) ON CONFLICT DO NOTHING
"""
)
DROP = text("DELETE FROM broker_subscription WHERE client_id = :client AND topic_filter = ANY(:filters)")
HELD = text("SELECT topic_filter FROM broker_subscription WHERE client_id = :client")


class Drain(Enum):
    """How far a session that is given up has come: messages still arrive; the broker is asked whether that was all; it
    was."""

    FLOWING = auto()
    FENCED = auto()
    EMPTY = auto()


def session_name(settings: Settings, installation: Installation, slot: int) -> str:
    """The client id of an ingester's slot."""
    return installation.client_id(settings.topic_prefix, f"ingest-{slot}")


def former_name(settings: Settings, slot: int) -> str:
    """What it was before client ids carried a secret: a session of that name may still hold messages of ours."""
    return f"{settings.topic_prefix.replace('/', '-')}-ingest-{slot}"


class Link:
    """`deliver(link, messages)` is called once per read. All methods but the constructor run in the network thread."""

    def __init__(
        self, settings: Settings, engine: Engine, name: str, deliver: Callable[[Link, list[Arrived]], None]
    ) -> None:
        self.name = name
        self.connected = False
        # readings of this session that wait to be written
        self.waiting = 0
        self.drain: Drain | None = None
        self._settings, self._engine, self._deliver = settings, engine, deliver
        # None: whatever it holds
        self._wanted: list[str] | None = []
        self._held: set[str] | None = None
        self._heard_at = time.monotonic()
        self._fence: int | None = None
        # filters we have asked the broker to give up, and for, by packet identifier
        self._leaving: dict[int, set[str]] = {}
        self._asked: dict[int, list[str]] = {}
        self._copies = Copies()
        self._half: Arrived | None = None
        # we leave: nothing more is taken
        self._ending = False
        self.client = BatchClient(self.name, self._take)
        prepare(self.client, parse_mqtt_url(settings.need_mqtt()), settings.mqtt_ca)
        self.client.on_connect = self._on_connect
        self.client.on_disconnect = self._on_disconnect
        self.client.on_subscribe = self._on_subscribe
        self.client.on_unsubscribe = self._on_unsubscribe

    @property
    def held(self) -> frozenset[str] | None:
        """What the broker keeps subscribed in it, or is about to be asked for; None before it was opened."""
        return None if self._held is None else frozenset(self._held)

    @property
    def generation(self) -> int:
        return self.client.generation

    def open(self) -> None:
        """Connect and take the session up again. OSError where the broker is away, a database error where that is."""
        if self._held is None:
            with self._engine.connect() as conn:
                self._held = set(conn.scalars(HELD, {"client": self.name}))
        self.connected = False
        connect(
            self.client, self._settings.need_mqtt(), clean_start=False, session_expiry_s=self._settings.session_expiry_s
        )

    def want(self, filters: list[str] | None) -> None:
        """Be subscribed to these and nothing else, or (None) to what it is, now or when the connection stands."""
        self._wanted = filters
        if self.connected:
            self._subscribe()

    def socket(self) -> socket.socket | None:
        found: socket.socket | None = self.client.socket()  # type: ignore[assignment]
        return found

    def read(self) -> MQTTErrorCode:
        return self.client.loop_read()

    def write(self) -> MQTTErrorCode:
        return self.client.loop_write()

    def _take(self, messages: list[Arrived]) -> None:
        if self._ending:
            return  # not acknowledged: the broker gives it to us again
        self._heard_at = time.monotonic()
        if self.drain is not None:
            self.drain, self._fence = Drain.FLOWING, None
        for message in messages:
            if message.raw_properties:
                message.copy = self._copies.is_copy(message)
        if self._half is not None:
            messages = [self._half, *messages]
        self._half = messages.pop() if self._copies.awaits(messages[-1]) else None
        if messages:
            self._deliver(self, messages)

    def tend(self) -> None:
        """Now and then: a delivery whose second does not come has waited long enough."""
        if self._half is not None and time.monotonic() - self._heard_at > HALF_S:
            half, self._half = self._half, None
            self._deliver(self, [half])

    # --- subscriptions --------------------------------------------------------------------------------------------

    def _on_connect(self, _: Client, __: object, flags: ConnectFlags, reason: ReasonCode, ___: Any) -> None:
        if reason.is_failure:
            log.error("broker_refused", client=self.name, reason=str(reason))
            return
        self.connected = True
        self._leaving.clear()
        self._asked.clear()
        # what had not been acknowledged comes again, both deliveries of it
        self._copies.forget()
        self._half = None
        if not flags.session_present:
            self._forget(self._held or set())
        log.info("connected", client=self.name, session_present=flags.session_present)
        self._subscribe()

    def _subscribe(self) -> None:
        """Tell the broker what we want. Asking again for what it knows does no harm, and mends what it may have
        lost."""
        held = self._held or set()
        asked = sorted(held) if self._wanted is None else self._wanted
        wanted = set(asked)
        gone = sorted(held - wanted - set().union(*self._leaving.values()))
        if new := sorted(wanted - held):
            with self._engine.begin() as conn:
                conn.execute(KEEP, {"client": self.name, "filters": new})
        self._held = held | wanted
        self._tell_apart(gone)
        if gone:
            _, mid = self.client.unsubscribe(gone)
            if mid is not None:
                self._leaving[mid] = set(gone)
        if asked:
            self._ask(asked)

    def _tell_apart(self, gone: list[str]) -> None:
        """Where filters take the place of others: mark what comes twice until those are given up (ingest.copies)."""
        pairs = [(old, new) for old in gone for new in self._wanted or () if overlap(old, new)]
        if not pairs:
            return
        marks = self._copies.begin()
        new = sorted({new for _, new in pairs})
        # the new first: where a broker does not carry out a packet as a whole, a message is doubled and none is lost
        self._ask(new, marks.both, leave=sorted({old for old, _ in pairs}))
        self._ask(new, marks.alone)

    def _ask(self, filters: list[str], mark: int | None = None, leave: Sequence[str] = ()) -> None:
        """One SUBSCRIBE, also for filters that we are about to `leave`."""
        properties = None
        if mark is not None:
            properties = Properties(PacketTypes.SUBSCRIBE)  # type: ignore[no-untyped-call]
            properties.SubscriptionIdentifier = mark
        asked = [(topic, SubscribeOptions(qos=1, retainHandling=ONLY_WHEN_NEW)) for topic in filters]
        asked += [(topic, SubscribeOptions(qos=1, retainHandling=NEVER)) for topic in leave]
        _, mid = self.client.subscribe(asked, properties=properties)
        if mid is not None and mark is None:
            self._asked[mid] = filters

    def _on_subscribe(self, _: Client, __: object, mid: int, reasons: list[ReasonCode], ____: Any) -> None:
        asked = self._asked.pop(mid, None)
        if asked is None:
            return  # a step of a change: the last asks for all again
        refused = [topic for topic, reason in zip(asked, reasons, strict=False) if reason.is_failure]
        if refused:
            log.error("subscription_refused", client=self.name, topics=refused)
        log.info("subscribed", client=self.name, topics=len(reasons) - len(refused))

    def _forget(self, gone: set[str]) -> None:
        self._held = (self._held or set()) - gone
        if gone:
            with self._engine.begin() as conn:
                conn.execute(DROP, {"client": self.name, "filters": sorted(gone)})

    def _on_disconnect(self, _: Client, __: object, ___: DisconnectFlags, reason: ReasonCode, ____: Any) -> None:
        self.connected = False
        log.info("broker_lost", client=self.name, reason=str(reason))

    # --- giving a session up --------------------------------------------------------------------------------------

    def begin_drain(self) -> None:
        """Take what the session still holds, and nothing new."""
        self.drain = Drain.FLOWING
        self.want([])

    def is_drained(self) -> bool:
        """True once the broker has nothing more for this session: it was quiet, and answered a request sent after the
        last acknowledgement without sending anything before the answer (packets of a connection are answered in their
        order)."""
        if self.drain is Drain.EMPTY:
            return True
        quiet = time.monotonic() - self._heard_at > QUIET_S
        if self.drain is Drain.FLOWING and self.connected and quiet and self.waiting == 0:
            _, self._fence = self.client.unsubscribe(FENCE)
            self.drain = Drain.FENCED
        return False

    def _on_unsubscribe(self, _: Client, __: object, mid: int, ___: Any, ____: Any) -> None:
        if mid == self._fence:
            self._fence = None
            if self.drain is Drain.FENCED:
                self.drain = Drain.EMPTY
        # what the broker has confirmed is forgotten, and no sooner; a session that is given up stays in the book until
        # it is empty, for we too may die
        gone = self._leaving.pop(mid, set()) - set(self._wanted or ())
        if self.drain is None:
            self._forget(gone)

    def settle(self) -> None:
        """Wait until the broker has taken what we have acknowledged: a connection that is closed while it still sends
        is reset, and what lies there unread is lost."""
        self._ending = True
        _, self._fence = self.client.unsubscribe(FENCE)
        deadline = time.monotonic() + SETTLE_S
        while self._fence is not None and self.connected and time.monotonic() < deadline:
            sock = self.socket()
            if sock is None:
                return
            writers = [sock] if self.client.want_write() else []
            ready, writable, _ = select.select([sock], writers, [], 0.1)
            if (ready and self.read()) or (writable and self.write()):
                return

    def close(self, *, for_good: bool = False) -> None:
        """Say goodbye; `for_good`: the broker forgets the session (MQTT 5 section 3.14.2.2.2)."""
        properties = None
        if for_good:
            properties = Properties(PacketTypes.DISCONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = 0
        self.client.disconnect(properties=properties)
        while self.client.want_write() and self.client.loop_write() == MQTTErrorCode.MQTT_ERR_SUCCESS:
            pass
        self.connected = False
