"""The card of one thing, read in one pass: the thing, what to do next, whom to send, what is around, its log. Changes
nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from alerts import log as alarm_log
from alerts.deliveries.kept import read_told
from alerts.judged import read_judged
from alerts.limits import Measure, read_limits, read_measures
from alerts.present import Alarm, read_alarms
from alerts.rules.editing import rule_names
from alerts.together import Together, read_together
from alerts.warnings import read_chain, read_warning
from app.asking import Asking
from app.cards import acts, steps
from app.cards.around import UNITS, able_units, look_around
from app.cards.nouns import (
    AlarmCard,
    AssetCard,
    CameraCard,
    Card,
    CardParts,
    FacilityCard,
    IncidentCard,
    NextStep,
    RowCard,
    SensorCard,
    UnitCard,
    VideoEventCard,
    WarningCard,
)
from app.cards.people import named_in, read_names
from app.seeing import as_seen, need_seen, only_seen
from core.errors import InputError, NotFound
from core.faults import expects, listed
from core.i18n import say
from core.nouns import LogLine
from core.readings import place_and_what
from core.types import Level, LonLat, place_of
from core.viewer import Permission
from core.vocabulary import DONE_INCIDENT, Text, label, needs_of, table
from dispatch import log as incident_log
from dispatch.present import Incident, find_open_incident, read_incidents, read_near_incidents, read_units
from dispatch.routes import read_routes
from dispatch.units import read_missing
from layers import row_history, rows
from layers.assets import read_asset, read_history, told
from layers.columns import columns_of
from layers.own import RowObject, read_row
from layers.registers import district_names, read_facility
from layers.sensors import Sensor, read_sensors
from layers.video import read_camera, read_video_event

Thing = Mapping[str, Any]
SAME_PLACE_M = 1000.0


def read_card(asking: Asking, kind: str, identity: str) -> Card:
    """NotFound where it is not there or not for this person to see, InputError for a kind that has no cards."""
    reader = READERS.get(kind)
    if reader is None:
        raise InputError(
            f"type: expected one of {', '.join(READERS)}; got {kind!r}",
            field="type",
            about=expects("type", "one_of", expected=listed(list(READERS))),
        )
    card = reader(asking, identity)
    card["people"] = read_names(asking.conn, named_in(card))
    return card


def parts_of(asking: Asking, kind: str, thing: Thing, title: Text, source: Text, identity: str) -> CardParts:
    """What every card has, as it is where there is nothing more to say of the thing."""
    need_seen(asking.viewer, kind, [thing], identity)
    return {
        "id": identity,
        "title": title,
        "district_names": district_names(asking.conn, thing.get("district")),
        "next": None,
        "recommendations": [],
        "acts": [],
        "around": None,
        "log": [],
        "people": {},
        "source": source,
    }


def _uuid(value: str) -> UUID:
    try:
        return UUID(value)
    except ValueError as exc:
        raise NotFound(f"there is no {value!r}") from exc


def alarm_card(asking: Asking, identity: str) -> AlarmCard:
    alarm = next(iter(read_alarms(asking.conn, [_uuid(identity)])), None)
    if alarm is None:
        raise NotFound(f"there is no alarm {identity}")
    alarm = as_seen(asking.viewer, "alarm", alarm)
    title = place_and_what(alarm["names"], label("alarm_kinds", alarm["kind"]))
    source = say("source.rule", rule=rule_names(asking.conn, alarm["rule"]), thing=alarm["names"])
    where = place_of(alarm)
    kind = table("alarm_kinds").get(alarm["kind"], {}).get("incident_kind")
    level = alarm["level"]
    near_by = look_around(asking, where, kind, level, able_units(asking, where, needs_of(kind or "other", level)))
    card: AlarmCard = {
        **parts_of(asking, "alarm", alarm, title, source, identity),
        "type": "alarm",
        "object": {**alarm, "incident": seen_incident(asking, alarm["incident"])},
        "risk": near_by.told(alarm["risk"]) if near_by else alarm["risk"],
        "judged": next(iter(read_judged(asking.conn, asking.now, [alarm["id"]])), None),
        "measures": measures(asking, alarm["thing"]["id"]) if alarm["thing"]["type"] == "sensor" else [],
        "together": together(asking, alarm),
        "told": read_told(asking.conn, identity) if asking.viewer.may(Permission.ALARM_ACKNOWLEDGE) else [],
        "acts": acts.allowed(
            acts.for_alarm(alarm, near(asking, where), asking.viewer.username), asking.viewer.permissions
        ),
        "around": near_by.around if near_by else None,
        "log": alarm_log.read(asking.conn, _uuid(identity)),
    }
    card["next"] = allowed(asking, steps.for_alarm(alarm))
    return card


def incident_card(asking: Asking, identity: str) -> IncidentCard:
    incident = next(iter(read_incidents(asking.conn, [_uuid(identity)])), None)
    if incident is None:
        raise NotFound(f"there is no incident {identity}")
    incident = as_seen(asking.viewer, "incident", incident)
    source = say("source.channel", channel=label("channels", incident["channel"]))
    parts = parts_of(asking, "incident", incident, incident["titles"], source, identity)
    where = place_of(incident)
    needed, missing = needs_of(incident["kind"], incident["level"]), read_missing(asking.conn, incident)
    able = able_units(asking, where, needed, missing)
    units = [unit for unit in able if unit["capabilities"]][:UNITS]
    near_by = look_around(asking, where, incident["kind"], incident["level"], able)
    log: list[LogLine] = [
        {"time": entry["time"], "who": entry["who"], "text": entry["text"]}
        for entry in incident_log.read(asking.conn, _uuid(identity))
    ]
    alarms = only_seen(asking.viewer, "alarm", read_alarms(asking.conn, [UUID(one) for one in incident["alarms"]]))
    incident = {**incident, "alarms": [alarm["id"] for alarm in alarms]}
    card: IncidentCard = {
        **parts,
        "type": "incident",
        "object": incident,
        "risk": near_by.told(incident["risk"]) if near_by else incident["risk"],
        "needed": list(needed),
        "missing": list(missing),
        "arrivals": arrivals(asking, incident),
        "alarms": alarms,
        "judged": read_judged(asking.conn, asking.now, incident["alarms"]) if incident["alarms"] else [],
        "rise": steps.rise(incident, alarms),
        "acts": acts.allowed(acts.for_incident(incident, near(asking, where, identity)), asking.viewer.permissions),
        "recommendations": [] if incident["status"] in DONE_INCIDENT else units,
        "around": near_by.around if near_by else None,
        "log": log,
    }
    card["next"] = allowed(asking, steps.for_incident(incident, units, missing))
    return card


def arrivals(asking: Asking, incident: Incident) -> dict[str, str]:
    """When each unit that is on the way will be there."""
    graph = asking.parts.road_graph(asking.conn)
    routes = read_routes(asking.conn, graph, incident, asking.now, asking.viewer.scope)
    return {route["id"]: route["properties"]["arrives_at"] for route in routes}


def near(asking: Asking, where: LonLat | None, but: str = "") -> list[Incident]:
    """Open incidents that may be of the same place."""
    return read_near_incidents(asking.conn, where, SAME_PLACE_M, but, asking.viewer.scope) if where else []


def together(asking: Asking, alarm: Alarm) -> Together | None:
    """What lies together, of its members those that who asks sees."""
    found = read_together(asking.conn, alarm, asking.now)
    if found is None:
        return None
    ids = {kind: [UUID(one["id"]) for one in found["members"] if one["type"] == kind] for kind in ("incident", "alarm")}
    seen = {one["id"] for one in only_seen(asking.viewer, "incident", read_incidents(asking.conn, ids["incident"]))}
    seen |= {one["id"] for one in only_seen(asking.viewer, "alarm", read_alarms(asking.conn, ids["alarm"]))}
    return {**found, "members": [one for one in found["members"] if one["id"] in seen]}


def seen_incident(asking: Asking, identity: str | None) -> str | None:
    """The id of an incident that is one to be seen."""
    if identity is None:
        return None
    found = only_seen(asking.viewer, "incident", read_incidents(asking.conn, [UUID(identity)]))
    return identity if found else None


def unit_card(asking: Asking, identity: str) -> UnitCard:
    unit = next(iter(read_units(asking.conn, [identity])), None)
    if unit is None:
        raise NotFound(f"there is no unit {identity!r}")
    return {
        **parts_of(asking, "unit", unit, unit["names"], say("source.unit"), identity),
        "type": "unit",
        "object": {**unit, "incident": seen_incident(asking, unit["incident"])},
        "acts": acts.allowed(acts.for_unit(unit), asking.viewer.permissions),
        "log": incident_log.read_of_unit(asking.conn, identity, asking.viewer.scope),
    }


def sensor_card(asking: Asking, identity: str) -> SensorCard:
    sensor = next(iter(read_sensors(asking.conn, read_limits(asking.conn), ids=[identity])), None)
    if sensor is None:
        raise NotFound(f"there is no sensor {identity!r}")
    sensor = as_seen(asking.viewer, "sensor", sensor)
    parts = parts_of(asking, "sensor", sensor, sensor["names"], say("source.sensor", name=sensor["names"]), identity)
    named = acts.allowed([acts.for_name("sensor", identity, sensor["names"])], asking.viewer.permissions)
    return {**parts, "type": "sensor", "object": sensor, "measures": measures_of_sensor(asking, sensor), "acts": named}


def measures(asking: Asking, sensor_id: str) -> list[Measure]:
    found = read_sensors(asking.conn, read_limits(asking.conn), ids=[sensor_id])
    return measures_of_sensor(asking, found[0]) if found else []


def measures_of_sensor(asking: Asking, sensor: Sensor) -> list[Measure]:
    return read_measures(asking.conn, sensor["id"], sensor["kind"], sensor["thresholds"], sensor["attributes"])


def camera_card(asking: Asking, identity: str) -> CameraCard:
    camera = read_camera(asking.conn, identity, asking.now)
    parts = parts_of(asking, "camera", camera, camera["names"], say("source.camera", name=camera["names"]), identity)
    named = acts.allowed([acts.for_name("camera", identity, camera["names"])], asking.viewer.permissions)
    return {**parts, "type": "camera", "object": camera, "acts": named}


def video_event_card(asking: Asking, identity: str) -> VideoEventCard:
    camera, _, event = identity.partition("/")
    seen = read_video_event(asking.conn, camera, event)
    where = place_of(seen)
    guess = table("video_kinds").get(seen["kind"], {}).get("incident_kind")
    # somebody may deal with it already
    scope = asking.viewer.scope
    incident = find_open_incident(asking.conn, where, guess, scope) if guess and where else None
    title = both(seen["names"], seen["camera_names"])
    urgency = table("incident_kinds").get(guess or "other", {}).get("level", Level.IV)
    near_by = look_around(asking, where, guess, urgency, able_units(asking, where, needs_of(guess or "other", urgency)))
    card: VideoEventCard = {
        **parts_of(asking, "video_event", seen, title, say("source.camera", name=seen["camera_names"]), identity),
        "type": "video_event",
        "object": seen,
        "incident": incident,
        "around": near_by.around if near_by else None,
    }
    card["next"] = allowed(asking, steps.for_video_event(seen, guess, incident))
    return card


def warning_card(asking: Asking, identity: str) -> WarningCard:
    warning = read_warning(asking.conn, identity, asking.now)
    source = say("source.warning", sender=warning["sender_name"] or warning["sender"], identifier=warning["identifier"])
    return {
        **parts_of(asking, "warning", warning, warning["names"], source, identity),
        "type": "warning",
        "object": warning,
        "log": read_chain(asking.conn, warning, asking.now),
    }


def facility_card(asking: Asking, identity: str) -> FacilityCard:
    facility = read_facility(asking.conn, identity)
    parts = parts_of(asking, "facility", facility, facility["names"], say("source.register"), identity)
    return {**parts, "type": "facility", "object": facility}


def asset_card(asking: Asking, identity: str) -> AssetCard:
    asset = read_asset(asking.conn, identity)
    parts = parts_of(asking, "asset", asset, asset["names"], say("source.register"), identity)
    history = read_history(asking.conn, identity)
    return {
        **parts,
        "type": "asset",
        "object": asset,
        "acts": acts.allowed(acts.for_asset(asset, history), asking.viewer.permissions),
        "log": [told(event) for event in history],
    }


def row_card(asking: Asking, identity: str) -> RowCard:
    row = row_or_removed(asking, identity)
    parts = parts_of(asking, "row", row, row["names"], say("source.layer", layer=row["layer_title"]), identity)
    scope = asking.viewer.scope
    history = rows.read_history(asking.conn, row["layer"], identity.rpartition("/")[2], scope)
    # who does not see the whole of a layer does not change it
    mine = acts.for_row(row, history) if scope.districts is None else []
    columns = columns_of(row["columns"])
    return {
        **parts,
        "type": "row",
        "object": row,
        "acts": acts.allowed(mine, asking.viewer.permissions),
        "log": [row_history.told(event, columns) for event in history],
    }


def row_or_removed(asking: Asking, identity: str) -> RowObject:
    """Who may bring it back sees what was removed as it was."""
    try:
        return read_row(asking.conn, identity, asking.viewer.scope)
    except NotFound:
        if not asking.viewer.may(Permission.LAYER_EDIT):
            raise
        return rows.read_removed(asking.conn, identity, asking.viewer.scope)


# by the action of a step (app/cards/steps.py)
NEEDS = {
    "create_incident": Permission.INCIDENT_EDIT,
    "acknowledge": Permission.ALARM_ACKNOWLEDGE,
    "assign": Permission.UNIT_ASSIGN,
    "status": Permission.INCIDENT_EDIT,
    "none": Permission.UNIT_ASSIGN,
}


def allowed(asking: Asking, step: NextStep | None) -> NextStep | None:
    """The step where this person may take it; nobody is told to do what they may not."""
    return step if step and asking.viewer.may(NEEDS[step["action"]]) else None


def both(first: Text, second: Text) -> Text:
    return {lang: f"{first[lang]} · {second[lang]}" for lang in ("zh", "en")}


READERS: Mapping[str, Callable[[Asking, str], Card]] = {
    "alarm": alarm_card,
    "incident": incident_card,
    "unit": unit_card,
    "sensor": sensor_card,
    "camera": camera_card,
    "video_event": video_event_card,
    "warning": warning_card,
    "facility": facility_card,
    "asset": asset_card,
    "row": row_card,
}
