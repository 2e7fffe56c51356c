"""What the containers are given is what `up` gives itself."""

from __future__ import annotations

import pytest
import yaml  # type: ignore[import-untyped]

from app.services.mosquitto import CONFIG, THEIRS, TLS
from ingest.doors.acl import Account, acl_text
from tests.support import ROOT

# where the files lie and who listens differs; what decides over messages must not
OWN = ("listener", "per_listener_settings", "password_file", "acl_file", "pid_file", "persistence_location", "log_")
OURS = [Account("onemap", "process"), Account("gateway", "gateway")]


def settings(text: str) -> set[str]:
    return {line for line in text.splitlines() if line and not line.startswith(("#", *OWN))}


def test_broker_of_the_containers_has_the_same_settings() -> None:
    assert settings((ROOT / "deploy" / "mosquitto.conf").read_text()) == settings(CONFIG)


def test_broker_of_the_containers_has_tls_where_up_has_it() -> None:
    """deploy/tls.conf follows the last listener, which is that of the devices."""
    last = (ROOT / "deploy" / "mosquitto.conf").read_text().rpartition("listener ")[2]
    assert last.startswith("1884\n")
    assert last.endswith("use_username_as_clientid true\n")
    assert (ROOT / "deploy" / "tls.conf").read_text().strip() == TLS.format(folder="/mosquitto/secret").strip()


def test_broker_of_the_containers_has_the_same_accounts() -> None:
    lines = (ROOT / "deploy" / "acl").read_text().partition("\n")[2]
    filters = {key: [f.replace("{prefix}", "onemap") for f in found] for key, found in THEIRS.items()}
    assert lines == acl_text(OURS, filters, "onemap")


@pytest.mark.parametrize("topic", ["tele/+/SENSOR", "spBv1.0/#", "zigbee2mqtt/#", "application/+/device/+/event/up"])
def test_gateways_may_speak_where_devices_of_other_makers_do(topic: str) -> None:
    gateway = acl_text(OURS[1:], THEIRS, "onemap")
    assert f"topic write {topic}" in gateway.splitlines()


def test_what_a_restore_leaves_beside_the_database_outlives_its_container() -> None:
    """The settings of then are written into the state folder, which must be on a volume that has a name."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    backup = compose["services"]["backup"]
    places = dict(reversed(volume.split(":")[-2:]) for volume in backup["volumes"])
    assert places[backup["environment"]["ONEMAP_STATE_DIR"]] in compose["volumes"]
