"""The city as one object."""

from __future__ import annotations

from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from core.vocabulary import Text

_CITY = text("""
SELECT code, name_zh, name_en, timezone, simulated, ST_X(center) AS lon, ST_Y(center) AS lat, ST_XMin(extent) AS w,
  ST_YMin(extent) AS s, ST_XMax(extent) AS e, ST_YMax(extent) AS n FROM city
""")


class City(TypedDict):
    """Which city this is; `center` [lon, lat], `bbox` [west, south, east, north]."""

    code: str | None
    name: Text
    timezone: str
    center: list[float] | None
    bbox: list[float] | None
    simulated: bool


def read_district_names(conn: Connection) -> dict[str, Text]:
    """What districts are called, by their codes."""
    rows = conn.execute(text("SELECT code, name_zh, name_en FROM district ORDER BY code"))
    return {row.code: {"zh": row.name_zh, "en": row.name_en} for row in rows}


def read_city(conn: Connection) -> City:
    """Which city this is; without code, center and box where none is loaded."""
    row = conn.execute(_CITY).one_or_none()
    if row is None:
        nothing = {"zh": "", "en": ""}
        return {"code": None, "name": nothing, "timezone": "UTC", "center": None, "bbox": None, "simulated": False}
    return {
        "code": row.code,
        "name": {"zh": row.name_zh, "en": row.name_en},
        "timezone": row.timezone,
        "center": [row.lon, row.lat],
        "bbox": [row.w, row.s, row.e, row.n],
        "simulated": row.simulated,
    }
