"""What a card shows about one thing: the thing, the recommended next step, what is around, its log. Read-only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from alerts.limits import read_limits
from alerts.present import read_alarms
from core.clock import rfc3339
from core.errors import InputError, NotFound
from core.exposure import around, city_zone
from core.i18n import say
from core.types import LonLat
from core.viewer import RANK, Role, Viewer
from core.vocabulary import ENDED_INCIDENT, Text, label, roman, table
from dispatch import log
from dispatch.present import read_incidents, read_units
from dispatch.recommend import Recommendation, needed_capabilities, recommend_units
from dispatch.routing import RoadGraph
from dispatch.units import read_candidates
from layers.sensors import read_sensors
from layers.video import read_camera, read_video_event

RADIUS_M = 500.0
NEAR_UNITS, NEAR_CAMERAS, NEAR_FACILITIES = 5, 4, 8
Json = dict[str, Any]
# an object of the API, of whatever noun
Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """What every card is made with."""

    conn: Connection
    graph: RoadGraph
    viewer: Viewer
    now: datetime

    @property
    def may_act(self) -> bool:
        return RANK[self.viewer.role] >= RANK[Role.DISPATCHER]


def read_card(asked: Asked, kind: str, identity: str) -> Json:
    """The card of one thing. NotFound where it is not there, InputError for a kind that has no cards."""
    reader = READERS.get(kind)
    if reader is None:
        raise InputError(f"type: expected one of {', '.join(READERS)}; got {kind!r}", field="type")
    card = reader(asked, identity)
    card["object"]["district_names"] = district_names(asked.conn, card["object"].get("district"))
    return {"type": kind, "id": identity, **card}


def district_names(conn: Connection, code: str | None) -> Text | None:
    row = conn.execute(text("SELECT name_zh, name_en FROM district WHERE code = :code"), {"code": code}).one_or_none()
    return {"zh": row.name_zh, "en": row.name_en} if row else None


def _uuid(value: str) -> UUID:
    try:
        return UUID(value)
    except ValueError as exc:
        raise NotFound(f"there is no {value!r}") from exc


def _where(thing: Item) -> LonLat | None:
    return LonLat(thing["lon"], thing["lat"]) if thing.get("lon") is not None else None


def alarm_card(asked: Asked, identity: str) -> Json:
    found = read_alarms(asked.conn, [_uuid(identity)])
    if not found:
        raise NotFound(f"there is no alarm {identity}")
    alarm = found[0]
    kind = table("alarm_kinds").get(alarm["kind"], {}).get("incident_kind", "other")
    title = {lang: f"{alarm['names'][lang]} · {label('alarm_kinds', alarm['kind'])[lang]}" for lang in ("zh", "en")}
    near = nearest(asked, _where(alarm), kind)
    return {
        "title": title,
        "object": alarm,
        "next": next_for_alarm(alarm) if asked.may_act else None,
        "around": look_around(asked, _where(alarm), near),
        "log": alarm_log(asked.conn, _uuid(identity)),
        "source": say("source.rule", rule=alarm["rule"], thing=alarm["thing"]["id"]),
    }


def alarm_log(conn: Connection, alarm_id: UUID) -> list[Json]:
    rows = conn.execute(
        text("SELECT time, what, level, who, note FROM alarm_event WHERE alarm_id = :id ORDER BY id"), {"id": alarm_id}
    )
    return [
        {
            "time": rfc3339(r.time),
            "who": r.who,
            "text": say(f"log.alarm.{r.what}", level=label("levels", str(r.level)), note=r.note or ""),
        }
        for r in rows
    ]


def step(action: str, words: Text, reason: Text, url: str | None = None, body: Json | None = None) -> Json:
    return {
        "action": action,
        "label": words,
        "reason": reason,
        "method": "POST" if url else None,
        "url": url,
        "body": body,
    }


def next_for_alarm(alarm: Item) -> Json | None:
    """Serious and without an incident: open one (that is the quickest way to help); else acknowledge what nobody has seen."""
    url = f"/api/alarms/{alarm['id']}"
    serious = (
        alarm["active"]
        and alarm["level"] <= 3
        and not alarm["incident"]
        and alarm["kind"] not in ("stale", "source_stale")
    )
    if serious and alarm["state"] != "shelved":
        return step(
            "create_incident",
            say("next.create_incident"),
            say("next.create_incident.reason", level=roman(alarm["level"])),
            "/api/incidents",
            {"alarm": alarm["id"]},
        )
    if alarm["state"] in ("unacknowledged", "returned_unacknowledged"):
        return step("acknowledge", say("next.acknowledge"), say("next.acknowledge.reason"), f"{url}/acknowledge", {})
    return None


def incident_card(asked: Asked, identity: str) -> Json:
    found = read_incidents(asked.conn, [_uuid(identity)])
    if not found:
        raise NotFound(f"there is no incident {identity}")
    incident = found[0]
    near = nearest(asked, _where(incident), incident["kind"])
    return {
        "title": incident["titles"],
        "object": incident,
        "next": next_for_incident(incident, near) if asked.may_act else None,
        "around": look_around(asked, _where(incident), near),
        "log": log.read(asked.conn, _uuid(identity)),
        "source": say("source.channel", channel=incident["channel"]),
    }


def next_for_incident(incident: Item, near: list[Recommendation]) -> Json | None:
    url = f"/api/incidents/{incident['id']}"
    running = [a for a in incident["assignments"] if a["status"] not in ("clear", "declined", "cancelled")]
    if incident["status"] == "clear":
        return step(
            "status",
            say("next.close"),
            say("next.close.reason"),
            f"{url}/status",
            {"status": "closed", "version": incident["version"]},
        )
    if running:
        return step("none", say("next.wait"), say("next.wait.reason", count=len(running)))
    if incident["status"] in ENDED_INCIDENT:
        return None
    if not near:
        return step("none", say("next.assign.none"), say("next.assign.none"))
    best = near[0]
    reason = say("next.assign.reason", minutes=f"{best.eta_s / 60:.1f}", km=f"{best.distance_m / 1000:.1f}")
    return step("assign", say("next.assign", unit=best.names), reason, f"{url}/assignments", {"unit": best.unit})


def nearest(asked: Asked, where: LonLat | None, incident_kind: str) -> list[Recommendation]:
    if where is None:
        return []
    candidates = read_candidates(asked.conn)
    return recommend_units(asked.graph, where, needed_capabilities(incident_kind), candidates, asked.now, NEAR_UNITS)


def look_around(asked: Asked, where: LonLat | None, near: list[Recommendation]) -> Json | None:
    if where is None:
        return None
    found = around(asked.conn, where, RADIUS_M, asked.now, city_zone(asked.conn))
    return {
        "radius_m": RADIUS_M,
        "people": found.people,
        "buildings": found.buildings,
        "units": [
            {
                "id": r.unit,
                "kind": r.kind,
                "names": r.names,
                "status": "available",
                "eta_s": round(r.eta_s),
                "distance_m": round(r.distance_m),
            }
            for r in near
        ],
        "cameras": near_cameras(asked.conn, where),
        "facilities": [
            {"id": p.id, "kind": p.kind, "names": p.names, "distance_m": round(p.distance_m or 0)}
            for p in found.facilities[:NEAR_FACILITIES]
        ],
    }


def near_cameras(conn: Connection, where: LonLat) -> list[Json]:
    rows = conn.execute(
        text(
            "SELECT id, name_zh, name_en, ST_Distance(geom::geography, p.g::geography) AS distance FROM camera, "
            "(SELECT ST_SetSRID(ST_MakePoint(:lon, :lat), 4326) AS g) AS p ORDER BY geom <-> p.g LIMIT :most"
        ),
        {"lon": where.lon, "lat": where.lat, "most": NEAR_CAMERAS},
    )
    return [
        {"id": r.id, "names": {"zh": r.name_zh, "en": r.name_en}, "distance_m": round(r.distance)}
        for r in rows
        if r.distance <= 2 * RADIUS_M
    ]


def unit_card(asked: Asked, identity: str) -> Json:
    found = read_units(asked.conn, [identity])
    if not found:
        raise NotFound(f"there is no unit {identity!r}")
    unit = found[0]
    return {
        "title": unit["names"],
        "object": unit,
        "next": None,
        "around": None,
        "log": unit_log(asked.conn, identity),
        "source": say("source.unit"),
    }


def unit_log(conn: Connection, unit_id: str) -> list[Json]:
    rows = conn.execute(
        text("SELECT time, who, text FROM incident_event WHERE data->>'unit' = :unit ORDER BY id DESC LIMIT 20"),
        {"unit": unit_id},
    )
    return [{"time": rfc3339(r.time), "who": r.who, "text": r.text} for r in rows]


def sensor_card(asked: Asked, identity: str) -> Json:
    found = read_sensors(asked.conn, read_limits(asked.conn), ids=[identity])
    if not found:
        raise NotFound(f"there is no sensor {identity!r}")
    sensor = found[0]
    return {
        "title": sensor["names"],
        "object": sensor,
        "next": None,
        "around": None,
        "log": [],
        "source": say("source.sensor", id=identity),
    }


def camera_card(asked: Asked, identity: str) -> Json:
    camera = read_camera(asked.conn, identity, asked.now)
    return {
        "title": camera["names"],
        "object": camera,
        "next": None,
        "around": None,
        "log": [],
        "source": say("source.camera", id=identity),
    }


def video_event_card(asked: Asked, identity: str) -> Json:
    camera, _, event = identity.partition("/")
    told = read_video_event(asked.conn, camera, event)
    guess = table("video_kinds").get(told["kind"], {}).get("incident_kind")
    seen: Json = {**told, "incident": near_incident(asked.conn, told, guess)}
    near = nearest(asked, _where(seen), guess or "other")
    return {
        "title": {lang: f"{seen['names'][lang]} · {seen['camera_names'][lang]}" for lang in ("zh", "en")},
        "object": seen,
        "next": next_for_video_event(seen, guess) if asked.may_act else None,
        "around": look_around(asked, _where(seen), near),
        "log": [],
        "source": say("source.camera", id=camera),
    }


def near_incident(conn: Connection, seen: Item, kind: str | None) -> str | None:
    """The nearest incident of that kind which has not ended, within the reach of its kind: somebody deals with it already."""
    if kind is None or seen["lon"] is None:
        return None
    found = conn.scalar(
        text(
            "SELECT id FROM incident, (SELECT ST_SetSRID(ST_MakePoint(:lon, :lat), 4326)::geography AS g) AS p WHERE kind = :kind "
            "AND NOT status = ANY(:ended) AND ST_DWithin(geom::geography, p.g, :reach) ORDER BY ST_Distance(geom::geography, p.g) LIMIT 1"
        ),
        {
            "lon": seen["lon"],
            "lat": seen["lat"],
            "kind": kind,
            "ended": list(ENDED_INCIDENT),
            "reach": table("incident_kinds")[kind]["radius_m"],
        },
    )
    return str(found) if found else None


def next_for_video_event(seen: Item, kind: str | None) -> Json | None:
    """What a camera saw is a guess: a person looks at the picture and reports it, unless it is known already."""
    if kind is None or seen["incident"] or seen["lon"] is None:
        return None
    body = {
        "kind": kind,
        "level": table("incident_kinds")[kind]["level"],
        "lon": seen["lon"],
        "lat": seen["lat"],
        "title": " ".join(part for part in (seen["zone"], seen["names"]["zh"]) if part),
        "address": seen["zone"] or None,
    }
    reason = say("next.report_seen.reason", kind=label("incident_kinds", kind))
    return step("create_incident", say("next.report_seen"), reason, "/api/incidents", body)


_PLACES = {
    "facility": "SELECT id, name_zh, name_en, ST_X(geom) AS lon, ST_Y(geom) AS lat, to_jsonb(f) - 'geom' AS body FROM facility f WHERE id = :id",
    "asset": "SELECT id, name_zh, name_en, ST_X(geom) AS lon, ST_Y(geom) AS lat, to_jsonb(a) - 'geom' AS body FROM asset a WHERE id = :id",
}


def place_card(kind: str) -> Callable[[Asked, str], Json]:
    def read(asked: Asked, identity: str) -> Json:
        row = asked.conn.execute(text(_PLACES[kind]), {"id": identity}).one_or_none()
        if row is None:
            raise NotFound(f"there is no {kind} {identity!r}")
        return {
            "title": {"zh": row.name_zh, "en": row.name_en},
            "object": {**row.body, "lon": row.lon, "lat": row.lat},
            "next": None,
            "around": None,
            "log": [],
            "source": say("source.register"),
        }

    return read


READERS: dict[str, Callable[[Asked, str], Json]] = {
    "alarm": alarm_card,
    "incident": incident_card,
    "unit": unit_card,
    "sensor": sensor_card,
    "camera": camera_card,
    "video_event": video_event_card,
    "facility": place_card("facility"),
    "asset": place_card("asset"),
}
