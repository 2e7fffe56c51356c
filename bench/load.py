"""`python -m bench.load [--json] [--days N] [--alarms N]`: the figures of EEMUA 191 over a month of a demo city, as the
page `/alarm-load` asks for them.

Alarms are written straight into the tables, spread over the days and with a storm in each that brings a quarter of
them within an hour: raised, some grown worse, acknowledged, returned. Each kind of question is then asked by turns.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, text

from alerts.figures import read_metrics
from bench.stand import stand
from core.clock import utc_now
from core.history import kept
from core.scope import EVERYTHING, Scope

ASKED = 15
ALARMS_A_DAY = 400
THINGS = 800
ALARMS = text("""
INSERT INTO alarm (id, rule_id, kind, thing_type, thing_id, names, level, peak_level, state, active, raised_at,
  changed_at, observed_at, metric, value, message, district, version)
SELECT gen_random_uuid(), 'bench', (ARRAY['rainstorm', 'water_stage', 'gas', 'wind', 'stale', 'flow'])[1 + n % 6],
  'sensor', 's-' || n * 7919 % :things, '{"zh": "a", "en": "a"}', l.level, l.level, 'normal', false, at.t,
  at.t + interval '20 minutes', at.t, 'gas', 12.5, '{"zh": "a", "en": "a"}', '32130' || n % 5, 4
FROM generate_series(0, :count - 1) AS n,
  LATERAL (SELECT CASE WHEN n % 20 = 0 THEN 1 WHEN n % 20 < 4 THEN 2 WHEN n % 2 = 0 THEN 3 ELSE 4 END AS level) AS l,
  LATERAL (SELECT CAST(:start AS timestamptz) + make_interval(days => n / :a_day) + CASE WHEN n % 4 = 0
    THEN interval '15 hours' + make_interval(secs => 3600.0 * (n % :a_day) / :a_day)
    ELSE make_interval(secs => 86400.0 * (n % :a_day) / :a_day) END AS t) AS at
""")
EVENTS = text(f"""
INSERT INTO alarm_event (alarm_id, time, what, state, level, who, after)
SELECT a.id, a.raised_at + make_interval(mins => e.after), e.what, e.state, a.level, e.who, {kept("a")}
FROM alarm a, (VALUES (0, 'raised', 'unacknowledged', 'engine'), (4, 'worsened', 'unacknowledged', 'engine'),
  (6, 'acknowledged', 'acknowledged', 'desk'), (20, 'returned', 'normal', 'engine')) AS e (after, what, state, who)
WHERE e.what <> 'worsened' OR a.level < 4 ORDER BY 2
""")
# of whom nothing is hidden, and of a position that sees three districts of five
POSITIONS = {"city": EVERYTHING, "districts": Scope(districts=frozenset({"321300", "321301", "321302"}))}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__)
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    parser.add_argument("--days", type=int, default=30, help="days of history (default 30)")
    parser.add_argument("--alarms", type=int, default=ALARMS_A_DAY, help="alarms a day (default 400)")
    given = parser.parse_args()
    with stand() as here:
        events = fill(here.engine, given.days, given.alarms)
        figures = {"days": given.days, "alarm_events": events, **measure(here.engine, given.days)}
    words = (
        "{alarm_events} events of {days} days: median {city_ms} ms for the city, {districts_ms} ms for three districts"
    )
    print(json.dumps(figures, indent=2) if given.json else words.format(**figures))


def fill(engine: Engine, days: int, a_day: int) -> int:
    start = utc_now() - timedelta(days=days)
    with engine.begin() as conn:
        conn.execute(ALARMS, {"start": start, "count": days * a_day, "a_day": a_day, "things": THINGS})
        conn.execute(EVENTS)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(text("VACUUM ANALYZE"))
        return int(conn.scalar(text("SELECT count(*) FROM alarm_event")) or 0)


def measure(engine: Engine, days: int) -> dict[str, float]:
    """Each position by turns, in a transaction of its own as a request has it."""
    took: dict[str, list[float]] = {name: [] for name in POSITIONS}
    for _ in range(ASKED):
        for name, scope in POSITIONS.items():
            now = utc_now()
            with engine.connect() as conn:
                took[name].append(timed(conn, now - timedelta(days=days), now, scope))
    return {
        **{f"{name}_ms": round(statistics.median(times), 1) for name, times in took.items()},
        **{f"{name}_slowest_ms": round(max(times), 1) for name, times in took.items()},
    }


def timed(conn: Connection, start: datetime, now: datetime, scope: Scope) -> float:
    began = time.perf_counter()
    found = read_metrics(conn, start, now, now, scope, "desk")
    assert found["raw"]["count"], "there is something to count"
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    main()
