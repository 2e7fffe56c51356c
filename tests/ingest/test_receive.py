"""The batched receive path: packets are found wherever reads cut them, and paho's private names are where we lean on
them."""

from __future__ import annotations

import inspect
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from ingest.arrived import Arrived
from ingest.receive import BatchClient, read_length

LENGTHS = [
    (0, b"\x00"),
    (127, b"\x7f"),
    (128, b"\x80\x01"),
    (16_383, b"\xff\x7f"),
    (16_384, b"\x80\x80\x01"),
    (268_435_455, b"\xff\xff\xff\x7f"),
]


def length_of(value: int) -> bytes:
    out = bytearray()
    while True:
        value, digit = divmod(value, 128)
        out.append(digit | (128 if value else 0))
        if not value:
            return bytes(out)


def publish(topic: str, payload: bytes, mid: int = 1, qos: int = 1, properties: bytes = b"\x00") -> bytes:
    """A PUBLISH packet, MQTT 5 section 3.3."""
    name = topic.encode()
    body = len(name).to_bytes(2, "big") + name + (mid.to_bytes(2, "big") if qos else b"") + properties + payload
    return bytes([0x30 | qos << 1]) + length_of(len(body)) + body


def user_properties(*pairs: tuple[str, str]) -> bytes:
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    properties.UserProperty = list(pairs)
    return bytes(properties.pack())  # type: ignore[no-untyped-call]


class Fed(BatchClient):
    """A client whose socket is a list of reads."""

    def __init__(self, reads: list[bytes]) -> None:
        self.got: list[Arrived] = []
        self.reads = list(reads)
        self.handled: list[int] = []
        super().__init__("test", self.got.extend)

    def _sock_recv(self, size: int) -> bytes:
        return self.reads.pop(0)

    def _packet_handle(self) -> MQTTErrorCode:
        self.handled.append(self._in_packet["command"])
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _loop_rc_handle(self, rc: MQTTErrorCode) -> MQTTErrorCode:
        return rc

    def read_all(self) -> MQTTErrorCode:
        code = MQTTErrorCode.MQTT_ERR_SUCCESS
        while self.reads and not code:
            code = self.loop_read()
        return code


@pytest.mark.parametrize(("value", "coded"), LENGTHS)
def test_variable_byte_integer_is_read(value: int, coded: bytes) -> None:
    assert read_length(b"x" + coded + b"y", 1) == (1 + len(coded), value)


@pytest.mark.parametrize("coded", [b"", b"\x80", b"\xff\xff\xff"])
def test_length_cut_short_is_none_yet(coded: bytes) -> None:
    assert read_length(coded, 0)[1] is None


MESSAGES = st.lists(
    st.tuples(st.text(min_size=1, max_size=20), st.binary(max_size=400), st.integers(1, 65_535), st.integers(0, 1)),
    max_size=8,
)


@given(messages=MESSAGES, data=st.data())
def test_packets_are_whole_wherever_reads_cut_them(
    messages: list[tuple[str, bytes, int, int]], data: st.DataObject
) -> None:
    stream = b"".join(publish(*message) for message in messages)
    cuts = sorted(data.draw(st.sets(st.integers(1, max(1, len(stream) - 1)), max_size=12)))
    client = Fed([part for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True) if (part := stream[a:b])])
    assert client.read_all() == MQTTErrorCode.MQTT_ERR_SUCCESS
    assert [(m.topic, m.payload, m.mid if m.qos else 0, m.qos) for m in client.got] == [
        (topic, payload, mid if qos else 0, qos) for topic, payload, mid, qos in messages
    ]


def test_user_properties_are_read() -> None:
    client = Fed([publish("a/b", b"x", properties=user_properties(("event", "e1"), ("n", "水")))])
    client.read_all()
    assert client.got[0].properties == {"event": "e1", "n": "水"}
    assert client.got[0].payload == b"x"


def test_malformed_properties_are_none_and_no_error() -> None:
    assert Arrived("t", b"", 1, 1, b"\x03\x26\x00").properties == {}


def test_other_packets_go_to_paho_in_their_order() -> None:
    client = Fed([b"\xd0\x00" + publish("t", b"1") + b"\x90\x04\x00\x01\x00\x01"])
    client.read_all()
    assert client.handled == [0xD0, 0x90]
    assert len(client.got) == 1


def test_qos_two_is_left_to_paho() -> None:
    client = Fed([publish("t", b"1", qos=2)])
    client.read_all()
    assert client.handled == [0x34]
    assert client.got == []


def test_length_that_never_ends_is_a_protocol_error() -> None:
    assert Fed([b"\x30\xff\xff\xff\xff\xff\xff"]).read_all() == MQTTErrorCode.MQTT_ERR_PROTOCOL


def test_end_of_stream_is_a_lost_connection() -> None:
    assert Fed([b""]).loop_read() == MQTTErrorCode.MQTT_ERR_CONN_LOST


def test_acknowledgements_of_an_older_connection_are_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Fed([])
    sent: list[bytes] = []
    monkeypatch.setattr(client, "_packet_queue", lambda _, packet, *__: sent.append(packet))
    client.acknowledge([1, 515], client.generation)
    client.acknowledge([2], client.generation - 1)
    client.acknowledge([], client.generation)
    assert sent == [b"\x40\x02\x00\x01\x40\x02\x02\x03"]


PRIVATE: dict[str, list[str]] = {
    "_sock_recv": ["self", "bufsize"],
    "_packet_handle": ["self"],
    "_loop_rc_handle": ["self", "rc"],
    "_packet_queue": ["self", "command", "packet", "mid", "qos", "info"],
    "reconnect": ["self"],
    "loop_read": ["self", "max_packets"],
}


@pytest.mark.parametrize("name", list(PRIVATE))
def test_paho_has_the_method_we_lean_on(name: str) -> None:
    found = list(inspect.signature(getattr(mqtt.Client, name)).parameters)
    assert found == PRIVATE[name]


def test_paho_keeps_an_incoming_packet_as_we_make_it() -> None:
    client: Any = BatchClient("x", lambda _: None)
    assert set(client._in_packet) == {
        "command",
        "have_remaining",
        "remaining_count",
        "remaining_mult",
        "remaining_length",
        "packet",
        "to_process",
        "pos",
    }
    assert hasattr(client, "_msgtime_mutex")
    assert hasattr(client, "_last_bytes_received")
