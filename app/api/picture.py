"""/api/cards, /api/state, /api/health, /metrics, /healthz, /readyz"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from sqlalchemy import text

from app.api.shapes import Moment
from app.cards import Asked, read_card
from app.deps import Conn, Now, PartsDep, Who
from app.health import read_health
from app.past import read_now, read_past
from core.errors import InputError

router = APIRouter(tags=["picture"])


@router.get("/api/cards/{kind}/{identity}")
def get_card(conn: Conn, who: Who, now: Now, parts: PartsDep, kind: str, identity: str) -> dict[str, Any]:
    return read_card(Asked(conn, parts.road_graph(conn), who, now), kind, identity)


@router.get("/api/state")
def get_state(conn: Conn, who: Who, now: Now, at: Moment = None) -> dict[str, Any]:
    """The whole picture, now or as it was `at` a moment."""
    if at is None:
        return read_now(conn, now)
    if at > now:
        raise InputError("at: expected a moment that has been", field="at")
    return read_past(conn, at)


@router.get("/api/health")
def get_health(conn: Conn, who: Who, now: Now) -> dict[str, Any]:
    return read_health(conn, now)


@router.get("/metrics")
def get_metrics(conn: Conn, who: Who, now: Now) -> Response:
    """Prometheus text: per feed rate, age and lag, per process its counters, what waits."""
    health = read_health(conn, now)
    registry = CollectorRegistry()
    for name, words, field in (
        ("onemap_feed_age_seconds", "seconds since a feed was last heard", "age_s"),
        ("onemap_feed_rate", "messages a second over the last minute", "rate"),
        ("onemap_feed_lag_seconds", "largest time from observation to receipt in the last minute", "lag_s"),
    ):
        gauge = Gauge(name, words, ["feed"], registry=registry)
        for feed in health["sources"]:
            if feed[field] is not None:
                gauge.labels(feed["id"]).set(feed[field])
    counters = Gauge(
        "onemap_process_figure", "counters of a process since its start", ["process", "figure"], registry=registry
    )
    for process in health["processes"]:
        for figure, value in process["figures"].items():
            counters.labels(process["name"], figure).set(value)
    for name, value in (
        ("dead_letters", health["dead_letters"]["total"]), ("unjudged_batches", health["unjudged"]), ("outbox", health["outbox"]),
    ):  # fmt: skip
        Gauge(f"onemap_{name}", name.replace("_", " "), registry=registry).set(value)
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


@router.get("/healthz")
def healthz() -> dict[str, str]:
    return {"status": "ok"}


@router.get("/readyz")
def readyz(conn: Conn) -> dict[str, str]:
    """Ready once the database answers and is migrated."""
    conn.execute(text("SELECT 1 FROM city LIMIT 1"))
    return {"status": "ready"}
