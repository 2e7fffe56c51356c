"""/feeds: our CAP alerts and their index, for field teams; session, bearer token or feed token."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request, Response

from alerts.feeds import index
from app.deps import Conn, Now, PartsDep, Who
from app.problems import gives
from core.errors import NotFound
from core.exposure import city_zone
from core.viewer import Permission

router = APIRouter(prefix="/feeds", tags=["feeds"])
Lang = Literal["zh", "en"]


def base_of(request: Request, public_url: str) -> str:
    return (public_url or str(request.base_url)).rstrip("/")


@router.get("/alerts.atom", response_class=Response, responses=gives("application/atom+xml"))
def get_atom(
    conn: Conn, who: Who, now: Now, parts: PartsDep, request: Request, district: str | None = None, lang: Lang = "zh"
) -> Response:
    """One entry per alert, by area with `?district=`."""
    who.require(Permission.CITY_READ)
    entries = index.list_entries(conn, now, district, who.scope)
    body = index.atom(entries, base_of(request, parts.settings.public_url), city_zone(conn), now, lang)
    return Response(body, media_type="application/atom+xml")


@router.get("/alerts.rss", response_class=Response, responses=gives("application/rss+xml"))
def get_rss(
    conn: Conn, who: Who, now: Now, parts: PartsDep, request: Request, district: str | None = None, lang: Lang = "zh"
) -> Response:
    who.require(Permission.CITY_READ)
    entries = index.list_entries(conn, now, district, who.scope)
    return Response(
        index.rss(entries, base_of(request, parts.settings.public_url), city_zone(conn), lang),
        media_type="application/rss+xml",
    )


@router.get("/alerts.geojson")
def get_geojson(
    conn: Conn, who: Who, now: Now, parts: PartsDep, request: Request, district: str | None = None
) -> index.AlertCollection:
    who.require(Permission.CITY_READ)
    return index.geojson(
        index.list_entries(conn, now, district, who.scope), base_of(request, parts.settings.public_url)
    )


@router.get("/alerts/{identifier}.cap", response_class=Response, responses=gives(index.CAP_TYPE))
def get_cap(conn: Conn, who: Who, identifier: str) -> Response:
    who.require(Permission.CITY_READ)
    body = index.read_alert(conn, identifier, who.scope)
    if body is None:
        raise NotFound(f"there is no alert {identifier!r}")
    return Response(body.encode(), media_type=index.CAP_TYPE)
