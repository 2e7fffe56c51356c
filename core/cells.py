"""The H3 cells of the city: risk and coverage speak of the same ones."""

from __future__ import annotations

import json

import h3
from sqlalchemy import Connection, text


def city_cells(conn: Connection, resolution: int) -> list[str]:
    """The cells that cover the city's extent, in order; none where there is no city yet."""
    shape = conn.scalar(text("SELECT ST_AsGeoJSON(ST_Envelope(extent)) FROM city"))
    return sorted(h3.geo_to_cells(json.loads(shape), resolution)) if shape else []
