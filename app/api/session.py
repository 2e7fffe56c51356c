"""Logging in and out: /login, /logout, /api/token"""

from __future__ import annotations

from typing import Literal
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection
from starlette.responses import HTMLResponse, RedirectResponse
from typing_extensions import TypedDict

from app.accounts import close_session
from app.api.shapes import Credentials
from app.auth import SECURE_COOKIE, cookie_name, is_loopback, read_cookie
from app.dashboard.login import language_of, local_path, login_page
from app.deps import PartsDep, Who, get_parts
from app.login import Try, log_in
from app.problems import describes, from_error
from core import audit
from core.clock import rfc3339, utc_now
from core.errors import TooMany, Unauthenticated, Unavailable
from core.viewer import Viewer

router = APIRouter(tags=["session"])


@router.get("/login", include_in_schema=False)
def get_login(request: Request, next: str = "/", why: str | None = None) -> HTMLResponse:
    """`why` the page has led here: `ended`, where a session is over."""
    return HTMLResponse(login_page(language_of(request), "ended" if why == "ended" else None, next))


@router.post("/login", include_in_schema=False)
async def post_login(request: Request) -> Response:
    form = parse_qs((await request.body()).decode("utf-8", "replace"))
    username, password = form.get("username", [""])[0], form.get("password", [""])[0]
    target = local_path(form.get("next", ["/"])[0])
    parts = get_parts(request)
    try:
        entry = await log_in(parts, tried(request, username, password, "browser"))
    except (Unauthenticated, TooMany, Unavailable) as exc:
        refused = from_error(exc)
        page = HTMLResponse(login_page(language_of(request), exc.reason, target), refused.status_code)
        if "retry-after" in refused.headers:
            page.headers["Retry-After"] = refused.headers["retry-after"]
        return page
    answer = RedirectResponse(target, status_code=303)
    name = cookie_name(request.scope, parts.settings.public_url)
    answer.set_cookie(
        name,
        entry.secret,
        max_age=parts.settings.session_hours * 3600,
        httponly=True,
        samesite="lax",
        secure=name == SECURE_COOKIE,
        path="/",
    )
    return answer


def tried(request: Request, username: str, password: str, kind: Literal["browser", "token"]) -> Try:
    address = request.client.host if request.client else ""
    # from this machine and not through a proxy
    local = is_loopback(address) and "x-forwarded-for" not in request.headers
    return Try(username, password, address, local, kind)


@router.post("/logout", include_in_schema=False)
async def post_logout(request: Request, who: Who, parts: PartsDep) -> Response:
    name = cookie_name(request.scope, parts.settings.public_url)
    secret = read_cookie(request.headers.get("cookie", ""), name)
    if secret:
        await parts.work(lambda conn: _log_out(conn, who, secret))
        parts.sessions.forget(secret)
    answer = RedirectResponse("/login", status_code=303)
    # a browser takes no word about a __Host- name that is not Secure
    answer.delete_cookie(name, path="/", secure=name == SECURE_COOKIE, httponly=True, samesite="lax")
    return answer


def _log_out(conn: Connection, who: Viewer, secret: str) -> None:
    close_session(conn, secret)
    audit.write(conn, who, "logout", utc_now())


class Token(TypedDict):
    token: str
    expires_at: str


@router.post("/api/token", responses=describes(429))
async def post_token(request: Request, parts: PartsDep, body: Credentials) -> Token:
    """A bearer token for programs."""
    entry = await log_in(parts, tried(request, body.username, body.password, "token"))
    return {"token": entry.secret, "expires_at": rfc3339(entry.expires)}
