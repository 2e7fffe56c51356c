"""The whole picture, now or as it was: the same objects made by the same code, from what is live or from the
histories."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection
from typing_extensions import TypedDict

from alerts.limits import read_limits
from alerts.present import Alarm, RiskCell, read_cells, read_open_alarms
from alerts.warnings import Warning, read_warnings
from app.seeing import only_seen
from core.clock import rfc3339
from core.history import known_since
from core.viewer import Viewer
from dispatch.present import Incident, Unit, read_incidents, read_incidents_at, read_units, read_units_at
from layers.sensors import Sensor, read_sensors, read_sensors_at
from layers.video import VideoEvent, read_shown_events, read_shown_events_at


class Picture(TypedDict):
    """Everything that is live, at a moment; `known_since`: of the time before, null means that nobody wrote it down."""

    at: str
    live: bool
    known_since: str
    alarms: list[Alarm]
    incidents: list[Incident]
    units: list[Unit]
    sensors: list[Sensor]
    video_events: list[VideoEvent]
    warnings: list[Warning]
    risk_cells: list[RiskCell]


def read_now(conn: Connection, now: datetime) -> Picture:
    return {
        "at": rfc3339(now),
        "live": True,
        "known_since": rfc3339(known_since(conn)),
        "alarms": read_open_alarms(conn),
        "incidents": read_incidents(conn),
        "units": read_units(conn),
        "sensors": read_sensors(conn, read_limits(conn)),
        "video_events": read_shown_events(conn, now),
        "warnings": read_warnings(conn, now),
        "risk_cells": read_cells(conn),
    }


def read_past(conn: Connection, at: datetime) -> Picture:
    """As it was at `at`. Of the time before `known_since` some fields are null: nobody wrote them down."""
    alarms = read_open_alarms(conn, at)
    return {
        "at": rfc3339(at),
        "live": False,
        "known_since": rfc3339(known_since(conn)),
        "alarms": alarms,
        "incidents": read_incidents_at(conn, at),
        "units": read_units_at(conn, at),
        "sensors": read_sensors_at(conn, read_limits(conn, at), worst_levels(alarms), at),
        "video_events": read_shown_events_at(conn, at),
        "warnings": read_warnings(conn, at),
        "risk_cells": read_cells(conn, at=at),
    }


def worst_levels(alarms: list[Alarm]) -> dict[str, int]:
    """Sensor -> the worst level of its alarms whose condition holds."""
    levels: dict[str, int] = {}
    for alarm in alarms:
        if alarm["active"] and alarm["thing"]["type"] == "sensor":
            name = alarm["thing"]["id"]
            levels[name] = min(alarm["level"], levels.get(name, alarm["level"]))
    return levels


def only_of(viewer: Viewer, whole: Picture) -> Picture:
    """What this person may see of a picture."""
    return {
        **whole,
        "alarms": only_seen(viewer, "alarm", whole["alarms"]),
        "incidents": only_seen(viewer, "incident", whole["incidents"]),
        "units": only_seen(viewer, "unit", whole["units"]),
        "sensors": only_seen(viewer, "sensor", whole["sensors"]),
        "video_events": only_seen(viewer, "video_event", whole["video_events"]),
        "warnings": only_seen(viewer, "warning", whole["warnings"]),
        "risk_cells": only_seen(viewer, "risk_cell", whole["risk_cells"]),
    }
