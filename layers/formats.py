"""The formats in which a layer goes out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from core.errors import InputError
from core.faults import expects, listed

# ending -> driver of GDAL; what is written here has none
FORMATS: Mapping[str, str | None] = {
    "gpkg": "GPKG",
    "geojson": "GeoJSON",
    "csv": None,
    "xlsx": "XLSX",
    "zip": "ESRI Shapefile",
    "kml": "KML",
}
MEDIA: Mapping[str, str] = {
    "gpkg": "application/geopackage+sqlite3",
    "geojson": "application/geo+json",
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "zip": "application/zip",
    "kml": "application/vnd.google-earth.kml+xml",
}


def format_of(path: Path) -> str:
    """By the ending of a file's name."""
    ending = path.suffix.lower().removeprefix(".")
    if ending not in FORMATS:
        raise InputError(
            f"format: expected one of {', '.join(FORMATS)}; got {ending!r}",
            field="format",
            about=expects("format", "one_of", expected=listed(list(FORMATS))),
        )
    return ending
