"""A publisher quicker than what it measures: raw MQTT 3.1.1 PUBLISH frames of QoS 1 over one socket, with a window.

`python -m bench.publish --url URL --count N [--rate R] [--prefix P]` prints {"began": unix seconds, "ended": …} as
JSON. Without `--rate` it goes as fast as the broker acknowledges, with frames made beforehand; with it, each message
carries the moment it is sent.
"""

from __future__ import annotations

import argparse
import json
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from core.mqtt import parse_mqtt_url

WINDOW, CHUNK = 800, 200
SENSORS = 1000


def length(value: int) -> bytes:
    """A variable byte integer, MQTT 3.1.1 section 2.2.3."""
    out = bytearray()
    while True:
        value, digit = divmod(value, 128)
        out.append(digit | (128 if value else 0))
        if not value:
            return bytes(out)


def text(value: str) -> bytes:
    return len(value).to_bytes(2, "big") + value.encode()


def connect(url: str) -> socket.socket:
    address = parse_mqtt_url(url)
    sock = socket.create_connection((address.host, address.port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    body = (
        text("MQTT") + b"\x04\xc2\x00\x00" + text("bench") + text(address.username or "") + text(address.password or "")
    )
    sock.sendall(b"\x10" + length(len(body)) + body)
    answer = sock.recv(4)
    if answer[3:4] != b"\x00":
        raise SystemExit(f"the broker refused the publisher: {answer!r}")
    return sock


def frame(i: int, moment: datetime, prefix: str) -> bytes:
    payload = f'{{"time":"{moment.isoformat()}","metric":"flow","value":{i % 997}}}'.encode()
    body = text(f"{prefix}/observation/bench-{i % SENSORS}") + (i % 65_535 + 1).to_bytes(2, "big") + payload
    return b"\x32" + length(len(body)) + body


class Window:
    """Counts what is on the way and takes acknowledgements in."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock, self.waiting, self._rest = sock, 0, 0

    def send(self, frames: list[bytes]) -> None:
        for at in range(0, len(frames), CHUNK):
            part = frames[at : at + CHUNK]
            while self.waiting + len(part) > WINDOW:
                self.take()
            self.sock.sendall(b"".join(part))
            self.waiting += len(part)

    def take(self) -> None:
        got = len(self.sock.recv(65_536)) + self._rest
        if got == self._rest:
            raise SystemExit("the broker closed the publisher's connection")
        self.waiting -= got // 4  # a PUBACK is four bytes
        self._rest = got % 4

    def drain(self) -> None:
        while self.waiting:
            self.take()


def publish_fast(window: Window, count: int, prefix: str) -> float:
    start = datetime.now(UTC) - timedelta(seconds=count / SENSORS / 10 + 60)
    frames = [frame(i, start + timedelta(milliseconds=100 * (i // SENSORS)), prefix) for i in range(count)]
    began = time.time()
    window.send(frames)
    return began


def publish_paced(window: Window, count: int, rate: float, prefix: str) -> float:
    began = time.time()
    for due in moments(count, rate, began):
        now = datetime.now(UTC)
        window.send([frame(i, now, prefix) for i in due])
    return began


def moments(count: int, rate: float, began: float) -> Iterator[range]:
    """The messages that are due, every two milliseconds."""
    sent = 0
    while sent < count:
        due = min(count, int((time.time() - began) * rate), sent + SENSORS)
        if due > sent:
            yield range(sent, due)
            sent = due
        time.sleep(0.002)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.publish")
    parser.add_argument("--url", required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--rate", type=float)
    parser.add_argument("--prefix", default="onemap", help="first part of the topic")
    given = parser.parse_args()
    with connect(given.url) as sock:
        window = Window(sock)
        if given.rate:
            began = publish_paced(window, given.count, given.rate, given.prefix)
        else:
            began = publish_fast(window, given.count, given.prefix)
        window.drain()
    print(json.dumps({"began": began, "ended": time.time()}))


if __name__ == "__main__":
    main()
