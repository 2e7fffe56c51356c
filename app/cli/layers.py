"""Verbs for layers: `import FILE` brings a file in as a layer of the city's own, `layers` lists, gives away and removes
them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any


def later(name: str) -> Callable[[argparse.Namespace], int]:
    """A function of app.cli.layer_acts: what reads files of all kinds is loaded where it is needed and no sooner."""

    def run(options: argparse.Namespace) -> int:
        return int(getattr(import_module("app.cli.layer_acts"), name)(options))

    return run


def add_import(kinds: Any) -> None:
    """`import FILE`: the subcommand that stands for every word that is none of the others (app.cli)."""
    file = kinds.add_parser("file", help="a file as a layer of the city's own (also: import FILE)")
    file.add_argument(
        "path", type=Path, help="GeoPackage, shapefile, GeoJSON, KML, FileGDB, CSV, XLSX, OSM, DXF; zipped"
    )
    file.add_argument("--layer", help="the layer's id (default: by the file's name), or assets, facilities, …")
    file.add_argument("--title", help="what it is called in Chinese (default: the file's name)")
    file.add_argument("--title-en", help="and in English")
    file.add_argument("--table", help="which table, where the file has several")
    file.add_argument("--datum", help="WGS84, CGCS2000, GCJ-02, BD-09, EPSG:n (default: what the file says)")
    file.add_argument("--encoding", help="utf-8, gbk … (default: found)")
    file.add_argument("--zone", help="IANA zone of times that say none (default: the city's)")
    file.add_argument("--key", help="the column that names the rows (default: found)")
    file.add_argument("--classification", type=int, choices=(0, 1, 2), help="0 open, 1 internal, 2 secret")
    file.add_argument("--remove-gone", action="store_true", help="remove rows that the file has not any more")
    file.add_argument("--anywhere", action="store_true", help="keep rows far from the city")
    file.add_argument(
        "--dry-run", action="store_true", help="read all of it, show what would become of it, keep nothing"
    )
    file.add_argument("--refused", type=Path, help="write rows that are refused into this CSV")
    file.add_argument("--json", action="store_true", help="the outcome as JSON")
    file.set_defaults(run=later("import_file"))


def add_verbs(verbs: Any) -> None:
    layers = verbs.add_parser("layers", help="export any layer; list and remove the city's own")
    acts = layers.add_subparsers(dest="act", required=True, metavar="ACT")
    acts.add_parser("list", help="the city's own layers").set_defaults(run=later("list_"))
    out = acts.add_parser("export", help="a layer, ours or the city's own, as a file")
    out.add_argument("layer", help="assets, facilities, districts … or one of the city's own")
    out.add_argument(
        "path", type=Path, help="its ending says the format: gpkg, geojson, csv, xlsx, zip (shapefile), kml"
    )
    out.add_argument("--datum", default="WGS84", help="WGS84, CGCS2000, GCJ-02, BD-09, EPSG:n")
    out.add_argument("--filter", help="CQL2 text, as at /ogc: state = 'damaged' AND installed < DATE('2020-01-01')")
    out.add_argument("--bbox", help="west,south,east,north in WGS84")
    out.set_defaults(run=later("export_"))
    gone = acts.add_parser("remove", help="a layer with all its rows")
    gone.add_argument("layer")
    gone.set_defaults(run=later("remove"))
