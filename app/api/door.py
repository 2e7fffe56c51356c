"""What every request is asked before its handler: no parameter that we do not know, no text that cannot be stored or
seen."""

from __future__ import annotations

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from core.errors import InputError
from core.texts import check_text


async def check_request(request: Request) -> None:
    """A dependency of all routers. An unknown query parameter is an error and named: a misspelt one must not be
    silently ignored."""
    route = request.scope.get("route")
    if not isinstance(route, APIRoute):
        return
    known = query_names(route)
    for name, value in request.query_params.multi_items():
        if name not in known:
            expected = f"expected one of {', '.join(sorted(known))}" if known else "this address takes none"
            shown = name.encode("unicode_escape").decode()[:60]
            raise InputError(
                f"{shown}: there is no such parameter; {expected}", field=shown, reason="unknown_parameter"
            )
        check_text(value, name)
    for name, value in request.path_params.items():
        check_text(str(value), name)


def query_names(route: APIRoute) -> frozenset[str]:
    """Names of the query parameters of a route and of what it depends on."""
    return (
        frozenset(_names(route.dependant)) | FEED_TOKEN
        if route.path.startswith("/feeds/")
        else frozenset(_names(route.dependant))
    )


# read by the middleware (app.auth)
FEED_TOKEN = frozenset({"token"})


def _names(dependant: Dependant) -> list[str]:
    own = [field.alias for field in dependant.query_params]
    return own + [name for child in dependant.dependencies for name in _names(child)]
