"""Errors as RFC 9457 problem details: what is wrong, in which field, and what was expected. Nobody sees a traceback."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import anyio.to_thread
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send
from typing_extensions import TypedDict

from app.dashboard import texts
from app.dashboard.login import language_of
from core import errors
from core.faults import about_field, faults_of
from core.log import get_log
from core.process import known
from core.types import JsonObject
from core.vocabulary import Text
from layers.ogc.errors import BadRequest, Stale, Unsupported

log = get_log("http")
MEDIA_TYPE = "application/problem+json"
STATUS: dict[type[errors.OneMapError], int] = {
    errors.InputError: 422,
    BadRequest: 400,
    Unsupported: 415,
    Stale: 412,
    errors.DecodeError: 422,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Forbidden: 403,
    errors.Unauthenticated: 401,
    errors.TooMany: 429,
    errors.Unavailable: 503,
    errors.SetupError: 500,
}
TITLES = {
    400: "Bad request",
    401: "Not logged in",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    408: "Took too long",
    409: "Conflict",
    412: "Changed meanwhile",
    413: "Too large",
    415: "Unsupported media type",
    421: "Not known by this name",
    422: "Invalid input",
    429: "Too many requests",
    500: "Internal error",
    503: "Not available now",
}


class Wrong(TypedDict):
    """One field at fault: `detail` for programs, `why` for people."""

    field: str
    detail: str
    why: Text


class Problem(TypedDict, total=False):
    """RFC 9457: what is wrong. `reason` is for machines, `field` names the one at fault, `errors` all of them. `detail`
    is for programs, in English; `message` says the reason to a person in the language asked for (`?lang=`,
    Accept-Language), filled in with `about`."""

    type: str
    title: str
    status: int
    detail: str
    reason: str
    field: str
    errors: list[Wrong]
    lacking: list[str]
    about: dict[str, dict[str, str]]
    message: str


# what OpenAPI says beside the title: reasons that tell a client what to do
SENTENCES = {
    409: "Conflict: it has changed meanwhile (`stale_version`), the step is not allowed from here, or others changed "
    "the same things at this moment (`lost_race`: nothing was changed, the same request may succeed now)",
    503: "Not available now: the database does not answer (`database_away`) or has too much to do or no room left "
    "(`database_busy`); nothing was changed, try again later",
}


class Answer(JSONResponse):
    """A problem document, whose `message` is in the language of whoever asks: that is known when it is sent."""

    media_type = MEDIA_TYPE

    def __init__(self, body: Problem, headers: Mapping[str, str]) -> None:
        super().__init__(body, status_code=body["status"], headers=headers)
        self.told = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        reason = self.told.get("reason")
        if reason:
            lang = language_of(HTTPConnection(scope))
            self.body = self.render({**self.told, "message": texts.why(reason, self.told.get("about", {}))[lang]})
            self.headers["Content-Length"] = str(len(self.body))
            self.headers["Content-Language"] = texts.HTML_LANG["en" if lang == "en" else "zh"]
            self.headers.add_vary_header("Accept-Language")
        await super().__call__(scope, receive, send)


# `responses` of a route as FastAPI takes them: what OpenAPI says of each status
Responses = dict[int | str, JsonObject]


def describes(*statuses: int) -> Responses:
    """For `responses` of a route: these statuses are answered with a problem document."""
    return {
        status: {
            "description": SENTENCES.get(status, TITLES[status]),
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in statuses
    }


GEOJSON = "application/geo+json"
# RFC 7946 section 3.3; the properties are each layer's own
FEATURES: JsonObject = {
    "type": "object",
    "required": ["type", "features"],
    "properties": {
        "type": {"type": "string", "enum": ["FeatureCollection"]},
        "features": {
            "type": "array",
            "items": {"type": "object", "required": ["type", "id", "geometry", "properties"]},
        },
    },
}


def gives(media_type: str, description: str = "") -> Responses:
    """For `responses` of a route that answers with text, pictures, tiles or GeoJSON."""
    schema: JsonObject = FEATURES if media_type == GEOJSON else {"type": "string"}
    return {200: {"description": description, "content": {media_type: {"schema": schema}}}}


# what any route may answer: a body that is no JSON, nobody we know, may not, not there, changed meanwhile, cannot be
# used, ours or the database's fault
COMMON = (400, 401, 403, 404, 405, 409, 413, 422, 500, 503)


def problem(
    status: int,
    detail: str,
    *,
    reason: str | None = None,
    field: str | None = None,
    errors: list[Wrong] | None = None,
    lacking: list[str] | None = None,
    about: Mapping[str, dict[str, str]] | None = None,
) -> JSONResponse:
    """A problem document. `reason` is for machines, `field` names the one at fault."""
    body: Problem = {
        "type": "about:blank",
        "title": TITLES.get(status, "Error"),
        "status": status,
        "detail": detail,
    }
    if reason:
        body["reason"] = reason
    if field:
        body["field"] = field
    if errors is not None:
        body["errors"] = errors
    if lacking is not None:
        body["lacking"] = lacking
    if about:
        body["about"] = dict(about)
    return Answer(body, {"WWW-Authenticate": "Bearer"} if status == 401 else {})


def from_error(exc: errors.OneMapError) -> JSONResponse:
    answer = problem(STATUS.get(type(exc), 500), exc.message, reason=exc.reason, field=exc.field, about=exc.about)
    if exc.retry_s is not None:
        answer.headers["Retry-After"] = str(exc.retry_s)
    return answer


def database_error(exc: SQLAlchemyError) -> errors.OneMapError:
    """What is told of an error of the database; the log has what it said itself."""
    told = known(exc)
    log.error(told.reason, error=str(exc)[:500])
    return told


def place_in(path: Sequence[str | int]) -> str:
    """The field without the part of the request that it came in."""
    return ".".join(str(part) for part in path if part not in ("body", "query", "path"))


def install(app: FastAPI, refused: Callable[[Request, errors.Forbidden], None]) -> None:
    """Teach `app` to answer every error with a problem document. `refused` writes down, in a thread, who may not do
    what."""

    @app.exception_handler(errors.OneMapError)
    async def ours(request: Request, exc: errors.OneMapError) -> JSONResponse:
        if isinstance(exc, errors.Forbidden):
            try:
                await anyio.to_thread.run_sync(refused, request, exc)
            except SQLAlchemyError as failed:  # the answer stands, whether it could be written down or not
                log.error("refusal_not_audited", path=request.url.path, error=str(failed)[:200])
        return from_error(exc)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, exc: RequestValidationError) -> JSONResponse:
        faults = [(place_in(fault.path), fault) for fault in faults_of(exc.errors())]
        field, first = faults[0]
        return problem(
            422,
            f"{field or 'body'}: {first.detail}",
            reason="invalid_input",
            field=field,
            errors=[{"field": place, "detail": fault.detail, "why": fault.why} for place, fault in faults],
            about=about_field(field or "body", first.why),
        )

    @app.exception_handler(HTTPException)
    async def plain(_: Request, exc: HTTPException) -> JSONResponse:
        answer = problem(exc.status_code, str(exc.detail))
        answer.headers.update(exc.headers or {})
        return answer

    @app.exception_handler(ClientDisconnect)
    async def gone(_: Request, exc: ClientDisconnect) -> JSONResponse:
        return problem(400, "the request was not sent to its end")

    @app.exception_handler(DBAPIError)
    @app.exception_handler(PoolTimeout)
    async def of_database(_: Request, exc: DBAPIError | PoolTimeout) -> JSONResponse:
        return from_error(database_error(exc))

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, exc: Exception) -> JSONResponse:
        log.error("unforeseen", path=request.url.path, exc_info=exc)
        return problem(500, "something went wrong here; the log has the reason", reason="internal")
