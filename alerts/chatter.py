"""Alarms that come and go: found by what they did lately, damped, and let go once they have been quiet.

ANSI/ISA-18.2-2016 section 16.5 and EEMUA 191 count them; here so many raises within a window (table `alarm_load`) make
one. Its history is cleared when it ends: raises from before do not count again.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, text

from alerts import store
from alerts.lifecycle import chatter, settle
from core import set_aside
from core.vocabulary import table

# it comes once more: raised again, or back at a level that it had before
AGAIN = """
(e.what IN ('raised', 'raised_again') OR (e.what = 'worsened' AND EXISTS (
  SELECT 1 FROM alarm_event p WHERE p.alarm_id = e.alarm_id AND p.id < e.id AND p.level <= e.level)))
"""
# of one rule and thing, since it last settled: an alarm that was acknowledged and is over comes again as another
FOUND = text(f"""
WITH lately AS (SELECT a.rule_id, a.thing_type, a.thing_id, e.what, e.time, e.id
    FROM alarm_event e JOIN alarm a ON a.id = e.alarm_id
    WHERE e.time > :since AND e.what IN ('raised', 'raised_again', 'worsened', 'settled')
      AND (e.what = 'settled' OR {AGAIN})),
  many AS (SELECT rule_id, thing_type, thing_id FROM lately l
    WHERE l.what <> 'settled' AND l.id > COALESCE((SELECT max(s.id) FROM lately s WHERE s.what = 'settled'
      AND (s.rule_id, s.thing_type, s.thing_id) = (l.rule_id, l.thing_type, l.thing_id)), 0)
    GROUP BY 1, 2, 3 HAVING count(*) >= :raises)
SELECT a.id FROM alarm a JOIN many USING (rule_id, thing_type, thing_id)
WHERE a.state <> 'normal' AND a.chattering_since IS NULL AND {set_aside.resting("chatter", "a.id::text")} ORDER BY a.id
""")
QUIET = text(f"""
SELECT a.id FROM alarm a WHERE a.chattering_since IS NOT NULL AND a.chattering_since <= :before
  AND NOT EXISTS (SELECT 1 FROM alarm_event e WHERE e.alarm_id = a.id AND e.time > :before
    AND e.what IN ('raised', 'raised_again', 'worsened') AND {AGAIN})
  AND {set_aside.resting("chatter", "a.id::text")}
ORDER BY a.id
""")


def watch_chatter(conn: Connection, now: datetime) -> int:
    """Mark those that have begun, settle those that have been quiet; returns how many."""
    limits = table("alarm_load")["chattering"]
    since = now - timedelta(seconds=limits["window_s"])
    before = now - timedelta(seconds=limits["quiet_s"])
    begun = conn.scalars(FOUND, {"since": since, "raises": limits["raises"], "now": now}).all()
    quiet = conn.scalars(QUIET, {"before": before, "now": now}).all()
    acts = dict.fromkeys(begun, chatter) | dict.fromkeys(quiet, settle)

    def change(alarm_id: UUID) -> None:
        alarm = store.lock_alarm(conn, alarm_id)
        transition = acts[alarm_id](alarm.view)
        if transition is not None:
            store.change_by_hand(conn, alarm, transition, "engine", None, now)

    if acts:
        set_aside.each(conn, "chatter", sorted(acts), str, change, now)
    return len(acts)
