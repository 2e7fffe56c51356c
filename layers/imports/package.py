"""A city package: a folder with city.json and one GeoJSON text sequence per layer (a feature a line)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
from pydantic import JsonValue
from sqlalchemy import Connection, Engine, text

from core.errors import InputError
from core.types import JsonObject
from layers.imports.load import load_layer, read_head, save_city
from layers.imports.schema import SPECS, Feature

Told = Callable[[str, int], None]
TABLES = ("district", "street", "area", "building", "facility", "asset", "sensor", "camera", "unit", "address")
# the index of names follows what is loaded
NAMES = ("search_name", "search_word")


def read_lines(path: Path) -> Iterator[tuple[str, Feature]]:
    """(where, feature) pairs of a .geojsonl file; also takes a .geojson FeatureCollection."""
    if path.suffix == ".geojson":
        features = _json(path.read_bytes(), path.name).get("features", [])
        if not isinstance(features, list):
            raise InputError(f"{path.name}: features: expected a list", field="features")
        for number, feature in enumerate(features, 1):
            where = f"{path.name} feature {number}"
            yield where, _object(feature, where)
        return
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                where = f"{path.name}:{number}"
                yield where, _json(line, where)


def _json(body: bytes, where: str) -> JsonObject:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        raise InputError(f"{where}: expected JSON: {exc}", field="file") from exc
    return _object(value, where)


def _object(value: JsonValue, where: str) -> JsonObject:
    if not isinstance(value, dict):
        raise InputError(f"{where}: expected a GeoJSON object", field="file")
    return value


def load_package(engine: Engine, folder: Path, told: Told) -> None:
    """Load a whole city in one transaction; `told(layer, count)` after each layer."""
    head = folder / "city.json"
    if not head.exists():
        raise InputError(f"{folder}: expected a city package with a city.json", field="path")
    with engine.begin() as conn:
        save_city(conn, read_head(_json(head.read_bytes(), "city.json")))
        _load_layers(conn, folder, told)
    analyse(engine)


def load_layers(engine: Engine, folder: Path, told: Told) -> None:
    """Load what layers a folder has into a city that is there already."""
    with engine.begin() as conn:
        _load_layers(conn, folder, told)
    analyse(engine)


def _load_layers(conn: Connection, folder: Path, told: Told) -> None:
    for spec in SPECS:
        path = folder / f"{spec.layer}.geojsonl"
        if path.exists():
            told(spec.layer, load_layer(conn, spec.layer, read_lines(path)))


def analyse(engine: Engine) -> None:
    """Fresh statistics, so that the first questions are answered well."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        for name in (*TABLES, *NAMES):
            conn.execute(text("SELECT analyze_table(:name)"), {"name": name})
