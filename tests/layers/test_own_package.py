"""Layers of a city's own that come with its package."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from app.files.package import load_own
from core.catalogue.entries import read_entries
from core.errors import InputError
from core.scope import EVERYTHING
from layers.own import count_rows, need_layer, read_layers, remove_layer, spec_of


def package(folder: Path, listed: Any, body: str = "") -> Path:
    (folder / "own").mkdir()
    (folder / "own" / "layers.json").write_text(json.dumps(listed), "utf-8")
    (folder / "own" / "a.geojsonl").write_text(body, "utf-8")
    return folder


def test_the_demo_city_has_the_layers_of_its_departments(own_engine: Engine, small_city: Path) -> None:
    load_own(own_engine.begin, small_city, "import", lambda layer, rows: None)
    with own_engine.begin() as conn:
        found = {layer.id: layer for layer in read_layers(conn)}
        assert {"land_use", "plan_conflicts", "hydrants", "drainage_pipes", "shelters"} <= set(found)
        hydrants = found["hydrants"]
        assert (hydrants.group, hydrants.key, hydrants.visible) == ("emergency", "编号", False)
        assert count_rows(conn, hydrants, EVERYTHING) > 100
        assert [item.label["zh"] for item in spec_of(hydrants).legend] == ["埋压", "损坏", "无水", "正常"]
        assert found["illegal_buildings"].classification == 1
        said = {name.id: entry for name, entry in read_entries(conn).items()}
        assert set(said) == set(found)
        assert (said["hydrants"]["provider"], said["hydrants"]["sharing"]) == ("消防救援支队", "unconditional")
        assert all(entry.described == 1 for entry in said.values())
        for layer in found:
            remove_layer(conn, layer)
        assert read_entries(conn) == {}


def test_a_package_without_any_brings_none(own_engine: Engine, tmp_path: Path) -> None:
    load_own(own_engine.begin, tmp_path, "import", lambda layer, rows: None)
    with own_engine.begin() as conn:
        assert read_layers(conn) == []


@pytest.mark.parametrize(
    ("listed", "words"),
    [
        ([{"file": "a.geojsonl", "given": {"layer": "a", "colour": 1}}], "colour"),
        ([{"file": "../a.geojsonl", "given": {"layer": "a"}}], "file"),
        ([{"file": "b.geojsonl", "given": {"layer": "a"}}], "b.geojsonl"),
        ({"file": "a"}, "layers.json"),
        ([{"file": "a.geojsonl", "given": {"layer": "sensors"}}], "a.geojsonl"),
        ([{"file": "a.geojsonl", "given": {"layer": "a"}, "catalogue": {"sharing": "all"}}], "sharing"),
    ],
)
def test_what_is_wrong_with_it_is_named(own_engine: Engine, tmp_path: Path, listed: Any, words: str) -> None:
    shape = '{"type":"Feature","geometry":{"type":"Point","coordinates":[118.99,31.35]},"properties":{"a":1}}\n'
    folder = package(tmp_path, listed, shape)
    with pytest.raises(InputError) as refused:
        load_own(own_engine.begin, folder, "import", lambda layer, rows: None)
    assert words in refused.value.message
    with own_engine.begin() as conn:
        assert read_layers(conn) == []
        with pytest.raises(Exception, match="no layer"):
            need_layer(conn, "a")
