"""A layer, or an analysis, becomes a file (`python -m app.files.outgoing`; app.files.line is the other end)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from app.files.line import Told, scope_of, serve
from core.db import make_engine
from core.settings import load_settings


def main() -> None:
    """Asked `{layer, path, datum, scope, filter, bbox}`, or `{analysis, path, scope}`; answers how many rows are
    written."""

    def work(asked: dict[str, Any], _: Told) -> int:
        scope = scope_of(asked["scope"])
        engine = make_engine(load_settings(), pool_size=1, name="onemap export")
        with engine.begin() as conn:
            if "analysis" in asked:
                from app.analysis.files import write_told  # a table needs less than a layer does

                return write_told(conn, asked["analysis"], Path(asked["path"]), scope)
            from layers.exports import export
            from layers.ogc.collections import collection
            from layers.ogc.query import read_wanted

            one = collection(conn, asked["layer"], scope)
            wanted = read_wanted(asked["filter"], asked["bbox"])
            return export(conn, one, Path(asked["path"]), asked["datum"], scope, wanted)

    serve(work)


if __name__ == "__main__":
    main()
