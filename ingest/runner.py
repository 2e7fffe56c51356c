"""The ingester: a thread for the sockets, one for the database, one that keeps watch, a bounded queue between the first
two.

Commit whatever waits as soon as the writer is free (no batching timer); acknowledge after the commit; stop reading the
sockets while too many readings wait.
"""

from __future__ import annotations

import contextlib
import gc
import select
import socket
import threading
import time
from collections import Counter, deque

import psycopg
from paho.mqtt.enums import MQTTErrorCode
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from core.clock import utc_now
from core.db import make_engine
from core.errors import DecodeError
from core.installation import read_installation
from core.log import get_log
from core.pgarray import to_pg_us
from core.process import Backoff, Crew, Heartbeat, Lease, Pulse, keep_running
from core.process.faults import first_line
from core.settings import Settings
from ingest.admin import quarantine
from ingest.arrived import Arrived
from ingest.flood import NAMES_WITHIN, Flood, Limits
from ingest.letters import bury_bare, write_file
from ingest.link import Link, session_name
from ingest.moments import Moments
from ingest.shared import Held, is_held_by_others, next_filters
from ingest.sources import NO_SOURCE, Sources, read_sources
from ingest.upkeep import Upkeep
from ingest.waiting import Batch, Parcel, Waiting
from ingest.watch import Watch, take_slot
from ingest.writer import Writer, Written

log = get_log("ingest")
# refused as it stands, and would be again; the last by a trigger
DATA_ERRORS = (
    DataError,
    IntegrityError,
    psycopg.DataError,
    psycopg.IntegrityError,
    UnicodeEncodeError,
    psycopg.errors.RaiseException,
)
DATABASE_ERRORS = (SQLAlchemyError, psycopg.Error)
DRAIN_S = 10.0
# in the state folder: messages that the database takes neither as rows nor as letters
KEPT_FOLDER = "unwritten"
GC_EVERY = 100_000
# so many bytes of payload count as one more reading that waits
BYTES_EACH = 2048
# so far are the moments apart that one ingester gives: 62,500 messages each second keep pace with the clock
INGESTERS = 16


class Ingester:
    """Everything one ingester holds. `run` returns when `stop` is set."""

    def __init__(self, settings: Settings, slot: int, stop: threading.Event) -> None:
        self.settings = settings
        self.stop = stop
        self.engine: Engine = make_engine(settings, pool_size=4, name="onemap ingest")
        with self.engine.connect() as conn:
            self.sources: Sources = read_sources(conn, settings.topic_prefix)
            self.installation = read_installation(conn)
            self.flood = read_flood(conn, settings)
        self.main = Link(settings, self.engine, session_name(settings, self.installation, slot), self.take)
        # sessions that dead ingesters have left, until they are empty
        self.adopted: list[Link] = []
        self.writer = Writer(settings.engine_partitions, slot, self.flood)
        self.figures: Counter[str] = Counter()
        self.waiting = Waiting(settings.ingest_waiting)
        self._done: deque[Parcel] = deque()
        # what the watch tells the network thread: sessions to take over, and that the sources have changed
        self._orphans: deque[str] = deque()
        self.drained: deque[str] = deque()
        self._resubscribe = self._looks_again = False
        # what each of us holds, where filters are shared, as far as the watch has said; what we asked the broker for
        self._held: Held | None = None
        self._asked: list[str] | None = None
        # others would not let go: a change was not made alone
        self._left_behind = False
        self._moments = Moments(slot, INGESTERS)
        # the writer's own connection, as long as it serves
        self._conn: Connection | None = None
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self.slot = slot
        self._crew: Crew
        self._upkeep: Upkeep

    # --- the sockets' side ----------------------------------------------------------------------------------------

    def run(self, process_stop: threading.Event, pulse: Pulse, lease: Lease) -> None:
        """One life: until told to stop, or the lease is lost."""
        crew = self._crew = Crew(self.stop, pulse)
        upkeep = self._upkeep = Upkeep(self.settings, self.engine, self.figures, self.installation)
        crew.start("lease", Watch(self, lease).run, vital=True)
        crew.start("writer", self.write_forever, vital=True)
        crew.start("upkeep", upkeep.chores.run)
        crew.start("snapshots", upkeep.fetching.run)
        crew.start("heartbeat", Heartbeat(self.engine, f"ingest-{self.slot}", lambda: self._tell(crew)).run)
        crew.start("end", lambda stop, _: self._end_with(process_stop, stop))
        backoff = Backoff()
        while not self.stop.is_set():
            connected = False
            try:
                connected = self._session(pulse)
            except Exception as exc:
                log.warning("session_ended", error=first_line(exc), exc_info=not is_outside(exc))
            if connected:
                backoff.reset()
            if not self.stop.is_set():
                backoff.wait(self.stop)
        pulse.ended("network")
        self.stop.set()
        self.waiting.wake()
        upkeep.chores.sign()
        upkeep.fetching.sign()
        crew.join()
        self.close()
        log.info("stopped", **self.figures)

    def _end_with(self, process_stop: threading.Event, stop: threading.Event) -> None:
        """Told to stop, the process ends this life as the loss of its lease would."""
        while not stop.wait(0.2):
            if process_stop.is_set():
                stop.set()

    def _tell(self, crew: Crew) -> dict[str, object]:
        told: dict[str, object] = {"waiting": self.waiting.readings, "faults": self.sources.faults}
        if self._upkeep.neighbours:
            told["other_installations"] = self._upkeep.neighbours
        return {**self.figures, **told, **crew.figures()}

    def _session(self, pulse: Pulse) -> bool:
        """One connection of our own session, from CONNECT until it is lost or we are told to stop; whether it stood."""
        self._asked, self._looks_again = self._filters(), True
        self.main.want(self._asked)
        self.main.open()
        stood = False
        while not self.stop.is_set():
            pulse.turned("network")
            self._follow_watch()
            self._send_acknowledgements()
            if self._turn(1.0) != MQTTErrorCode.MQTT_ERR_SUCCESS:
                return stood
            stood = stood or self.main.connected
        self._drain()
        return stood

    def _turn(self, timeout_s: float) -> MQTTErrorCode:
        """Wait for the sockets or the writer, then do what is due. What becomes of our own session is the answer."""
        if self.main.socket() is None:
            return MQTTErrorCode.MQTT_ERR_NO_CONN
        links = {sock: link for link in (self.main, *self.adopted) if (sock := link.socket()) is not None}
        readers = [self._wake_in] if self.waiting.full else [*links, self._wake_in]
        writers = [sock for sock, link in links.items() if link.client.want_write()]
        ready, writable, _ = select.select(readers, writers, [], timeout_s)
        if self._wake_in in ready:
            self._wake_in.recv(4096)
        for sock, link in links.items():
            code = MQTTErrorCode.MQTT_ERR_SUCCESS
            if sock in ready:
                code = link.read()
            if not code and sock in writable:
                code = link.write()
            code = code or link.client.loop_misc()
            link.tend()
            if code and link is self.main:
                return code
        self._tend_adopted()
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _drain(self) -> None:
        """Told to stop: write and acknowledge what has been received, then leave; the broker keeps the rest for us."""
        deadline = time.monotonic() + DRAIN_S
        while self.waiting.readings and self._crew.is_alive("writer") and time.monotonic() < deadline:
            self._send_acknowledgements()
            for link in (self.main, *self.adopted):
                if link.client.want_write():
                    link.write()
            time.sleep(0.01)
        self._send_acknowledgements()
        for link in (self.main, *self.adopted):
            if link.connected:
                link.settle()
            link.close()

    def _send_acknowledgements(self) -> None:
        while self._done:
            parcel = self._done.popleft()
            parcel.link.waiting -= parcel.readings
            parcel.link.client.acknowledge([m.mid for m in parcel.messages if m.qos], parcel.generation)

    def take(self, link: Link, arrived: list[Arrived]) -> None:
        """Called with every read: decode at once, so that the queue is counted in readings."""
        clock = utc_now()
        sources, flood = self.sources, self.flood
        said = [message for message in arrived if not message.copy]
        # each its own moment: two messages of a device that say no time are two readings, whoever of us takes them
        moments = self._moments.take(to_pg_us(clock), len(said))
        self.figures["copies"] += len(arrived) - len(said)
        flood.count(said, time.monotonic(), clock)
        count = len(arrived) - len(said)
        for message, moment in zip(said, moments, strict=True):
            if flood.hold(message):
                message.source, message.at = sources.find(message.topic), moment
                count += 1
                continue
            sources.read(message, moment)
            if message.reason == NO_SOURCE and sources.is_unasked(message.topic):
                message.pass_over()
                self.figures["unasked"] += 1
            count += len(message.records) or 1
            if len(message.payload) > BYTES_EACH:
                count += len(message.payload) // BYTES_EACH  # a picture waits as heavily as it is
        link.waiting += count
        self.waiting.put(Parcel(link, link.generation, arrived, count))

    # --- sources and the sessions of others -----------------------------------------------------------------------

    def reload(self, sources: Sources) -> None:
        """From the watch: these are the sources from now on."""
        self.sources = sources
        self._resubscribe = self._looks_again = True
        # who holds what is looked at anew before anything is given up or taken
        self._held = None
        self._wake()

    def follow(self, held: Held) -> None:
        """From the watch: who holds which shared filters."""
        if held != self._held:
            self._held = held
            self._looks_again = True
            self._wake()

    def adopt(self, session: str) -> None:
        """From the watch, which holds the lock of its slot: take over what this session still has."""
        self._orphans.append(session)
        self._wake()

    def _follow_watch(self) -> None:
        if self._looks_again:
            # first: the watch may say more meanwhile
            again = self._resubscribe
            self._looks_again = self._resubscribe = False
            filters = self._filters()
            if filters is None:
                self._looks_again, self._resubscribe = True, again or self._resubscribe
            elif again or filters != self._asked:
                self._asked = filters
                self.main.want(filters)
        while self._orphans and self._may_adopt(self._orphans[0]):
            link = Link(self.settings, self.engine, self._orphans.popleft(), self.take)
            link.begin_drain()
            self.adopted.append(link)

    def _filters(self) -> list[str] | None:
        """What our own session is to be subscribed to now; None, where that is shared and nobody has said who holds
        what since the sources changed: it stays as it is."""
        wanted = self.sources.filters(self.settings.ingest_shared_group)
        if not self.settings.ingest_shared_group:
            return wanted
        held, mine = self._held, self.main.held
        if held is None or mine is None:
            return None
        filters = next_filters(wanted, self.main.name, mine, held)
        if held.alone and not self._left_behind and held.changer == self.main.name:
            self._left_behind = True
            self.figures["changes_not_alone"] += 1
            log.warning("change_not_alone", sessions=sorted(held.sessions))
        self._left_behind = self._left_behind and held.alone
        return filters

    def _may_adopt(self, session: str) -> bool:
        """Whether what that session gives up goes to somebody else."""
        if not self.settings.ingest_shared_group:
            return True
        dead = [*self._orphans, *(link.name for link in self.adopted)]
        wanted = self.sources.filters(self.settings.ingest_shared_group)
        return self._held is not None and is_held_by_others(session, wanted, self._held, dead)

    def _tend_adopted(self) -> None:
        for link in list(self.adopted):
            if link.socket() is None:
                link.open()
            elif link.is_drained():
                link.close(for_good=True)
                self.adopted.remove(link)
                self.drained.append(link.name)
                log.info("session_taken_over", client=link.name)

    # --- the database's side --------------------------------------------------------------------------------------

    def write_forever(self, stop: threading.Event, pulse: Pulse) -> None:
        backoff = Backoff()
        while True:
            pulse.turned("writer")
            batch = self.waiting.take(self.settings.ingest_batch, 1.0)
            if batch is None:
                if self.stop.is_set():
                    return
                continue
            while not self._try_batch(batch.messages):
                if self.stop.is_set():
                    return  # not acknowledged: the broker gives it to us again
                pulse.turned("writer")
                backoff.wait(self.stop)
            backoff.reset()
            self._release(batch)

    def _release(self, batch: Batch) -> None:
        self._done.extend(batch.parcels)
        self.waiting.written(batch)
        self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):  # already woken many times over
            self._wake_out.send(b"x")

    def _try_batch(self, messages: list[Arrived]) -> bool:
        """True once every message is a row or a dead letter; False where the database does not answer."""
        if not messages:
            return True  # copies alone
        try:
            self._write(messages)
        except DATA_ERRORS as exc:
            self.writer.forget()
            return self._split(messages, exc)
        except DATABASE_ERRORS as exc:
            self.writer.forget()
            if is_refusal(exc):
                return self._split(messages, exc)
            self.figures["database_errors"] += 1
            log.warning("write_failed", error=str(exc).splitlines()[0][:300])
            return False
        except Exception as exc:  # a fault of ours on some message: it is found and buried, the others go on
            self.writer.forget()
            self.figures["writer_faults"] += 1
            log.exception("writer_failed", messages=len(messages))
            return self._split(messages, exc)
        return True

    def _split(self, messages: list[Arrived], exc: Exception) -> bool:
        """The database refuses something in here: halve until the culprit stands alone, and bury that."""
        if len(messages) > 1:
            half = len(messages) // 2
            return self._try_batch(messages[:half]) and self._try_batch(messages[half:])
        if messages[0].reason is not None:
            return self._keep_bytes(messages[0], f"{messages[0].reason}; its letter: {first_line(exc, 500)}")
        messages[0].refuse(DecodeError(first_line(exc, 500), reason="refused_by_database"))
        return self._try_batch(messages)

    def _keep_bytes(self, message: Arrived, detail: str) -> bool:
        """Not even its letter is taken: keep its bytes in a bare letter, else in a file, so that it holds up nobody.
        False where neither database nor disk answers."""
        log.error("letter_refused", topic=message.topic[:200], error=detail)
        try:
            with self.engine.begin() as conn:
                bury_bare(conn, message, detail, utc_now())
        except (*DATABASE_ERRORS, UnicodeEncodeError) as exc:
            if not is_refusal(exc):
                return False
            return self._keep_in_file(message, f"{detail}; its bytes: {first_line(exc, 500)}")
        self.figures["messages"] += 1
        self.figures["dead_letters"] += 1
        return True

    def _keep_in_file(self, message: Arrived, detail: str) -> bool:
        try:
            path = write_file(self.settings.state_dir.resolve() / KEPT_FOLDER, message, detail, utc_now())
        except OSError as exc:
            log.error("file_not_written", error=str(exc))
            return False
        self.figures["messages"] += 1
        self.figures["messages_in_files"] += 1
        log.error("message_kept_in_file", topic=message.topic[:200], path=str(path))
        return True

    def _write(self, messages: list[Arrived]) -> None:
        conn = self._conn = self._conn or self.engine.connect()
        try:
            with conn.begin():
                written = self.writer.write(conn, messages, utc_now(), self.sources.extent)
        except DATA_ERRORS:
            raise  # rolled back; the connection is as good as before
        except BaseException:
            self._conn = None
            with contextlib.suppress(SQLAlchemyError, psycopg.Error):
                conn.invalidate()
            conn.close()
            raise
        self._count(len(messages), written)

    def _count(self, messages: int, written: Written) -> None:
        self.figures["messages"] += messages
        self.figures["inserted"] += written.inserted
        self.figures["repeats"] += written.repeats
        self.figures["dead_letters"] += written.dead
        log.debug(
            "batch_written", messages=messages, inserted=written.inserted, repeats=written.repeats, dead=written.dead
        )

    def close(self) -> None:
        """Give back connections and sockets."""
        if self._conn is not None:
            self._conn.close()
        self.engine.dispose()
        self._wake_in.close()
        self._wake_out.close()


def read_flood(conn: Connection, settings: Settings) -> Flood:
    """Who is held back and who has named what, from the first message on: a restart in mid-flood opens nothing."""
    flood, now = Flood(Limits(settings.flood_rate, settings.flood_names)), utc_now()
    flood.tell(quarantine.read_owners(conn, settings.topic_prefix), quarantine.read_held(conn, now))
    flood.remember(quarantine.read_named(conn, now - NAMES_WITHIN))
    return flood


def is_refusal(exc: Exception) -> bool:
    """Whether the database refuses what it is given, so that waiting mends nothing."""
    return isinstance(exc, DATA_ERRORS) or isinstance(getattr(exc, "orig", None), DATA_ERRORS)


def is_outside(exc: Exception) -> bool:
    """Broker or database away: no fault of ours."""
    return isinstance(exc, (OSError, *DATABASE_ERRORS))


def run(settings: Settings) -> None:
    """Run one ingester until told to stop. Its client id comes from an advisory-locked slot, so that its broker session
    finds it again after a crash and no two ingesters share one. Without the database the slot is lost: we wait and
    begin anew."""
    # messages make no reference cycles: looking for some after every few hundred objects cost a third of the time
    gc.freeze()
    gc.set_threshold(GC_EVERY, 20, 50)
    keep_running(lambda stop, pulse: _live(settings, stop, pulse))


def _live(settings: Settings, stop: threading.Event, pulse: Pulse) -> None:
    """From one slot's lock to its loss."""
    with take_slot(settings) as (slot, lease):
        log.info("started", slot=slot)
        Ingester(settings, slot, threading.Event()).run(stop, pulse, lease)
