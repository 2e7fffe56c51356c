"""What every sender keeps, tried on a receiver that speaks its protocol."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from alerts.scoring import score_alarms
from alerts.senders import SENDERS, Delivery, Later, Message, Reads, Sender, SenderKind, Sent, Target
from alerts.senders.webhook import new_secret
from app.services.mosquitto import Broker
from core.settings import Settings
from tests.alerts.helpers import change
from tests.alerts.senders.receivers import Post, Web, post, web
from tests.alerts.senders.taks import Tak, tak
from tests.support import now, wait_for

# where nobody listens
NOWHERE = "127.0.0.1:9"


@dataclass
class Receivers:
    web: Web
    post: Post
    tak: Tak
    broker: Broker

    def settings(self) -> Settings:
        return Settings(
            mqtt_url=self.broker.url(),
            cap_sender="onemap@example.org",
            send_hosts="127.0.0.0/8",
            smtp_url=self.post.url,
            public_url="https://map.example.org",
        )

    def target(self, key: str) -> Target:
        options: dict[str, tuple[dict[str, object], dict[str, str]]] = {
            "webhook": ({"address": f"{self.web.url}/hook"}, {"secret": new_secret()}),
            "mail": ({"to": ["duty@example.org"]}, {}),
            "wecom": ({"address": f"{self.web.url}/send"}, {"key": "the-key"}),
            "dingtalk": ({"address": f"{self.web.url}/robot"}, {"token": "the-token", "secret": "SEC-the-secret"}),
            "gateway": (
                {"address": f"{self.web.url}/sms", "body": '{"text": "{text}"}', "headers": {"X-Key": "{secret}"}},
                {"secret": "the-secret"},
            ),
            "cot": ({"address": self.tak.url}, {}),
        }
        given, secrets = options.get(key, ({}, {}))
        return Target(key, SENDERS[key].options.model_validate({**given, **secrets}).model_dump(), secrets, "en")

    def heard(self, key: str) -> list[str]:
        if key == "mail":
            return [str(one.get_body(("plain",)).get_content()) for one in self.post.heard]  # type: ignore[union-attr]
        if key == "cot":
            return [one.decode() for one in self.tak.heard]
        return [one.body.decode() for one in self.web.heard]


@pytest.fixture
def receivers(broker: Broker) -> Iterator[Receivers]:
    with ExitStack() as stack:
        yield Receivers(stack.enter_context(web()), stack.enter_context(post()), stack.enter_context(tak()), broker)


def delivery(what: str, subject: str, kind: str = "alarm", number: int = 1) -> Delivery:
    return Delivery(number, kind, subject, what, None, None, 0, now())


def raise_one(db: Engine) -> str:
    with db.begin() as conn:
        change(conn, 1, now())
        score_alarms(conn, now(), 8)
        return str(conn.scalar(text("SELECT id FROM alarm")))


def render(db: Engine, sender: Sender, given: Delivery, to: Target) -> Message | None:
    with db.begin() as conn:
        return sender.render(Reads(conn), given, to, now())


EVERY = pytest.mark.parametrize("kind", list(SENDERS), ids=lambda kind: kind.key)
OTHERS = pytest.mark.parametrize("kind", [kind for kind in SENDERS if not kind.ours], ids=lambda kind: kind.key)


@EVERY
def test_alarm_is_carried_and_what_is_no_alarm_is_not(
    kind: SenderKind, fresh_engine: Engine, receivers: Receivers
) -> None:
    """Made without opening anything; one outcome a message; renders an alarm, and none that is gone; closes twice."""
    sender, to = kind.make(receivers.settings()), receivers.target(kind.key)
    alarm = raise_one(fresh_engine)
    message = render(fresh_engine, sender, delivery("raised", alarm), to)
    messages = [] if message is None else [message]
    assert [type(one) for one in sender.send(to, messages)] == [Sent] * len(messages)
    sender.close()
    sender.close()
    with pytest.raises(ValueError):
        render(fresh_engine, sender, delivery("raised", "no-uuid"), to)
    if not kind.ours:
        gone = "018f0000-0000-7000-8000-000000000000"
        assert render(fresh_engine, sender, delivery("raised", gone), to) is None


@OTHERS
def test_receiver_hears_of_beginning_and_end_in_order_and_of_a_test(
    kind: SenderKind, fresh_engine: Engine, receivers: Receivers
) -> None:
    sender, to = kind.make(receivers.settings()), receivers.target(kind.key)
    alarm = raise_one(fresh_engine)
    sent: list[Message] = []
    for number, what in enumerate(("raised", "returned"), 1):
        if what == "returned":
            with fresh_engine.begin() as conn:
                assert change(conn, None, now() + timedelta(hours=1), 1.0)
        message = render(fresh_engine, sender, delivery(what, alarm, number=number), to)
        assert message is not None
        sent.append(message)
        assert sender.send(to, [message]) == [Sent()]
    trial = render(fresh_engine, sender, delivery("test", "x", "test", 3), to)
    assert trial is not None
    assert sender.send(to, [trial]) == [Sent()]
    wait_for(lambda: len(receivers.heard(kind.key)) == 3)
    begun, ended, tried = receivers.heard(kind.key)
    assert alarm in begun or "12.5" in begun
    assert begun != ended
    assert "test" in tried.lower()
    for secret in to.secrets.values():
        assert not any(secret in one.payload for one in [*sent, trial]), "secrets are put in as it goes out"
    sender.close()


@OTHERS
def test_dead_receiver_is_asked_later(kind: SenderKind, fresh_engine: Engine, receivers: Receivers) -> None:
    settings = receivers.settings().model_copy(update={"smtp_url": f"smtp://{NOWHERE}"})
    sender, to = kind.make(settings), receivers.target(kind.key)
    scheme = "tcp" if kind.key == "cot" else "http"
    dead = Target(to.id, {**to.options, **({"address": f"{scheme}://{NOWHERE}/x"} if "address" in to.options else {})})
    dead = Target(to.id, dead.options, to.secrets, to.lang)
    messages: list[Message] = []
    for number in (1, 2):
        message = render(fresh_engine, sender, delivery("test", "x", "test", number), dead)
        assert message is not None
        messages.append(message)
    outcomes: list[Any] = list(sender.send(dead, messages))
    assert [type(one) for one in outcomes] == [Later, Later]
    assert all(one.why for one in outcomes)
    assert not any(secret in one.why for one in outcomes for secret in to.secrets.values()), "no secret is shown"
    assert receivers.heard(kind.key) == []
    sender.close()


@OTHERS
def test_simulated_city_says_so_and_words_are_in_the_language_asked_for(
    kind: SenderKind, fresh_engine: Engine, receivers: Receivers
) -> None:
    sender = kind.make(receivers.settings())
    alarm = raise_one(fresh_engine)
    with fresh_engine.begin() as conn:
        conn.execute(text("UPDATE city SET simulated = true"))
    for lang, mark in (("zh", "演示数据"), ("en", "Demo data")):
        to = receivers.target(kind.key)
        to = Target(to.id, to.options, to.secrets, lang)
        message = render(fresh_engine, sender, delivery("raised", alarm), to)
        assert message is not None
        assert ('"simulated": true' if kind.key == "webhook" else mark) in message.payload
    sender.close()
