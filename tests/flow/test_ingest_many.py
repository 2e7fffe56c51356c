"""Several ingesters share the stream: each message once, and a dead one's share is taken over within a bound."""

from __future__ import annotations

import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial

import pytest

from app.services.mosquitto import Broker
from core.clock import rfc3339
from core.settings import Settings
from tests.flow.load import handed
from tests.support import LOGS, PATIENCE_S, System, mailbox, now, wait_for

MESSAGES, SENSORS = 20_000, 50
BEGUN = now() - timedelta(hours=2)
# stated in docs/operators.md: what was on its way to a dead ingester is written by the others within so many seconds
TAKEOVER_S = 15


@pytest.fixture
def system(own_settings: Settings, broker: Broker) -> Iterator[System]:
    settings = own_settings.model_copy(update={"ingest_shared_group": "city", "flood_names": 0})
    logs = LOGS / "test_ingest_many"
    with System(settings, broker, logs, passed=("ingest_shared_group", "flood_names")) as system:
        yield system


def publish_all(url: str) -> None:
    start = now() - timedelta(hours=1)
    with mailbox(url) as box:
        sent = [
            box.client.publish(
                f"onemap/observation/many-{i % SENSORS}",
                f'{{"time": "{rfc3339(start + timedelta(milliseconds=100 * i))}", "metric": "flow", "value": {i}}}',
                qos=1,
            )
            for i in range(MESSAGES)
        ]
        for message in sent:
            message.wait_for_publish(PATIENCE_S)


def written(system: System) -> int:
    return int(system.one("SELECT count(*) FROM observation"))


def has_written(system: System, share: float) -> bool:
    return written(system) >= share * MESSAGES


@pytest.mark.alone
def test_one_of_three_is_killed_and_the_others_take_over_what_was_its(system: System) -> None:
    system.start("ingest:1", "ingest:2", "ingest:3")
    publisher = threading.Thread(target=publish_all, args=(system.gateway_url,))
    publisher.start()
    wait_for(partial(has_written, system, 0.3))
    system.kill("ingest:2")
    wait_for(lambda: system.one("SELECT count(DISTINCT client_id) FROM broker_subscription") == 2, TAKEOVER_S)
    publisher.join(90)
    wait_for(partial(has_written, system, 1), TAKEOVER_S, "nothing is stranded")
    wait_for(lambda: system.one("SELECT sum((figures->>'waiting')::int) FROM process_state") == 0)
    shares = system.rows("SELECT slot, messages FROM source_state WHERE source_id = 'native' ORDER BY slot")
    values = system.rows("SELECT count(*) AS rows, count(DISTINCT value) AS different FROM observation")
    assert values == [{"rows": MESSAGES, "different": MESSAGES}]
    assert handed(system) == (MESSAGES, MESSAGES)
    assert system.one("SELECT count(*) FROM dead_letter") == 0
    assert [s["slot"] for s in shares] == [0, 1, 2]
    assert all(s["messages"] > MESSAGES * 0.05 for s in shares)
    assert any("session_taken_over" in system.log(name) for name in ("ingest:1", "ingest:3"))


ADD = """
INSERT INTO source (id, name_zh, name_en, topic_filters, decoder, enabled)
VALUES ('{0}', '{0}', '{0}', '{{{1}}}', 'tasmota', true)
ON CONFLICT (id) DO UPDATE SET enabled = true RETURNING pg_notify('onemap_source', '{{}}')
"""
HELD = "SELECT client_id, topic_filter FROM broker_subscription WHERE topic_filter LIKE '%%/wide/%%'"
NARROW, WIDE = "$share/city/tele/+/wide/SENSOR", "$share/city/tele/+/wide/+"


def hold(system: System, filter_: str, number: int) -> bool:
    """Whether so many sessions hold that filter, and nobody another of them."""
    rows = system.rows(HELD)
    return {row["topic_filter"] for row in rows} == {filter_} and len(rows) == number


@contextmanager
def speaking(system: System, metric: str, *, timed: bool) -> Iterator[list[int]]:
    """A device that says number after number, once each, while it lasts; gives what it has said."""
    stop, said = threading.Event(), list[int]()

    def speak() -> None:
        while not stop.wait(0.005):
            with_time = {"Time": rfc3339(BEGUN + timedelta(seconds=len(said)))} if timed else {}
            box.publish("tele/h1/wide/SENSOR", {**with_time, metric: len(said)})
            said.append(len(said))

    with mailbox(system.broker.url("tester")) as box:
        speaker = threading.Thread(target=speak)
        speaker.start()
        yield said
        stop.set()
        speaker.join()


def is_more(said: list[int], before: int) -> bool:
    return len(said) > before + 50


def check_all_are_one_row(system: System, metric: str, said: list[int]) -> None:
    def written() -> list[int]:
        rows = system.rows(f"SELECT value FROM observation WHERE metric = '{metric}' ORDER BY value")
        return [int(row["value"]) for row in rows]

    wait_for(lambda: len(set(written())) == len(said), what="nothing is lost")
    # who was killed says for ever what had waited then
    living = "SELECT sum((figures->>'waiting')::int) FROM process_state WHERE seen_at > now() - interval '15 s'"
    wait_for(lambda: system.one(living) == 0)
    assert written() == said
    assert system.one("SELECT count(*) FROM dead_letter") == 0


def test_who_hangs_or_dies_does_not_hold_up_a_change_and_nothing_is_lost(system: System) -> None:
    """One hangs while a filter is widened: the changer goes on without it, and it joins when it wakes. Then one is
    killed while it is narrowed. Messages say their time, so what is dealt twice is known."""
    system.start("ingest:1", "ingest:2", "ingest:3")
    system.rows(ADD.format("a", "tele/+/wide/SENSOR"))
    wait_for(lambda: hold(system, NARROW, 3))
    with speaking(system, "Hang", timed=True) as said:
        wait_for(lambda: is_more(said, 0))
        hanging = system.running["ingest:3"]
        hanging.send_signal(signal.SIGSTOP)
        try:
            system.rows(ADD.format("wide", "tele/h1/wide/+"))
            rows = "SELECT count(*) FROM broker_subscription WHERE topic_filter = '" + WIDE + "'"
            wait_for(lambda: system.one(rows) == 2, what="the others have turned to it")
            assert any("change_not_alone" in system.log(name) for name in ("ingest:1", "ingest:2"))
        finally:
            hanging.send_signal(signal.SIGCONT)
        wait_for(lambda: hold(system, WIDE, 3), what="who had hung has joined")
        system.rows("DELETE FROM source WHERE id = 'wide' RETURNING pg_notify('onemap_source', '{}')")
        system.kill("ingest:2")
        wait_for(lambda: hold(system, NARROW, 2), what="the living have turned back")
        before = len(said)
        wait_for(lambda: is_more(said, before))
    check_all_are_one_row(system, "Hang", said)


def test_from_one_that_has_all_to_three_that_share_each_message_is_one_row(system: System) -> None:
    """Messages that say no time: nothing but the order of steps keeps what is delivered twice from being two rows."""
    shared = system.settings
    system.settings = shared.model_copy(update={"ingest_shared_group": ""})
    system.start("ingest:1")
    system.rows(ADD.format("a", "tele/+/wide/SENSOR"))
    wait_for(lambda: hold(system, "tele/+/wide/SENSOR", 1))
    system.settings = shared
    with speaking(system, "Turn", timed=False) as said:
        wait_for(lambda: is_more(said, 0))
        system.stop("ingest:1")
        system.start("ingest:1", "ingest:2", "ingest:3")
        wait_for(lambda: hold(system, NARROW, 3), what="all three share it")
        before = len(said)
        wait_for(lambda: is_more(said, before))
    check_all_are_one_row(system, "Turn", said)


def test_filter_that_three_share_is_widened_and_narrowed_and_each_message_is_one_row(system: System) -> None:
    """For a moment the broker deals each message once for the old filter and once for the new, to any two of them; a
    message without a time says nothing by which it could be known again."""
    names = ("ingest:1", "ingest:2", "ingest:3")

    def all_hold(filter_: str) -> bool:
        return hold(system, filter_, len(names))

    system.start(*names)
    system.rows(ADD.format("a", "tele/+/wide/SENSOR"))
    wait_for(lambda: all_hold(NARROW))
    stop = threading.Event()
    said: list[int] = []

    with mailbox(system.broker.url("tester")) as box:

        def speak() -> None:
            while not stop.wait(0.002):  # often the same again
                box.publish("tele/h1/wide/SENSOR", {"Level": len(said) // 3})
                said.append(len(said) // 3)

        speaker = threading.Thread(target=speak)
        speaker.start()
        for n in range(3):
            more = len(said) + 50
            wait_for(lambda more=more: len(said) > more)
            system.rows(ADD.format(f"wide-{n}", "tele/h1/wide/+"))
            wait_for(lambda: all_hold(WIDE))
            more = len(said) + 50
            wait_for(lambda more=more: len(said) > more)
            system.rows(f"DELETE FROM source WHERE id = 'wide-{n}' RETURNING pg_notify('onemap_source', '{{}}')")
            wait_for(lambda: all_hold(NARROW))
        stop.set()
        speaker.join()
        for n in range(20):
            box.publish("tele/h1/wide/SENSOR", {f"End{n}": 1})
    wait_for(lambda: system.one("SELECT count(*) FROM observation WHERE metric LIKE 'End%%'") == 20)
    wait_for(lambda: system.one("SELECT sum((figures->>'waiting')::int) FROM process_state") == 0)
    by_value = "SELECT value, count(*) AS n FROM observation WHERE metric = 'Level' GROUP BY value"
    written = {int(row["value"]): row["n"] for row in system.rows(by_value)}
    assert {value: (n, written.get(value)) for value, n in Counter(said).items() if written.get(value) != n} == {}
    shares = system.rows("SELECT slot, messages FROM source_state WHERE source_id = 'a' ORDER BY slot")
    assert [share["slot"] for share in shares] == [0, 1, 2], "all have their share"
    assert not any("change_not_alone" in system.log(name) for name in names)
