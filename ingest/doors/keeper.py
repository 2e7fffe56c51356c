"""The process that keeps the broker's doors as the database says: it writes Mosquitto's files and makes it read
them. It also brings it the newest certificate.

It runs where the broker's folder and its process can be reached (beside it under `up`, in its pid namespace in
containers). What it has done stands in table `broker_door`; whoever changes an account or a source asks for it there.
"""

from __future__ import annotations

import contextlib
import queue
import secrets
import threading
import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, text

from core.db import DOOR_CHANNEL, SOURCE_CHANNEL, Notes, make_engine
from core.errors import InputError, OneMapError, Unavailable
from core.log import get_log
from core.mqtt import connect, make_client, parse_mqtt_url
from core.process import Chore, Chores, Crew, Heartbeat, Lease, Pulse, first_line, keep_running, take_lease
from core.settings import Settings
from ingest.doors.accounts import read_active
from ingest.doors.acl import CANARY, STRANGER, Account
from ingest.doors.files import doors_text, is_written, reload_broker, write_certificate, write_doors
from ingest.doors.secret import hash_secret, make_secret
from ingest.filters import check_filter

log = get_log("doors")
# whatever was missed is seen at the next look: a broker that was started anew, files that somebody has changed
LOOK_S = 5.0
# how long the broker may take to read its files
PROOF_S = 5.0
FILTERS = text("SELECT id, topic_filters FROM source ORDER BY id")
APPLIED = text("UPDATE broker_door SET applied = :applied, applied_at = :now, error = NULL WHERE applied <= :applied")
FAILED = text("UPDATE broker_door SET error = :error WHERE error IS DISTINCT FROM :error")


@dataclass(frozen=True, slots=True)
class Canary:
    """An account that may do nothing, and its secret."""

    account: Account
    secret: str


class Keeper:
    """Everything one life of the keeper holds."""

    def __init__(self, settings: Settings, folder: Path, lease: Lease) -> None:
        self._settings, self._folder, self._lease = settings, folder, lease
        self._db = make_engine(settings, pool_size=2, name="onemap doors")
        self.figures: Counter[str] = Counter()
        # new in each life of ours, so that the broker is told at least once: it may have read the files before we wrote
        # the last ones
        self._canary, self._stranger = make_canary(CANARY), make_canary(STRANGER)
        self._proven = False
        # whether an account of a device is let in where client ids are chosen
        self._open_inside = False
        self.chores = Chores(
            "doors",
            [
                Chore("doors", LOOK_S, self.keep, (DOOR_CHANNEL,)),
                Chore("certificate", LOOK_S, self.keep_certificate),
            ],
            self.figures,
        )

    def run(self, process_stop: threading.Event, pulse: Pulse) -> None:
        """Until told to stop, or the lease is lost."""
        crew = Crew(threading.Event(), pulse)
        heartbeat = Heartbeat(self._db, f"doors-{self._lease.pid}", lambda: self._tell(crew))
        crew.start("lease", self._listen, vital=True)
        crew.start("doors", self.chores.run)
        crew.start("heartbeat", heartbeat.run)
        crew.stand(process_stop, (self.chores.sign,))
        self._db.dispose()

    def _tell(self, crew: Crew) -> dict[str, object]:
        told: dict[str, object] = {"devices_let_in": True} if self._open_inside else {}
        return {**self.figures, **told, **crew.figures()}

    def _listen(self, stop: threading.Event, pulse: Pulse) -> None:
        self._lease.listen([DOOR_CHANNEL, SOURCE_CHANNEL], self._hear, lambda: None, stop, pulse)

    def _hear(self, _: Notes) -> None:
        self.chores.sign(DOOR_CHANNEL)

    def keep(self, now: datetime) -> None:
        """Write what the database says, tell the broker where that is new, and note how far it is."""
        with self._db.connect().execution_options(isolation_level="REPEATABLE READ") as conn, conn.begin():
            wanted, applied = conn.execute(text("SELECT wanted, applied FROM broker_door")).one()
            accounts = read_active(conn)
            filters = read_filters(conn, self._settings.topic_prefix)

        def texts() -> dict[str, str]:
            everybody = [*accounts, self._canary.account, self._stranger.account]
            return doors_text(self._folder, everybody, filters, self._settings.topic_prefix)

        try:
            if self._proven and applied >= wanted and is_written(self._folder, texts()):
                return
            self._proven = False
            # a new secret in the same files: who is let in with it shows that the broker has read them
            self._canary, self._stranger = make_canary(CANARY), make_canary(STRANGER)
            write_doors(self._folder, texts())
            pid = reload_broker(self._folder)
            self._prove()
            self._look_for_strangers()
        except (OSError, OneMapError) as exc:
            self._proven = False
            with self._db.begin() as conn:
                conn.execute(FAILED, {"error": first_line(exc)})
            raise
        self._proven = True
        self.figures["reloads"] += 1
        log.info("doors_told", accounts=len(accounts), broker=pid, change=wanted)
        with self._db.begin() as conn:
            conn.execute(APPLIED, {"applied": wanted, "now": now})

    def _prove(self) -> None:
        """Wait until the broker lets in who only the new files know; Unavailable where it does not."""
        deadline = time.monotonic() + PROOF_S
        while not is_let_in(self._settings, self._canary.account.name, self._canary.secret):
            if time.monotonic() > deadline:
                raise Unavailable("the broker got the signal and has not read its files anew", reason="broker_away")
            time.sleep(0.02)

    def _look_for_strangers(self) -> None:
        """At our own listener a client chooses its id, a session of ours too: no account of a device may come in."""
        self._open_inside = is_let_in(self._settings, self._stranger.account.name, self._stranger.secret)
        if self._open_inside:
            log.error("devices_let_in", listener=parse_mqtt_url(self._settings.need_mqtt()).port)

    def keep_certificate(self, _: datetime) -> None:
        """Where it has been renewed, take it to the broker: new connections are shown it, the others stay."""
        files = self._settings.tls_files()
        if files and write_certificate(self._folder, *files):
            self.figures["certificates"] += 1
            log.info("certificate_renewed", broker=reload_broker(self._folder))


def read_filters(conn: Connection, prefix: str) -> dict[str, list[str]]:
    """The topic filters of each source; one that no broker could be told of is left out, as the ingesters do."""
    found: dict[str, list[str]] = {}
    for row in conn.execute(FILTERS):
        with contextlib.suppress(InputError):
            found[row.id] = [check_filter(f, prefix) for f in row.topic_filters]
    return found


def make_canary(name: str) -> Canary:
    secret = make_secret()
    return Canary(Account(name, "device", hash_secret(secret)), secret)


def is_let_in(settings: Settings, name: str, secret: str) -> bool:
    """Whether the broker takes this account now. OSError where it cannot be reached."""
    url = settings.need_mqtt()
    client = make_client(url, f"{name}-{secrets.token_hex(8)}", settings.mqtt_ca)
    client.username_pw_set(name, secret)
    answers: queue.Queue[bool] = queue.Queue()
    client.on_connect = lambda c, u, flags, reason, properties: answers.put(not reason.is_failure)
    connect(client, url)
    client.loop_start()
    try:
        return answers.get(timeout=PROOF_S)
    except queue.Empty:
        return False
    finally:
        client.disconnect()
        client.loop_stop()


def run(settings: Settings, folder: Path) -> None:
    """Run until told to stop."""

    def live(stop: threading.Event, pulse: Pulse) -> None:
        with take_lease(settings, "onemap doors lease") as lease:
            Keeper(settings, folder, lease).run(stop, pulse)

    keep_running(live)
