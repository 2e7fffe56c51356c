"""What `up` tells people and devices at other machines. No processes."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from app.services.account import RunAs
from app.services.mosquitto import Broker, Doors
from app.services.up import Up, UpOptions
from core.settings import Settings

EVERYWHERE = "0.0.0.0"
OPTIONS = UpOptions(port=None, city="none", devices=False, fresh=False)
CERTIFICATE = (Path("server.crt"), Path("server.key"))


def up(**given: str) -> Up:
    return Up(Settings(**given), OPTIONS, lambda _: None)  # type: ignore[arg-type]


PORTS: list[tuple[str, dict[str, str], int]] = [
    ("nobody was told one", {}, 1234),
    ("a proxy here has the one that is told", {"device_url": "mqtts://map.example.org:8883"}, 1234),
    ("devices come directly", {"device_url": "mqtts://map.example.org:8883", "device_host": EVERYWHERE}, 8883),
    ("directly, to no port in particular", {"device_url": "mqtts://map.example.org", "device_host": EVERYWHERE}, 1234),
]


@pytest.mark.parametrize(("case", "given", "port"), PORTS, ids=[c[0] for c in PORTS])
def test_devices_find_the_port_that_they_were_told(
    case: str, given: dict[str, str], port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.services.up.free_port", lambda preferred, host: preferred)
    assert up(**given)._device_port({"devices": 1234}) == port


def test_port_that_is_taken_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr("app.services.up.free_port", lambda preferred, host: 20_001)
    settings = Settings(device_url="mqtts://map.example.org:8883", device_host=EVERYWHERE)
    assert Up(settings, OPTIONS, said.append)._device_port({}) == 20_001
    assert said == ["port 8883 for devices is taken; using 20001"]


ADDRESSES: list[tuple[str, dict[str, str], Doors, str]] = [
    ("plain, here", {}, Doors(), "mqtt://127.0.0.1:1884"),
    ("TLS, here", {}, Doors(files=CERTIFICATE), "mqtts://127.0.0.1:1884"),
    ("everywhere", {}, Doors(EVERYWHERE, CERTIFICATE), f"mqtts://{socket.gethostname()}:1884"),
    ("an address of its own", {}, Doors("fd00::2", CERTIFICATE), "mqtts://[fd00::2]:1884"),
    ("as a setting says", {"device_url": "mqtts://a:1"}, Doors(EVERYWHERE, CERTIFICATE), "mqtts://a:1"),
]


@pytest.mark.parametrize(("case", "given", "doors", "url"), ADDRESSES, ids=[c[0] for c in ADDRESSES])
def test_address_of_the_devices(case: str, given: dict[str, str], doors: Doors, url: str) -> None:
    broker = Broker(Path("mosquitto"), 1883, 1884, {}, RunAs(None, None), doors)
    assert up(**given)._device_url(broker) == url


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ({}, "https://127.0.0.1:8050"),
        ({"http_host": EVERYWHERE}, f"https://{socket.gethostname()}:8050"),
        ({"public_url": "https://map.example.org/"}, "https://map.example.org"),
    ],
)
def test_address_of_the_page_for_phones(given: dict[str, str], address: str) -> None:
    assert up(**given)._seen_from_elsewhere("https://127.0.0.1:8050") == address
