"""What routes and inhibitions were, in every version, and the way back to one. Plain functions on the caller's
transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, text

from alerts.routing.inhibitions import Inhibition, InhibitionChange, change_inhibition, read_inhibition
from alerts.routing.routes import Route, RouteChange, change_route, read_route
from core.errors import NotFound
from core.history import VersionHead, read_versions
from core.types import JsonObject

Noun = Literal["route", "inhibition"]
# what goes back with a version; whether it is on stays as it is
KEPT: dict[Noun, dict[str, str]] = {
    "route": {
        "name_zh": "name_zh",
        "name_en": "name_en",
        "parent": "parent_id",
        "position": "position",
        "matchers": "matchers",
        "group_by": "group_by",
        "group_wait_s": "group_wait_s",
        "group_interval_s": "group_interval_s",
        "repeat_interval_s": "repeat_interval_s",
        "receivers": "receivers",
        "goes_on": "goes_on",
    },
    "inhibition": {name: name for name in ("name_zh", "name_en", "source", "target", "equal")},
}


class RoutedVersion(VersionHead):
    """What a route or an inhibition was from `time` on; `after` by the names of the API."""

    after: JsonObject


def list_versions(conn: Connection, noun: Noun, identity: str) -> list[RoutedVersion]:
    """What it was, the newest first; of a route that was removed too."""
    found = read_versions(conn, noun, identity)
    if not found:
        raise NotFound(f"there is no {noun} {identity!r}")
    # versions from before routes could be off say nothing of it
    return [{**head, "after": {**_kept(noun, row), "enabled": row.get("enabled", True)}} for head, row in found]


def _kept(noun: Noun, after: Mapping[str, Any]) -> JsonObject:
    return {name: after[column] for name, column in KEPT[noun].items()}


def take_back_route(
    conn: Connection, identity: str, to: int, version: int, why: str | None, who: str, now: datetime
) -> Route:
    """The route becomes again what it was in version `to`; InputError where what it names is there no more."""
    held = _differing(conn, "route", identity, to)
    if held:
        change = RouteChange.model_validate({**held, "version": version, "why": why})
        return change_route(conn, identity, change, who, now, "taken_back")
    return read_route(conn, identity)


def take_back_inhibition(
    conn: Connection, identity: str, to: int, version: int, why: str | None, who: str, now: datetime
) -> Inhibition:
    """The inhibition becomes again what it was in version `to`."""
    held = _differing(conn, "inhibition", identity, to)
    if held:
        change = InhibitionChange.model_validate({**held, "version": version, "why": why})
        return change_inhibition(conn, identity, change, who, now, "taken_back")
    return read_inhibition(conn, identity)


def _differing(conn: Connection, noun: Noun, identity: str, to: int) -> JsonObject:
    """What was otherwise in version `to`."""
    rows = conn.execute(
        text(
            f"SELECT to_jsonb(t) AS now, (SELECT after FROM {noun}_version v WHERE v.{noun}_id = t.id "
            f"AND v.version = :to) AS held FROM {noun} t WHERE t.id = :id"
        ),
        {"id": identity, "to": to},
    ).one_or_none()
    if rows is None:
        raise NotFound(f"there is no {noun} {identity!r}")
    if rows.held is None:
        raise NotFound(f"to: there is no version {to}", field="to")
    before, after = _kept(noun, rows.now), _kept(noun, rows.held)
    return {name: value for name, value in after.items() if value != before[name]}
