"""Files that other people wrote, as packages of the Python index carry them: each comes in whole, where it is, with
what it says.

Read by their packages' paths alone: pyogrio (MIT), geopandas, libpysal and momepy (BSD), of which the last two are
installed for their files and not imported.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import geopandas as gpd
import pyogrio
import pytest
from sqlalchemy import Connection, text

from app.files.incoming import run_import
from app.files.nouns import ImportIn
from core.errors import InputError

PACKAGES = ("pyogrio", "geopandas", "libpysal", "momepy")
ENDINGS = (".shp", ".gpkg", ".geojson", ".json", ".zip")
# schemas and settings of the packages themselves
NO_DATA = ("gdal_data", "proj_data")
pytestmark = [pytest.mark.filterwarnings("ignore::RuntimeWarning"), pytest.mark.filterwarnings("ignore::UserWarning")]


@dataclass(frozen=True, slots=True)
class Given:
    """A table of a file; `label` begins with its package."""

    label: str
    path: Path
    table: str

    @property
    def source(self) -> str:
        return f"/vsizip/{self.path}" if self.path.suffix == ".zip" else str(self.path)


def root_of(package: str) -> Path:
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None, f"{package} is not there: requirements/vectors.txt"
    return Path(spec.origin).parent


def given() -> Iterator[Given]:
    for package in PACKAGES:
        root = root_of(package)
        for path in sorted(root.rglob("*")):
            if path.suffix not in ENDINGS or any(part in NO_DATA for part in path.parts):
                continue
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tables = pyogrio.list_layers(f"/vsizip/{path}" if path.suffix == ".zip" else path)
            for table, _ in tables:
                yield Given(f"{package}/{path.name}:{table}", path, str(table))


GIVEN = list(given())


def bring(conn: Connection, one: Given, **more: Any) -> Any:
    @contextmanager
    def transaction() -> Any:
        yield conn

    asked = ImportIn(name=one.path.name, layer="of-others", title="x", table=one.table, **more)
    return run_import(transaction, one.path, asked, "lin", "load")


@pytest.fixture
def nowhere(conn: Connection) -> Connection:
    """No city that places would have to be near."""
    conn.execute(text("DELETE FROM city"))
    return conn


def test_there_are_many_of_many_kinds() -> None:
    assert len(GIVEN) > 50
    assert {one.label.partition("/")[0] for one in GIVEN} == set(PACKAGES)


def whole(one: Given) -> gpd.GeoDataFrame:
    """As GDAL alone reads it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pyogrio.read_dataframe(one.source, layer=one.table)


def in_degrees(frame: gpd.GeoDataFrame) -> bool:
    west, south, east, north = frame.total_bounds
    # the nearest thing to degrees that is none begins at 95 (juvenile.shp): most of it could be
    return bool(-181 <= west <= east <= 181 and -96 <= south <= north <= 96)


@pytest.mark.parametrize("one", GIVEN, ids=lambda one: one.label)
def test_it_comes_in_whole(nowhere: Connection, one: Given) -> None:
    expected = whole(one)
    if (expected.crs is None or expected.crs.is_geographic) and not in_degrees(expected):
        with pytest.raises(InputError) as caught:
            bring(nowhere, one)
        assert caught.value.field == "datum", "what could be anywhere, or is not what it says, is asked for"
        return
    done = bring(nowhere, one)
    figures = done["figures"]
    assert figures["read"] == len(expected)
    assert figures["added"] + figures["refused"] == figures["read"]
    shapes = expected.geometry
    off_earth = int((shapes.bounds.maxy > 90).sum()) if expected.crs is None else 0
    assert figures["refused"] == off_earth, done["refused"]
    kept = nowhere.execute(
        text("SELECT count(*) AS n, ST_Extent(geom) AS box, count(geom) AS placed FROM layer_row WHERE layer_id = :id"),
        {"id": "of-others"},
    ).one()
    assert kept.n == len(expected) - off_earth
    if off_earth:
        return
    assert kept.placed == int((~(shapes.isna() | shapes.is_empty)).sum())
    if expected.crs is not None and kept.placed:
        placed = expected[~(shapes.isna() | shapes.is_empty)].to_crs("EPSG:4326")
        found = [float(part) for part in kept.box[4:-1].replace(",", " ").split()]
        assert found == pytest.approx(list(placed.total_bounds), abs=2e-6)
    names = {column["source"]: column["name"] for column in done["plan"]["columns"]}
    rows = nowhere.scalars(text("SELECT props FROM layer_row WHERE layer_id = 'of-others' ORDER BY id")).all()
    for source, name in names.items():
        told = [None if value is None or value != value else str(value).strip() for value in expected[source].tolist()]
        assert sum(value not in (None, "") for value in told) == sum(row.get(name) is not None for row in rows), source
