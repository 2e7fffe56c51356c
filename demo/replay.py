"""Publishes a recorded real series as its sensor would have, shifted in time so that it ends now.

The series is the hourly flow through a pipeline branch that the PyPI package `river` carries (1,268 rows, March to May
2022, donated by Tecnojest s.r.l.; its text names three "low value moments" and one small peak). Run in the same hour
again it publishes the same messages, which change nothing.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from demo.devices.edge import AddressError, address, introduce

SENSOR = json.loads((Path(__file__).parent / "data" / "water_flow.json").read_text("utf-8"))["id"]
WAIT_S = 60.0
IN_FLIGHT = 100


def recording() -> Path:
    """water-flow.csv inside the installed package river, found without importing it."""
    spec = find_spec("river")
    for place in (spec.submodule_search_locations or []) if spec else []:
        found = Path(place) / "datasets" / "water-flow.csv"
        if found.exists():
            return found
    raise FileNotFoundError("the package river, which carries water-flow.csv, is not installed")


def read_series(path: Path) -> list[tuple[datetime, float]]:
    """(time, litres per second), oldest first."""
    with path.open(newline="") as lines:
        rows = csv.DictReader(lines)
        return [(datetime.fromisoformat(row["Time"]).astimezone(UTC), float(row["Water flow [l/s]"])) for row in rows]


def shift(series: list[tuple[datetime, float]], now: datetime) -> Iterator[tuple[datetime, float]]:
    """The series with its last row at the last full hour before `now`; distances between rows stay."""
    end = now.replace(minute=0, second=0, microsecond=0)
    by: timedelta = end - series[-1][0]
    return ((moment + by, value) for moment, value in series)


def publish(client: mqtt.Client, prefix: str, series: Iterator[tuple[datetime, float]]) -> int:
    """One message a row, QoS 1; returns how many the broker has confirmed."""
    waiting: list[mqtt.MQTTMessageInfo] = []
    count = 0
    for moment, value in series:
        body = json.dumps({"time": moment.isoformat(), "metric": "flow", "value": value, "unit": "L/s"})
        waiting.append(client.publish(f"{prefix}/observation/{SENSOR}", body, qos=1))
        if len(waiting) >= IN_FLIGHT:
            waiting.pop(0).wait_for_publish(WAIT_S)
        count += 1
    for info in waiting:
        info.wait_for_publish(WAIT_S)
    return count


def main() -> int:
    parser = argparse.ArgumentParser(prog="onemap replay", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--mqtt-url", default=os.environ.get("ONEMAP_MQTT_URL", ""), help="default: ONEMAP_MQTT_URL")
    parser.add_argument("--prefix", default=os.environ.get("ONEMAP_TOPIC_PREFIX", "onemap"))
    given = parser.parse_args()
    try:
        broker = address(given.mqtt_url, os.environ.get("ONEMAP_MQTT_CA", ""))
        series = read_series(recording())
    except (AddressError, FileNotFoundError) as exc:
        print(f"onemap replay: {exc}", file=sys.stderr)
        return 1
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"replay-{os.getpid()}", protocol=mqtt.MQTTv5)
    introduce(client, broker)
    client.connect(broker.host, broker.port)
    client.loop_start()
    count = publish(client, given.prefix, shift(series, datetime.now(UTC)))
    client.disconnect()
    client.loop_stop()
    print(f"{count:,} rows published for the sensor {SENSOR}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
