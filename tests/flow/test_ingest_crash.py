"""The ingester is killed twice in mid-stream: every message is there once, and once only."""

from __future__ import annotations

import threading
from datetime import timedelta
from functools import partial

from app.services.mosquitto import Broker
from core.clock import rfc3339
from core.settings import Settings
from tests.support import STATE, System, mailbox, now, wait_for

MESSAGES, SENSORS = 20_000, 50
BATCHED = """
SELECT count(*) AS readings, count(DISTINCT (u.sensor, u.metric, u.time)) AS different
FROM ingest_batch b, LATERAL unnest(b.sensor_ids, b.metrics, b.times) AS u (sensor, metric, time)
"""


def publish_all(url: str) -> None:
    start = now() - timedelta(hours=1)
    with mailbox(url) as box:
        sent = [
            box.client.publish(
                f"onemap/observation/crash-{i % SENSORS}",
                f'{{"time": "{rfc3339(start + timedelta(milliseconds=100 * i))}", "metric": "flow", "value": {i}}}',
                qos=1,
            )
            for i in range(MESSAGES)
        ]
        for message in sent:
            message.wait_for_publish(60)


def test_killed_in_mid_stream_nothing_is_lost_and_nothing_doubled(own_settings: Settings, broker: Broker) -> None:
    with System(own_settings, broker, STATE / "log" / "test_ingest_crash") as system:
        system.start("ingest")
        publisher = threading.Thread(target=publish_all, args=(system.gateway_url,))
        publisher.start()
        at_kill = []
        for share in (0.1, 0.4):
            wait_for(partial(has_written, system, share), 60)
            system.kill("ingest")
            at_kill.append(written(system))
            system.start("ingest")
        publisher.join(90)
        wait_for(lambda: written(system) >= MESSAGES, 60, "all messages are rows")
        wait_for(lambda: system.one("SELECT (figures->>'waiting')::int FROM process_state") == 0, 20)
        values = system.rows(
            "SELECT count(*) AS rows, count(DISTINCT value) AS different, sum(value) AS total FROM observation"
        )
        batched = system.rows(BATCHED)
        letters = system.one("SELECT count(*) FROM dead_letter")
    assert at_kill[0] < at_kill[1] < MESSAGES
    assert values == [{"rows": MESSAGES, "different": MESSAGES, "total": MESSAGES * (MESSAGES - 1) / 2}]
    assert batched == [{"readings": MESSAGES, "different": MESSAGES}]
    assert letters == 0


def has_written(system: System, share: float) -> bool:
    return written(system) >= share * MESSAGES


def written(system: System) -> int:
    return int(system.one("SELECT count(*) FROM observation"))
