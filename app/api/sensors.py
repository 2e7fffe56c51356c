"""/api/sensors"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import Field, StringConstraints
from typing_extensions import TypedDict

from alerts.limits import INDEX, read_limits, read_measures
from alerts.rules.offers import Offer, keep_limits, offers
from app.api.shapes import Limit, Moment, Name, page
from app.deps import Conn, Now, PartsDep, Who
from app.seeing import as_seen, need_own, need_seen
from app.series import read_index
from core.catalogue.nouns import Kind
from core.crs import Datum, to_wgs84
from core.errors import InputError
from core.faults import expects
from core.given import Given
from core.nouns import Page
from core.scope import Classification
from core.types import LonLat
from core.viewer import Permission
from core.vocabulary import table
from ingest.admin.devices import Registration, accept_sensor, retire_sensor
from ingest.described import source_of
from layers.sensors import SERIES_AT_MOST, Sensor, Series, need_sensor, read_sensors, read_series_page, read_sliding

router = APIRouter(prefix="/api/sensors", tags=["sensors"])
DEFAULT_SPAN = timedelta(hours=6)
STEP_S = 60.0


AIR = frozenset({"pm25", "pm10", "aqi", "o3", "no2", "so2", "co"})
MetricId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,64}$")]
LevelKey = Annotated[str, StringConstraints(pattern="^[1-4]$")]
LimitValue = Annotated[float, Field(allow_inf_nan=False)]


def guess_kind(metrics: Iterable[str]) -> str:
    """The kind that metrics speak for, where one is named like a metric or they are those of the air; "" where none
    is."""
    named = set(metrics)
    if AIR & named:
        return "air_quality"
    found = next((kind for kind in table("sensor_kinds") if kind in named), "")
    return found or ("manhole" if "tilt" in named else "")


class Retired(TypedDict):
    id: str
    status: str


class AcceptIn(Given):
    """Where and what a device is; the position in `datum`."""

    kind: str = Field(max_length=64)
    name_zh: str | None = Field(None, min_length=1, max_length=200)
    name_en: str | None = Field(None, min_length=1, max_length=200)
    lon: float = Field(ge=-180, le=180)
    lat: float = Field(ge=-90, le=90)
    datum: Datum = Datum.WGS84
    interval_s: float | None = Field(None, gt=0, allow_inf_nan=False)
    district: str | None = Field(None, pattern=r"^\d{6}$")
    classification: Classification | None = None
    thresholds: dict[MetricId, dict[LevelKey, LimitValue]] = Field(
        {}, max_length=64, description="limits of its own: metric -> level 1 to 4 -> limit"
    )


class Offered(TypedDict):
    """What may be said of a device: the kind that all its metrics speak for, and the rules that would watch it as
    `kind`."""

    kind: str
    guess: str
    metrics: list[str]
    rules: list[Offer]


@router.get("")
def list_sensors(
    conn: Conn, who: Who, kind: Name = None, status: Name = None, cursor: Name = None, limit: Limit = 1000
) -> Page[Sensor]:
    """By id, with the source each was first heard through, and when."""
    found = read_sensors(
        conn, read_limits(conn), kind=kind, status=status, after=cursor, most=limit + 1, scope=who.scope
    )
    return page([as_seen(who, "sensor", one) for one in found], limit)


@router.get("/{sensor_id}")
def get_sensor(conn: Conn, who: Who, sensor_id: str) -> Sensor:
    return need_seen(who, "sensor", read_sensors(conn, read_limits(conn), ids=[sensor_id]), sensor_id)


@router.get("/{sensor_id}/offer")
def get_offer(conn: Conn, who: Who, sensor_id: str, kind: Name = None) -> Offered:
    """What a device could be accepted as, by everything heard of it since it first spoke; `kind`: another than that."""
    who.require(Permission.SOURCE_READ)
    sensor = get_sensor(conn, who, sensor_id)
    guess = guess_kind(sensor["values"])
    asked = kind or guess
    rules = offers(conn, asked, sensor["values"], sensor["attributes"]) if asked else []
    return {"kind": asked, "guess": guess, "metrics": sorted(sensor["values"]), "rules": rules}


@router.post("/{sensor_id}/accept")
def post_accept(conn: Conn, who: Who, now: Now, sensor_id: str, body: AcceptIn) -> Sensor:
    """Take a pending or retired device into use; rules judge it from its next reading on. Limits of its own are judged
    too: where no rule reads them for its kind, one is added. 409 where it is in use."""
    who.require(Permission.SENSOR_MANAGE)
    where = to_wgs84(LonLat(body.lon, body.lat), body.datum)
    if body.thresholds:
        # a rule may be added for them
        who.require(Permission.RULE_MANAGE)
    need_sensor(conn, sensor_id, who.scope)
    if body.classification is not None:
        need_own(who, body.classification)
    told = Registration(
        body.kind,
        where,
        body.name_zh,
        body.name_en,
        body.interval_s,
        body.district,
        body.thresholds,
        body.classification,
    )
    accept_sensor(conn, sensor_id, told, who.username, now)
    accepted = get_sensor(conn, who, sensor_id)
    keep_limits(conn, body.kind, accepted["attributes"], body.thresholds, who.username, now)
    return get_sensor(conn, who, sensor_id)


@router.post("/{sensor_id}/retire")
def post_retire(conn: Conn, who: Who, now: Now, sensor_id: str) -> Retired:
    """Take a sensor out of use: what it sends is stored and not judged. 409 where it is out of use already."""
    who.require(Permission.SENSOR_MANAGE)
    need_sensor(conn, sensor_id, who.scope)
    retire_sensor(conn, sensor_id, who.username, now)
    return {"id": sensor_id, "status": "retired"}


def count_use(conn: Conn, who: Who, parts: PartsDep, sensor_id: str) -> None:
    """Whose series are asked for is used (the resource catalogue)."""
    source = source_of(conn, sensor_id)
    if source:
        parts.uses.add(Kind.SOURCE, source, "series", who.username)


@router.get("/{sensor_id}/observations", dependencies=[Depends(count_use)])
def get_observations(
    conn: Conn,
    who: Who,
    now: Now,
    sensor_id: str,
    metric: str | None = None,
    start: Annotated[Moment, Query(alias="from")] = None,
    end: Annotated[Moment, Query(alias="to")] = None,
    every: Annotated[float | None, Query(ge=1, le=31_622_400, allow_inf_nan=False)] = None,
    function: Literal["sum", "mean", "max", "index"] | None = None,
    window: Annotated[float | None, Query(ge=1, le=31_622_400, allow_inf_nan=False)] = None,
    cursor: Moment = None,
    limit: Annotated[int, Query(ge=1, le=SERIES_AT_MOST)] = SERIES_AT_MOST,
) -> Series:
    """A series, the last six hours by default; `every` in seconds gives means with minimum and maximum. `function` and
    `window` in seconds give what a rule judges: the sum, mean or max in the window that ends with each step of `every`
    (60 s by default, of which the window has 1 to 1440), with the limits of that window; `index`, of an index that is
    made of several metrics, with the longest of their windows. With a cursor give `from` and
    `to` again: by default they are moments of now."""
    sensor = get_sensor(conn, who, sensor_id)
    chosen = metric or next(iter([*sensor["metrics"], *sensor["values"]]), None)
    if chosen is None:
        raise InputError("metric: this sensor has none yet", field="metric", about=expects("metric", "no_metric"))
    until = end or now + timedelta(minutes=5)
    since = start or until - DEFAULT_SPAN
    if since >= until:
        raise InputError(
            "from: expected a moment before `to`", field="from", about=expects("from", "before_other", other="to")
        )
    newest = sensor["values"].get(chosen)
    unit = (newest["unit"] if newest else None) or table("metrics").get(chosen, {}).get("unit")
    if (function is None) != (window is None):
        raise InputError(
            "window: expected together with function",
            field="window",
            about=expects("window", "together", other="function"),
        )
    limits = sensor["thresholds"].get(chosen, {})
    if function is not None and window is not None:
        measures = read_measures(conn, sensor_id, sensor["kind"], sensor["thresholds"], sensor["attributes"])
        own = [m for m in measures if (m["metric"], m["function"], m["window_s"]) == (chosen, function, window)]
        limits = {level: limit for m in own for level, limit in m["thresholds"].items()}
        step = every or STEP_S
        # what is to come is in no window yet
        until = min(until, now)
        if function == INDEX:
            if not own:
                raise InputError(
                    f"metric: no rule makes an index {chosen!r} of this window here",
                    field="metric",
                    about=expects("metric", "no_index", name=str(chosen)),
                )
            items, last = read_index(conn, sensor_id, own[0]["rule"], since, until, step, after=cursor, most=limit)
        else:
            items, last = read_sliding(
                conn, sensor_id, chosen, since, until, step, function, window, after=cursor, most=limit
            )
    else:
        items, last = read_series_page(conn, sensor_id, chosen, since, until, every, after=cursor, most=limit)
    return {
        "sensor": sensor_id,
        "metric": chosen,
        "unit": unit,
        "function": function,
        "window_s": window,
        "thresholds": limits,
        "items": items,
        "next": last.isoformat().replace("+00:00", "Z") if last else None,
    }
