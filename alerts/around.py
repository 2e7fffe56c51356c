"""What the stages may look at, read in one snapshot: routes, inhibitions, silences, and the alarms that burn. A row
that cannot be used is left out and told in the log; the others go on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from pydantic import ValidationError
from sqlalchemy import Connection, text

from alerts.labels import labels_of, read_matchers
from alerts.stages.base import ROOT, Around, Burning, Change, InhibitionRow, RouteRow, SilenceRow, Subscriber
from alerts.stages.inhibit import find_causes
from core.log import get_log
from core.outbox import ALARM
from core.scope import alarm_classification
from core.vocabulary import AlarmState, sql_list

log = get_log("routing")
T = TypeVar("T")
# what a change is made of: of alarm `a` and the sensor `s` that it is about; who was told of it costs a look of its own
UNTOLD_FACTS = """
a.id AS alarm_id, a.rule_id, a.kind, a.level, a.peak_level, a.state, a.active, a.district, a.thing_type, a.thing_id,
  a.names, a.muted, a.chattering_since IS NOT NULL AS chattering, s.source_id,
  CASE a.thing_type WHEN 'source' THEN a.thing_id ELSE s.kind END AS thing_kind,
  COALESCE(s.attributes->>'underpass', s.attributes->>'water', s.attributes->>'street') AS site
"""
ALARM_FACTS = f"""
{UNTOLD_FACTS}, (SELECT jsonb_object_agg(t.subscription_id, CASE WHEN t.over THEN 0 ELSE t.level END) FROM told t
    WHERE t.alarm_id = a.id) AS told
"""
# and what tells who may see it
SIGHT_FACTS = f"""
ST_X(a.geom) AS lon, ST_Y(a.geom) AS lat, {alarm_classification("a.thing_type", "a.thing_id")} AS classification,
  ARRAY(SELECT sent.unit_id FROM assignment sent WHERE sent.incident_id = a.incident_id ORDER BY 1) AS units
"""
OF_THING = "LEFT JOIN sensor s ON a.thing_type = 'sensor' AND s.id = a.thing_id"
# what was taken out of use by design or by a person is no cause of anything
NO_CAUSE = (AlarmState.NORMAL, AlarmState.SUPPRESSED_BY_DESIGN, AlarmState.OUT_OF_SERVICE)
BURNING = text(f"""
SELECT {UNTOLD_FACTS} FROM alarm a {OF_THING}
WHERE a.state <> 'normal' AND a.active AND a.state NOT IN {sql_list(NO_CAUSE)}
""")
ROUTES = text("SELECT * FROM route WHERE enabled ORDER BY position, id")
INHIBITIONS = text("SELECT * FROM inhibition WHERE enabled ORDER BY id")
SILENCES = text("SELECT * FROM silence WHERE starts_at <= :now AND ends_at > :now AND ended_at IS NULL ORDER BY id")


def read_around(conn: Connection, subscribers: Sequence[Subscriber], now: datetime) -> Around:
    inhibitions = tuple(_usable("inhibition", conn.execute(INHIBITIONS), inhibition_of))
    burning = [burning_of(row) for row in conn.execute(BURNING)] if inhibitions else []
    return Around(
        subscribers,
        read_tree(conn),
        inhibitions,
        find_causes(inhibitions, burning),
        tuple(_usable("silence", conn.execute(SILENCES, {"now": now}), silence_of)),
    )


def read_tree(conn: Connection) -> RouteRow:
    """The tree of routes; where there is no root, everybody is told at once of what concerns them."""
    rows = list(conn.execute(ROUTES))
    return next(iter(_usable("route", (r for r in rows if r.parent_id is None), lambda r: route_of(r, rows))), ROOT)


def route_of(row: Any, rows: Iterable[Any]) -> RouteRow:
    """A node with all below it; one below that cannot be used is left out."""
    below = _usable("route", (r for r in rows if r.parent_id == row.id), lambda r: route_of(r, rows))
    return RouteRow(
        row.id,
        {"zh": row.name_zh, "en": row.name_en},
        read_matchers(row.matchers),
        tuple(row.group_by),
        row.group_wait_s,
        row.group_interval_s,
        row.repeat_interval_s,
        tuple(row.receivers),
        row.goes_on,
        tuple(below),
    )


def inhibition_of(row: Any) -> InhibitionRow:
    names = {"zh": row.name_zh, "en": row.name_en}
    return InhibitionRow(row.id, names, read_matchers(row.source), read_matchers(row.target), tuple(row.equal))


def silence_of(row: Any) -> SilenceRow:
    return SilenceRow(row.id, read_matchers(row.matchers), row.starts_at, row.ends_at, row.why, row.created_by)


def burning_of(row: Any) -> Burning:
    return Burning(str(row.alarm_id), row.level, row.names, labels_of(row))


def _usable(what: str, rows: Iterable[Any], make: Callable[[Any], T]) -> list[T]:
    made = []
    for row in rows:
        try:
            made.append(make(row))
        except ValidationError as exc:
            log.error(f"{what}_unusable", id=row.id, error=str(exc)[:200])
    return made


def change_of(row: Any, what: str, told: Mapping[str, int] | None = None) -> Change:
    """A change of an alarm, from a row of ALARM_FACTS; `told` where more is known than the row says, or nothing is."""
    return Change(
        ALARM,
        str(row.alarm_id),
        what,
        row.level,
        row.peak_level,
        row.district,
        row.kind,
        row.state,
        labels_of(row),
        row.active,
        row.chattering,
        (row.told or {}) if told is None else told,
    )


def change_to_tell(row: Any, what: str, told: Mapping[str, int] | None = None) -> Change:
    """One that subscribers are told of: the row has SIGHT_FACTS too."""
    return replace(
        change_of(row, what, told),
        place=place_of(row),
        classification=row.classification,
        units=tuple(row.units),
    )


def place_of(row: Any) -> tuple[float, float] | None:
    return None if row.lon is None else (row.lon, row.lat)
