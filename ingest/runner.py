"""The ingester: one thread for the socket, one for the database, a bounded queue between them.

Commit whatever waits as soon as the writer is free (no batching timer); acknowledge after the commit; stop reading the
socket while too many readings wait.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Mapping

import psycopg
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions
from sqlalchemy import Engine
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from core.clock import utc_now
from core.db import connect_direct, make_engine, try_session_lock
from core.errors import DecodeError, Unavailable
from core.log import get_log
from core.mqtt import connect, prepare
from core.mqtt import parse_mqtt_url as parse
from core.pgarray import to_pg_us
from core.process import Backoff, Heartbeat, stop_on_signal
from core.settings import Settings
from ingest import partitions
from ingest.decoders import DECODERS
from ingest.receive import Arrived, BatchClient
from ingest.topics import filters, read_topic
from ingest.writer import Writer, Written

log = get_log("ingest")
DATA_ERRORS = (DataError, IntegrityError, psycopg.DataError, psycopg.IntegrityError, UnicodeEncodeError)
DATABASE_ERRORS = (DBAPIError, psycopg.Error)
HOUSEKEEPING_S = 3600.0


class Ingester:
    """Everything one ingester holds. `run` returns when `stop` is set."""

    def __init__(self, settings: Settings, slot: int, stop: threading.Event) -> None:
        self.settings = settings
        self.stop = stop
        self.engine: Engine = make_engine(settings, pool_size=2, name="onemap ingest")
        self.client = BatchClient(f"onemap-ingest-{slot}", self.take)
        self.writer = Writer(settings.engine_partitions)
        self.figures: Counter[str] = Counter()
        self.heartbeat = Heartbeat(self.engine, f"ingest-{slot}")
        self._waiting: deque[tuple[int, list[Arrived], int]] = deque()
        self._waiting_readings = 0
        self._done: deque[tuple[int, list[int]]] = deque()
        self._mutex = threading.Condition()
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self._connected = False
        self._writing: threading.Thread

    # --- the socket's side ----------------------------------------------------------------------------------------

    def run(self) -> None:
        writer = self._writing = threading.Thread(target=self.write_forever, name="writer")
        writer.start()
        backoff = Backoff()
        self._prepare_client()
        while not self.stop.is_set() and writer.is_alive():
            try:
                self._connected = False
                self._session()
                if self._connected:
                    backoff.reset()
            except OSError as exc:
                log.warning("broker_unreachable", error=str(exc))
            if not self.stop.is_set():
                backoff.wait(self.stop)
        self._stop_writer(writer)

    def _prepare_client(self) -> None:
        prepare(self.client, parse(self.settings.need_mqtt()))
        self.client.on_connect = self.on_connect
        self.client.on_disconnect = self.on_disconnect

    def _session(self) -> None:
        """One connection, from CONNECT until it is lost or we are told to stop."""
        connect(
            self.client, self.settings.need_mqtt(), clean_start=False, session_expiry_s=self.settings.session_expiry_s
        )
        while not self.stop.is_set():
            self._send_acknowledgements()
            if self._turn(1.0) != MQTTErrorCode.MQTT_ERR_SUCCESS:
                return
        self._drain()

    def _turn(self, timeout_s: float) -> MQTTErrorCode:
        """Wait for the socket or the writer, then do what is due."""
        sock = self.client.socket()
        if sock is None:
            return MQTTErrorCode.MQTT_ERR_NO_CONN
        may_read = self._waiting_readings < self.settings.ingest_waiting
        readers = [sock, self._wake_in] if may_read else [self._wake_in]
        ready, writable, _ = select.select(readers, [sock] if self.client.want_write() else [], [], timeout_s)
        if self._wake_in in ready:
            self._wake_in.recv(4096)
        if sock in ready:
            code = self.client.loop_read()
            if code:
                return code
        if sock in writable and (code := self.client.loop_write()):
            return code
        return self.client.loop_misc()

    def _drain(self) -> None:
        """Told to stop: write and acknowledge what has been received, then leave; the broker keeps the rest for us."""
        deadline = time.monotonic() + 10
        while self._waiting_readings and self._writing.is_alive() and time.monotonic() < deadline:
            self._send_acknowledgements()
            if self.client.want_write():
                self.client.loop_write()
            time.sleep(0.01)
        self._send_acknowledgements()
        while self.client.want_write() and self.client.loop_write() == MQTTErrorCode.MQTT_ERR_SUCCESS:
            pass
        self.client.disconnect()

    def _send_acknowledgements(self) -> None:
        while self._done:
            generation, mids = self._done.popleft()
            self.client.acknowledge(mids, generation)

    def take(self, arrived: list[Arrived]) -> None:
        """Called with every read: decode at once, so that the queue is counted in readings."""
        now = to_pg_us(utc_now())
        count = 0
        for message in arrived:
            self.decode(message, now)
            count += max(1, len(message.records))
        with self._mutex:
            self._waiting.append((self.client.generation, arrived, count))
            self._waiting_readings += count
            self._mutex.notify()

    def decode(self, message: Arrived, now: int) -> None:
        """Fill in the message's records, or the reason it has none."""
        try:
            address = read_topic(message.topic, self.settings.topic_prefix)
            properties: Mapping[str, str] = message.properties if message.raw_properties else {}
            message.records = DECODERS[address.kind].decode(message.payload, address.ids, properties, now)
        except DecodeError as exc:
            message.reason, message.detail, message.fault = exc.reason, exc.message, exc.field

    def on_connect(
        self, client: Client, _: object, flags: ConnectFlags, reason: ReasonCode, __: Properties | None
    ) -> None:
        if reason.is_failure:
            log.error("broker_refused", reason=str(reason))
            return
        self._connected = True
        topics = filters(self.settings.topic_prefix, self.settings.ingest_shared_group)
        client.subscribe([(topic, SubscribeOptions(qos=1)) for topic in topics])
        log.info("subscribed", topics=len(topics), session_present=flags.session_present)

    def on_disconnect(
        self, _: Client, __: object, ___: DisconnectFlags, reason: ReasonCode, ____: Properties | None
    ) -> None:
        if not self.stop.is_set():
            log.warning("broker_lost", reason=str(reason))

    # --- the database's side --------------------------------------------------------------------------------------

    def write_forever(self) -> None:
        backoff = Backoff()
        housekeeping_at = 0.0
        while True:
            if time.monotonic() >= housekeeping_at:
                housekeeping_at = time.monotonic() + (HOUSEKEEPING_S if self._keep_house() else 5)
            self.heartbeat.figures = dict(self.figures) | {"waiting": self._waiting_readings}
            self.heartbeat.beat()
            batch = self._next_batch()
            if batch is None:
                if self.stop.is_set():
                    return
                continue
            while not self._try_batch(batch[1]):
                if self.stop.is_set():
                    return  # not acknowledged: the broker gives it to us again
                backoff.wait(self.stop)
            backoff.reset()
            self._release(*batch)

    def _next_batch(self) -> tuple[list[tuple[int, list[int]]], list[Arrived], int] | None:
        """Whatever waits, up to the batch size; None after a second of nothing."""
        with self._mutex:
            if not self._waiting:
                self._mutex.wait(1.0)
            if not self._waiting:
                return None
            acks: list[tuple[int, list[int]]] = []
            messages: list[Arrived] = []
            total = 0
            while self._waiting and (total == 0 or total + self._waiting[0][2] <= self.settings.ingest_batch):
                generation, arrived, count = self._waiting.popleft()
                acks.append((generation, [m.mid for m in arrived if m.qos]))
                messages += arrived
                total += count
        return acks, messages, total

    def _release(self, acks: list[tuple[int, list[int]]], _: list[Arrived], total: int) -> None:
        with self._mutex:
            self._waiting_readings -= total
        self._done.extend(acks)
        self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):  # already woken many times over
            self._wake_out.send(b"x")

    def _try_batch(self, messages: list[Arrived]) -> bool:
        """True once every message is a row or a dead letter; False where the database does not answer."""
        try:
            self._write(messages)
        except DATA_ERRORS as exc:
            self.writer.forget()
            return self._split(messages, exc)
        except DATABASE_ERRORS as exc:
            self.writer.forget()
            self.figures["database_errors"] += 1
            log.warning("write_failed", error=str(exc).splitlines()[0][:300])
            return False
        return True

    def _split(self, messages: list[Arrived], exc: Exception) -> bool:
        """The database refuses something in here: halve until the culprit stands alone, and bury that."""
        if len(messages) > 1:
            half = len(messages) // 2
            return self._try_batch(messages[:half]) and self._try_batch(messages[half:])
        messages[0].records = ()
        messages[0].reason, messages[0].detail = "refused_by_database", str(exc).splitlines()[0][:500]
        return self._try_batch(messages)

    def _write(self, messages: list[Arrived]) -> None:
        with self.engine.begin() as conn:
            written = self.writer.write(conn, messages, utc_now())
        self._count(len(messages), written)

    def _count(self, messages: int, written: Written) -> None:
        self.figures["messages"] += messages
        self.figures["inserted"] += written.inserted
        self.figures["repeats"] += written.repeats
        self.figures["dead_letters"] += written.dead
        log.debug(
            "batch_written", messages=messages, inserted=written.inserted, repeats=written.repeats, dead=written.dead
        )

    def _keep_house(self) -> bool:
        now = utc_now()
        try:
            with self.engine.begin() as conn:
                partitions.make_partitions(conn, partitions.days_ahead(now))
                dropped = partitions.drop_expired(conn, now, self.settings.retention_days)
        except DATABASE_ERRORS as exc:
            log.warning("housekeeping_failed", error=str(exc).splitlines()[0][:300])
            return False
        if dropped:
            log.info("partitions_dropped", names=dropped)
        return True

    def _stop_writer(self, writer: threading.Thread) -> None:
        self.stop.set()
        with self._mutex:
            self._mutex.notify()
        writer.join(timeout=15)
        self.close()
        log.info("stopped", **self.figures)

    def close(self) -> None:
        """Give back connections and sockets."""
        self.engine.dispose()
        self._wake_in.close()
        self._wake_out.close()


def run(settings: Settings) -> None:
    """Run one ingester until told to stop. Its client id comes from an advisory-locked slot, so that its broker session
    finds it again after a crash and no two ingesters share one."""
    stop = stop_on_signal()
    with connect_direct(settings, name="onemap ingest slot") as lock:
        slot = next((n for n in range(settings.ingest_slots) if try_session_lock(lock, f"ingest-slot-{n}")), None)
        if slot is None:
            raise Unavailable(f"all {settings.ingest_slots} ingester slots are taken (ONEMAP_INGEST_SLOTS)")
        log.info("started", slot=slot)
        watch = threading.Thread(target=_hold, args=(lock, stop), daemon=True)
        watch.start()
        Ingester(settings, slot, stop).run()


def _hold(lock: psycopg.Connection[tuple[object, ...]], stop: threading.Event) -> None:
    """Our slot is ours only while this connection lives; without it we stop and are started anew."""
    while not stop.wait(5.0):
        try:
            lock.execute("SELECT 1")
        except psycopg.Error as exc:
            if not stop.is_set():
                log.error("slot_lost", error=str(exc)[:200])
            stop.set()
