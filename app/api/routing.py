"""/api/routes, /api/inhibitions, /api/silences: which way alarms take to their receivers, and what keeps
them from it."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path

from alerts import routing
from alerts.explain import WayObject, explain_way
from alerts.present import read_alarms
from alerts.routing import (
    Inhibition,
    InhibitionChange,
    InhibitionIn,
    Route,
    RouteChange,
    RouteIn,
    Silence,
    SilenceIn,
)
from app.api.shapes import Limit, part
from app.deps import Conn, Now, Who
from app.seeing import RULES, need_seen
from core.errors import InputError
from core.i18n import say
from core.nouns import Page
from core.viewer import Permission, Viewer

router = APIRouter(tags=["routing"])
Id = Annotated[str, Path(min_length=1, max_length=200)]


@router.get("/api/routes")
def get_routes(conn: Conn, who: Who, cursor: str | None = None, limit: Limit = 200) -> Page[Route]:
    """The tree from its root, what is below a route after it."""
    who.require(Permission.METRICS_READ)
    return part(routing.list_routes(conn), cursor, limit)


@router.get("/api/routes/explain")
def get_way(conn: Conn, who: Who, now: Now, alarm: UUID | None = None) -> WayObject:
    """Which way this `alarm` would take now, each stage with its reason."""
    who.require(Permission.METRICS_READ)
    if alarm is None:
        raise InputError("alarm: expected the id of an alarm", field="alarm")
    need_seen(who, "alarm", read_alarms(conn, [alarm]), alarm)
    way = explain_way(conn, alarm, now)
    cause = read_alarms(conn, [UUID(way["cause"])]) if way["cause"] else []
    if cause and not RULES["alarm"](who, cause[0]):
        return without_cause(way)
    return way


def without_cause(way: WayObject) -> WayObject:
    """What mutes it lies where this person does not see: that there is something is told, not what."""
    hidden = say("stage.inhibit.hidden")
    stages = [{**one, "why": hidden} if one["stage"] == "inhibit" else one for one in way["stages"]]
    return {**way, "cause": None, "stages": stages}  # type: ignore[typeddict-item]


@router.post("/api/routes", status_code=201)
def post_route(conn: Conn, who: Who, now: Now, body: RouteIn) -> Route:
    who.require(Permission.RULE_MANAGE)
    return routing.add_route(conn, body, who.username, now)


@router.patch("/api/routes/{route}")
def patch_route(conn: Conn, who: Who, now: Now, route: Id, body: RouteChange) -> Route:
    who.require(Permission.RULE_MANAGE)
    return routing.change_route(conn, route, body, who.username, now)


@router.delete("/api/routes/{route}", status_code=204)
def delete_route(conn: Conn, who: Who, now: Now, route: Id) -> None:
    """Its alarms take the way of its parent from then on; 409 for the root, and where others stand below it."""
    who.require(Permission.RULE_MANAGE)
    routing.remove_route(conn, route, who.username, now)


@router.get("/api/inhibitions")
def get_inhibitions(conn: Conn, who: Who, cursor: str | None = None, limit: Limit = 200) -> Page[Inhibition]:
    who.require(Permission.METRICS_READ)
    return part(routing.list_inhibitions(conn), cursor, limit)


@router.post("/api/inhibitions", status_code=201)
def post_inhibition(conn: Conn, who: Who, now: Now, body: InhibitionIn) -> Inhibition:
    """409 where causes would mute each other in a circle."""
    who.require(Permission.RULE_MANAGE)
    return routing.add_inhibition(conn, body, who.username, now)


@router.patch("/api/inhibitions/{inhibition}")
def patch_inhibition(conn: Conn, who: Who, now: Now, inhibition: Id, body: InhibitionChange) -> Inhibition:
    who.require(Permission.RULE_MANAGE)
    return routing.change_inhibition(conn, inhibition, body, who.username, now)


@router.get("/api/silences")
def get_silences(
    conn: Conn, who: Who, now: Now, over: bool = False, cursor: str | None = None, limit: Limit = 200
) -> Page[Silence]:
    """Those that hold or are to come; with `over` those that are over too."""
    who.require(Permission.METRICS_READ)
    return part(routing.list_silences(conn, now, over=over), cursor, limit)


@router.post("/api/silences", status_code=201)
def post_silence(conn: Conn, who: Who, now: Now, body: SilenceIn) -> Silence:
    """Maintenance and the like: nobody is told, 30 days at most; level I only where a matcher names it."""
    need_silencing(who)
    return routing.add_silence(conn, body, who.username, now)


@router.post("/api/silences/{silence}/end")
def end_silence(conn: Conn, who: Who, now: Now, silence: Id) -> Silence:
    """Before its time. What it mutes and burns is told at the next turn."""
    need_silencing(who)
    return routing.end_silence(conn, silence, who.username, now)


def need_silencing(who: Viewer) -> None:
    who.require(Permission.ALARM_SHELVE)
