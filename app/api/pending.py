"""/api/pending: what has spoken and nobody has registered, of whatever kind"""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import Field
from typing_extensions import TypedDict

from app.api.shapes import Limit, Name, page
from app.deps import Conn, Now, Who
from app.seeing import need_own
from core import audit
from core.crs import Datum, to_wgs84
from core.errors import InputError
from core.faults import expects
from core.given import Given
from core.nouns import Page
from core.scope import Classification
from core.types import LonLat
from core.viewer import Permission
from dispatch.present import Unit, read_units
from dispatch.units import UnitTold, register_unit
from ingest.admin import pending as book
from ingest.admin.pending import CameraTold, Kind, Pending, Status
from layers.video import CameraWhole, read_camera

router = APIRouter(prefix="/api/pending", tags=["pending"])
ThingName = Annotated[str, Path(pattern=r"^[A-Za-z0-9_.:-]{1,64}$")]
Title = Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")]


class UnitIn(Given):
    """What a unit is. `lon`, `lat` is where it stands while it has not said where it is, in `datum`; left out, its
    station's place where that is a facility."""

    kind: str = Field(max_length=64)
    name_zh: Title
    name_en: Title
    capabilities: list[Annotated[str, Field(max_length=64)]] = Field([], max_length=64)
    station: str | None = Field(None, min_length=1, max_length=200)
    lon: float | None = Field(None, ge=-180, le=180)
    lat: float | None = Field(None, ge=-90, le=90)
    datum: Datum = Datum.WGS84


class CameraIn(Given):
    """Where and what a camera is; degrees clockwise from north, the position in `datum`."""

    name_zh: Title
    name_en: Title
    lon: float = Field(ge=-180, le=180)
    lat: float = Field(ge=-90, le=90)
    datum: Datum = Datum.WGS84
    heading: float | None = Field(None, ge=0, lt=360, allow_inf_nan=False)
    fov: float | None = Field(None, gt=0, le=360, allow_inf_nan=False)
    district: str | None = Field(None, pattern=r"^\d{6}$")
    classification: Classification = Classification.OPEN


class RetiredThing(TypedDict):
    type: str
    name: str
    status: str


@router.get("")
def list_pending(
    conn: Conn,
    who: Who,
    type: Kind | None = None,
    status: Status = "pending",
    cursor: Name = None,
    limit: Limit = 100,
) -> Page[Pending]:
    """Sensors, units and cameras by their id; with `status=retired` those that somebody has put aside."""
    who.require(Permission.CITY_READ, Permission.SOURCE_READ)
    return page(book.list_pending(conn, type, status, cursor, limit + 1, who.scope), limit)


@router.get("/{kind}/{name}")
def get_pending(conn: Conn, who: Who, kind: Literal["unit", "camera"], name: ThingName) -> Pending:
    who.require(Permission.CITY_READ, Permission.SOURCE_READ)
    return book.read_thing(conn, kind, name, who.scope)


@router.post("/unit/{name}/accept")
def accept_unit(conn: Conn, who: Who, now: Now, name: ThingName, body: UnitIn) -> Unit:
    """Register a unit that has spoken: it is on the map with what it has sent before. 409 where it is registered."""
    who.require(Permission.SENSOR_MANAGE)
    book.read_thing(conn, "unit", name, who.scope)
    if (body.lon is None) != (body.lat is None):
        missing = "lon" if body.lon is None else "lat"
        raise InputError(
            f"{missing}: expected both lon and lat, or neither",
            field=missing,
            about=expects(missing, "together", other="lon, lat"),
        )
    home = to_wgs84(LonLat(body.lon, body.lat), body.datum) if body.lon is not None and body.lat is not None else None
    told = UnitTold(body.kind, body.name_zh, body.name_en, body.capabilities, body.station, home)
    register_unit(conn, name, told, who.username, now)
    book.settle(conn, "unit", name)
    audit.write(conn, who, "unit.accept", now, {"unit": name, "kind": body.kind})
    return read_units(conn, [name])[0]


@router.post("/camera/{name}/accept")
def accept_camera(conn: Conn, who: Who, now: Now, name: ThingName, body: CameraIn) -> CameraWhole:
    """Register a camera that has spoken: its events are on the map. 409 where it is registered."""
    who.require(Permission.SENSOR_MANAGE)
    book.read_thing(conn, "camera", name, who.scope)
    where = to_wgs84(LonLat(body.lon, body.lat), body.datum)
    told = CameraTold(
        body.name_zh, body.name_en, where, body.heading, body.fov, body.district, need_own(who, body.classification)
    )
    book.accept_camera(conn, name, told, who.username, now)
    return read_camera(conn, name, now)


@router.post("/{kind}/{name}/retire")
def retire(conn: Conn, who: Who, now: Now, kind: Literal["unit", "camera"], name: ThingName) -> RetiredThing:
    """Put a unit or camera aside: it is listed no more; what it sends is stored. 409 where it is so already."""
    who.require(Permission.SENSOR_MANAGE)
    book.read_thing(conn, kind, name, who.scope)
    book.retire_thing(conn, kind, name, who.username, now)
    return {"type": kind, "name": name, "status": "retired"}
