"""`python -m demo.devices --city DIR --mqtt-url URL`: the simulated devices of a city package, until stopped."""

import argparse
import logging
import os
import signal
import threading
from datetime import UTC, datetime
from pathlib import Path

from demo.devices.edge import AddressError, Edge, address
from demo.devices.package import PackageError, read
from demo.devices.script import storm_script
from demo.devices.world import World

TICK_S = 0.2
log = logging.getLogger("onemap.demo.devices")


def positive(text: str) -> float:
    """A number above zero."""
    value = float(text)
    if not value > 0.0:
        raise argparse.ArgumentTypeError(f"expected a number above zero, got {text}")
    return value


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m demo.devices", description="publish as a city's devices would")
    parser.add_argument("--city", type=Path, required=True, help="folder of the city package")
    url = os.environ.get("ONEMAP_MQTT_URL", "")
    parser.add_argument("--mqtt-url", default=url, help="mqtt://user:password@host:port (default: ONEMAP_MQTT_URL)")
    parser.add_argument("--speed", type=positive, default=1.0, help="how fast storm, driving and work go")
    parser.add_argument("--storm-after", type=float, default=90.0, help="seconds from the start to the first storm")
    parser.add_argument("--typhoon", action="store_true", help="a typhoon over the whole city instead")
    parser.add_argument("--seed", type=int, default=1, help="another number, other noise")
    parser.add_argument(
        "--rate-scale", type=positive, default=1.0, help="more (or fewer) messages than real devices send"
    )
    return parser.parse_args()


def run(edge: Edge, world: World, stop: threading.Event) -> None:
    """Steps the world and publishes until `stop` is set."""
    edge.start()
    try:
        while not stop.wait(TICK_S):
            now = datetime.now(UTC)
            for unit, task in edge.tasks():
                edge.publish(world.task(unit, task, now))
            edge.publish(world.step(now))
    finally:
        edge.stop()


def main() -> None:
    """Reads the package, connects, and runs until SIGTERM or SIGINT."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    given = arguments()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        package, where = read(given.city), address(given.mqtt_url, os.environ.get("ONEMAP_MQTT_CA", ""))
    except (PackageError, AddressError) as exc:
        raise SystemExit(f"demo.devices: {exc}") from exc
    start = datetime.now(UTC)
    world = World(
        package,
        storm_script("typhoon" if given.typhoon else "storm"),
        given.seed,
        start,
        storm_after_s=given.storm_after,
        speed=given.speed,
        rate_scale=given.rate_scale,
    )
    log.info("devices start: %d sensors, %d units", len(package.sensors), len(package.units))
    run(Edge(where, given.seed), world, stop)
    log.info("devices stopped")


if __name__ == "__main__":
    main()
