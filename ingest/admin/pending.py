"""What has spoken and is not registered, of whatever kind; cameras taken into use. Plain functions on the caller's
transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from core import audit
from core.clock import rfc3339
from core.db import notify_change
from core.errors import Conflict, NotFound
from core.history import write_thing
from core.scope import EVERYTHING, Scope, seen
from core.types import UNKNOWN_DISTRICT, LonLat, Params

Kind = Literal["sensor", "unit", "camera"]
Status = Literal["pending", "retired"]


class Pending(TypedDict):
    """What nobody has registered: `id` is `type/name`, `sent` the beginning of its first message (sensors) or of its
    newest (units and cameras), `messages` how many it has sent, null where they are not counted. Its `district` is the
    one it says it is in."""

    id: str
    type: Kind
    name: str
    status: Status
    source: str | None
    topic: str | None
    sent: str | None
    lon: float | None
    lat: float | None
    district: str
    messages: int | None
    first_seen_at: str
    heard_at: str | None


_THINGS = f"""
SELECT * FROM (SELECT p.kind || '/' || p.id AS id, p.kind AS type, p.id AS name, p.status, p.source_id, p.topic, p.sent,
  p.lon, p.lat, COALESCE((SELECT d.code FROM district d
    WHERE ST_Covers(d.geom, ST_SetSRID(ST_MakePoint(p.lon, p.lat), 4326)) LIMIT 1), '{UNKNOWN_DISTRICT}') AS district,
  p.messages, p.first_seen_at, p.heard_at
FROM pending_thing p
WHERE CASE p.kind WHEN 'unit' THEN NOT EXISTS (SELECT 1 FROM unit u WHERE u.id = p.id)
  ELSE NOT EXISTS (SELECT 1 FROM camera c WHERE c.id = p.id) END) AS t
WHERE {seen("t.district")}
"""
_ALL = f"""
SELECT 'sensor/' || s.id AS id, 'sensor' AS type, s.id AS name, s.status, s.source_id, s.attributes->>'topic' AS topic,
  s.attributes->>'sent' AS sent, ST_X(s.geom) AS lon, ST_Y(s.geom) AS lat, s.district, NULL::bigint AS messages,
  s.first_seen_at, (SELECT max(received_at) FROM sensor_state t WHERE t.sensor_id = s.id) AS heard_at
FROM sensor s WHERE s.status IN ('pending', 'retired') AND {seen("s.district", "s.classification")}
UNION ALL {_THINGS}
"""
_LISTED = text(f"""
SELECT * FROM ({_ALL}) AS p WHERE status = :status AND (CAST(:type AS text) IS NULL OR type = :type)
  AND (CAST(:after AS text) IS NULL OR id COLLATE "C" > :after)
ORDER BY id COLLATE "C" LIMIT :most
""")
_ONE = text(f"SELECT * FROM ({_THINGS}) AS p WHERE type = :type AND name = :name")


def pending_object(row: Any) -> Pending:
    return {
        "id": row.id,
        "type": row.type,
        "name": row.name,
        "status": row.status,
        "source": row.source_id,
        "topic": row.topic,
        "sent": row.sent,
        "lon": row.lon,
        "lat": row.lat,
        "district": row.district,
        "messages": row.messages,
        "first_seen_at": rfc3339(row.first_seen_at),
        "heard_at": rfc3339(row.heard_at) if row.heard_at else None,
    }


def list_pending(
    conn: Connection, kind: Kind | None, status: Status, after: str | None, most: int, scope: Scope = EVERYTHING
) -> list[Pending]:
    given = {"type": kind, "status": status, "after": after, "most": most, **scope.params()}
    return [pending_object(row) for row in conn.execute(_LISTED, given)]


def find_things(words: str, scope: Scope = EVERYTHING) -> tuple[str, Params]:
    """A SELECT of the units and cameras nobody has registered: `words` stand in name, source or topic."""
    sql = f"""
SELECT * FROM ({_THINGS}) AS p WHERE status = 'pending'
  AND strpos(lower(concat_ws(' ', name, source_id, topic)), lower(:words)) > 0
"""
    return sql, {"words": words, **scope.params()}


def count_things(conn: Connection, scope: Scope = EVERYTHING) -> int:
    sql, params = find_things("", scope)
    return int(conn.scalar(text(f"SELECT count(*) FROM ({sql}) AS p"), params) or 0)


def read_thing(conn: Connection, kind: str, name: str, scope: Scope = EVERYTHING) -> Pending:
    """NotFound where it is not pending, or not in the scope."""
    row = conn.execute(_ONE, {"type": kind, "name": name, **scope.params()}).one_or_none()
    if row is None:
        raise NotFound(f"no {kind} {name!r} is pending")
    return pending_object(row)


def settle(conn: Connection, kind: str, name: str) -> None:
    """It is registered: it waits for nobody any more."""
    conn.execute(text("DELETE FROM pending_thing WHERE kind = :kind AND id = :id"), {"kind": kind, "id": name})


def retire_thing(conn: Connection, kind: str, name: str, who: str, now: datetime) -> None:
    """Nobody is asked about it any more; what it sends is stored all the same. Conflict where that is so already."""
    if read_thing(conn, kind, name)["status"] == "retired":
        raise Conflict(f"status: the {kind} is retired already", reason="retired", field="status")
    conn.execute(
        text("UPDATE pending_thing SET status = 'retired' WHERE kind = :kind AND id = :id"), {"kind": kind, "id": name}
    )
    audit.write(conn, who, f"{kind}.retire", now, {kind: name})


@dataclass(frozen=True, slots=True)
class CameraTold:
    """What a person says of a camera; `heading` and `fov` in degrees, clockwise from north."""

    name_zh: str
    name_en: str
    where: LonLat
    heading: float | None = None
    fov: float | None = None
    district: str | None = None
    classification: int = 0


_REGISTER_CAMERA = text("""
INSERT INTO camera (id, name_zh, name_en, heading, fov, district, geom, classification)
VALUES (:id, :zh, :en, :heading, :fov, COALESCE(CAST(:district AS text),
  (SELECT code FROM district d WHERE ST_Contains(d.geom, ST_GeomFromEWKT(:where)) ORDER BY code LIMIT 1), :unknown),
  ST_GeomFromEWKT(:where), :classification)
ON CONFLICT (id) DO NOTHING
""")


def accept_camera(conn: Connection, name: str, told: CameraTold, who: str, now: datetime) -> None:
    """Register a camera that has spoken, with whatever it has sent before. Conflict where it is registered already."""
    given = {
        "id": name,
        "zh": told.name_zh,
        "en": told.name_en,
        "heading": told.heading,
        "fov": told.fov,
        "district": told.district,
        "where": told.where.ewkt,
        "unknown": UNKNOWN_DISTRICT,
        "classification": told.classification,
    }
    read_thing(conn, "camera", name)
    if conn.execute(_REGISTER_CAMERA, given).rowcount == 0:
        raise Conflict("id: the camera is registered already", reason="not_pending", field="id")
    write_thing(conn, "camera", name, "accepted", who, None, now)
    settle(conn, "camera", name)
    audit.write(conn, who, "camera.accept", now, {"camera": name})
    notify_change(conn, "video_event", [name])
    notify_change(conn, "layer", ["cameras"])
