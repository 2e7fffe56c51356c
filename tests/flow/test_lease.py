"""Two engines, one shard: whoever loses its lease leaves off at once, the other takes over, and nothing is judged by
both."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import timedelta

import pytest

from app.services.mosquitto import Broker
from core.clock import rfc3339
from core.settings import Settings
from tests.support import LOGS, System, mailbox, now, wait_for

LOCK_OWNER = """
SELECT l.pid FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory' AND l.granted
AND a.application_name = 'onemap alerts lease' AND a.datname = current_database()
"""


@pytest.fixture(scope="module")
def system(own_settings: Settings, broker: Broker) -> Iterator[System]:
    with System(own_settings, broker, LOGS / "test_lease") as system:
        yield system.start("ingest", "alerts:1", "alerts:2", "dispatch")


def owner(system: System) -> int | None:
    pids = {row["pid"] for row in system.rows(LOCK_OWNER)}
    assert len(pids) <= 1, "one shard has one owner"
    return next(iter(pids), None)


def taken(system: System) -> int:
    return sum(system.log(name).count('"partitions_taken"') for name in ("alerts:1", "alerts:2"))


def flood(system: System, step: int) -> None:
    """A gauge that rises over its limit and falls again, once per step."""
    start = now() - timedelta(minutes=50) + timedelta(minutes=step)
    with mailbox(system.gateway_url) as box:
        for second, value in ((0, 13.5), (10, 1.0), (40, 1.0), (55, 1.0)):
            body = {
                "time": rfc3339(start + timedelta(seconds=second)),
                "metric": "water_level",
                "value": value,
                "unit": "m",
            }
            box.publish("onemap/observation/wl-spare", body)


def test_lost_lease_moves_the_shard_and_no_flood_is_missed_or_told_twice(system: System) -> None:
    wait_for(lambda: owner(system), what="somebody owns the shard")
    steps = 6
    for step in range(steps):
        flood(system, 2 * step)
        # one that has only just lost it may not have been followed yet
        before, takes = wait_for(lambda: owner(system), what="somebody owns the shard"), taken(system)
        system.one(f"SELECT pg_terminate_backend({before})::int")
        flood(system, 2 * step + 1)
        wait_for(lambda takes=takes: taken(system) > takes, what="the shard is taken over")
    wait_for(lambda: system.one("SELECT count(*) FROM ingest_batch") == 0, what="all is judged")
    raised = system.rows(
        "SELECT observed_at FROM alarm_event WHERE what IN ('raised', 'raised_again') ORDER BY observed_at"
    )
    # one rise and fall each: with the off-delay of a minute each is over before the next begins, or runs on
    times = [row["observed_at"] for row in raised]
    assert len(times) == len(set(times)), "nothing is told twice"
    assert all(process.poll() is None for process in system.running.values()), "no process ends for it"
    assert system.one("SELECT count(*) FROM set_aside") == 0


def test_process_that_is_stopped_loses_its_shard_to_nobody_until_it_is_ended(system: System) -> None:
    """A stopped process keeps its connection: PostgreSQL cannot know. `up` ends it (tests/flow/test_up.py); then the
    other takes over."""
    holder = owner(system)
    assert holder is not None
    name = next(
        n
        for n in ("alerts:1", "alerts:2")
        if f"alerts-{holder}" in str(system.rows("SELECT name FROM process_state"))
        and system.one(f"SELECT pid FROM process_state WHERE name = 'alerts-{holder}'") == system.running[n].pid
    )
    pid = system.running[name].pid
    os.kill(pid, signal.SIGSTOP)
    assert owner(system) == holder
    system.kill(name)
    wait_for(lambda: owner(system) not in (None, holder), what="the other takes over")
    system.start(name)


def test_judgement_goes_on_after_a_fault_that_is_no_databases(system: System) -> None:
    """A report with a control character in its words opens an incident like any other, and what cannot be is put
    aside."""
    with mailbox(system.gateway_url) as box:
        for n, title in enumerate(("one", "t\u0001wo", "three")):
            body = {
                "id": f"lease-{n}",
                "time": rfc3339(now()),
                "kind": "noise",
                "level": 4,
                "title": title,
                "channel": "12345",
            }
            box.publish("onemap/incident", body)
    wait_for(lambda: system.one("SELECT count(*) FROM incident WHERE report_id IN ('lease-0', 'lease-2')") == 2)
