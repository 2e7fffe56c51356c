"""A layer of the city's own as a download."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pyogrio
import pytest
from sqlalchemy import Engine

from layers.imports.bring import bring
from layers.imports.suggest import suggest
from layers.own import remove_layer
from tests.layers.test_bring import HEAD, NOW, ROWS, text_table


@pytest.fixture(scope="module")
def parks(db: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    table = text_table(tmp_path_factory.mktemp("parks"), HEAD + ROWS)
    with db.begin() as conn:
        bring(conn, table, suggest(table, "parks")[0], "tester", NOW)
    yield "parks"
    with db.begin() as conn:
        remove_layer(conn, "parks")


def test_it_comes_as_a_file_under_its_name(viewer: httpx.Client, parks: str, tmp_path: Path) -> None:
    answer = viewer.get(f"/api/layers/{parks}/export")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/geopackage+sqlite3"
    assert 'filename="parks.gpkg"' in answer.headers["content-disposition"]
    path = tmp_path / "parks.gpkg"
    path.write_bytes(answer.content)
    assert len(pyogrio.read_dataframe(path)) == 3


@pytest.mark.parametrize(
    ("path", "status", "field"),
    [
        ("/api/layers/parks/export?format=docx", 422, "format"),
        ("/api/layers/parks/export?datum=Mars", 422, "datum"),
        ("/api/layers/nothing/export", 404, "layer"),
        ("/api/layers/parks/export?colour=red", 422, "colour"),
        ("/api/layers/assets/export?filter=class%20%3D", 422, "filter"),
        ("/api/layers/assets/export?filter=nothing%20%3D%201", 422, "filter"),
        ("/api/layers/assets/export?bbox=1,2,3", 422, "bbox"),
        ("/api/layers/assets/export?format=gpkg&filter=class%20%3D%20%27none%27", 422, "layer"),
        ("/api/layers/risk_cells/export", 404, "layer"),
    ],
)
def test_what_cannot_be_given_is_said(viewer: httpx.Client, parks: str, path: str, status: int, field: str) -> None:
    answer = viewer.get(path)
    assert (answer.status_code, answer.json()["field"]) == (status, field), answer.text


def test_ours_come_as_files_too_narrowed_as_at_ogc(viewer: httpx.Client, tmp_path: Path) -> None:
    asked = {"format": "zip", "filter": "class = '02'", "datum": "CGCS2000"}
    answer = viewer.get("/api/layers/assets/export", params=asked)
    assert answer.status_code == 200, answer.text
    path = tmp_path / "assets.zip"
    path.write_bytes(answer.content)
    found = pyogrio.read_dataframe(path)
    matched = viewer.get("/ogc/collections/assets/items", params={"class": "02", "limit": 10_000}).json()["features"]
    assert len(matched) < 10_000
    assert len(found) == len(matched) > 0
    assert {"code", "class", "owner_dept", "keeper_dep"} <= set(found.columns), "cut to ten bytes"


def test_a_stranger_gets_none(stranger: httpx.Client, parks: str) -> None:
    assert stranger.get(f"/api/layers/{parks}/export").status_code == 401
