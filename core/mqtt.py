"""MQTT 5 clients (paho-mqtt) from our URLs: mqtt://user:password@host:port, mqtts:// for TLS."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from core.errors import SetupError

KEEPALIVE_S = 60


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    host: str
    port: int
    username: str | None
    password: str | None
    tls: bool


def parse_mqtt_url(url: str) -> BrokerAddress:
    parts = urlsplit(url)
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname:
        raise SetupError(
            f"an MQTT address looks like mqtt://user:password@host:1883, got {url[:40]!r}", field="ONEMAP_MQTT_URL"
        )
    tls = parts.scheme == "mqtts"
    return BrokerAddress(
        host=parts.hostname,
        port=parts.port or (8883 if tls else 1883),
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        tls=tls,
    )


def prepare(client: mqtt.Client, address: BrokerAddress, ca: Path | None) -> None:
    """Give `client` its credentials and, for mqtts, TLS: the broker's certificate must be signed by the authority in
    the file `ca`, without one by an authority that the system knows."""
    if address.username:
        client.username_pw_set(address.username, address.password)
    if address.tls:
        try:
            client.tls_set(str(ca) if ca else None)
        except OSError as exc:
            raise SetupError(f"{ca} cannot be read as certificates (PEM): {exc}", field="ONEMAP_MQTT_CA") from exc


def make_client(url: str, client_id: str, ca: Path | None = None, **options: Any) -> mqtt.Client:
    """A client that is not connected yet; `connect` it with `connect_properties`."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=mqtt.MQTTv5, **options)
    prepare(client, parse_mqtt_url(url), ca)
    return client


def connect_properties(session_expiry_s: int) -> Properties:
    """MQTT 5 section 3.1.2.11: how long the broker keeps the session when we are gone."""
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = session_expiry_s
    return properties


def connect(client: mqtt.Client, url: str, *, clean_start: bool = True, session_expiry_s: int = 0) -> None:
    """Open the connection; OSError where the broker cannot be reached."""
    address = parse_mqtt_url(url)
    client.connect(
        address.host,
        address.port,
        KEEPALIVE_S,
        clean_start=clean_start,
        properties=connect_properties(session_expiry_s),
    )
