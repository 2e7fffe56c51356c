"""What the engine needs to know at its start, read in one snapshot: rules, things, checkpoints, windows, newest
times."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from sqlalchemy import Connection, text

from alerts.panel import ALL, Panel, Series, begins, in_turns
from alerts.recorded import Span, read_recorded
from alerts.rules import KINDS, check_params
from alerts.rules.base import Bank, Key, Monitor, Readings, Remembering, RuleRow, Thing, thing_of, watches
from alerts.rules.single import SingleBank
from alerts.rules.steps import NEVER
from alerts.rules.surprise import AnomalyBank, rows_learnt
from core.errors import InputError
from core.history import as_row
from core.log import get_log
from core.packed import unpack
from core.pgarray import MICROSECOND, from_pg_us, to_pg_us
from core.types import partition_of

log = get_log("loading")

PENDING = text("SELECT packed FROM ingest_batch WHERE partition = ANY(:owned)")
NAMED = text("SELECT number, sensor_id, metric FROM series WHERE number = ANY(:numbers)")
NEWEST = text("SELECT sensor_id, metric, time FROM sensor_state")
# what a rule that learns is taught at its start where it has learnt nothing yet
TAUGHT = timedelta(days=1)
MEMORIES = text("SELECT thing_id, body FROM rule_memory WHERE rule_id = :rule")
KEEP_MEMORY = text("""
INSERT INTO rule_memory (rule_id, thing_id, body) VALUES (:rule, :thing, :body)
ON CONFLICT (rule_id, thing_id) DO UPDATE SET body = EXCLUDED.body
""")
STATES = text("SELECT rule_id, thing_id, state FROM rule_state")
RULES = text("SELECT id, kind, alarm_kind, name_zh, name_en, watches, params FROM rule WHERE enabled ORDER BY id")
RULES_AT = text("SELECT DISTINCT ON (rule_id) after FROM rule_version WHERE time <= :at ORDER BY rule_id, version DESC")
FAILED = text(
    """
SELECT id, due_at = 'infinity' AS aside, CASE WHEN due_at = 'infinity' THEN NULL ELSE due_at END AS due
FROM set_aside WHERE what IN ('monitor', 'finding')
"""
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """All that is judged, and what could not be made."""

    panel: Panel
    faults: dict[Key, Exception]


def read_failed(conn: Connection) -> dict[Key, datetime | None]:
    """(rule, thing) of what has failed, and when it is due again; None: not before a person says so."""
    failed: dict[Key, datetime | None] = {}
    for row in conn.execute(FAILED):
        rule, _, thing = row.id.partition("/")
        held = failed.get((rule, thing), row.due)
        failed[rule, thing] = None if held is None or row.aside else max(held, row.due)
    return failed


def load(conn: Connection, owned: list[int], partitions: int, resting: Collection[Key] = ()) -> Loaded:
    """Banks of all rules over the things of these partitions, but for what rests. What cannot be made does not stop the
    others."""
    mine = [thing for thing in load_things(conn) if partition_of(thing.id, partitions) in owned]
    faults: dict[Key, Exception] = {}
    banks = [
        (bank, KINDS[rule.kind].metrics(rule))
        for rule in load_rules(conn)
        if (rule.id, ALL) not in resting
        for bank in [make_bank(rule, [t for t in mine if (rule.id, t.id) not in resting], faults)]
        if bank is not None
    ]
    panel = Panel(banks)
    _restore(conn, panel, faults)
    waiting = _waiting_since(conn, owned)
    newest = _newest(conn, waiting)
    panel.note_newest(newest)
    for bank, metrics in banks:
        if isinstance(bank, AnomalyBank):
            _recall(conn, bank, metrics, newest)
        else:
            _remember(conn, bank, metrics, newest)
    return Loaded(panel, faults)


def make_bank(rule: RuleRow, things: Iterable[Thing], faults: dict[Key, Exception]) -> Bank | None:
    """The bank of a rule; None where it watches none of these things by their readings."""
    kind = KINDS[rule.kind]
    if kind.bank is None and kind.monitor is None:
        return None
    try:
        watched = [thing for thing in things if watches(rule, thing)]
        if kind.bank is not None:
            return kind.bank(rule, watched) if watched else None
    except Exception as exc:  # noqa: BLE001 - told by the engine, the other rules judge on
        faults[rule.id, ALL] = exc
        return None
    monitors: list[Monitor] = []
    for thing in watched:
        try:
            monitor = kind.monitor(rule, thing) if kind.monitor is not None else None
        except Exception as exc:  # noqa: BLE001 - a fault of this rule on this thing
            faults[rule.id, thing.id] = exc
            continue
        if monitor is not None:
            monitors.append(monitor)
    return SingleBank(rule, kind.metrics(rule), monitors) if monitors else None


def _restore(conn: Connection, panel: Panel, faults: dict[Key, Exception]) -> None:
    """Checkpoints back to their rows. A row whose checkpoint cannot be taken back begins anew and is told."""
    states = {(row.rule_id, row.thing_id): row.state for row in conn.execute(STATES)}
    if not states:
        return
    for bank in panel.banks:
        for row, thing in enumerate(bank.things):
            key = bank.rule.id, thing.id
            if key not in states:
                continue
            try:
                bank.restore(row, states[key])
            except Exception as exc:  # noqa: BLE001 - told by the engine
                faults[key] = exc


def name_series(conn: Connection, numbers: Iterable[int]) -> dict[int, Series]:
    """The things and metrics of these series."""
    rows = conn.execute(NAMED, {"numbers": sorted(numbers)})
    return {row.number: (row.sensor_id, row.metric) for row in rows}


def _waiting_since(conn: Connection, owned: list[int]) -> dict[Series, int]:
    """Time of the oldest reading of each series that awaits judgement."""
    oldest: dict[int, int] = {}
    for row in conn.execute(PENDING, {"owned": owned}):
        try:
            series, times, _ = unpack([row.packed])
        except ValueError:
            continue  # judging it fails too, and is told there
        order = np.lexsort((times, series))
        first = begins(series[order])
        for number, at in zip(series[order][first].tolist(), times[order][first].tolist(), strict=True):
            oldest[number] = min(at, oldest.get(number, at))
    names = name_series(conn, oldest) if oldest else {}
    return {names[number]: at for number, at in oldest.items() if number in names}


def _newest(conn: Connection, waiting: dict[Series, int]) -> dict[Series, int]:
    newest: dict[Series, int] = {}
    for row in conn.execute(NEWEST):
        if row.time is not None:
            series, at = (row.sensor_id, row.metric), to_pg_us(row.time)
            newest[series] = min(at, waiting[series] - 1) if series in waiting else at
    return newest


def _remember(conn: Connection, bank: Bank, metrics: Sequence[str], newest: Mapping[Series, int]) -> None:
    """Give a bank what was judged before the start, as far back from there as it looks."""
    back = timedelta(seconds=KINDS[bank.rule.kind].history_s(bank.rule))
    if isinstance(bank, Remembering) and back:
        bank.remember(_judged(conn, bank, metrics, newest, lambda row, at: at - back))


def _recall(conn: Connection, bank: AnomalyBank, metrics: Sequence[str], newest: Mapping[Series, int]) -> None:
    """What a rule has learnt, and what it would have learnt from the readings since."""
    rows = {thing.id: row for row, thing in enumerate(bank.things)}
    for thing_id, body in conn.execute(MEMORIES, {"rule": bank.rule.id}):
        if thing_id in rows:
            with suppress(ValueError):  # of another version of the detector: it learns anew
                bank.recall(rows[thing_id], bytes(body))

    def since(row: int, at: datetime) -> datetime:
        known = int(bank.newest[row])
        return at - TAUGHT if known == NEVER else max(from_pg_us(known + 1), at - TAUGHT)

    bank.learn(_judged(conn, bank, metrics, newest, since))


def _judged(
    conn: Connection,
    bank: Bank,
    metrics: Sequence[str],
    newest: Mapping[Series, int],
    since: Callable[[int, datetime], datetime],
) -> Readings:
    """What was judged of each series of a bank: from `since(row, when the newest was)` to the newest."""
    spans: list[Span] = []
    places: list[tuple[int, int]] = []
    for row, thing in enumerate(bank.things):
        for lane, metric in enumerate(metrics):
            at = newest.get((thing.id, metric))
            if at is not None:
                moment = from_pg_us(at)
                spans.append(Span(thing.id, metric, since(row, moment), moment + MICROSECOND))
                places.append((row, lane))
    recorded = read_recorded(conn, spans)
    rows, lanes = np.array(places, np.int64).reshape(-1, 2).T
    return in_turns(rows[recorded.series], lanes[recorded.series], recorded.at, recorded.values)


def keep_memories(conn: Connection, panel: Panel) -> int:
    """Write down what rules have learnt; returns of how many things."""
    rows = [
        {"rule": bank.rule.id, "thing": bank.things[row].id, "body": bank.memory(row)}
        for bank in panel.banks
        if isinstance(bank, AnomalyBank)
        for row in rows_learnt(bank).tolist()
    ]
    if rows:
        conn.execute(KEEP_MEMORY, sorted(rows, key=lambda row: (row["rule"], row["thing"])))
    return len(rows)


def load_rules(conn: Connection, at: datetime | None = None) -> list[RuleRow]:
    """The armed rules, now or at a moment. One whose parameters cannot be used is left out and told in the log:
    it must not stop the others."""
    if at is None:
        rows = list(conn.execute(RULES))
    else:
        rows = [as_row(after) for after in conn.scalars(RULES_AT, {"at": at}) if after["enabled"]]
    rules = []
    for r in rows:
        try:
            params = check_params(r.kind, r.params)
        except InputError as exc:
            log.error("rule_unusable", rule=r.id, error=exc.message)
            continue
        rules.append(RuleRow(r.id, r.kind, r.alarm_kind, {"zh": r.name_zh, "en": r.name_en}, r.watches, params))
    return rules


def load_things(conn: Connection) -> list[Thing]:
    rows = conn.execute(
        text(
            """
SELECT id, kind, name_zh, name_en, district, ST_X(geom) AS lon, ST_Y(geom) AS lat, interval_s, thresholds, attributes
FROM sensor WHERE status = 'active'
"""
        )
    )
    return [thing_of(row) for row in rows]
