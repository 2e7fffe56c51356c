"""What an ingester does beside the stream: partitions, hourly history, retention, pictures, late births. In a thread of
its own."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from sqlalchemy import Engine, text

from core import set_aside
from core.installation import Installation
from core.log import get_log
from core.pictures import Pictures
from core.process import Chore, Chores, first_line
from core.settings import Settings
from ingest import neighbours, partitions, retention, rollup
from ingest.fetch import Fetcher, parse_hosts
from ingest.pictures import keep_pictures
from ingest.replay import find_waiting, replay

log = get_log("upkeep")
# how far back, and how many letters at once
EXPLAINED, JUST_NOW, EXPLAINED_AT_MOST = timedelta(days=1), timedelta(minutes=2), 5000


class Upkeep:
    """The chores, and what they remember."""

    def __init__(self, settings: Settings, engine: Engine, figures: Counter[str], installation: Installation) -> None:
        self._settings, self._engine, self._installation = settings, engine, installation
        # other installations under our prefix at our broker
        self.neighbours: list[str] = []
        self._pictures = Pictures(settings.pictures_url, settings.state_dir)
        self._fetcher = Fetcher(parse_hosts(settings.snapshot_hosts))
        # the newest Sparkplug birth whose dead letters have been looked at
        self._birth: datetime | None = None
        self.chores = Chores(
            "upkeep",
            [
                Chore("partitions", 3600.0, self._make_partitions),
                Chore("rollup", 20.0, self._roll_up),
                Chore("retention", 3600.0, self._retain),
                Chore("pictures", 1.0, self._keep_pictures),
                Chore("aliases", 5.0, self._explain_aliases),
            ],
            figures,
        )
        # cameras that answer slowly hold up nothing else, nor does the broker: a thread of their own
        outside = [Chore("snapshots", 1.0, self._fetch_snapshots), Chore("neighbours", neighbours.EVERY_S, self._meet)]
        self.fetching = Chores("snapshots", outside, figures)

    def _make_partitions(self, now: datetime) -> None:
        with self._engine.begin() as conn:
            partitions.make_partitions(conn, partitions.days_ahead(now))

    def _roll_up(self, now: datetime) -> bool:
        with self._engine.begin() as conn:
            return rollup.roll_up(conn, now) == rollup.AT_ONCE

    def _retain(self, clock: datetime) -> None:
        with self._engine.begin() as conn:
            # by the earlier of two clocks: one that has jumped ahead must not take everything away
            now = min(clock, conn.execute(text("SELECT now()")).scalar_one())
            gone = retention.drop_expired(conn, now, self._settings.retention_days)
            if gone:
                log.info("partitions_dropped", names=gone)
        for metric, days in retention.shorter(self._settings.retention_days).items():
            with self._engine.begin() as conn:
                retention.trim(conn, now, metric, days)
        with self._engine.begin() as conn:
            retention.trim_hourly(conn, now, self._settings.hourly_retention_days)
            retention.trim_letters(conn, now, self._settings.letter_retention_days)
            retention.trim_video_past(conn, now, self._settings.retention_days)
            set_aside.forget_dropped(conn, now)

    def _meet(self, now: datetime) -> None:
        try:
            self.neighbours = neighbours.meet(self._settings, self._installation)
        except OSError as exc:
            log.warning("neighbours_unknown", error=first_line(exc))
            return
        if self.neighbours:
            log.error("other_installation", prefix=self._settings.topic_prefix, ids=self.neighbours)

    def _fetch_snapshots(self, now: datetime) -> bool:
        return self._fetcher.fetch_some(self._engine, now)

    def _explain_aliases(self, now: datetime) -> None:
        """Values that came before their BIRTH was written are read again after it."""
        with self._engine.connect() as conn:
            birth = conn.scalar(text("SELECT max(time) FROM sparkplug_birth"))
            if birth is None:
                return
            # what is recent is tried again and again: its birth may just have been written; the rest after a new one
            back = EXPLAINED if birth != self._birth else JUST_NOW
            ids = find_waiting(conn, reason="unknown_alias", since=now - back, limit=EXPLAINED_AT_MOST)
        if ids:
            done = replay(self._engine, self._settings, ids, "ingest")
            log.info("aliases_explained", read=done.read, still=sum(done.reasons.values()))
        self._birth = birth

    def _keep_pictures(self, now: datetime) -> bool:
        return keep_pictures(self._engine, self._pictures, now, self._settings.picture_retention_days)
