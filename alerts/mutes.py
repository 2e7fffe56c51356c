"""Which alarms are muted now, kept with the alarms: by what, since when, and by which cause, so that lists fold them
under it, the history knows it, and whoever was not told hears of them once the cause is gone.

An inhibition or a silence changes what is told and where an alarm stands in lists, never its state: nobody has looked
at it, and it waits as it did (docs/decisions/0033).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from alerts.around import OF_THING, UNTOLD_FACTS, change_of, read_around
from alerts.stages import MUTING
from alerts.stages.base import Around, Decision
from alerts.stages.inhibit import causes_of
from core import outbox
from core.clock import rfc3339
from core.db import lock_key, notify_change
from core.history import kept

TRY = text("SELECT pg_try_advisory_xact_lock(:key)")
OPEN = f"SELECT {UNTOLD_FACTS} FROM alarm a {OF_THING} WHERE a.state <> 'normal'"
LOCK = text("SELECT id FROM alarm WHERE id = ANY(:ids) AND state <> 'normal' ORDER BY id FOR NO KEY UPDATE")
WRITE = text("""
UPDATE alarm a SET muted = CAST(u.muted AS jsonb), changed_at = :now, version = a.version + 1
FROM unnest(CAST(:ids AS uuid[]), CAST(:muted AS text[])) AS u (id, muted) WHERE a.id = u.id
""")
EVENTS = text(f"""
INSERT INTO alarm_event (alarm_id, time, what, state, level, who, note, after)
SELECT a.id, :now, CASE WHEN a.muted IS NULL THEN 'unmuted' ELSE 'muted' END, a.state, a.level, 'engine',
  a.muted->>'by', {kept("a")} FROM alarm a WHERE a.id = ANY(:ids) ORDER BY a.id
""")


def sync_mutes(conn: Connection, now: datetime) -> int:
    """Write down which open alarms are muted at `now`, and queue those that are no longer; returns how many have
    changed. One process at a time does it, the others leave it to that one."""
    if not conn.scalar(TRY, {"key": lock_key("mutes")}):
        return 0
    around = read_around(conn, (), now)
    idle = not around.inhibitions and not around.silences
    rows = conn.execute(text(f"{OPEN} AND a.muted IS NOT NULL" if idle else OPEN)).all()
    wanted = {row.alarm_id: (row, mute_of(row, around, now)) for row in rows}
    changed = {key: pair for key, pair in wanted.items() if marks(pair[0].muted) != marks(pair[1])}
    if not changed:
        return 0
    ids = list(conn.scalars(LOCK, {"ids": list(changed)}))
    muted = [None if (mute := changed[i][1]) is None else json.dumps(mute, ensure_ascii=False) for i in ids]
    conn.execute(WRITE, {"ids": ids, "muted": muted, "now": now})
    conn.execute(EVENTS, {"ids": ids, "now": now})
    notify_change(conn, "alarm", ids)
    free = [i for i in ids if changed[i][1] is None and changed[i][0].active]
    outbox.queue(conn, [outbox.Item(outbox.ALARM, str(i), "unmuted") for i in free], now)
    return len(ids)


def marks(muted: Mapping[str, Any] | None) -> tuple[Any, ...] | None:
    """What makes one mute another than that one."""
    return None if muted is None else (muted["stage"], muted["by"], muted["cause"])


def mute_of(row: Any, around: Around, now: datetime) -> Mapping[str, Any] | None:
    """What mutes this alarm; what has muted it before as long as it does."""
    # that it comes and goes is no mute of its own: it says so itself
    change = replace(change_of(row, "raised", {}), chattering=False)
    held = row.muted
    if held and held["stage"] == "inhibit":
        for rule, cause in causes_of(change, around):
            if (held["by"], held["cause"]) == (rule.id, cause.id):
                return held  # type: ignore[no-any-return]
    for stage in MUTING:
        decision = stage.decide(change, around, now)
        if decision.by is not None:
            return as_json(decision, now)
    return None


def as_json(decision: Decision, now: datetime) -> Mapping[str, Any]:
    return {
        "stage": decision.stage,
        "by": decision.by,
        "cause": decision.cause,
        "since": rfc3339(now),
        "why": decision.why,
    }
