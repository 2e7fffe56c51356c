"""Verbs that move data: import, replay."""

from __future__ import annotations

import argparse
import json
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from app.cli.context import find_system, open_engine, run_outside, shell_user, transaction
from app.cli.layers import add_import
from app.services.packages import checkout
from core import audit
from core.clock import utc_now
from core.errors import InputError, SetupError
from ingest.replay import find_waiting
from ingest.replay import replay as replay_waiting
from layers.imports.load import load_layer
from layers.imports.osm import load_osm
from layers.imports.package import load_package, read_lines
from layers.imports.schema import BY_LAYER
from layers.place import read_city


def add_verbs(verbs: Any) -> None:
    import_ = verbs.add_parser("import", help="bring in a city package, an OpenStreetMap extract or one layer")
    kinds = import_.add_subparsers(dest="what", required=True, metavar="WHAT")
    city = kinds.add_parser("city", help="a city package: a folder with city.json and NAME.geojsonl files")
    city.add_argument("path", type=Path)
    city.set_defaults(run=import_city)
    osm = kinds.add_parser("osm", help="an .osm.pbf extract: streets, buildings, water, green, facilities")
    osm.add_argument("path", type=Path)
    osm.add_argument("--name", help="the city's name (default: the file's)")
    osm.add_argument("--timezone", default="UTC", help="IANA time zone, for example Europe/Helsinki")
    osm.set_defaults(run=import_osm)
    add_import(kinds)
    layer = kinds.add_parser("layer", help="one layer from GeoJSON")
    layer.add_argument("layer", choices=list(BY_LAYER))
    layer.add_argument("path", type=Path)
    layer.set_defaults(run=import_layer)
    replay_ = verbs.add_parser(
        "replay", help="publish a recorded real series through the broker, or read dead letters once more"
    )
    replay_.add_argument(
        "--dead-letters", action="store_true", help="read dead letters that wait with the sources of today"
    )
    replay_.add_argument("--source", help="only those of this source (-: of none)")
    replay_.add_argument("--reason", help="only those for this reason")
    replay_.add_argument("--since", type=parse_moment, help="only those received since then (RFC 3339 with an offset)")
    replay_.add_argument("rest", nargs=argparse.REMAINDER, help="options of demo.replay")
    replay_.set_defaults(run=replay)


def told(layer: str, count: int) -> None:
    print(f"{layer}: {count:,}", flush=True)


def import_city(options: argparse.Namespace) -> int:
    with open_engine() as engine:
        load_package(engine, options.path, told)
    load_own = import_module("app.files.package").load_own
    load_own(transaction, options.path, shell_user(), told)
    return 0


def import_osm(options: argparse.Namespace) -> int:
    name = options.name or options.path.name.split(".")[0]
    with open_engine() as engine:
        load_osm(engine, options.path, name, options.timezone, told)
    return 0


def import_layer(options: argparse.Namespace) -> int:
    if not options.path.exists():
        raise InputError(f"path: {options.path} is not there", field="path")
    with transaction() as conn:
        told(options.layer, load_layer(conn, options.layer, read_lines(options.path)))
    return 0


def parse_moment(value: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise argparse.ArgumentTypeError(
            f"expected a time with an offset such as 2026-05-04T08:00:00+08:00, got {value!r}"
        )
    return moment


def replay(options: argparse.Namespace) -> int:
    if options.dead_letters:
        return replay_letters(options)
    if (options.source, options.reason, options.since) != (None, None, None):
        raise InputError(
            "--source, --reason and --since choose dead letters: give --dead-letters too", field="--dead-letters"
        )
    return replay_series(options)


def replay_letters(options: argparse.Namespace) -> int:
    """Exit code 0 also where some still cannot be read: it is said how many, and why."""
    settings = find_system()
    with open_engine(settings) as engine:
        with engine.connect() as conn:
            ids = find_waiting(conn, source=options.source, reason=options.reason, since=options.since)
        done = replay_waiting(engine, settings, ids, shell_user())
        with engine.begin() as conn:
            data = {"letters": len(ids), "read": done.read, "still": dict(done.reasons)}
            audit.write(conn, shell_user(), "letters.replay", utc_now(), data)
    print(f"{done.read} of {len(ids)} dead letters could be read and are written")
    for reason, count in done.reasons.most_common():
        print(f"{count} still not: {reason}")
    return 0


def replay_series(options: argparse.Namespace) -> int:
    """The series' sensor is registered first, as a city would: what nobody has registered is stored and not judged."""
    settings = find_system()
    with transaction(settings) as conn:
        center = read_city(conn)["center"]
        if center is None:
            raise SetupError("there is no city yet: ./onemap up, or ./onemap import", reason="no_city")
        properties = json.loads((checkout() / "demo" / "data" / "water_flow.json").read_text("utf-8"))
        feature = {
            "id": properties.pop("id"),
            "properties": properties,
            "geometry": {"type": "Point", "coordinates": center},
        }
        load_layer(conn, "sensors", [("water_flow.json", feature)])
    return run_outside("demo.replay", options.rest, settings)
