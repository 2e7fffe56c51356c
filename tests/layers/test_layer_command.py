"""`./onemap import FILE` and `./onemap layers`, as somebody calls them."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.cli import spelled
from core.settings import Settings
from tests.layers.test_bring import HEAD, ROWS
from tests.support import PATIENCE_S, ROOT


def call(settings: Settings, *words: object) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "ONEMAP_DATABASE_URL": settings.database_url, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "app.cli", *map(str, words)],
        capture_output=True, text=True, check=False, env=environment, timeout=PATIENCE_S,
    )  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "绿地.csv"
    path.write_bytes((HEAD + ROWS + "010199,错,公园,1,31.35,118.99\n").encode("gbk"))
    return path


def test_a_file_comes_in_and_goes_out(own_settings: Settings, file: Path, tmp_path: Path) -> None:
    shown = call(own_settings, "import", file, "--layer", "parks", "--dry-run")
    assert shown.returncode == 0, shown.stderr
    assert "面积: number" in shown.stdout
    assert "gb18030" in shown.stdout
    assert call(own_settings, "layers", "list").stdout == ""
    refused = tmp_path / "refused.csv"
    done = call(own_settings, "import", file, "--layer", "parks", "--title", "绿地", "--json", "--refused", refused)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)["figures"]
    assert (told["added"], told["refused"]) == (3, 1)
    [row] = csv.DictReader(refused.read_text("utf-8-sig").splitlines())
    assert (row["row"], row["field"]) == ("4", "geometry")
    again = call(own_settings, "import", file, "--layer", "parks")
    assert "0 added, 0 changed, 3 same" in again.stdout
    assert "row 4: geometry: expected a place near the city" in again.stdout
    assert call(own_settings, "layers", "list").stdout.split()[:3] == ["parks", "point", "3"]
    out = call(own_settings, "layers", "export", "parks", tmp_path / "parks.gpkg")
    assert out.stdout.endswith("parks.gpkg: 3 rows\n")
    assert call(own_settings, "layers", "remove", "parks").returncode == 0
    assert call(own_settings, "layers", "list").stdout == ""


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["import", "nothing.shp"], "nothing.shp is not there"),
        (["layers", "remove", "nothing"], "there is no layer 'nothing'"),
        (["layers", "export", "nothing", "a.gpkg"], "there is no layer 'nothing'"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(own_settings: Settings, words: list[str], told: str) -> None:
    done = call(own_settings, *words)
    assert done.returncode == 1
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_option_is_named(own_settings: Settings, file: Path) -> None:
    done = call(own_settings, "import", file, "--datum", "Mars")
    assert (done.returncode, "expected WGS84" in done.stderr) == (1, True)
    done = call(own_settings, "import", file, "--layer", "Parks!")
    assert (done.returncode, "layer: " in done.stderr) == (1, True)


def test_a_bare_file_is_the_word_file() -> None:
    assert spelled(["import", "a.shp", "--json"]) == ["import", "file", "a.shp", "--json"]
    for words in (
        ["import", "city", "x"],
        ["import", "osm", "x"],
        ["import", "--help"],
        ["import"],
        ["layers", "list"],
    ):
        assert spelled(words) == words


def test_grid_cells_are_made_by_command(own_settings: Settings) -> None:
    wanted = ("cells", "make", "--district", "329906", "--size", "200000", "--layer", "blocks")
    tried = call(own_settings, *wanted, "--dry-run")
    assert tried.returncode == 0, tried.stderr
    assert "nothing was kept" in tried.stdout
    assert "0 cut" in tried.stdout
    made = call(own_settings, *wanted, "--json")
    assert made.returncode == 0, made.stderr
    told = json.loads(made.stdout)
    [district] = told["districts"]
    assert (told["added"], told["removed"], district["cut"]) == (district["cells"], 0, 0)
    assert f"{district['cells']} " in call(own_settings, "layers", "list").stdout
    again = call(own_settings, *wanted)
    assert f"0 added, 0 changed, {district['cells']} same, 0 removed" in again.stdout
    for words, said in ((("--district", "1"), "district"), (("--size", "7"), "size_m2"), (("--layer", "X"), "layer")):
        wrong = call(own_settings, "cells", "make", *words)
        assert (wrong.returncode, said in wrong.stderr) == (1, True), wrong.stderr
    nowhere = call(own_settings, "cells", "make", "--district", "999999")
    assert (nowhere.returncode, "there is no district 999999" in nowhere.stderr) == (1, True)
