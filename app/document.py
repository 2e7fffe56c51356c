"""The OpenAPI document: what FastAPI reads from the routes, with our problem documents and the ways to log in."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter

from app.auth import COOKIE, OPEN_PATHS
from app.problems import Problem
from core.types import JsonObject

SCHEMES: dict[str, dict[str, str]] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "POST /api/token, or ./onemap user token"},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "a browser that has logged in at /login; behind TLS the name begins with __Host-",
    },
    "feed": {
        "type": "apiKey",
        "in": "query",
        "name": "token",
        "description": "./onemap user token NAME --feed; for /feeds only",
    },
}
METHODS = ("get", "post", "put", "patch", "delete")


def document(app: FastAPI) -> JsonObject:
    """Made once, on first use."""
    if app.openapi_schema is None:
        made = get_openapi(title=app.title, version=app.version, routes=app.routes)
        components = made.setdefault("components", {})
        schemas = components.setdefault("schemas", {})
        schemas["Problem"] = TypeAdapter(Problem).json_schema()
        # FastAPI's own form of a validation error is not what we answer
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        components["securitySchemes"] = SCHEMES
        for path, methods in made["paths"].items():
            for method, operation in methods.items():
                if method in METHODS:
                    operation["security"] = security_of(path)
        app.openapi_schema = made
    return app.openapi_schema


def security_of(path: str) -> list[dict[str, list[str]]]:
    if path in OPEN_PATHS:
        return []
    names = ("bearer", "session", "feed") if path.startswith("/feeds/") else ("bearer", "session")
    return [{name: []} for name in names]
