"""/ogc/onemap.qgz, /ogc/collections/{id}/onemap.qlr: our layers for QGIS, drawn as on the map.

A QGIS program keeps no session: the token of the address goes on in its links, and no other (app.ogc.place).
"""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection

from app.dashboard import texts
from app.dashboard.texts import Lang
from app.deps import Conn, PartsDep, Who
from app.ogc import qgis
from app.ogc.place import Place, check, language
from core.exposure import city_box
from core.scope import Scope
from core.vocabulary import table
from layers.drawing import drawing_of_ours, drawing_of_own
from layers.ogc.collections import OURS, collection, of_own, ours
from layers.own import need_layer, read_layers

router = APIRouter(prefix="/ogc", include_in_schema=False)
KNOWN = frozenset({"token"})


def shown_to(conn: Connection, scope: Scope) -> list[qgis.Shown]:
    """All that a scope sees, in the order of `/ogc/collections`."""
    shown = [qgis.Shown(one, drawing_of_ours(one)) for one in ours(scope)]
    own = [qgis.Shown(of_own(layer), drawing_of_own(layer)) for layer in read_layers(conn, scope)]
    return [*shown, *own]


def shown_one(conn: Connection, name: str, scope: Scope) -> qgis.Shown:
    """NotFound where there is none, or none that this scope may see."""
    if any(one.id == name for one in OURS):
        one = collection(conn, name, scope)
        return qgis.Shown(one, drawing_of_ours(one))
    layer = need_layer(conn, name, scope)
    return qgis.Shown(of_own(layer), drawing_of_own(layer))


def answer(body: bytes, kind: str, name: str, lang: Lang) -> Response:
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Content-Language": texts.HTML_LANG[lang],
        "Vary": "Accept-Language",
    }
    return Response(body, media_type=kind, headers=headers)


@router.get("/onemap.qgz")
def get_project(request: Request, conn: Conn, who: Who, parts: PartsDep) -> Response:
    """The whole map: every layer that one may see, in the groups of the tree."""
    check(request, KNOWN)
    place, lang = Place(request, parts.settings.public_url), language(request, who)
    groups = {key: {"zh": str(row["zh"]), "en": str(row["en"])} for key, row in table("layer_groups").items()}
    served = qgis.Served(place.url("", html=False), lang)
    body = qgis.project(shown_to(conn, who.scope), groups, texts.text("app.name", lang), city_box(conn), served)
    return answer(body, qgis.PROJECT_TYPE, "onemap.qgz", lang)


@router.get("/collections/{name}/onemap.qlr")
def get_definition(request: Request, conn: Conn, who: Who, parts: PartsDep, name: str) -> Response:
    """A layer, to be dropped into any project."""
    check(request, KNOWN)
    place, lang = Place(request, parts.settings.public_url), language(request, who)
    one = shown_one(conn, name, who.scope)
    return answer(
        qgis.definition(one, qgis.Served(place.url("", html=False), lang)), qgis.LAYER_TYPE, f"{one.one.id}.qlr", lang
    )
