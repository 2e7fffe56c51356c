"""Two installations under one prefix at one broker hear of each other; one alone hears of nobody."""

from __future__ import annotations

import secrets

import pytest
from sqlalchemy import Connection, text

from app.health.doctor import check_process
from app.health.read import ProcessHealth
from app.services.mosquitto import Broker
from core.installation import Installation, read_installation
from core.settings import Settings
from ingest.doors.acl import Account, acl_text
from ingest.neighbours import meet


@pytest.fixture
def shared(broker: Broker) -> Settings:
    return Settings(mqtt_url=broker.url("tester"), topic_prefix=f"two-{secrets.token_hex(4)}")


def test_each_hears_of_the_other_by_a_name_that_tells_no_secret(shared: Settings) -> None:
    one, two = Installation("first secret", "here"), Installation("second secret", "there")
    assert meet(shared, one) == []
    assert meet(shared, one) == [], "its own message of before is its own"
    assert meet(shared, two) == [one.public_id]
    assert meet(shared, one) == [two.public_id]
    assert "secret" not in one.public_id


def test_one_that_was_restored_or_begun_afresh_does_not_take_its_former_self_for_another(shared: Settings) -> None:
    """What it said before stays at the broker for half an hour, under another name."""
    meet(shared, Installation("secret of before", "here"))
    assert meet(shared, Installation("secret of the backup", "here")) == []
    assert len(meet(shared, Installation("another", "there"))) == 2


def test_installation_is_known_by_its_secret_and_its_database(conn: Connection) -> None:
    found = read_installation(conn)
    assert len(found.secret) == 32
    assert found.database.endswith(f" {conn.scalar(text('SELECT current_database()'))}")
    assert found.database not in found.place


def test_another_prefix_is_another_world(shared: Settings) -> None:
    meet(shared, Installation("first secret", "here"))
    assert meet(shared.model_copy(update={"topic_prefix": "elsewhere-1"}), Installation("second", "there")) == []


def test_doctor_says_who_shares_our_prefix(shared: Settings) -> None:
    process: ProcessHealth = {
        "name": "ingest-0", "pid": 1, "alive_since": "", "seen_at": "", "figures": {"other_installations": ["abc"]},
    }  # fmt: skip
    [remark] = list(check_process(process, shared))
    assert remark.wrong
    assert "1 other installation (abc)" in remark.words
    assert "ONEMAP_TOPIC_PREFIX" in remark.words


def test_only_our_processes_may_tell_of_an_installation() -> None:
    accounts = [
        Account("onemap", "process"), Account("gateway", "gateway"), Account("wl-1", "device", sensors=["wl-1"]),
    ]  # fmt: skip
    written = [line for line in acl_text(accounts, {}, "onemap").splitlines() if line.startswith("topic write ")]
    assert not [line for line in written if "installation" in line or line.endswith((" #", "onemap/#"))]
