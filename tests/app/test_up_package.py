"""The demo city's package on disk, which its devices read: built where it is lacking, the city may be there already."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from app.services.supervisor import Supervisor
from app.services.up import DEVICES, Up, UpOptions
from core.settings import Settings

READ = "city.json"


class Started:
    """What was started, and whether the package was there by then."""

    def __init__(self, package: Path) -> None:
        self.package = package
        self.facts: dict[str, Any] = {}
        self.names: dict[str, bool] = {}

    def add(self, name: str, *_: object) -> None:
        self.names[name] = (self.package / READ).exists()

    def write_run_file(self) -> None: ...


def start(folder: Path, monkeypatch: pytest.MonkeyPatch, **chosen: Any) -> tuple[Started, list[str]]:
    """`up` starts its processes on a database that has its city: as after a restore onto an empty machine."""
    built: list[str] = []

    def build(command: list[str], *_: object) -> None:
        built.append(command[2])
        (Path(command[-1]) / READ).write_text("{}")

    monkeypatch.setattr("app.services.cities.run_program", build)
    options = UpOptions(**{"port": 0, "city": "demo", "devices": True, "fresh": False, **chosen})
    up = Up(Settings(state_dir=folder, database_url="postgresql://x", mqtt_url="mqtt://x"), options, lambda _: None)
    started = Started(up.package())
    up._start_processes(cast(Supervisor, started), cast(Any, {}))
    return started, built


def test_restored_demo_city_gets_its_package_before_its_devices_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, built = start(tmp_path, monkeypatch)
    assert built == ["demo.city"]
    assert started.names[DEVICES]


def test_package_that_is_there_is_not_built_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert start(tmp_path, monkeypatch)[1] == ["demo.city"]
    assert start(tmp_path, monkeypatch)[1] == []


@pytest.mark.parametrize("chosen", [{"devices": False}, {"city": "none"}, {"city": "helsinki"}])
def test_who_has_no_devices_needs_none(chosen: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started, built = start(tmp_path, monkeypatch, **chosen)
    assert built == []
    assert DEVICES not in started.names
