"""/api/sensors"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query

from alerts.limits import read_limits
from app.api.shapes import Moment
from app.deps import Conn, Now, Who
from core.errors import InputError, NotFound
from core.vocabulary import table
from layers.sensors import read_sensors, read_series

router = APIRouter(prefix="/api/sensors", tags=["sensors"])
DEFAULT_SPAN = timedelta(hours=6)


@router.get("")
def list_sensors(conn: Conn, who: Who, kind: str | None = None, status: str | None = None) -> dict[str, Any]:
    found = read_sensors(conn, read_limits(conn))
    return {"items": [s for s in found if kind in (None, s["kind"]) and status in (None, s["status"])], "next": None}


@router.get("/{sensor_id}")
def get_sensor(conn: Conn, who: Who, sensor_id: str) -> dict[str, Any]:
    found = read_sensors(conn, read_limits(conn), ids=[sensor_id])
    if not found:
        raise NotFound(f"there is no sensor {sensor_id!r}")
    return found[0]


@router.get("/{sensor_id}/observations")
def get_observations(
    conn: Conn, who: Who, now: Now, sensor_id: str, metric: str | None = None, start: Annotated[Moment, Query(alias="from")] = None,
    end: Annotated[Moment, Query(alias="to")] = None, every: Annotated[float | None, Query(gt=0)] = None,
) -> dict[str, Any]:  # fmt: skip
    """A series, the last six hours by default; `every` in seconds gives means with minimum and maximum."""
    sensor = get_sensor(conn, who, sensor_id)
    chosen = metric or next(iter([*sensor["metrics"], *sensor["values"]]), None)
    if chosen is None:
        raise InputError("metric: this sensor has none yet", field="metric")
    until = end or now + timedelta(minutes=5)
    since = start or until - DEFAULT_SPAN
    if since >= until:
        raise InputError("from: expected a moment before `to`", field="from")
    unit = sensor["values"].get(chosen, {}).get("unit") or table("metrics").get(chosen, {}).get("unit")
    items = read_series(conn, sensor_id, chosen, since, until, every)
    return {"sensor": sensor_id, "metric": chosen, "unit": unit, "thresholds": sensor["thresholds"].get(chosen, {}), "items": items, "next": None}  # fmt: skip
