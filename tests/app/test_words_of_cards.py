"""What a card says is said to people: names for ids, whole words in their language."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, text

from alerts import store
from alerts.lifecycle import acknowledge, shelve
from app.cards import read_card
from app.cards.nouns import Card
from app.dashboard.card.view import card_foot, card_head, card_main, card_rest
from core.viewer import Role
from core.vocabulary import IncidentStatus, TaskReply, table
from dispatch import incidents, steps, tasks
from tests.alerts.helpers import SENSOR, change
from tests.app.asking import ask_as
from tests.core.test_language import foreign
from tests.dashboard.cards import EVERY, every_card
from tests.dashboard.tree import words
from tests.dispatch.test_incidents import NOW, send
from tests.people import person

ACCOUNT = text("""
INSERT INTO account (username, name, role, password, lang, enabled, demo, created_at)
VALUES (:id, :name, :role, '!', 'zh', true, false, now())
""")


def add_person(conn: Connection, username: str, name: str, role: str) -> None:
    conn.execute(ACCOUNT, {"id": username, "name": name, "role": role})


def shown(card: Card, lang: str) -> str:
    parts = [card_head(card), card_main(card), card_foot(card, may=EVERY), card_rest(card, may=EVERY)]
    return "\n".join(words(part, lang) for part in parts)


def card_of(conn: Connection, kind: str, identity: object) -> Any:
    return read_card(ask_as(conn, person(Role.COMMANDER)), kind, str(identity))


def test_alarm_card_names_the_rule_the_thing_and_who_did_what(conn: Connection) -> None:
    add_person(conn, "w.chen", "陈伟", "dispatcher")
    add_person(conn, "boss", "指挥员", "commander")
    alarm_id = change(conn, 2, NOW)
    assert alarm_id is not None
    store.change_by_hand(
        conn,
        store.lock_alarm(conn, alarm_id),
        acknowledge(store.lock_alarm(conn, alarm_id).view),
        "w.chen",
        None,
        NOW,  # type: ignore[arg-type]
    )
    put_aside = shelve(store.lock_alarm(conn, alarm_id).view, 30, "设备检修", NOW + timedelta(minutes=1))
    store.change_by_hand(conn, store.lock_alarm(conn, alarm_id), put_aside, "boss", "设备检修", NOW)
    card = card_of(conn, "alarm", alarm_id)
    zh, en = shown(card, "zh"), shown(card, "en")
    assert "规则：河湖水位 · " in zh
    assert "陈伟（调度员）" in zh
    assert "陈伟 (Dispatcher)" in en
    assert "指挥员 · 设备检修" in zh, "whoever is called what they are is not called it twice"
    assert "系统" in zh
    assert "System" in en
    assert "触发：二级告警（重要）" in zh
    for raw in ("engine", "w.chen", "boss", SENSOR, "water-stage"):
        assert raw not in zh + en
    assert card["people"]["engine"] == {"zh": "系统", "en": "System"}


@pytest.mark.parametrize(
    ("reason", "zh", "en"),
    [("repair", "设备检修", "Under repair"), ("等电力抢修", "等电力抢修", "等电力抢修")],
    ids=["one that is often given", "one that was typed"],
)
def test_reason_of_a_shelf_is_read_in_the_language_of_the_reader(
    conn: Connection, reason: str, zh: str, en: str
) -> None:
    alarm_id = change(conn, 2, NOW)
    assert alarm_id is not None
    put_aside = shelve(store.lock_alarm(conn, alarm_id).view, 30, reason, NOW)
    store.change_by_hand(conn, store.lock_alarm(conn, alarm_id), put_aside, "me", reason, NOW)
    card = card_of(conn, "alarm", alarm_id)
    assert card["object"]["shelved_reason"] == reason
    assert card["log"][-1]["text"] == {"zh": f"搁置：{zh}", "en": f"Shelved: {en}"}
    for lang, words_ in (("zh", zh), ("en", en)):
        assert shown(card, lang).count(words_) >= 2, "with who shelved it, and in the log"
    assert ("repair" in shown(card, "zh")) is False


def test_reason_of_a_withdrawal_is_logged_in_both_languages(conn: Connection) -> None:
    alarm_id = change(conn, 2, NOW)
    assert alarm_id is not None
    incident, _ = incidents.open_from_alarm(conn, alarm_id, store.link, "me", NOW)
    steps.set_status(conn, incident, IncidentStatus.CANCELLED, "me", NOW, None, "elsewhere")
    said = card_of(conn, "incident", incident)["log"][-1]["text"]
    assert "已由其他单位处理" in said["zh"]
    assert "Handled by somebody else" in said["en"]


def test_incident_card_names_units_and_channels(conn: Connection) -> None:
    add_person(conn, "w.chen", "陈伟", "dispatcher")
    alarm_id = change(conn, 2, NOW)
    assert alarm_id is not None
    incident, _ = incidents.open_from_alarm(conn, alarm_id, store.link, "w.chen", NOW)
    sent = send(conn, incident)
    tasks.reply(conn, sent, TaskReply.ACCEPTED, "works-01", NOW, NOW, None)
    zh, en = (shown(card_of(conn, "incident", incident), lang) for lang in ("zh", "en"))
    assert "告警转入" in zh
    assert "From an alarm" in en
    assert "已接令" in zh
    assert "works-01" not in zh + en
    assert "w.chen" not in zh + en
    law = [row["zh"] for row in table("statutory_levels").values()]
    assert not [word for word in law if word in zh], "words of the law name no call"


# what a card of the tests is given, and shows as it is
GIVEN = {"fire", "wl", "flood", "North", "Bridge", "cam", "onemap"}


@pytest.mark.parametrize("card", every_card(), ids=lambda card: str(card["type"]))
def test_no_english_stands_in_a_chinese_card(card: Card) -> None:
    assert foreign(re.sub(r"[\d.]+ ?(m|mm)\b", "", shown(card, "zh"))) - GIVEN == set()
