"""The demo city, made once per run, and a small package of it on disk."""

from pathlib import Path

import pytest

from demo.city.compose import City, compose
from demo.city.write import write
from demo.devices.package import Package, read
from demo.devices.script import StormScript, storm_script


@pytest.fixture(scope="session")
def seed() -> int:
    return 1


@pytest.fixture(scope="session")
def scale() -> float:
    return 0.05


@pytest.fixture(scope="session")
def city(seed: int) -> City:
    return compose(seed)


@pytest.fixture(scope="session")
def folder(city: City, scale: float, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("city")
    write(city, path, scale)
    return path


@pytest.fixture(scope="session")
def package(folder: Path) -> Package:
    return read(folder)


@pytest.fixture(scope="session")
def script() -> StormScript:
    return storm_script()
