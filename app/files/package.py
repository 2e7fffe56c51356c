"""The layers of a city's own that come with its package: `own/layers.json` says of each its file and what is said of
it.

    [{"file": "parks.geojsonl", "given": {"layer": "parks", ...}, "style": {...}, "visible": false}]

`given` is what `POST /api/layers/files/{id}/load` takes, `style` what `PATCH /api/layers/{id}` does.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from pydantic import Field, ValidationError
from sqlalchemy import Connection

from app.files.incoming import run_import
from app.files.nouns import ImportIn, MappingIn
from core.catalogue.entries import EntryIn, read_entries, write_entry
from core.clock import utc_now
from core.db import make_engine
from core.errors import InputError, OneMapError
from core.faults import expects
from core.given import Given, as_input_error
from core.scope import EVERYTHING
from core.settings import load_settings
from core.viewer import Viewer
from layers.described import read_resources
from layers.own import need_layer
from layers.own_changes import LayerChange, change_layer
from layers.styles import StyleIn

FOLDER, LIST = "own", "layers.json"


class Said(EntryIn):
    """What the catalogue says of a layer that comes with the package."""

    version: int = Field(0, ge=0, le=0)


class Entry(Given):
    """A layer of the package; `catalogue` is what the resource catalogue says of it, where it says nothing yet."""

    file: str = Field(max_length=255, pattern=r"^[^/\\\\]+$")
    given: MappingIn
    style: StyleIn | None = None
    visible: bool = True
    catalogue: Said | None = None


def load_own(
    transaction: Callable[[], AbstractContextManager[Connection]],
    package: Path,
    who: str,
    told: Callable[[str, int], None],
) -> None:
    """`told(layer, rows)` after each. InputError names the layer at fault; those before it are in."""
    listed = package / FOLDER / LIST
    if not listed.exists():
        return
    viewer = Viewer(who, who, "admin", frozenset(), scope=EVERYTHING)
    try:
        said = json.loads(listed.read_text("utf-8"))
        if not isinstance(said, list):
            raise TypeError(f"got {type(said).__name__}")
        entries = [Entry.model_validate(one) for one in said]
    except ValidationError as exc:
        raise as_input_error(exc) from exc
    except (ValueError, TypeError) as exc:
        raise InputError(
            f"{LIST}: expected a list of layers: {exc}", field="file", about=expects("file", "list")
        ) from exc
    for entry in entries:
        given = ImportIn.model_validate({**entry.given.model_dump(), "name": entry.file})
        try:
            done = run_import(transaction, listed.parent / entry.file, given, who, "load")
        except InputError as exc:
            raise InputError(f"{entry.file}: {exc.message}", field=exc.field, about=exc.about) from exc
        layer = str(done["plan"]["layer"])
        with transaction() as conn:
            change = LayerChange(version=need_layer(conn, layer).version, style=entry.style, visible=entry.visible)
            change_layer(conn, layer, change, EVERYTHING, viewer, utc_now())
            [resource] = read_resources(conn, layer)
            if entry.catalogue and not read_entries(conn, resource.name):
                write_entry(conn, resource, entry.catalogue, viewer, utc_now())
        told(layer, done["figures"]["read"] - done["figures"]["refused"])


def main() -> None:
    """`python -m app.files.package PACKAGE`: a process of its own, for what reads files is heavy."""
    engine = make_engine(load_settings(), pool_size=1, name="onemap import")

    def told(layer: str, rows: int) -> None:
        sys.stdout.write(f"{layer}: {rows:,}\n")
        sys.stdout.flush()

    try:
        load_own(engine.begin, Path(sys.argv[1]), "import", told)
    except OneMapError as exc:
        sys.exit(exc.message)


if __name__ == "__main__":
    main()
