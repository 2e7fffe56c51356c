"""The Dash application of the pages, under `/pages/` of the server it is given; people
see `/layers`, `/catalogue`, `/analysis`, `/rules`, `/routing`, `/subscriptions`, `/alarm-load`, `/base-maps`,
`/sources`, `/devices`, `/set-aside`, `/quarantine`, `/people` and `/me`.

It is an application of its own so that the One Map page loads nothing of it. Whoever opens an address of `PAGES` gets
its index page; which page is drawn, and for whom, decides a callback.
"""

from __future__ import annotations

from typing import Any, Protocol, cast

from dash import Dash, Input, Output, State
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from app.asking import Asking, Door
from app.deps import Parts
from app.index import make_application
from app.pages import (
    accounts,
    alarm_load,
    analysis,
    base_maps,
    catalogue,
    me,
    own_layers,
    people,
    quarantine,
    routing,
    rules,
    set_aside,
    sources,
    subscriptions,
    tables,
)
from app.pages.errors import tell_error
from app.pages.ids import Id
from app.pages.shell import frame, index_string

PREFIX = "/pages/"


class PageModule(Protocol):
    """What the package of a page offers."""

    def draw(self, asking: Asking, hash_: str) -> list[Any]: ...

    def register(self, app: Dash, door: Door) -> None: ...


PAGES: dict[str, PageModule] = {
    "/layers": cast(PageModule, own_layers),
    "/catalogue": cast(PageModule, catalogue),
    "/analysis": cast(PageModule, analysis),
    "/rules": cast(PageModule, rules),
    "/routing": cast(PageModule, routing),
    "/subscriptions": cast(PageModule, subscriptions),
    "/alarm-load": cast(PageModule, alarm_load),
    "/base-maps": cast(PageModule, base_maps),
    "/sources": cast(PageModule, sources),
    "/devices": cast(PageModule, accounts),
    "/set-aside": cast(PageModule, set_aside),
    "/quarantine": cast(PageModule, quarantine),
    "/people": cast(PageModule, people),
    "/me": cast(PageModule, me),
}


def build_pages(server: FastAPI, parts: Parts) -> Dash:
    """Put the pages on `server`. Call it before the One Map page, which answers all that is left, and put `Addresses`
    around."""
    app = make_application("app.pages", server, index_string(), prefix=PREFIX, on_error=tell_error)
    app.layout = frame()
    door = Door(parts)
    door.open(app)

    @app.callback(Output(Id.PAGE.value, "children"), Input(Id.PLACE.value, "pathname"), State(Id.PLACE.value, "hash"))
    async def draw_page(pathname: str, hash_: str | None) -> list[Any]:
        found = PAGES.get(pathname.rstrip("/")) or sources
        return await door.ask(found.draw, (hash_ or "").lstrip("#"))

    tables.register_refresh(app)
    for one in PAGES.values():
        one.register(app, door)
    return app


class Addresses:
    """Leads the addresses people see to the index page of the pages' application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].rstrip("/") in PAGES:
            scope = {**scope, "path": PREFIX, "raw_path": PREFIX.encode()}
        await self._app(scope, receive, send)
