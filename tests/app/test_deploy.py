"""What the containers are given is what `up` gives itself."""

from __future__ import annotations

import pytest

from app.services import mosquitto
from tests.support import ROOT

# where the files lie and who listens differs; what decides over messages must not
OWN = ("listener", "per_listener_settings", "password_file", "acl_file", "persistence_location", "log_")


def settings(text: str) -> set[str]:
    return {line for line in text.splitlines() if line and not line.startswith(("#", *OWN))}


def test_broker_of_the_containers_has_the_same_settings() -> None:
    assert settings((ROOT / "deploy" / "mosquitto.conf").read_text()) == settings(mosquitto.CONFIG)


def test_broker_of_the_containers_has_the_same_accounts() -> None:
    lines = (ROOT / "deploy" / "acl").read_text().partition("\n")[2]
    assert lines == mosquitto.acl_text("onemap")


@pytest.mark.parametrize("topic", ["tele/+/SENSOR", "spBv1.0/#", "zigbee2mqtt/#", "application/+/device/+/event/up"])
def test_devices_of_other_makers_may_speak_where_they_do(topic: str) -> None:
    assert f"topic write {topic}" in mosquitto.ACCOUNTS["device"]
    assert f"topic write {topic}" in mosquitto.ACCOUNTS["gateway"]
