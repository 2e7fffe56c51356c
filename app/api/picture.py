"""/api/cards, /api/state, /api/health, /metrics, /healthz, /readyz"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse

from app.api.shapes import Moment
from app.cards import Asked, read_card
from app.deps import Conn, Now, PartsDep, Who, get_parts
from app.health.metrics import write_metrics
from app.health.read import read_health
from app.past import read_now, read_past
from app.problems import problem
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
def get_health(conn: Conn, who: Who, now: Now, parts: PartsDep) -> dict[str, Any]:
    return read_health(conn, now, parts.settings.topic_prefix)


@router.get("/metrics")
def get_metrics(conn: Conn, who: Who, now: Now, parts: PartsDep) -> Response:
    """Prometheus text: per source and feed its rate, age and lag, per process its counters, what waits."""
    return Response(write_metrics(read_health(conn, now, parts.settings.topic_prefix)), media_type=CONTENT_TYPE_LATEST)


@router.get("/healthz")
def healthz() -> dict[str, str]:
    return {"status": "ok"}


@router.get("/readyz")
def readyz(request: Request) -> JSONResponse:
    """Ready once everything that this process needs to serve is there: the database, its tables as we know them, the live channel.
    Whether data comes in and is judged, `/api/health` tells."""
    parts = get_parts(request)
    lacking = parts.lacking()
    if lacking:
        return problem(503, f"not ready: {', '.join(lacking)}", reason="not_ready", lacking=lacking)
    return JSONResponse({"status": "ready"})
