"""The composition root: one ASGI application for Dash, API, tiles, feeds and push."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse
from fastapi.routing import APIRoute
from starlette.responses import JSONResponse
from starlette.websockets import WebSocket

from app import problems
from app.api import alarms, city, feeds, incidents, picture, sensors, session, units
from app.auth import Attempts, AuthMiddleware, Sessions, policy_of
from app.dashboard import build_dashboard
from app.deps import Parts
from app.problems import problem
from app.push import Hub
from app.security import SecurityHeaders
from core.clock import utc_now
from core.db import make_engine
from core.settings import Settings

ROUTERS = (
    session.router,
    alarms.router,
    incidents.router,
    units.router,
    sensors.router,
    city.router,
    picture.router,
    feeds.router,
)
# below these, what is not there is a 404 and never the page
RESERVED = ("api", "ogc", "feeds", "vendor", "tiles", "push")
VENDOR_TYPES = {".mjs": "text/javascript", ".js": "text/javascript", ".css": "text/css", ".woff2": "font/woff2", ".json": "application/json", ".map": "application/json"}  # fmt: skip


def vendor_folder() -> Path:
    return Path(__file__).resolve().parent.parent / "node_modules"


def make_app(settings: Settings) -> FastAPI:
    """The application; its parts are made here and nowhere else."""
    engine = make_engine(settings, pool_size=10, name="onemap serve")
    sessions = Sessions(engine, policy_of(settings))
    parts = Parts(settings, engine, sessions, Attempts(), utc_now())
    hub = Hub(parts)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        hub.start()
        yield
        await hub.close()
        engine.dispose()

    app = FastAPI(
        title="OneMap",
        version="0.1.0",
        docs_url="/api/docs",
        openapi_url="/api/openapi.json",
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.parts = parts
    problems.install(app)
    for router in ROUTERS:
        app.include_router(router)
    add_vendor(app, vendor_folder())
    add_push(app, hub)
    for name in RESERVED:
        app.add_api_route(
            f"/{name}/{{rest:path}}",
            not_here,
            include_in_schema=False,
            methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
        )
    dash_app = build_dashboard(app)
    app.add_middleware(SecurityHeaders, dash_app=dash_app)
    app.add_middleware(AuthMiddleware, sessions=sessions, public_url=settings.public_url)
    return app


async def not_here(request: Request) -> JSONResponse:
    return problem(404, f"there is nothing at {request.url.path}")


def add_vendor(app: FastAPI, folder: Path) -> None:
    """Browser libraries as npm installed them, under /vendor/<package>/…"""
    root = folder.resolve()

    async def vendor(rest: str) -> FileResponse | JSONResponse:
        path = (root / rest).resolve()
        kind = VENDOR_TYPES.get(path.suffix)
        if kind is None or not path.is_relative_to(root) or not path.is_file():
            return problem(404, f"there is no browser library file {rest!r}")
        return FileResponse(path, media_type=kind, headers={"Cache-Control": "private, max-age=86400"})

    app.router.routes.append(APIRoute("/vendor/{rest:path}", vendor, include_in_schema=False, response_model=None))


def add_push(app: FastAPI, hub: Hub) -> None:
    @app.websocket("/push")
    async def push(socket: WebSocket) -> None:
        await hub.serve(socket)
