"""The outbox: what is due goes out, a broker that is away delays and loses nothing."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Engine, text

from alerts.deliveries import SCORE_WAIT_S, Speaker, deliver, forget_sent
from alerts.scoring import score_alarms
from alerts.senders.mqtt import MqttSender
from app.services.mosquitto import Broker
from core import set_aside
from tests.alerts.helpers import change
from tests.support import mailbox, now, wait_for

SPEAKER = Speaker("onemap", "onemap@example.org", "Exercise")


def pending(db: Engine) -> list[tuple[str, int, bool]]:
    with db.connect() as conn:
        rows = conn.execute(
            text("SELECT sender, attempts, error IS NOT NULL AS failed FROM outbox WHERE sent_at IS NULL ORDER BY id")
        )
        return [(r.sender, r.attempts, r.failed) for r in rows]


def raise_scored(db: Engine) -> str:
    """A red alarm with its score; its district."""
    with db.begin() as conn:
        change(conn, 1, now())
        score_alarms(conn, now(), 8)
        return str(conn.scalar(text("SELECT district FROM alarm")))


def alerts(db: Engine) -> int:
    with db.connect() as conn:
        return int(conn.scalar(text("SELECT count(*) FROM cap_alert")) or 0)


def test_alarm_and_its_cap_go_to_the_topics_of_their_district(fresh_engine: Engine, broker: Broker) -> None:
    district = raise_scored(fresh_engine)
    sender = MqttSender(broker.url(), "test-sender")
    with mailbox(broker.url("gateway"), "onemap/alarm/#", "onemap/alert/#") as box:
        deliver(fresh_engine, sender, SPEAKER, now())
        wait_for(lambda: len(box.heard) == 2)
        assert [topic for topic, _ in box.heard] == [f"onemap/alarm/{district}/1", f"onemap/alert/{district}/1"]
        assert box.on("onemap/alert")[0].startswith(b"<?xml")
    assert pending(fresh_engine) == []
    assert deliver(fresh_engine, sender, SPEAKER, now()) == 0
    sender.close()


def test_what_is_told_of_an_alarm_waits_for_its_score_but_not_for_long(fresh_engine: Engine, broker: Broker) -> None:
    moment = now()
    with fresh_engine.begin() as conn:
        change(conn, 1, moment)
    sender = MqttSender(broker.url(), "test-sender")
    assert deliver(fresh_engine, sender, SPEAKER, moment) == 0
    assert deliver(fresh_engine, sender, SPEAKER, moment + timedelta(seconds=5)) > 0
    assert alerts(fresh_engine) == 1
    sender.close()


def test_broker_that_is_away_delays_and_loses_nothing(fresh_engine: Engine, broker: Broker) -> None:
    raise_scored(fresh_engine)
    moment = now()
    nowhere = MqttSender("mqtt://x:x@127.0.0.1:9", "test-sender")
    deliver(fresh_engine, nowhere, SPEAKER, moment)
    assert alerts(fresh_engine) == 1  # in the feed, whether the broker answers or not
    assert pending(fresh_engine) == [("alarm", 1, True), ("mqtt", 1, True)]
    assert deliver(fresh_engine, nowhere, SPEAKER, moment) == 0  # not due yet
    deliver(fresh_engine, nowhere, SPEAKER, moment + timedelta(seconds=1.1))
    assert [attempts for _, attempts, _ in pending(fresh_engine)] == [2, 2]
    sender = MqttSender(broker.url(), "test-sender")
    assert deliver(fresh_engine, sender, SPEAKER, moment + timedelta(minutes=2)) == 2
    assert pending(fresh_engine) == []
    sender.close()


def test_what_was_sent_a_week_ago_is_forgotten_and_what_was_not_is_kept(fresh_engine: Engine) -> None:
    moment = now()
    with fresh_engine.begin() as conn:
        change(conn, 1, moment - timedelta(days=30))
        conn.execute(
            text("UPDATE outbox SET sent_at = :then WHERE sender = 'cap'"), {"then": moment - timedelta(days=8)}
        )
        forget_sent(conn, moment)
    assert pending(fresh_engine) == [("alarm", 0, False)]


def test_row_that_cannot_be_rendered_does_not_stop_the_others(fresh_engine: Engine, broker: Broker) -> None:
    raise_scored(fresh_engine)
    with fresh_engine.begin() as conn:
        for kind in ("alarm", "cap"):
            row = {"now": now(), "sender": kind}
            conn.execute(text("INSERT INTO outbox (created_at, sender, topic, payload, due_at, attempts) VALUES (:now, :sender, '', 'no-uuid', :now, 0)"), row)  # fmt: skip
    sender = MqttSender(broker.url(), "test-sender")
    moment = now() + timedelta(seconds=SCORE_WAIT_S + 1)
    for _ in range(4):
        deliver(fresh_engine, sender, SPEAKER, moment)
        moment += timedelta(minutes=5)
    sender.close()
    assert alerts(fresh_engine) == 1
    assert [name for name, _, _ in pending(fresh_engine)] == ["alarm", "cap"]
    with fresh_engine.connect() as conn:
        found = [a for a in set_aside.read_asides(conn, None, 10) if a["what"] == "outbox"]
    assert [a["state"] for a in found] == ["aside", "aside"]
