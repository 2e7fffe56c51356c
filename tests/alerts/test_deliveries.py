"""From the outbox to the receivers: routed to subscriptions, carried in order, each waiting alone, none lost and none
in the way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from alerts import senders
from alerts.deliveries import SCORE_WAIT_S, Carriers, carried, deliver, forget_done, subscribed
from alerts.scoring import score_alarms
from alerts.senders import SENDERS, Delivery, Later, Message, Outcome, Reads, Refused, SenderKind, Sent, Target
from app.services.mosquitto import Broker
from core import outbox, set_aside
from core.registry import Registry
from core.settings import Settings
from tests.alerts.helpers import change
from tests.support import mailbox, now, wait_for


@pytest.fixture
def carriers(broker: Broker) -> Iterator[Carriers]:
    made = Carriers(Settings(mqtt_url=broker.url(), cap_sender="onemap@example.org"))
    yield made
    made.close()


@pytest.fixture
def nowhere() -> Iterator[Carriers]:
    """Where the broker is away."""
    made = Carriers(Settings(mqtt_url="mqtt://x:x@127.0.0.1:9", cap_sender="onemap@example.org"))
    yield made
    made.close()


def waiting(db: Engine) -> list[tuple[str, int, bool]]:
    with db.connect() as conn:
        rows = conn.execute(
            text(
                """
SELECT subscription_id, attempts, error IS NOT NULL AS failed FROM delivery WHERE state = 'waiting'
ORDER BY id
"""
            )
        )
        return [(r.subscription_id, r.attempts, r.failed) for r in rows]


def unrouted(db: Engine) -> int:
    with db.connect() as conn:
        return int(conn.scalar(text("SELECT count(*) FROM outbox WHERE routed_at IS NULL")) or 0)


def raise_scored(db: Engine, level: int = 1) -> str:
    """An alarm with its score; its district."""
    with db.begin() as conn:
        change(conn, level, now())
        score_alarms(conn, now(), 8)
        return str(conn.scalar(text("SELECT district FROM alarm")))


def alerts(db: Engine) -> int:
    with db.connect() as conn:
        return int(conn.scalar(text("SELECT count(*) FROM cap_alert")) or 0)


def deliver_all(db: Engine, carriers: Carriers, moment: datetime) -> None:
    while deliver(db, carriers, moment):
        pass


def test_alarm_and_its_cap_go_to_the_topics_of_their_district(
    fresh_engine: Engine, broker: Broker, carriers: Carriers
) -> None:
    district = raise_scored(fresh_engine)
    with mailbox(broker.url("gateway"), "onemap/alarm/#", "onemap/alert/#") as box:
        deliver_all(fresh_engine, carriers, now())
        wait_for(lambda: len(box.heard) == 2)
        assert [topic for topic, _ in box.heard] == [f"onemap/alarm/{district}/1", f"onemap/alert/{district}/1"]
        assert box.on("onemap/alert")[0].startswith(b"<?xml")
    assert (waiting(fresh_engine), unrouted(fresh_engine)) == ([], 0)
    assert deliver(fresh_engine, carriers, now()) == 0


def test_alarm_of_level_iii_is_told_by_mqtt_and_not_as_cap(fresh_engine: Engine, carriers: Carriers) -> None:
    raise_scored(fresh_engine, 3)
    deliver_all(fresh_engine, carriers, now())
    assert alerts(fresh_engine) == 0
    with fresh_engine.connect() as conn:
        told = conn.execute(text("SELECT subscription_id, state, reason FROM delivery")).all()
    assert [(t.subscription_id, t.state) for t in told] == [("alarms-mqtt", "sent")]
    assert [d["stage"] for d in told[0].reason] == ["inhibit", "silence", "group", "route"], "every stage says why"


def test_what_is_told_of_an_alarm_waits_for_its_score_but_not_for_long(
    fresh_engine: Engine, carriers: Carriers
) -> None:
    moment = now()
    with fresh_engine.begin() as conn:
        change(conn, 1, moment)
    assert deliver(fresh_engine, carriers, moment) == 0
    assert unrouted(fresh_engine) == 1
    deliver_all(fresh_engine, carriers, moment + timedelta(seconds=5))
    assert alerts(fresh_engine) == 1


def test_broker_that_is_away_delays_and_loses_nothing(
    fresh_engine: Engine, broker: Broker, carriers: Carriers, nowhere: Carriers
) -> None:
    raise_scored(fresh_engine)
    moment = now()
    deliver_all(fresh_engine, nowhere, moment)
    assert alerts(fresh_engine) == 1  # in the feed, whether the broker answers or not
    assert waiting(fresh_engine) == [("alarms-mqtt", 1, True), ("messages-mqtt", 1, True)]
    assert deliver(fresh_engine, nowhere, moment) == 0  # not due yet
    deliver_all(fresh_engine, nowhere, moment + timedelta(seconds=1.3))
    assert [attempts for _, attempts, _ in waiting(fresh_engine)] == [2, 2]
    assert deliver(fresh_engine, carriers, moment + timedelta(minutes=2)) == 2
    assert waiting(fresh_engine) == []


def test_what_was_done_a_week_ago_is_forgotten_and_what_was_not_is_kept(
    fresh_engine: Engine, nowhere: Carriers
) -> None:
    moment = now()
    with fresh_engine.begin() as conn:
        change(conn, 1, moment - timedelta(days=30))
    deliver_all(fresh_engine, nowhere, moment - timedelta(days=8))
    with fresh_engine.begin() as conn:
        forget_done(conn, moment)
    with fresh_engine.connect() as conn:
        assert conn.scalar(text("SELECT count(*) FROM outbox WHERE kind = 'alarm'")) == 0
    assert [name for name, _, _ in waiting(fresh_engine)] == ["alarms-mqtt", "messages-mqtt"]


def test_row_that_cannot_be_rendered_does_not_stop_the_others(fresh_engine: Engine, carriers: Carriers) -> None:
    with fresh_engine.begin() as conn:
        outbox.queue(conn, [outbox.Item(outbox.ALARM, "no-uuid", "raised")], now())
        conn.execute(text("UPDATE subscription SET filter = '{}' WHERE id = 'alerts-cap'"))
    raise_scored(fresh_engine)
    moment = now() + timedelta(seconds=SCORE_WAIT_S + 1)
    for _ in range(4):
        deliver_all(fresh_engine, carriers, moment)
        moment += timedelta(minutes=5)
    assert alerts(fresh_engine) == 1
    with fresh_engine.connect() as conn:
        found = [a for a in set_aside.read_asides(conn, None, 20) if a["what"] == "delivery"]
        states = conn.execute(
            text("SELECT subscription_id, state FROM delivery WHERE subject = 'no-uuid' ORDER BY id")
        ).all()
    assert {a["state"] for a in found} == {"aside"}
    assert {s.subscription_id for s in states if s.state == "waiting"} == {"alarms-mqtt", "alerts-cap"}


def test_subscription_of_a_sender_that_is_not_there_holds_up_nobody(fresh_engine: Engine, carriers: Carriers) -> None:
    with fresh_engine.begin() as conn:
        conn.execute(
            text(
                """
INSERT INTO subscription (id, name_zh, name_en, sender, filter, enabled)
VALUES ('a', '', '', 'pigeon', '{}', true)
"""
            )
        )
    raise_scored(fresh_engine)
    deliver_all(fresh_engine, carriers, now())
    assert alerts(fresh_engine) == 1


# --- order, and waiting alone -----------------------------------------------------------------------------------------


class Moody:
    """A receiver that answers as it is told to."""

    def __init__(self) -> None:
        self.answers: dict[str, Outcome] = {}
        self.heard: list[str] = []

    def render(self, reads: Reads, delivery: Delivery, to: Target, now: datetime) -> Message | None:
        return Message(delivery.topic or "", f"{to.options.get('name', '')}{delivery.payload}")

    def send(self, to: Target, messages: Sequence[Message]) -> Sequence[Outcome]:
        given = [self.answers.get(m.payload, Sent()) for m in messages]
        self.heard += [m.payload for m, outcome in zip(messages, given, strict=True) if isinstance(outcome, Sent)]
        return given

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def moody(fresh_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Moody:
    """The only subscriptions: two of a receiver with moods, A and B, who hear every message."""
    receiver = Moody()
    kind = SenderKind("moody", lambda settings: receiver)
    registry: Registry[SenderKind] = Registry("onemap.test_senders", [*SENDERS, kind], key=lambda k: k.key)
    for module in (carried, subscribed, senders):
        monkeypatch.setattr(module, "SENDERS", registry)
    with fresh_engine.begin() as conn:
        conn.execute(text("UPDATE subscription SET enabled = false"))
        for name in "AB":
            conn.execute(
                text(
                    """
INSERT INTO subscription (id, name_zh, name_en, sender, filter, options, enabled)
VALUES (:n, '', '', 'moody', '{}', jsonb_build_object('name', CAST(:n AS text)), true)
"""
                ),
                {"n": name},
            )
        for n in (1, 2, 3):
            outbox.queue_message(conn, f"m{n}", "said", f"t/{n}", str(n), now())
    return receiver


def test_each_subscription_gets_every_change_in_order(moody: Moody, fresh_engine: Engine, carriers: Carriers) -> None:
    deliver_all(fresh_engine, carriers, now())
    assert [m for m in moody.heard if m[0] == "A"] == ["A1", "A2", "A3"]
    assert [m for m in moody.heard if m[0] == "B"] == ["B1", "B2", "B3"]


def test_receiver_that_does_not_take_one_now_holds_up_its_own_and_nobody_else(
    moody: Moody, fresh_engine: Engine, carriers: Carriers
) -> None:
    moment = now()
    for n in (2, 3):
        moody.answers[f"A{n}"] = Later("busy")
    deliver_all(fresh_engine, carriers, moment)
    assert [m for m in moody.heard if m[0] == "B"] == ["B1", "B2", "B3"]
    assert waiting(fresh_engine) == [("A", 1, True), ("A", 0, False)], "only the first of them is postponed"
    moody.answers.clear()
    deliver_all(fresh_engine, carriers, moment)
    assert moody.heard.count("A3") == 0, "the third does not overtake the second"
    deliver_all(fresh_engine, carriers, moment + timedelta(seconds=1.3))
    assert [m for m in moody.heard if m[0] == "A"] == ["A1", "A2", "A3"]


def test_waits_grow_unless_the_receiver_says_how_long(
    moody: Moody, fresh_engine: Engine, carriers: Carriers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carried, "JITTER", 0.0)
    moment = now()
    moody.answers = {f"A{n}": Later("busy") for n in (1, 2, 3)}
    waits = []
    for _ in range(9):
        deliver_all(fresh_engine, carriers, moment)
        with fresh_engine.connect() as conn:
            due: Any = conn.scalar(text("SELECT due_at FROM delivery WHERE subscription_id = 'A' ORDER BY id LIMIT 1"))
        waits.append(round((due - moment).total_seconds()))
        moment = due
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    moody.answers["A1"] = Later("come back in an hour", after_s=3600)
    deliver_all(fresh_engine, carriers, moment)
    assert deliver(fresh_engine, carriers, moment + timedelta(seconds=3599)) == 0


def test_what_a_receiver_refuses_is_shown_and_not_tried_again(
    moody: Moody, fresh_engine: Engine, carriers: Carriers
) -> None:
    moody.answers["A2"] = Refused("no such address")
    deliver_all(fresh_engine, carriers, now())
    assert [m for m in moody.heard if m[0] == "A"] == ["A1", "A3"]
    with fresh_engine.connect() as conn:
        row = conn.execute(text("SELECT error, attempts FROM delivery WHERE state = 'refused'")).one()
    assert (row.error, row.attempts) == ("no such address", 1)
    assert deliver(fresh_engine, carriers, now() + timedelta(days=1)) == 0
