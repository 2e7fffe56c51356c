"""Other ways from the broker to committed rows, to compare ours with:
`python -m bench.peers hand|orm --url URL --database URL`.

hand  the least that a hand-made path can do and still be durable: one socket, frames parsed inline, msgspec, whatever
      waits in one `INSERT … SELECT unnest(arrays)`, commit, then all acknowledgements in one write. It checks nothing,
      keeps no newest value, tells no engine, knows no source, flags nothing, and stops at the first bad message.
orm   what a tutorial does: stock paho-mqtt with a callback, a queue, SQLAlchemy's `add_all` and a commit for each
      batch.

Both print "subscribed" when they are ready and run until they are told to stop.
"""

from __future__ import annotations

import argparse
import queue
import socket
import threading
from datetime import UTC, datetime
from typing import Any

import msgspec
import paho.mqtt.client as mqtt
import psycopg
from sqlalchemy import create_engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bench.publish import length, text
from core.db import sqlalchemy_url
from core.models import Observation
from core.mqtt import connect, make_client, parse_mqtt_url
from core.pgarray import pack_floats, pack_text, pack_times, register, to_pg_us
from ingest.receive import read_length

TOPIC = "peerxy/observation/+"
PREFIX = len("peerxy/observation/")
INSERT = (
    "INSERT INTO observation (sensor_id, metric, time, value, quality, received_at) "
    "SELECT u.*, 'good', now() FROM unnest(%s, %s, %s, %s) AS u ON CONFLICT DO NOTHING"
)
MOST = 5000


class Message(msgspec.Struct):
    time: datetime
    metric: str
    value: float


def say_ready() -> None:
    print("subscribed", flush=True)


class Hand:
    """One thread for the socket, one for the database."""

    def __init__(self, url: str, database: str) -> None:
        self.rows: list[tuple[str, str, int, float, bytes]] = []
        self.changed = threading.Condition()
        self.decode = msgspec.json.Decoder(Message).decode
        self.conn = psycopg.connect(database, options="-c timezone=UTC -c jit=off")
        register(self.conn)
        self.sock = subscribe(url)

    def run(self) -> None:
        threading.Thread(target=self.write_forever, daemon=True).start()
        say_ready()
        rest = b""
        while data := self.sock.recv(262_144):
            rest = self.parse(rest + data)

    def parse(self, view: bytes) -> bytes:
        at, found = 0, []
        while at + 2 <= len(view):
            body, size = read_length(view, at + 1)
            if size is None or body + size > len(view):
                break
            if view[at] & 0xF0 == 0x30:
                name = body + 2 + int.from_bytes(view[body : body + 2], "big")
                read = self.decode(view[name + 2 : body + size])
                sensor = view[body + 2 + PREFIX : name].decode()
                found.append((sensor, read.metric, to_pg_us(read.time), read.value, view[name : name + 2]))
            at = body + size
        with self.changed:
            self.rows += found
            self.changed.notify()
        return view[at:]

    def write_forever(self) -> None:
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.rows)
                rows, self.rows = self.rows[:MOST], self.rows[MOST:]
            rows.sort()
            sensors, metrics, times, values, mids = zip(*rows, strict=True)
            self.conn.execute(INSERT, (pack_text(sensors), pack_text(metrics), pack_times(times), pack_floats(values)))
            self.conn.commit()
            self.sock.sendall(b"".join(b"\x40\x02" + mid for mid in mids))


def subscribe(url: str) -> socket.socket:
    """A socket that is subscribed with MQTT 3.1.1, QoS 1, in a session that the broker keeps, as any that must lose
    nothing."""
    address = parse_mqtt_url(url)
    sock = socket.create_connection((address.host, address.port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    body = (
        text("MQTT") + b"\x04\xc0\x00\x00" + text("peer") + text(address.username or "") + text(address.password or "")
    )
    sock.sendall(b"\x10" + length(len(body)) + body)
    if sock.recv(4)[3:4] != b"\x00":
        raise SystemExit("the broker refused the peer")
    body = b"\x00\x01" + text(TOPIC) + b"\x01"
    sock.sendall(b"\x82" + length(len(body)) + body)
    if sock.recv(5)[4:5] != b"\x01":
        raise SystemExit("the broker refused the peer's subscription")
    return sock


def run_orm(url: str, database: str) -> None:
    engine = create_engine(sqlalchemy_url(database))
    waiting: queue.Queue[mqtt.MQTTMessage] = queue.Queue()
    client = make_client(url, "peer", manual_ack=True)
    client.on_message = lambda _, __, message: waiting.put(message)
    client.on_subscribe = lambda *_: say_ready()
    client.on_connect = subscribe_client
    connect(client, url, clean_start=False, session_expiry_s=3600)
    client.loop_start()
    decode = msgspec.json.Decoder(Message).decode
    while True:
        batch = [waiting.get()]
        while len(batch) < MOST and not waiting.empty():
            batch.append(waiting.get())
        now = datetime.now(UTC)
        with Session(engine) as session:
            session.add_all(observation(message, decode(message.payload), now) for message in batch)
            try:
                session.commit()
            except IntegrityError as exc:
                raise SystemExit(f"the peer met a repeat: {exc}") from exc
        for message in batch:
            client.ack(message.mid, message.qos)


def subscribe_client(client: mqtt.Client, *_: object) -> None:
    client.subscribe(TOPIC, qos=1)


def observation(message: mqtt.MQTTMessage, read: Any, now: datetime) -> Observation:
    return Observation(
        sensor_id=message.topic[PREFIX:],
        metric=read.metric,
        time=read.time,
        value=read.value,
        quality="good",
        received_at=now,
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    parser.add_argument("kind", choices=("hand", "orm"))
    parser.add_argument("--url", required=True)
    parser.add_argument("--database", required=True)
    given = parser.parse_args()
    if given.kind == "hand":
        Hand(given.url, given.database).run()
    else:
        run_orm(given.url, given.database)


if __name__ == "__main__":
    main()
