"""What a broker retains comes with each new subscription: unreadable, it is one letter all the same."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.services.mosquitto import Broker
from core.clock import rfc3339
from core.settings import Settings
from tests.support import LOGS, Mailbox, System, now, wait_for

TOPIC = "onemap/observation/wl-retained"


@pytest.fixture
def rubbish(mqtt_client: Mailbox) -> Iterator[Mailbox]:
    """A message that cannot be read, retained until the end of the test."""
    mqtt_client.client.publish(TOPIC, b"{", qos=1, retain=True).wait_for_publish()
    yield mqtt_client
    mqtt_client.client.publish(TOPIC, b"", qos=1, retain=True).wait_for_publish()


def test_retained_rubbish_is_one_letter_over_three_sessions(
    own_settings: Settings, broker: Broker, rubbish: Mailbox
) -> None:
    with System(own_settings, broker, LOGS / "test_retained") as system:
        for turn in range(3):
            system.start("ingest")
            rubbish.publish(
                "onemap/observation/wl-spare", {"time": rfc3339(now()), "metric": "water_level", "value": turn}
            )
            count = "SELECT count(*) FROM observation WHERE sensor_id = 'wl-spare'"
            wait_for(lambda: system.one(count) == turn + 1, what="what came after it is written")  # noqa: B023
            assert system.one("SELECT sum(messages) FROM source_state") == 2 * (turn + 1), "it came each time"
            system.stop("ingest")
            system.end_sessions()
        assert system.rows("SELECT topic, reason FROM dead_letter") == [{"topic": TOPIC, "reason": "not_json"}]
