"""What is done beside the requests: uses are written down, resources measured."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from app.catalogue.listing import find_resource, provider_of, read_resources, today_of
from core.catalogue import days, entries, uses
from core.catalogue.entries import NOTHING
from core.catalogue.nouns import Kind, Measured, Name, Resource
from core.catalogue.uses import Uses
from core.log import get_log
from core.process import Chore, Chores, Pulse, first_line, is_of_connection
from ingest import described as sources
from layers import described as layers

log = get_log("catalogue")
USES_S, MEASURE_S = 15.0, 6 * 3600.0
# several servers of one city: one of them measures
TURN = text("SELECT pg_try_advisory_lock(hashtext('catalogue-measure'))")
DONE = text("SELECT pg_advisory_unlock(hashtext('catalogue-measure'))")
MEASURES: dict[Kind, Callable[[Connection, Resource], Measured]] = {
    Kind.LAYER: layers.measure,
    Kind.SOURCE: sources.measure,
}
JUST_NOW = text("SELECT max(measured_at) FROM catalogue_day")


class Keeper:
    """The chores of the catalogue."""

    def __init__(self, engine: Engine, counted: Uses, figures: Counter[str]) -> None:
        self._engine, self._uses = engine, counted
        self.chores = Chores(
            "catalogue", [Chore("uses", USES_S, self._write_uses), Chore("measure", MEASURE_S, self._measure)], figures
        )
        self._turned: Callable[[], None] = lambda: None

    def run(self, stop: threading.Event, pulse: Pulse) -> None:
        # measuring a large city takes minutes: each resource is a sign of life
        self._turned = lambda: pulse.turned(self.chores.name)
        self.chores.run(stop, pulse)

    def _write_uses(self, now: datetime) -> None:
        with self._engine.begin() as conn:
            self._uses.write(conn, today_of(conn, now))

    def _measure(self, now: datetime) -> None:
        """Unless another has, a moment ago or just now."""
        with self._engine.connect() as turn:
            mine = turn.scalar(TURN)
            turn.commit()
            if not mine:
                return
            try:
                last = turn.scalar(JUST_NOW)
                turn.commit()
                if last is None or (now - last).total_seconds() > MEASURE_S / 2:
                    measure_all(self._engine, now, self._turned)
            finally:
                turn.rollback()
                turn.execute(DONE)
                turn.commit()


def measure_all(engine: Engine, now: datetime, turned: Callable[[], None] = lambda: None) -> int:
    """How many were measured, with a word after each; one that cannot be is told and left out."""
    with engine.begin() as conn:
        names = [one.name for one in read_resources(conn)]
        uses.forget_old(conn, today_of(conn, now))
    done = 0
    for name in names:
        try:
            with engine.begin() as conn:
                done += measure_one(conn, name, now)
            turned()
        except SQLAlchemyError as exc:
            if is_of_connection(exc):
                raise
            log.warning("not_measured", kind=name.kind.value, id=name.id, error=first_line(exc))
    log.info("measured", resources=done)
    return done


def measure_one(conn: Connection, name: Name, now: datetime) -> int:
    resource = find_resource(conn, name)
    if resource is None:
        return 0
    entry = entries.read_entries(conn, name).get(name, NOTHING)
    measured = MEASURES[name.kind](conn, resource)
    days.write_day(
        conn,
        today_of(conn, now),
        name,
        measured,
        now,
        provider=provider_of(resource, entry),
        described=entry.described,
        updated_at=resource.updated_at,
        in_cycle=entries.in_cycle(entry, resource.updated_at, now),
    )
    return 1
