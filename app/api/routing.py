"""/api/routes, /api/inhibitions, /api/silences: which way alarms take to their receivers, and what keeps
them from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query
from pydantic import Field, JsonValue, ValidationError
from sqlalchemy import Connection

from alerts import routing
from alerts.effect import Effects, find_effects
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
    SilenceChange,
    SilenceIn,
    Why,
    versions,
)
from alerts.routing.versions import RemovedRoute, RoutedVersion
from app.api.shapes import INT4, Limit, part
from app.deps import Conn, Now, Who
from app.seeing import RULES, need_seen
from core.errors import InputError
from core.faults import expects
from core.given import Given, as_input_error
from core.i18n import say
from core.nouns import Page
from core.viewer import Permission, Viewer

router = APIRouter(tags=["routing"])
Id = Annotated[str, Path(min_length=1, max_length=200)]
Reason = Annotated[Why | None, Query()]
Seen = Annotated[int | None, Query(ge=1, le=INT4)]
Make = Callable[[], object]


class TakeBackIn(Given):
    """It becomes again what it was in version `to`; `version` is the one that was seen."""

    to: int = Field(ge=0, le=INT4)
    version: int = Field(ge=1, le=INT4)
    why: Why | None = None


class EffectIn(Given):
    """A change that is not made: `given` is what POST takes, or with an `id` what PATCH takes, or what .../take-back
    takes where it is `taken_back`; a route is taken away where it is `removed`."""

    what: Literal["route", "inhibition", "silence"]
    id: str | None = Field(None, min_length=1, max_length=200)
    given: dict[str, JsonValue] = Field(default_factory=dict)
    removed: bool = False
    taken_back: bool = False


@router.get("/api/routes")
def get_routes(conn: Conn, who: Who, cursor: str | None = None, limit: Limit = 200) -> Page[Route]:
    """The tree from its root, what is below a route after it."""
    who.require(Permission.METRICS_READ)
    return part(routing.list_routes(conn), cursor, limit)


@router.get("/api/routes/removed")
def get_removed_routes(conn: Conn, who: Who, cursor: str | None = None, limit: Limit = 200) -> Page[RemovedRoute]:
    """Routes that are no more, the last one removed first; `version` is what .../take-back asks for."""
    who.require(Permission.METRICS_READ)
    return part(versions.list_removed_routes(conn), cursor, limit)


@router.get("/api/routes/explain")
def get_way(conn: Conn, who: Who, now: Now, alarm: UUID | None = None) -> WayObject:
    """Which way this `alarm` would take now, each stage with its reason."""
    who.require(Permission.METRICS_READ)
    if alarm is None:
        raise InputError("alarm: expected the id of an alarm", field="alarm", about=expects("alarm", "uuid"))
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
def delete_route(conn: Conn, who: Who, now: Now, route: Id, why: Reason = None, version: Seen = None) -> None:
    """Its alarms take the way of its parent from then on; 409 for the root, where others stand below it, and where it
    has changed since `version` was seen."""
    who.require(Permission.RULE_MANAGE)
    routing.remove_route(conn, route, who.username, now, why, version)


@router.get("/api/routes/{route}/versions")
def get_route_versions(
    conn: Conn, who: Who, route: Id, cursor: str | None = None, limit: Limit = 200
) -> Page[RoutedVersion]:
    """What it was, by whom and why, the newest first."""
    who.require(Permission.METRICS_READ)
    return part(versions.list_versions(conn, "route", route), cursor, limit)


@router.post("/api/routes/{route}/take-back")
def take_back_route(conn: Conn, who: Who, now: Now, route: Id, body: TakeBackIn) -> Route:
    """One that was removed is there again; refused where its parent or a receiver is there no more."""
    who.require(Permission.RULE_MANAGE)
    return versions.take_back_route(conn, route, body.to, body.version, body.why, who.username, now)


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


@router.get("/api/inhibitions/{inhibition}/versions")
def get_inhibition_versions(
    conn: Conn, who: Who, inhibition: Id, cursor: str | None = None, limit: Limit = 200
) -> Page[RoutedVersion]:
    """What it was, by whom and why, the newest first."""
    who.require(Permission.METRICS_READ)
    return part(versions.list_versions(conn, "inhibition", inhibition), cursor, limit)


@router.post("/api/inhibitions/{inhibition}/take-back")
def take_back_inhibition(conn: Conn, who: Who, now: Now, inhibition: Id, body: TakeBackIn) -> Inhibition:
    who.require(Permission.RULE_MANAGE)
    return versions.take_back_inhibition(conn, inhibition, body.to, body.version, body.why, who.username, now)


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


@router.patch("/api/silences/{silence}")
def patch_silence(conn: Conn, who: Who, now: Now, silence: Id, body: SilenceChange) -> Silence:
    """409 where it has changed since `version` was seen, or is over."""
    need_silencing(who)
    return routing.change_silence(conn, silence, body, who.username, now)


@router.post("/api/silences/{silence}/end")
def end_silence(conn: Conn, who: Who, now: Now, silence: Id) -> Silence:
    """Before its time. What it mutes and burns is told at the next turn."""
    need_silencing(who)
    return routing.end_silence(conn, silence, who.username, now)


def need_silencing(who: Viewer) -> None:
    who.require(Permission.ALARM_SHELVE)


# --- what a change would do -------------------------------------------------------------------------------------------

MODELS: Mapping[str, tuple[type[Given], type[Given]]] = {
    "route": (RouteIn, RouteChange),
    "inhibition": (InhibitionIn, InhibitionChange),
    "silence": (SilenceIn, SilenceChange),
}
ADDS: Mapping[str, Callable[..., object]] = {
    "route": routing.add_route,
    "inhibition": routing.add_inhibition,
    "silence": routing.add_silence,
}
CHANGES: Mapping[str, Callable[..., object]] = {
    "route": routing.change_route,
    "inhibition": routing.change_inhibition,
    "silence": routing.change_silence,
}


TAKES_BACK: Mapping[str, Callable[..., object]] = {
    "route": versions.take_back_route,
    "inhibition": versions.take_back_inhibition,
}


@router.post("/api/routes/effect")
def get_effect(conn: Conn, who: Who, now: Now, body: EffectIn) -> Effects:
    """Which alarms would be told otherwise if this were done, of those that who asks may see: those that are open, and
    those of the last seven days by the routes. Nothing is changed; what could not be done is refused as it would be."""
    if body.what == "silence":
        need_silencing(who)
    else:
        who.require(Permission.RULE_MANAGE)
    given = given_of(body)
    at = getattr(given, "starts_at", None)
    make = make_of(conn, who, now, body, given)
    return find_effects(conn, who.scope, make, now, at if isinstance(at, datetime) else None)


def given_of(body: EffectIn) -> Any:
    if body.removed:
        return None
    new, change = MODELS[body.what]
    model = TakeBackIn if body.taken_back else new if body.id is None else change
    try:
        return model.model_validate(body.given)
    except ValidationError as exc:
        raise as_input_error(exc) from exc


def make_of(conn: Connection, who: Viewer, now: datetime, body: EffectIn, given: Any) -> Make:
    if body.removed:
        if body.what != "route" or body.id is None:
            raise InputError(
                "removed: only a route that is there is removed",
                field="removed",
                about=expects("removed", "only_there"),
            )
        return lambda: routing.remove_route(conn, str(body.id), who.username, now)
    if isinstance(given, TakeBackIn):
        take_back = TAKES_BACK.get(body.what)
        if take_back is None or body.id is None:
            raise InputError(
                "taken_back: expected the id of a route or an inhibition",
                field="taken_back",
                about=expects("id", "missing"),
            )
        identity = body.id
        return lambda: take_back(conn, identity, given.to, given.version, given.why, who.username, now)
    if body.id is None:
        return lambda: ADDS[body.what](conn, given, who.username, now)
    return lambda: CHANGES[body.what](conn, body.id, given, who.username, now)
