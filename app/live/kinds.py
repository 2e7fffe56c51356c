"""What is live: one frozen row per kind, that says how urgent it is, how it is read, what ends it and who may see
it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection

from alerts.judged import read_judged
from alerts.limits import read_limits
from alerts.present import read_alarms, read_cells, read_open_alarms
from alerts.warnings import read_of_senders, read_warnings
from app.health.read import read_health
from app.seeing import RULES, Item
from core.db import LAYER_PLACE
from core.settings import Settings
from core.viewer import Viewer
from core.vocabulary import ENDED_INCIDENT, AlarmState, WarningState
from dispatch.present import read_incidents, read_units
from layers.sensors import read_sensors
from layers.video import read_shown_events

# readings are found by when they came; a transaction that wrote just before may be seen just after
# of sensors nobody has registered so many are shown, the first ones: one device that makes up names must not fill every
# browser; the page /sources has them all
PENDING_SHOWN = 200
OVERLAP = timedelta(seconds=0.5)


@dataclass(frozen=True, slots=True)
class ReadAt:
    """With what a kind is read: the moment, the settings, and since when its changes are asked for (kinds that are
    found by time)."""

    now: datetime
    settings: Settings
    since: datetime | None = None


def _never(item: Item) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class LiveKind:
    """One kind of live objects.

    `read_all` gives all that are live, `read_some` those named as they are now; one that `is_over`, or is no longer
    there, is removed from the screens where `removes_missing` says that its absence means so. Urgent ones leave at
    once, the others are gathered for a second. `signals` are the names under which changes of it are told. `by_time`:
    changes are found by when they came, not by name.
    """

    key: str
    urgent: bool
    read_all: Callable[[Connection, ReadAt], Sequence[Item]]
    read_some: Callable[[Connection, Sequence[str], ReadAt], Sequence[Item]]
    is_over: Callable[[Item], bool] = _never
    signals: tuple[str, ...] = ()
    removes_missing: bool = False
    by_time: bool = False
    # told on a clock of its own, and whole each time
    on_clock: bool = False

    def may_see(self, viewer: Viewer, item: Item) -> bool:
        return RULES[self.key](viewer, item)


def _sensors(conn: Connection, ids: Sequence[str], at: ReadAt) -> Sequence[Item]:
    """Those heard since the last time, and those told by name (registered, accepted, retired), heard or not."""
    limits = read_limits(conn)
    since = None if at.since is None else at.since - OVERLAP
    heard = read_sensors(conn, limits, since=since, pending_most=PENDING_SHOWN) if since is not None else []
    named = read_sensors(conn, limits, ids=list(ids), pending_most=PENDING_SHOWN) if ids else []
    there = {item["id"] for item in heard}
    return [*heard, *(item for item in named if item["id"] not in there)]


def _health(conn: Connection, at: ReadAt) -> Sequence[Item]:
    return [read_health(conn, at.now, at.settings.topic_prefix)]


KINDS: Mapping[str, LiveKind] = {
    kind.key: kind
    for kind in (
        LiveKind(
            "alarm",
            urgent=True,
            read_all=lambda conn, _: read_open_alarms(conn),
            read_some=lambda conn, ids, _: read_alarms(conn, [UUID(i) for i in ids]),
            is_over=lambda item: item["state"] == AlarmState.NORMAL,
        ),
        # found by when readings came, and by the alarms that have changed
        LiveKind(
            "judged",
            urgent=False,
            read_all=lambda conn, at: read_judged(conn, at.now),
            read_some=lambda conn, ids, at: read_judged(conn, at.now, ids, at.since and at.since - OVERLAP),
            signals=("sensor", "alarm"),
            by_time=True,
        ),
        LiveKind(
            "incident",
            urgent=True,
            read_all=lambda conn, _: read_incidents(conn),
            read_some=lambda conn, ids, _: read_incidents(conn, [UUID(i) for i in ids]),
            is_over=lambda item: item["status"] in ENDED_INCIDENT,
        ),
        LiveKind(
            "unit",
            urgent=False,
            read_all=lambda conn, _: read_units(conn),
            read_some=lambda conn, ids, _: read_units(conn, ids),
            signals=("position",),
        ),
        LiveKind(
            "sensor",
            urgent=False,
            read_all=lambda conn, _: read_sensors(conn, read_limits(conn), pending_most=PENDING_SHOWN),
            read_some=_sensors,
            removes_missing=True,
            by_time=True,
        ),
        LiveKind(
            "risk_cell",
            urgent=False,
            read_all=lambda conn, _: read_cells(conn),
            read_some=lambda conn, ids, _: read_cells(conn, ids),
        ),
        # told by the camera: an event, a change of one, or a picture
        LiveKind(
            "video_event",
            urgent=False,
            read_all=lambda conn, at: read_shown_events(conn, at.now),
            read_some=lambda conn, ids, at: read_shown_events(conn, at.now, ids),
        ),
        # told by the sender, whose messages replace and end each other
        LiveKind(
            "warning",
            urgent=False,
            read_all=lambda conn, at: read_warnings(conn, at.now),
            read_some=lambda conn, ids, at: read_of_senders(conn, ids, at.now),
            is_over=lambda item: item["state"] != WarningState.IN_FORCE,
        ),
        # of layers that a page fetches: that they are others now; after a snapshot any of them may be
        LiveKind(
            "layer",
            urgent=False,
            read_all=lambda conn, _: [],
            read_some=lambda conn, ids, _: [{"id": one} for one in ids],
            signals=(LAYER_PLACE,),
        ),
        LiveKind(
            "health",
            urgent=False,
            read_all=_health,
            read_some=lambda conn, _, at: _health(conn, at),
            on_clock=True,
        ),
    )
}
BY_SIGNAL: Mapping[str, Sequence[LiveKind]] = {
    signal: [kind for kind in KINDS.values() if signal in (kind.key, *kind.signals)]
    for signal in {signal for kind in KINDS.values() for signal in (kind.key, *kind.signals)}
}
