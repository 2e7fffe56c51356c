"""`python -m bench.alarm [--json] [--count N]`: from publishing a red water level to the alarm's message at a live
client.

Ingest, alerts and serve as they run in a city, one WebSocket client, one sensor after the other; the median and the
slowest, with the share of the processors that was idle meanwhile: near 0, and others on this machine held it up. What
the processes do at their start (fonts, tiles, the catalogue) is waited for: it is not a city's day.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import NamedTuple

import paho.mqtt.client as mqtt
import psutil
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as connect_socket

from app.accounts import add_account, open_session
from bench.stand import Stand, stand, wait_for
from core.clock import rfc3339, utc_now
from core.mqtt import connect, make_client
from core.viewer import Role
from layers.imports.load import load_layer

WAIT_S = 20.0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.alarm", description=__doc__)
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    parser.add_argument("--count", type=int, default=20, help="alarms (default 20)")
    given = parser.parse_args()
    with stand() as here:
        figures = measure(here, given.count)
    words = "from publish to the live client: median {median_ms} ms, slowest {slowest_ms} ms of {alarms} alarms"
    print(json.dumps(figures, indent=2) if given.json else words.format(**figures))


def measure(here: Stand, count: int) -> dict[str, float]:
    secret = prepare(here, count)
    for name in ("ingest", "alerts", "serve"):
        here.start(name)
    wait_for(lambda: "subscribed" in here.log("ingest") and "loaded" in here.log("alerts"), 60, "ingest and alerts")
    publisher = make_client(here.device_url, "bench-device")
    connect(publisher, here.device_url)
    publisher.loop_start()
    wait_until_calm(here)
    with listen(here, secret) as socket:
        timed = [time_alarm(publisher, socket, f"bench-{n}") for n in range(count + 1)][1:]
    publisher.disconnect()
    publisher.loop_stop()
    took = [1000 * one.seconds for one in timed]
    return {
        "alarms": count,
        "median_ms": round(statistics.median(took), 1),
        "slowest_ms": round(max(took), 1),
        "quickest_ms": round(min(took), 1),
        "idle_in_slowest": round(max(timed).idle, 2),
    }


def wait_until_calm(here: Stand, share: float = 0.2, most_s: float = 90) -> None:
    """Until our processes, with those they have started, take less than `share` of a processor for two seconds."""
    deadline = time.monotonic() + most_s
    while time.monotonic() < deadline:
        before = cpu_s(here)
        time.sleep(2)
        if cpu_s(here) - before < 2 * share:
            return


def cpu_s(here: Stand) -> float:
    """Seconds of a processor that they have taken so far."""
    total = 0.0
    for process in here.running:
        parent = psutil.Process(process.pid)
        for one in (parent, *parent.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                total += sum(one.cpu_times()[:2])
    return total


def prepare(here: Stand, count: int) -> str:
    """Sensors with limits of their own, one more than is measured, and a token to listen with."""
    sensors = [water_sensor(n, (119 + n / 100, 33.0)) for n in range(count + 1)]
    with here.engine.begin() as conn:
        load_layer(conn, "sensors", ((s["id"], s) for s in sensors))  # type: ignore[misc]
        add_account(conn, "bench", "Bench", Role.VIEWER, "Listens-To-1-Alarm", utc_now())
        return open_session(conn, "bench", "token", utc_now(), 1)[0]


def water_sensor(n: int, place: tuple[float, float]) -> dict[str, object]:
    """A gauge whose limit of level I is three metres, as an import takes it."""
    return {
        "id": f"bench-{n}",
        "properties": {
            "kind": "water_level",
            "name_zh": f"{n}",
            "name_en": f"{n}",
            "metrics": ["water_level"],
            "thresholds": {"water_level": {"1": 3.0}},
        },
        "geometry": {"type": "Point", "coordinates": list(place)},
    }


def listen(here: Stand, secret: str) -> ClientConnection:
    """A client of the live channel, once `serve` answers."""
    address = f"ws://127.0.0.1:{here.settings.http_port}/push"
    deadline = time.monotonic() + 60
    while True:
        try:
            return connect_socket(
                address, additional_headers={"Authorization": f"Bearer {secret}"}, max_size=None, proxy=None
            )
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


class Timed(NamedTuple):
    """Seconds from publish until the client was told, and the share of the processors that was idle meanwhile."""

    seconds: float
    idle: float


def time_alarm(publisher: mqtt.Client, socket: ClientConnection, sensor: str) -> Timed:
    body = json.dumps({"time": rfc3339(datetime.now(UTC)), "metric": "water_level", "value": 9.0, "unit": "m"})
    idle, began = psutil.cpu_times().idle, time.perf_counter()
    publisher.publish(f"onemap/observation/{sensor}", body, qos=1)
    while True:
        message = json.loads(socket.recv(timeout=WAIT_S))
        if message["kind"] == "alarm" and any(i["thing"]["id"] == sensor for i in message["items"] if "thing" in i):
            seconds = time.perf_counter() - began
            return Timed(seconds, (psutil.cpu_times().idle - idle) / seconds / psutil.cpu_count())


if __name__ == "__main__":
    main()
