"""What the clock and the design do to alarms that wait: those that nobody acknowledges are passed on to the next role,
those that mean nothing while another burns are suppressed by design."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from alerts import lifecycle, store
from core import outbox, set_aside
from core.clock import rfc3339
from core.db import notify_change
from core.vocabulary import WAITING_ALARM, sql_list, table

# what makes an alarm wait (anew)
BEGINS = ("raised", "raised_again", "worsened", "unshelved", "in_service", "unsuppressed", "unacknowledged")
_WAITING = text(f"""
SELECT a.id, a.level, a.escalated, b.time AS since FROM alarm a
CROSS JOIN LATERAL (SELECT max(e.time) AS time FROM alarm_event e WHERE e.alarm_id = a.id
  AND e.what IN {sql_list(BEGINS)}) AS b
WHERE a.state IN {sql_list(WAITING_ALARM)} AND a.muted IS NULL AND a.chattering_since IS NULL
  AND {set_aside.resting("escalation", "a.id::text")}
ORDER BY a.id FOR NO KEY UPDATE OF a
""")
_PASS_ON = text("""
UPDATE alarm SET escalated = CAST(:escalated AS jsonb), changed_at = :now, version = version + 1 WHERE id = :id
""")
# alarms of rules that are suppressed by others, about the same thing
_DESIGN = text("""
SELECT a.id, EXISTS (SELECT 1 FROM alarm o WHERE o.active AND o.state NOT IN ('normal', 'out_of_service', 'shelved')
    AND o.id <> a.id AND o.thing_type = a.thing_type AND o.thing_id = a.thing_id
    AND r.params->'suppressed_by' ? o.rule_id) AS suppressed
FROM alarm a JOIN rule r ON r.id = a.rule_id
WHERE a.state <> 'normal' AND (a.state = 'suppressed_by_design' OR jsonb_array_length(
  COALESCE(r.params->'suppressed_by', '[]'::jsonb)) > 0)
ORDER BY a.id FOR NO KEY UPDATE OF a
""")


def escalate(conn: Connection, now: datetime) -> int:
    """Pass on what has waited for too long (table `escalations`, by level); returns how many."""
    due = [(row, step) for row in conn.execute(_WAITING, {"now": now}) if (step := step_due(row, now)) is not None]

    def pass_on(pair: tuple[Any, Mapping[str, Any]]) -> Any:
        row, step = pair
        conn.execute(_PASS_ON, {"id": row.id, "now": now, "escalated": json.dumps({**step, "at": rfc3339(now)})})
        given = {"value": None, "observed": None, "who": "engine", "note": step["to"]}
        conn.execute(store.WRITE_EVENT, {"id": row.id, "now": now, "what": "escalated", **given})
        return row.id

    if not due:
        return 0
    done = set_aside.each(conn, "escalation", due, lambda pair: str(pair[0].id), pass_on, now)
    notify_change(conn, "alarm", done.results)
    outbox.queue(conn, [outbox.Item(outbox.ALARM, str(one), "escalated") for one in done.results], now)
    return len(done.results)


def step_due(row: Any, now: datetime) -> Mapping[str, Any] | None:
    """Pure: the last step whose time has come, where it is beyond the one that was taken."""
    steps: Sequence[Mapping[str, Any]] = table("escalations").get(str(row.level), {}).get("steps", ())
    waited = (now - row.since).total_seconds() if row.since is not None else 0.0
    taken = (row.escalated or {}).get("step", 0)
    reached = [(n, step) for n, step in enumerate(steps, 1) if waited >= step["after_s"] and n > taken]
    return {"step": reached[-1][0], "to": reached[-1][1]["to"]} if reached else None


def follow_design(conn: Connection, now: datetime) -> int:
    """Suppress what means nothing while another alarm about the same thing burns, and let it be when that is over;
    returns how many have changed. One of level I is never hidden."""
    rows = conn.execute(_DESIGN).all()
    changed = 0
    for row in rows:
        alarm = store.lock_alarm(conn, row.id)
        gravest = alarm.view.level == lifecycle.GRAVEST
        hidden = row.suppressed and not gravest
        transition = lifecycle.suppress(alarm.view) if hidden else lifecycle.unsuppress(alarm.view)
        if transition is not None:
            store.change_by_hand(conn, alarm, transition, "engine", None, now)
            changed += 1
    return changed
