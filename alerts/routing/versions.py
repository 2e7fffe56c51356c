"""What routes and inhibitions were, in every version, and the way back to one. Plain functions on the caller's
transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from alerts.routing.inhibitions import Inhibition, InhibitionChange, change_inhibition, read_inhibition
from alerts.routing.routes import Route, RouteChange, RouteIn, change_route, put_back_route, read_route
from core.clock import rfc3339
from core.errors import NotFound
from core.history import VersionHead, read_versions
from core.types import JsonObject
from core.vocabulary import Text

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


class RemovedRoute(TypedDict):
    """A route that is no more: what it was last (`after`, by the names of the API), and who removed it when and why."""

    id: str
    names: Text
    version: int
    after: dict[str, Any]
    removed_at: str
    removed_by: str
    why: str | None


_REMOVED = """
SELECT DISTINCT ON (v.route_id) v.route_id AS id, v.version, v.time, v.what, v.who, v.why, v.after FROM route_version v
WHERE NOT EXISTS (SELECT 1 FROM route r WHERE r.id = v.route_id) ORDER BY v.route_id, v.version DESC
"""


def list_removed_routes(conn: Connection) -> list[RemovedRoute]:
    """Routes that were removed, the last one first."""
    rows = conn.execute(text(f"SELECT * FROM ({_REMOVED}) gone ORDER BY time DESC, id")).all()
    return [removed_route(row) for row in rows]


def read_removed_route(conn: Connection, identity: str) -> RemovedRoute:
    row = conn.execute(text(f"SELECT * FROM ({_REMOVED}) gone WHERE id = :id"), {"id": identity}).one_or_none()
    if row is None:
        raise NotFound(f"there is no route {identity!r} that was removed")
    return removed_route(row)


def removed_route(row: Any) -> RemovedRoute:
    return {
        "id": row.id,
        "names": {"zh": row.after["name_zh"], "en": row.after["name_en"]},
        "version": row.version,
        "after": _whole("route", row.after),
        "removed_at": rfc3339(row.time),
        "removed_by": row.who,
        "why": row.why,
    }


def list_versions(conn: Connection, noun: Noun, identity: str) -> list[RoutedVersion]:
    """What it was, the newest first; of a route that was removed too."""
    found = read_versions(conn, noun, identity)
    if not found:
        raise NotFound(f"there is no {noun} {identity!r}")
    return [{**head, "after": _whole(noun, row)} for head, row in found]


def _whole(noun: Noun, after: Mapping[str, Any]) -> JsonObject:
    """Versions from before routes could be off say nothing of it."""
    return {**_kept(noun, after), "enabled": after.get("enabled", True)}


def _kept(noun: Noun, after: Mapping[str, Any]) -> JsonObject:
    return {name: after[column] for name, column in KEPT[noun].items()}


def take_back_route(
    conn: Connection, identity: str, to: int, version: int, why: str | None, who: str, now: datetime
) -> Route:
    """The route becomes again what it was in version `to`, one that was removed is there again and as much in use as it
    was; InputError where what it names is there no more."""
    if not conn.scalar(text("SELECT 1 FROM route WHERE id = :id"), {"id": identity}):
        return _put_back(conn, identity, to, version, why, who, now)
    held = _differing(conn, "route", identity, to)
    if held:
        change = RouteChange.model_validate({**held, "version": version, "why": why})
        return change_route(conn, identity, change, who, now, "taken_back")
    return read_route(conn, identity)


def _put_back(
    conn: Connection, identity: str, to: int, version: int, why: str | None, who: str, now: datetime
) -> Route:
    """A route that was removed, as it was in version `to`."""
    found = list_versions(conn, "route", identity)
    held = next((one["after"] for one in found if one["version"] == to), None)
    if held is None:
        raise NotFound(f"to: there is no version {to}", field="to")
    kept = {**held, "id": identity, "enabled": found[0]["after"]["enabled"], "why": why}
    return put_back_route(conn, RouteIn.model_validate(kept), version, who, now)


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
