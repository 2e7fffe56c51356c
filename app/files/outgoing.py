"""A layer of the city's own becomes a file (`python -m app.files.outgoing`; app.files.line is the other end)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from app.files.line import Told, scope_of, serve
from core.db import make_engine
from core.settings import load_settings
from layers.exports import export
from layers.own import need_layer


def main() -> None:
    """Asked `{layer, path, datum, scope}`; answers how many rows are written."""

    def work(asked: dict[str, Any], _: Told) -> int:
        scope = scope_of(asked["scope"])
        engine = make_engine(load_settings(), pool_size=1, name="onemap export")
        with engine.begin() as conn:
            layer = need_layer(conn, asked["layer"], scope)
            return export(conn, layer, Path(asked["path"]), asked["datum"], scope)

    serve(work)


if __name__ == "__main__":
    main()
