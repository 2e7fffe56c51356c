"""An ingester that is started again in the middle of a flood of names gives it no new room."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.services.mosquitto import Broker
from core.clock import rfc3339
from core.settings import Settings
from tests.support import LOGS, Mailbox, System, mailbox, now, wait_for

ROOM = 50
PENDING = "SELECT count(*) FROM sensor WHERE id LIKE 'made-up-%%'"


@pytest.fixture(scope="module")
def system(own_settings: Settings, broker: Broker) -> Iterator[System]:
    settings = own_settings.model_copy(update={"flood_names": ROOM})
    with System(settings, broker, LOGS / "test_flood_restart", passed=("flood_names",)) as system:
        yield system.start("ingest")


def name(box: Mailbox, first: int, last: int) -> None:
    for n in range(first, last):
        box.publish(f"onemap/observation/made-up-{n}", {"time": rfc3339(now()), "metric": "flow", "value": n})


def test_flood_stays_bounded_over_restarts(system: System) -> None:
    known = "SELECT count(*) FROM observation WHERE sensor_id = 'made-up-0' AND value = %s"
    held = "SELECT COALESCE(sum(held), 0) FROM quarantine WHERE owner = 'source:native' AND kind = 'names'"
    with mailbox(system.gateway_url) as box:
        name(box, 0, 30)
        wait_for(lambda: system.one(PENDING) == 30)
        # not caught yet: the room that is left is what was left
        system.kill("ingest")
        system.start("ingest")
        name(box, 30, 100)
        wait_for(lambda: system.one(held) == 50, what="what is too much is held back")
        assert system.one(PENDING) == ROOM
        # caught: from the first message on, though it has waited at the broker
        system.kill("ingest")
        name(box, 100, 200)
        system.start("ingest")
        box.publish("onemap/observation/made-up-0", {"time": rfc3339(now()), "metric": "flow", "value": -1})
        wait_for(lambda: system.one(known, -1.0) == 1, what="who is known is heard")
        assert system.one(PENDING) == ROOM
