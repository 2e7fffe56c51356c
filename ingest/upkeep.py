"""What an ingester does beside the stream: partitions, hourly history, retention, pictures, late births. In a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from core.clock import utc_now
from core.log import get_log
from core.pictures import Pictures
from core.settings import Settings
from ingest import partitions, retention, rollup
from ingest.fetch import Fetcher, parse_hosts
from ingest.pictures import keep_pictures
from ingest.replay import find_waiting, replay

log = get_log("upkeep")
LOOK_S = 1.0
RETRY_S = 5.0
# how far back, and how many letters at once
EXPLAINED, JUST_NOW, EXPLAINED_AT_MOST = timedelta(days=1), timedelta(minutes=2), 5000


@dataclass
class Chore:
    """Something done every `every_s`, again after `RETRY_S` where it failed. `work` may say that there is more at once."""

    name: str
    every_s: float
    work: Callable[[], bool]
    due: float = 0.0


class Upkeep(threading.Thread):
    def __init__(self, settings: Settings, engine: Engine, stop: threading.Event) -> None:
        super().__init__(name="upkeep", daemon=True)
        self._settings, self._engine, self._stop_all = settings, engine, stop
        self._pictures = Pictures(settings.pictures_url, settings.state_dir)
        self._chores = [
            Chore("partitions", 3600.0, self._make_partitions),
            Chore("rollup", 20.0, self._roll_up),
            Chore("retention", 3600.0, self._retain),
            Chore("pictures", 1.0, self._keep_pictures),
            Chore("snapshots", 1.0, self._fetch_snapshots),
            Chore("aliases", 5.0, self._explain_aliases),
        ]
        self._fetcher = Fetcher(parse_hosts(settings.snapshot_hosts))
        # the newest Sparkplug birth whose dead letters have been looked at
        self._birth: datetime | None = None

    def run(self) -> None:
        while not self._stop_all.wait(LOOK_S):
            for chore in self._chores:
                if time.monotonic() >= chore.due and not self._stop_all.is_set():
                    self._do(chore)

    def _do(self, chore: Chore) -> None:
        try:
            more = chore.work()
        except (SQLAlchemyError, psycopg.Error, OSError) as exc:
            log.warning("chore_failed", chore=chore.name, error=str(exc).splitlines()[0][:300])
            chore.due = time.monotonic() + RETRY_S
            return
        except Exception:  # a fault of one chore must not stop the others
            log.exception("chore_failed", chore=chore.name)
            chore.due = time.monotonic() + chore.every_s + RETRY_S
            return
        chore.due = 0.0 if more else time.monotonic() + chore.every_s

    def _make_partitions(self) -> bool:
        with self._engine.begin() as conn:
            partitions.make_partitions(conn, partitions.days_ahead(utc_now()))
        return False

    def _roll_up(self) -> bool:
        with self._engine.begin() as conn:
            return rollup.roll_up(conn, utc_now()) == rollup.AT_ONCE

    def _retain(self) -> bool:
        with self._engine.begin() as conn:
            # by the earlier of two clocks: one that has jumped ahead must not take everything away
            now = min(utc_now(), conn.execute(text("SELECT now()")).scalar_one())
            gone = retention.drop_expired(conn, now, self._settings.retention_days)
            if gone:
                log.info("partitions_dropped", names=gone)
        for metric, days in retention.shorter(self._settings.retention_days).items():
            with self._engine.begin() as conn:
                retention.trim(conn, now, metric, days)
        with self._engine.begin() as conn:
            retention.trim_hourly(conn, now, self._settings.hourly_retention_days)
            retention.trim_letters(conn, now, self._settings.letter_retention_days)
        return False

    def _fetch_snapshots(self) -> bool:
        return self._fetcher.fetch_some(self._engine, utc_now())

    def _explain_aliases(self) -> bool:
        """Values that came before their BIRTH was written are read again after it."""
        with self._engine.connect() as conn:
            birth = conn.scalar(text("SELECT max(time) FROM sparkplug_birth"))
            if birth is None:
                return False
            # what is recent is tried again and again: its birth may just have been written; the rest after a new one
            back = EXPLAINED if birth != self._birth else JUST_NOW
            ids = find_waiting(conn, reason="unknown_alias", since=utc_now() - back, limit=EXPLAINED_AT_MOST)
        if ids:
            done = replay(self._engine, self._settings, ids, "ingest")
            log.info("aliases_explained", read=done.read, still=sum(done.reasons.values()))
        self._birth = birth
        return False

    def _keep_pictures(self) -> bool:
        return keep_pictures(self._engine, self._pictures, utc_now(), self._settings.picture_retention_days)
