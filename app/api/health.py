"""/api/health, /metrics, /healthz, /readyz"""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse
from typing_extensions import TypedDict

from app.deps import Conn, Now, PartsDep, Who, get_parts
from app.health import Health, read_health
from app.health.metrics import write_metrics
from app.problems import gives, problem
from app.seeing import as_seen
from core.viewer import Permission

router = APIRouter(tags=["health"])


@router.get("/api/health")
def get_health(conn: Conn, who: Who, now: Now, parts: PartsDep) -> Health:
    who.require(Permission.METRICS_READ)
    return as_seen(who, "health", read_health(conn, now, parts.settings.topic_prefix))


@router.get("/metrics", response_class=Response, responses=gives("text/plain", "Prometheus text"))
def get_metrics(conn: Conn, who: Who, now: Now, parts: PartsDep) -> Response:
    """Prometheus text: per source and feed its rate, age and lag, per process its counters, what waits."""
    who.require(Permission.METRICS_READ)
    return Response(write_metrics(read_health(conn, now, parts.settings.topic_prefix)), media_type=CONTENT_TYPE_LATEST)


class Ready(TypedDict):
    status: str


@router.get("/healthz")
def healthz() -> Ready:
    """Alive: this process answers."""
    return {"status": "ok"}


@router.get("/readyz", response_model=Ready)
def readyz(request: Request) -> JSONResponse:
    """Ready once everything that this process needs to serve is there: the database, its tables as we know them, the
    live channel. Whether data comes in and is judged, `/api/health` tells."""
    lacking = get_parts(request).lacking()
    if lacking:
        return problem(503, f"not ready: {', '.join(lacking)}", reason="not_ready", lacking=lacking)
    return JSONResponse({"status": "ready"})
