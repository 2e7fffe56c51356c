"""The composition root: one ASGI application for Dash, API, tiles, feeds and push."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import Depends, FastAPI, Request
from fastapi.routing import APIRoute
from starlette.responses import JSONResponse
from starlette.routing import Match
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from app import problems
from app.api import (
    alarm_load,
    alarms,
    analysis,
    asides,
    assets,
    authority,
    base_maps,
    cards,
    catalogue,
    city,
    classification,
    deliveries,
    devices,
    exports,
    feeds,
    field,
    grid_cells,
    health,
    incidents,
    layer_files,
    layers,
    letters,
    me,
    names,
    ogc,
    ogc_edit,
    ogc_qgis,
    ogc_tiles,
    open_data,
    own_layers,
    pending,
    people,
    quarantine,
    risk,
    routing,
    rows,
    rules,
    search,
    sensors,
    session,
    sources,
    state,
    subscriptions,
    units,
    video,
    warnings,
)
from app.api import (
    audit as audit_api,
)
from app.api.door import check_request
from app.auth import Attempts, AuthMiddleware, Sessions, policy_of
from app.background import Background
from app.dashboard.page import build_dashboard
from app.deps import Parts, get_parts
from app.document import document
from app.field import page as field_page
from app.fonts import add_fonts, start_cutting
from app.front import Bodies, Hosts, PlainPaths, SecurityHeaders, known_names
from app.index import ASSETS
from app.kept import KeptTiles
from app.live import Hub
from app.pages import Addresses, build_pages
from app.problems import COMMON, describes, problem
from app.serving import Compression, add_docs, add_files
from core import audit
from core.clock import utc_now
from core.db import make_engine
from core.errors import Forbidden
from core.pictures import Pictures
from core.process import Pulse
from core.settings import Settings

ROUTERS = (
    session.router,
    me.router,
    people.router,
    audit_api.router,
    authority.router,
    alarms.router,
    alarm_load.router,
    routing.router,
    subscriptions.router,
    deliveries.router,
    rules.router,
    incidents.router,
    units.router,
    field.router,
    video.router,
    warnings.router,
    risk.router,
    sensors.router,
    pending.router,
    sources.router,
    devices.router,
    letters.router,
    asides.router,
    assets.router,
    quarantine.router,
    city.router,
    classification.router,
    names.router,
    catalogue.router,
    analysis.router,
    open_data.router,
    layers.router,
    search.router,
    layer_files.router,
    base_maps.router,
    exports.router,
    own_layers.router,
    grid_cells.router,
    rows.router,
    cards.router,
    state.router,
    health.router,
    feeds.router,
)
# it says itself what it does not know, with 400 (OGC 17-069r4, section 7.5)
UNCHECKED = (ogc.router, ogc_edit.router, ogc_tiles.router, ogc_qgis.router)
# an event loop that does not come round for so long answers nobody
LOOP_HUNG_S = 20.0
# below these, what is not there is a 404 and never the page
RESERVED = ("api", "ogc", "open", "feeds", "vendor", "tiles", "push", "pages", "field")


def vendor_folder() -> Path:
    return Path(__file__).resolve().parent.parent / "node_modules"


class Server(FastAPI):
    """With what stands before everything, the answer to what nobody foresaw included."""

    front: Callable[[ASGIApp], ASGIApp]

    def build_middleware_stack(self) -> ASGIApp:
        return self.front(super().build_middleware_stack())


def make_app(settings: Settings) -> FastAPI:
    """The application; its parts are made here and nowhere else."""
    engine = make_engine(settings, pool_size=10, name="onemap serve", statement_s=settings.statement_timeout_s)
    sessions = Sessions(engine, policy_of(settings))
    parts = Parts(
        settings, engine, sessions, Attempts(), Pictures(settings.pictures_url, settings.state_dir), utc_now()
    )
    hub = Hub(parts)
    parts.is_listening = lambda: hub.listening

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        hub.start()
        if settings.city_fonts:
            start_cutting()
        with Pulse() as pulse:
            background = Background(engine, parts, hub, pulse)
            background.start()
            loop = asyncio.create_task(come_round(pulse))
            yield
            loop.cancel()
            background.tell_to_stop()
            await hub.close()
            await parts.files.close()
            await parts.grid_cells.close()
            await background.join()
        engine.dispose()

    app = Server(
        title="OneMap",
        version="0.1.0",
        docs_url=None,
        openapi_url="/api/openapi.json",
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.parts = parts
    problems.install(app, write_refusal)
    for router in ROUTERS:
        app.include_router(router, dependencies=[Depends(check_request)], responses=describes(*COMMON))
    for router in UNCHECKED:
        app.include_router(router)
    app.openapi = lambda: document(app)  # type: ignore[method-assign]
    add_files(app, vendor_folder(), ASSETS)
    add_docs(app)
    add_fonts(app, settings)
    add_push(app, hub)
    app.include_router(field_page.router)
    pages = build_pages(app, parts)
    for name in RESERVED:
        app.add_api_route(
            f"/{name}/{{rest:path}}",
            not_here,
            include_in_schema=False,
            methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
        )
    dash_app = build_dashboard(app, parts)
    app.add_middleware(Addresses)
    app.add_middleware(Compression)
    app.add_middleware(KeptTiles, parts=parts)
    app.add_middleware(AuthMiddleware, sessions=sessions, public_url=settings.public_url)
    known = known_names(settings)
    app.front = lambda inner: SecurityHeaders(
        Hosts(PlainPaths(Bodies(inner)), known), (dash_app, pages), parts.base_maps.hosts
    )
    return app


def write_refusal(request: Request, exc: Forbidden) -> None:
    """Who was refused what, in a transaction of its own: the request's is rolled back."""
    with get_parts(request).engine.begin() as conn:
        data = {"method": request.method, "path": request.url.path, "detail": exc.message}
        audit.write(conn, request.state.viewer, "refused", utc_now(), data, result="refused")


async def come_round(pulse: Pulse) -> None:
    """The event loop's sign of life: where it does not come round, no request is answered."""
    while True:
        pulse.turned("loop", LOOP_HUNG_S)
        await asyncio.sleep(1.0)


async def not_here(request: Request) -> JSONResponse:
    """404; or 405 with what is allowed where the address is one of ours and the method is not."""
    allowed = {
        method
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute) and route.matches(request.scope)[0] is Match.PARTIAL
        for method in route.methods or ()
    }
    if allowed:
        answer = problem(
            405, f"expected {', '.join(sorted(allowed))}; got {request.method}", reason="method_not_allowed"
        )
        answer.headers["Allow"] = ", ".join(sorted(allowed))
        return answer
    return problem(404, f"there is nothing at {request.url.path}", reason="not_found")


def add_push(app: FastAPI, hub: Hub) -> None:
    @app.websocket("/push")
    async def push(socket: WebSocket) -> None:
        await hub.serve(socket)
