"""Sources are switched on, edited and off while an ingester runs; devices of other makers are understood without
code."""

from __future__ import annotations

import json
import threading
from collections import Counter
from typing import Any

import pytest

from app.services.mosquitto import Broker
from core.settings import Settings
from tests.support import LOGS, PATIENCE_S, Mailbox, System, mailbox, now, wait_for


@pytest.fixture(scope="module")
def system(own_settings: Settings, broker: Broker) -> Any:
    with System(own_settings, broker, LOGS / "test_ingest_sources") as system:
        yield system.start("ingest")


def change(system: System, query: str) -> None:
    """Change the sources and wait until the ingester has subscribed anew."""
    before = len(system.subscriptions())
    system.rows(f"{query} RETURNING id, pg_notify('onemap_source', '{{}}')")
    wait_for(lambda: system.has_taken_up(before))


def values(system: System, sensor: str) -> dict[str, float]:
    return {
        r["metric"]: r["value"]
        for r in system.rows("SELECT metric, value FROM sensor_state WHERE sensor_id = %s", sensor)
    }


def say(box: Mailbox, topic: str, payload: object) -> None:
    box.publish(topic, payload)


def test_source_is_switched_on_edited_and_off_without_a_restart(system: System) -> None:
    with mailbox(system.broker.url("tester")) as box:
        change(system, "UPDATE source SET enabled = true, owner = '水务局', interval_s = 300 WHERE id = 'tasmota'")
        say(box, "tele/pump-7/SENSOR", {"DS18B20": {"Temperature": 68.9}, "TempUnit": "F"})
        wait_for(lambda: values(system, "pump-7"))
        assert values(system, "pump-7") == {"DS18B20.Temperature": 68.9}
        [sensor] = system.rows("SELECT status, source_id, interval_s, attributes FROM sensor WHERE id = 'pump-7'")
        assert (sensor["status"], sensor["source_id"], sensor["interval_s"]) == ("pending", "tasmota", 300)
        assert sensor["attributes"]["owner"] == "水务局"
        assert json.loads(sensor["attributes"]["sent"])["DS18B20"] == {"Temperature": 68.9}

        change(system, """UPDATE source SET metrics = '{"Temperature": "temperature"}' WHERE id = 'tasmota'""")
        say(box, "tele/pump-7/SENSOR", {"DS18B20": {"Temperature": 50}, "TempUnit": "F"})
        wait_for(lambda: "temperature" in values(system, "pump-7"))
        assert values(system, "pump-7")["temperature"] == pytest.approx(10.0)

        change(system, "UPDATE source SET enabled = false WHERE id = 'tasmota'")
        held = "SELECT count(*) FROM broker_subscription WHERE topic_filter LIKE '%%tele/%%'"
        wait_for(lambda: system.one(held) == 0)
        say(box, "tele/pump-7/SENSOR", {"DS18B20": {"Temperature": 99}})
        say(box, "onemap/observation/after", {"time": "2020-01-01T00:00:00Z", "metric": "a", "value": 1})
        wait_for(lambda: system.one("SELECT count(*) FROM dead_letter WHERE reason = 'time_out_of_range'"))
        assert values(system, "pump-7")["temperature"] == pytest.approx(10.0)
        [state] = system.rows("SELECT messages, records, dead_letters FROM source_state WHERE source_id = 'tasmota'")
        assert state == {"messages": 2, "records": 2, "dead_letters": 0}


def test_what_a_stopped_ingester_was_subscribed_to_is_given_up_by_the_next(system: System) -> None:
    change(system, "UPDATE source SET enabled = true WHERE id = 'owntracks'")
    assert system.one("SELECT count(*) FROM broker_subscription WHERE topic_filter = 'owntracks/+/+'") == 1
    system.kill("ingest")
    system.rows("UPDATE source SET enabled = false WHERE id = 'owntracks' RETURNING id")
    system.start("ingest")
    wait_for(lambda: system.one("SELECT count(*) FROM broker_subscription WHERE topic_filter = 'owntracks/+/+'") == 0)


def test_what_the_broker_kept_is_not_taken_for_new(system: System) -> None:
    """A retained message has no age of its own: without a time in it nobody knows when it was true."""
    with mailbox(system.broker.url("tester")) as box:
        kept = [
            ("tele/old-1/SENSOR", {"A": {"Temperature": 5}}),
            ("tele/old-2/SENSOR", {"Time": now().isoformat(), "A": {"Temperature": 6}}),
        ]
        for topic, payload in kept:
            box.client.publish(topic, json.dumps(payload), qos=1, retain=True).wait_for_publish(PATIENCE_S)
        change(system, "UPDATE source SET enabled = true, metrics = '{}' WHERE id = 'tasmota'")
        say(box, "tele/new-1/SENSOR", {"A": {"Temperature": 7}})
        wait_for(lambda: values(system, "new-1") and values(system, "old-2"))
        assert values(system, "old-2") == {"A.Temperature": 6}
        assert values(system, "old-1") == {}
        assert system.one("SELECT count(*) FROM dead_letter WHERE topic LIKE 'tele/%%'") == 0
        for topic, _ in kept:
            box.client.publish(topic, b"", qos=1, retain=True).wait_for_publish(PATIENCE_S)


def test_message_that_two_sources_match_is_one_row_of_the_more_exact(system: System) -> None:
    """The broker delivered it once for each of the filters: two rows, a microsecond apart."""
    with mailbox(system.broker.url("tester")) as box:
        before = len(system.subscriptions())
        system.rows(
            "INSERT INTO source (id, name_zh, name_en, topic_filters, decoder, metrics, enabled) VALUES "
            "('gauges', '压力', 'Gauges', '{tele/g1/+}', 'tasmota', '{\"Pressure\": \"pressure\"}', true) "
            "RETURNING pg_notify('onemap_source', '{}')"
        )
        wait_for(lambda: len(system.subscriptions()) > before)
        held = "SELECT topic_filter FROM broker_subscription WHERE topic_filter LIKE 'tele/%%'"
        wait_for(lambda: [row["topic_filter"] for row in system.rows(held)] == ["tele/+/+"])
        for n in range(20):
            say(box, "tele/g1/SENSOR", {"Pressure": n})
        say(box, "tele/g2/STATE", {"Uptime": 1})
        say(box, "tele/after/SENSOR", {"A": {"Temperature": 7}})
        wait_for(lambda: values(system, "after"))
    rows = system.rows("SELECT metric, value FROM observation WHERE sensor_id = 'g1' ORDER BY time")
    assert [(row["metric"], row["value"]) for row in rows] == [("pressure", n) for n in range(20)]
    # of no source, and come only because filters were widened: neither a row nor a letter
    assert system.one("SELECT count(*) FROM dead_letter WHERE topic LIKE 'tele/%%'") == 0


def test_message_that_comes_twice_while_a_subscription_changes_is_one_row(system: System) -> None:
    """While the wider filter is there already and the narrower one still, the broker delivers twice, and nothing in a
    message without a time tells that it is the same."""
    with mailbox(system.broker.url("tester")) as box:
        add = (
            "INSERT INTO source (id, name_zh, name_en, topic_filters, decoder, enabled) VALUES "
            "('{0}', '{0}', '{0}', '{{{1}}}', 'tasmota', true) RETURNING pg_notify('onemap_source', '{{}}')"
        )
        held = "SELECT topic_filter FROM broker_subscription WHERE topic_filter LIKE 'tele/%%/wide/%%' ORDER BY 1"

        def filters() -> list[str]:
            return [row["topic_filter"] for row in system.rows(held)]

        system.rows(add.format("wide-a", "tele/+/wide/SENSOR"))
        wait_for(lambda: filters() == ["tele/+/wide/SENSOR"])
        stop = threading.Event()
        said: list[int] = []

        def speak() -> None:
            while not stop.wait(0.001):  # often the same again
                say(box, "tele/h1/wide/SENSOR", {"Level": len(said) // 3})
                said.append(len(said) // 3)

        def speak_fast() -> None:
            while not stop.wait(0.0005):
                say(box, "tele/h1/wide/SENSOR", {"Fast": len(said)})
                said.append(len(said))

        def widen(name: str) -> None:
            system.rows(add.format(name, "tele/h1/wide/+"))
            wait_for(lambda: filters() == ["tele/+/wide/+"])

        def narrow(name: str) -> None:
            system.rows(f"DELETE FROM source WHERE id = '{name}' RETURNING pg_notify('onemap_source', '{{}}')")
            wait_for(lambda: filters() == ["tele/+/wide/SENSOR"])

        speaker = threading.Thread(target=speak)
        speaker.start()
        for n in range(6):
            more = len(said) + 50
            wait_for(lambda more=more: len(said) > more)
            widen(f"wide-{n}")
            narrow(f"wide-{n}")
        stop.set()
        speaker.join()
        say(box, "tele/h1/wide/SENSOR", {"End": 1})
        wait_for(lambda: system.one("SELECT count(*) FROM observation WHERE metric = 'End'") == 1)
        by_value = "SELECT value, count(*) AS n FROM observation WHERE metric = 'Level' GROUP BY value"
        written = {int(row["value"]): row["n"] for row in system.rows(by_value)}
        assert {value: (n, written.get(value)) for value, n in Counter(said).items() if written.get(value) != n} == {}

        # one that is told to stop: what it has written is acknowledged, whatever still comes in
        before = len(said)
        stop.clear()
        speaker = threading.Thread(target=speak_fast)
        speaker.start()
        for n in range(3):
            wait_for(lambda n=n: len(said) > before + 300 * (n + 1))
            system.stop("ingest")
            system.start("ingest")
        stop.set()
        speaker.join()
        fast = "SELECT count(*) AS rows, count(DISTINCT value) AS different FROM observation WHERE metric = 'Fast'"
        wait_for(lambda: system.rows(fast)[0]["different"] == len(said) - before)
        assert system.rows(fast)[0]["rows"] == len(said) - before

        # an ingester that dies in the middle of it: what it had not acknowledged comes again, and nothing is lost
        system.rows(add.format("wide-b", "tele/h1/wide/+"))
        for n in range(50):
            say(box, "tele/h1/wide/SENSOR", {"Later": n})
        system.kill("ingest")
        system.rows("DELETE FROM source WHERE id = 'wide-b' RETURNING id")
        for n in range(50, 100):
            say(box, "tele/h1/wide/SENSOR", {"Later": n})
        system.start("ingest")
        later = "SELECT count(DISTINCT value) FROM observation WHERE metric = 'Later'"
        wait_for(lambda: system.one(later) == 100 and filters() == ["tele/+/wide/SENSOR"])
