"""An MQTT 5 subscriber that takes whole reads apart at once.

Stock paho spends one select, four recv and one send on each message; this subclass reads up to 256 KiB, parses every
whole PUBLISH in it inline, and sends the acknowledgements of a batch in one write (docs/decisions/0002). It overrides
`loop_read` and `reconnect` only, and leans on a few private names of paho-mqtt 2.x that tests/ingest/test_receive.py
holds fast.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from ingest.arrived import Arrived

READ_BYTES = 262_144
PUBLISH, PUBACK = 0x30, 0x40


class BatchClient(mqtt.Client):
    """`deliver(list[Arrived])` is called once per read. `generation` changes with every connection: an acknowledgement
    of an older one must not be sent, for its packet identifiers now mean other messages."""

    def __init__(self, client_id: str, deliver: Callable[[list[Arrived]], None]) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=mqtt.MQTTv5,
            manual_ack=True,
            reconnect_on_failure=False,
        )
        self.deliver = deliver
        self.generation = 0
        self._buffer = bytearray()

    def reconnect(self) -> MQTTErrorCode:
        self._buffer.clear()
        self.generation += 1
        return super().reconnect()

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        try:
            data = self._sock_recv(READ_BYTES)
        except BlockingIOError:
            return MQTTErrorCode.MQTT_ERR_SUCCESS
        except OSError:
            return self._loop_rc_handle(MQTTErrorCode.MQTT_ERR_CONN_LOST)
        if not data:
            return self._loop_rc_handle(MQTTErrorCode.MQTT_ERR_CONN_LOST)
        with self._msgtime_mutex:
            self._last_bytes_received = time.monotonic()
        self._buffer += data
        rc = self._take_packets()
        return self._loop_rc_handle(rc) if rc else MQTTErrorCode.MQTT_ERR_SUCCESS

    def _take_packets(self) -> MQTTErrorCode:
        """Parse every whole packet of the buffer; PUBLISH inline, the rest through paho's own handlers."""
        view = bytes(self._buffer)
        end, at, arrived = len(view), 0, []
        rc = MQTTErrorCode.MQTT_ERR_SUCCESS
        while at + 2 <= end:
            body, length = read_length(view, at + 1)
            if length is None:
                rc = MQTTErrorCode.MQTT_ERR_PROTOCOL if end - at > 5 else rc
                break
            if body + length > end:
                break
            command = view[at]
            if command & 0xF0 == PUBLISH and command & 0x04 == 0:
                arrived.append(parse_publish(command, view, body, body + length))
            else:
                rc = self._hand_to_paho(command, view[body : body + length])
            at = body + length
            if rc:
                break
        del self._buffer[:at]
        if arrived:
            self.deliver(arrived)
        return rc

    def _hand_to_paho(self, command: int, body: bytes) -> MQTTErrorCode:
        self._in_packet = {
            "command": command,
            "have_remaining": 1,
            "remaining_count": [],
            "remaining_mult": 1,
            "remaining_length": len(body),
            "packet": bytearray(body),
            "to_process": 0,
            "pos": 0,
        }
        try:
            return self._packet_handle()
        finally:
            self._in_packet = {**self._in_packet, "command": 0, "packet": bytearray()}

    def acknowledge(self, mids: list[int], generation: int) -> None:
        """Acknowledge a batch in one write, unless the connection it came on is gone. From the network thread only."""
        if generation != self.generation or not mids:
            return
        packet = b"".join(b"\x40\x02" + mid.to_bytes(2, "big") for mid in mids)
        self._packet_queue(PUBACK, packet, mids[0], 1)


def read_length(view: bytes, at: int) -> tuple[int, int | None]:
    """The variable byte integer at `at` (MQTT 5 section 1.5.5): where the body starts and its length, None if cut
    short."""
    value, shift = 0, 0
    while at < len(view) and shift < 28:
        byte = view[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return at, value
        shift += 7
    return at, None


def parse_publish(command: int, view: bytes, at: int, end: int) -> Arrived:
    """A PUBLISH of QoS 0 or 1 (MQTT 5 section 3.3) whose variable header starts at `at`."""
    size = (view[at] << 8) | view[at + 1]
    at += 2
    topic = view[at : at + size].decode("utf-8", "replace")
    at += size
    qos = (command >> 1) & 3
    mid = 0
    if qos:
        mid = (view[at] << 8) | view[at + 1]
        at += 2
    if view[at] == 0 and not command & 9:
        return Arrived(topic, view[at + 1 : end], mid, qos)
    start = at
    at, length = read_length(view, at)
    stop = at + (length or 0)
    properties = view[start:stop] if length else b""
    return Arrived(topic, view[stop:end], mid, qos, properties, retained=bool(command & 1), again=bool(command & 8))
