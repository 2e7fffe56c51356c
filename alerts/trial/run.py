"""Runs a rule over a recorded period: the banks of live judgement fed with what was recorded, or what stood in the city
looked at moment by moment."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from alerts.loading import load_things, make_bank
from alerts.panel import ALL, Panel
from alerts.recorded import Part, read_parts
from alerts.rules import KINDS
from alerts.rules.base import Finding, Key, RuleRow, Thing, watches
from alerts.rules.stale import Heard, silences
from alerts.rules.standing import Held, Moment
from alerts.rules.steps import NEVER
from alerts.rules.surprise import AnomalyBank
from alerts.standing import changes_of
from alerts.store import describe
from alerts.trial.fold import Episode, Ledger
from alerts.trial.labels import Labelled, verdict_of
from alerts.trial.load import Load, load_of
from core.clock import rfc3339
from core.errors import InputError
from core.faults import expects
from core.pgarray import from_pg_us, to_pg_us
from core.vocabulary import Text

LONGEST = timedelta(days=92)
ALARMS_AT_MOST = 2_000
# delays mature on the clock: between readings it is looked at so often
CLOCK = timedelta(minutes=1)
# what is looked at moment by moment: no more moments than this
MOMENTS = 1_440
# before the period a bank learns what it needs; a detector of what is unusual longer
WARM = timedelta(hours=2)
TAUGHT = timedelta(days=3)


class TrialAlarm(TypedDict):
    """An alarm that would have been: `level` the worst it came to, `end` null where it held to the end of the period;
    `message` the sentence of its worst moment."""

    thing: str
    thing_type: str
    names: Text
    district: str
    lon: float | None
    lat: float | None
    level: int
    start: str
    end: str | None
    value: float | None
    unit: str | None
    message: Text


class Tried(TypedDict):
    """What one rule would have done: `alarms` (the first of `count`), their `load`, `hits` and `misses` among incidents
    of `incident_kind`, `unmatched` alarms near none of these; `step_s` how often what stands was looked at, null for
    rules of readings."""

    rule: str
    names: Text
    kind: str
    start: str
    end: str
    things: int
    readings: int
    step_s: float | None
    count: int
    alarms: list[TrialAlarm]
    load: Load
    incident_kind: str | None
    hits: list[Labelled]
    misses: list[Labelled]
    unmatched: int
    took_s: float


class Trial(Tried):
    """A trial, and of another setting beside it; null without."""

    against: Tried | None


@dataclass
class _Run:
    ledger: Ledger
    things: int = 0
    readings: int = 0
    step_s: float | None = None


def try_rule(conn: Connection, rule: RuleRow, start: datetime, end: datetime) -> Tried:
    """What this rule would have done from `start` until before `end`. Raises InputError for a period that cannot be
    tried, or a rule that fails."""
    if end <= start:
        raise InputError("to: expected a moment after from", field="to", about=expects("to", "try_order"))
    if end - start > LONGEST:
        raise InputError(
            f"to: expected at most {LONGEST.days} days after from",
            field="to",
            about=expects("to", "days_most", days=str(LONGEST.days)),
        )
    began = time.monotonic()
    run = _Run(Ledger())
    kind = KINDS[rule.kind]
    if rule.kind == "stale":
        _try_silence(conn, rule, start, end, run)
    elif kind.stands is not None:
        _try_standing(conn, rule, start, end, run)
    else:
        _try_readings(conn, rule, start, end, run)
    episodes = run.ledger.episodes
    verdict = verdict_of(conn, rule.alarm_kind, episodes, start, end)
    return {
        "rule": rule.id,
        "names": rule.names,
        "kind": rule.kind,
        "start": rfc3339(start),
        "end": rfc3339(end),
        "things": run.things,
        "readings": run.readings,
        "step_s": run.step_s,
        "count": len(episodes),
        "alarms": [_alarm(one) for one in episodes[:ALARMS_AT_MOST]],
        "load": load_of(episodes, start, end),
        "incident_kind": verdict["kind"],
        "hits": verdict["hits"],
        "misses": verdict["misses"],
        "unmatched": verdict["unmatched"],
        "took_s": round(time.monotonic() - began, 2),
    }


def try_beside(
    conn: Connection, rule: RuleRow, start: datetime, end: datetime, against: RuleRow | None = None
) -> Trial:
    """A rule over a period, and another setting over the same."""
    tried = try_rule(conn, rule, start, end)
    other = None if against is None else try_rule(conn, against, start, end)
    return {**tried, "against": other}


def _alarm(episode: Episode) -> TrialAlarm:
    first = episode.first
    return {
        "thing": first.thing.id,
        "thing_type": first.thing.type,
        "names": first.thing.names,
        "district": first.thing.district,
        "lon": first.thing.lon,
        "lat": first.thing.lat,
        "level": episode.peak,
        "start": rfc3339(from_pg_us(episode.begin)),
        "end": None if episode.end is None else rfc3339(from_pg_us(episode.end)),
        "value": episode.worst,
        "unit": first.unit,
        "message": describe(replace(first, level=episode.peak, value=episode.worst)),
    }


# --- rules of readings ------------------------------------------------------------------------------------------------


def _try_readings(conn: Connection, rule: RuleRow, start: datetime, end: datetime, run: _Run) -> None:
    kind = KINDS[rule.kind]
    faults: dict[Key, Exception] = {}
    bank = make_bank(rule, load_things(conn), faults)
    _refuse(faults)
    if bank is None:
        return
    panel = Panel([(bank, kind.metrics(rule))])
    run.things = len(bank.things)
    series = list(panel.slots)
    warm = TAUGHT if isinstance(bank, AnomalyBank) else max(WARM, timedelta(seconds=kind.history_s(rule)))
    clock = CLOCK if runs_on_clock(rule) else None
    for part in read_parts(conn, series, start - warm, start):
        _feed(panel, part, clock, run, silent=True)
    for part in read_parts(conn, series, start, end):
        run.readings += len(part.recorded.at)
        _feed(panel, part, clock, run, silent=False)


def runs_on_clock(rule: RuleRow) -> bool:
    """Whether anything of it matures between readings."""
    steps = getattr(rule.params, "steps", ())
    return rule.kind == "anomaly" or any(
        getattr(step, "on_delay_s", 0) or getattr(step, "off_delay_s", 0) for step in steps
    )


def _feed(panel: Panel, part: Part, clock: timedelta | None, run: _Run, *, silent: bool) -> None:
    bounds = [to_pg_us(moment) for moment in _moments(part.start, part.end, clock or part.end - part.start)]
    # a reading of that very moment is judged before the clock is looked at
    recorded = part.recorded
    cuts = np.searchsorted(recorded.at, bounds, side="right")
    begins = 0
    for bound, cut in zip(bounds, cuts.tolist(), strict=True):
        some = slice(begins, cut)
        begins = cut
        outcome = panel.feed(recorded.series[some], recorded.at[some], recorded.values[some])
        _refuse(outcome.faults)
        run.ledger.take(outcome.findings, silent=silent)
        if clock is not None and panel.waiting:
            outcome = panel.tick(bound)
            _refuse(outcome.faults)
            run.ledger.take(outcome.findings, silent=silent)


def _moments(start: datetime, end: datetime, step: timedelta) -> Iterator[datetime]:
    """The ends of steps from `start` on, the last at `end`."""
    moment = start
    while moment < end:
        moment = min(moment + step, end)
        yield moment


def _refuse(faults: dict[Key, Exception]) -> None:
    for (_, thing), fault in faults.items():
        of = "" if thing == ALL else f" on {thing}"
        raise InputError(
            f"rule: it failed{of}: {fault}", field="rule", about=expects("rule", "failed", told=str(fault))
        ) from fault


# --- rules of what stands ---------------------------------------------------------------------------------------------


def _step(start: datetime, end: datetime, every_s: float) -> timedelta:
    return max(timedelta(seconds=every_s), (end - start) / MOMENTS)


def _try_standing(conn: Connection, rule: RuleRow, start: datetime, end: datetime, run: _Run) -> None:
    kind = KINDS[rule.kind]
    assert kind.stands is not None
    step = _step(start, end, kind.every_s)
    run.step_s = step.total_seconds()
    before = start - timedelta(days=1)
    for moment in (start, *_moments(start, end, step)):
        held = [_held(episode) for episode in run.ledger.held()]
        wanted = kind.stands(conn, rule, Moment(moment, before), held)
        _take(run, rule, wanted or [], held, moment, silent=moment == start)
    run.things = len({episode.first.thing.id for episode in run.ledger.episodes})


def _try_silence(conn: Connection, rule: RuleRow, start: datetime, end: datetime, run: _Run) -> None:
    """Who had been heard by each moment, from the times of readings."""
    things = {thing.id: thing for thing in load_things(conn) if watches(rule, thing)}
    step = _step(start, end, CLOCK.total_seconds())
    run.things, run.step_s = len(things), step.total_seconds()
    series = [(row.sensor_id, row.metric) for row in conn.execute(_SERIES, {"things": sorted(things)})]
    newest = np.full(len(series), NEVER)
    begins = start - timedelta(days=1)
    for part in read_parts(conn, series, begins, end):
        moments = list(_moments(part.start, part.end, step))
        cuts = np.searchsorted(part.recorded.at, [to_pg_us(moment) for moment in moments], side="right")
        first = 0
        for moment, cut in zip(moments, cuts.tolist(), strict=True):
            newest[part.recorded.series[first:cut]] = part.recorded.at[first:cut]
            run.readings += (cut - first) if moment > start else 0
            first = cut
            if moment >= start:
                _judge_silence(rule, things, series, newest, moment, run, silent=moment <= start)


def _judge_silence(
    rule: RuleRow,
    things: dict[str, Thing],
    series: Sequence[tuple[str, str]],
    newest: Any,
    moment: datetime,
    run: _Run,
    *,
    silent: bool,
) -> None:
    last: dict[str, int] = {}
    for (thing, _), at in zip(series, newest.tolist(), strict=True):
        if at != NEVER:
            last[thing] = max(at, last.get(thing, at))
    heard = [Heard(one, things[one].kind, things[one].interval_s, from_pg_us(at)) for one, at in last.items()]
    held = [_held(episode) for episode in run.ledger.held()]
    _take(run, rule, silences(rule, things, heard, moment), held, moment, silent=silent)


_SERIES = text("SELECT sensor_id, metric FROM series WHERE sensor_id = ANY(:things) ORDER BY 1, 2")


def _held(episode: Episode) -> Held:
    thing = episode.first.thing
    return Held(thing.type, thing.id, thing.names, thing.district, episode.level, thing.lon, thing.lat)


def _take(
    run: _Run, rule: RuleRow, wanted: Sequence[Finding], held: Sequence[Held], moment: datetime, *, silent: bool
) -> None:
    at = to_pg_us(moment)
    changes = changes_of(rule, wanted, held, moment)
    # an alarm begins when it is judged, whenever what it is about was seen
    run.ledger.take([replace(change, at=at) for change in changes], silent=silent)
