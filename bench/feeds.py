"""`python -m bench.feeds [--json] [--rate N] [--seconds N] [--subscriptions N] [--hanging N]`: from a rule's finding to
the receivers.

Alarms at a steady rate, each in an area that ten of the subscriptions want to know of, told by signed webhooks to a
receiver of its own process; some receivers take the connection and never answer. From what the engine wrote down of a
change to the receiver having read it; the ceiling is one thread that posts the same to the same receiver.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, text

from alerts.senders import Message, Target
from alerts.senders.http import parse_allowed
from alerts.senders.webhook import WebhookSender, new_secret
from bench.alarm import wait_until_calm, water_sensor
from bench.stand import STATE, Stand, stand, wait_for
from core.clock import rfc3339
from core.mqtt import connect, make_client
from layers.imports.load import load_layer

AREAS, STEP, HALF = 100, 0.02, 0.005
CEILING_S = 3.0
DRAIN_S = 60.0
HANGING = "/hangs"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.feeds", description=__doc__)
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    parser.add_argument("--rate", type=int, default=100, help="alarms a second (default 100)")
    parser.add_argument("--seconds", type=int, default=20, help="for so long (default 20)")
    parser.add_argument("--subscriptions", type=int, default=1000, help="subscriptions, ten of which want each alarm")
    parser.add_argument("--hanging", type=int, default=5, help="further receivers that never answer (default 5)")
    parser.add_argument("--receive", metavar="FILE", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.receive:
        asyncio.run(receive(Path(given.receive)))
        return
    with stand() as here:
        figures = measure(here, given.rate, given.seconds, given.subscriptions, given.hanging)
    words = (
        "{deliveries} deliveries of {alarms} alarms: median {median_ms} ms, p99 {p99_ms} ms, slowest {slowest_ms} ms; "
        "{lost} lost, {doubled} doubled; {per_s} a second, {of_ceiling} of one thread that only posts"
    )
    print(json.dumps(figures, indent=2) if given.json else words.format(**figures))


# --- the receiver -----------------------------------------------------------------------------------------------------


async def receive(told: Path) -> None:
    """Takes every post and writes down which, and when; at `HANGING` it never answers."""
    notes = told.open("a", buffering=1)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = (line.lower() for line in head.split(b"\r\n"))
                length = next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))
                body = await reader.readexactly(length)
                path = head.split(b" ", 2)[1].decode()
                if path == HANGING:
                    await asyncio.sleep(3600)
                at = time.time()
                said = json.loads(body)
                notes.write(json.dumps([path, said["type"], said.get("data", {}).get("id"), at]) + "\n")
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=4096)
    notes.write(json.dumps(server.sockets[0].getsockname()[1]) + "\n")
    async with server:
        await server.serve_forever()


# --- the measurement --------------------------------------------------------------------------------------------------


def measure(here: Stand, rate: int, seconds: int, subscriptions: int, hanging: int) -> dict[str, float]:
    told = STATE / "feeds.told"
    told.unlink(missing_ok=True)
    receiver = subprocess.Popen([sys.executable, "-m", "bench.feeds", "--receive", str(told)])
    try:
        wait_for(lambda: told.exists() and bool(told.read_text()), 30, "the receiver")
        url = f"http://127.0.0.1:{int(told.read_text().splitlines()[0])}"
        ceiling = post_only(url)
        prepare(here, rate * seconds, url, subscriptions, hanging)
        for name in ("ingest", "alerts"):
            here.start(name)
        wait_for(lambda: "subscribed" in here.log("ingest") and "loaded" in here.log("alerts"), 60, "ingest and alerts")
        wait_until_calm(here)
        began = time.time()
        publish(here, rate, seconds)
        wanted = rate * seconds * subscriptions // AREAS
        deadline = time.monotonic() + DRAIN_S
        while len(heard(told, began)) < wanted and time.monotonic() < deadline:
            time.sleep(0.5)
        return figures_of(here, heard(told, began), wanted, ceiling, rate * seconds)
    finally:
        receiver.kill()
        receiver.wait(30)


def post_only(url: str) -> float:
    """Messages a second of one thread that does nothing else."""
    sender = WebhookSender(parse_allowed("127.0.0.0/8"))
    to = Target("ceiling", {"address": f"{url}/ceiling"}, {"secret": new_secret()})
    body = json.dumps({"type": "ceiling", "data": {"id": "x", "filler": "x" * 2000}})
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < CEILING_S:
        sender.send(to, [Message("ceiling", body, f"msg_{count}")])
        count += 1
    sender.close()
    return count / (time.perf_counter() - began)


def place_of(n: int) -> tuple[float, float]:
    area = n % AREAS
    return 119 + (area % 10) * STEP, 33 + (area // 10) * STEP


def prepare(here: Stand, sensors: int, url: str, subscriptions: int, hanging: int) -> None:
    rows = [water_sensor(n, place_of(n)) for n in range(sensors)]
    with here.engine.begin() as conn:
        load_layer(conn, "sensors", ((row["id"], row) for row in rows))  # type: ignore[misc]
        for n in range(subscriptions):
            subscribe(conn, f"b{n}", f"{url}/{n}", {"kinds": ["alarm"], "area": square(*place_of(n))})
        for n in range(hanging):
            subscribe(conn, f"h{n}", f"{url}{HANGING}", {"kinds": ["alarm"]})
        conn.execute(text("ANALYZE sensor"))


def square(lon: float, lat: float) -> dict[str, object]:
    west, east, south, north = lon - HALF, lon + HALF, lat - HALF, lat + HALF
    return {
        "type": "Polygon",
        "coordinates": [[[west, south], [east, south], [east, north], [west, north], [west, south]]],
    }


def subscribe(conn: Connection, name: str, address: str, wanted: dict[str, object]) -> None:
    given = {"id": name, "filter": json.dumps(wanted), "options": json.dumps({"address": address}), "key": new_secret()}
    conn.execute(
        text(
            "INSERT INTO subscription (id, name_zh, name_en, sender, filter, options, enabled) "
            "VALUES (:id, :id, :id, 'webhook', CAST(:filter AS jsonb), CAST(:options AS jsonb), true)"
        ),
        given,
    )
    conn.execute(
        text("INSERT INTO subscription_secret (subscription_id, name, value) VALUES (:id, 'secret', :key)"), given
    )


def publish(here: Stand, rate: int, seconds: int) -> None:
    publisher = make_client(here.device_url, "bench-device")
    connect(publisher, here.device_url)
    publisher.loop_start()
    began = time.perf_counter()
    for n in range(rate * seconds):
        time.sleep(max(0.0, began + n / rate - time.perf_counter()))
        body = json.dumps({"time": rfc3339(datetime.now(UTC)), "metric": "water_level", "value": 9.0, "unit": "m"})
        publisher.publish(f"onemap/observation/bench-{n}", body, qos=1)
    publisher.disconnect()
    publisher.loop_stop()


def heard(told: Path, began: float) -> list[tuple[str, str, float]]:
    """(path, alarm, moment) of the beginnings that the receiver was told of."""
    lines = [json.loads(line) for line in told.read_text().splitlines()[1:] if line.endswith("]")]
    return [(path, alarm, at) for path, what, alarm, at in lines if what == "alarm.raised" and at >= began]


def figures_of(
    here: Stand, found: list[tuple[str, str, float]], wanted: int, ceiling: float, alarms: int
) -> dict[str, float]:
    with here.engine.connect() as conn:
        rows = conn.execute(
            text(
                "SELECT subject, extract(epoch FROM min(created_at)) AS at FROM delivery WHERE what = 'raised' "
                "GROUP BY 1"
            )
        )
        written = {row.subject: float(row.at) for row in rows}
    times = Counter((path, alarm) for path, alarm, _ in found)
    took = sorted(1000 * (at - written[alarm]) for _, alarm, at in found)
    moments = sorted(at for _, _, at in found)
    per_s = len(found) / (moments[-1] - moments[0]) if len(moments) > 1 else 0.0
    return {
        "alarms": alarms,
        "deliveries": len(times),
        "lost": wanted - len(times),
        "doubled": len(found) - len(times),
        "median_ms": round(statistics.median(took), 1) if took else 0.0,
        "p99_ms": round(took[int(len(took) * 0.99)], 1) if took else 0.0,
        "slowest_ms": round(took[-1], 1) if took else 0.0,
        "per_s": round(per_s, 1),
        "ceiling_per_s": round(ceiling, 1),
        "of_ceiling": round(per_s / ceiling, 2),
    }


if __name__ == "__main__":
    main()
