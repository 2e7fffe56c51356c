"""Logging in and out: /login, /logout, /api/token, /api/me"""

from __future__ import annotations

from urllib.parse import parse_qs

import anyio.to_thread
from fastapi import APIRouter, Request, Response
from starlette.responses import HTMLResponse, RedirectResponse
from typing_extensions import TypedDict

from app.accounts import close_session, log_in, open_session
from app.api.shapes import Credentials
from app.auth import SECURE_COOKIE, cookie_name, is_loopback, policy_of, read_cookie
from app.dashboard.login import local_path, login_page
from app.deps import Now, Parts, PartsDep, Who, get_parts
from core import audit
from core.clock import rfc3339, utc_now
from core.errors import Unauthenticated
from core.viewer import Viewer

router = APIRouter(tags=["session"])
BODY_AT_MOST = 10_000


def address_of(request: Request) -> str:
    return request.client.host if request.client else ""


def is_local(request: Request) -> bool:
    """From this machine and not through a proxy."""
    return is_loopback(address_of(request)) and "x-forwarded-for" not in request.headers


def attempt(parts: Parts, request: Request, username: str, password: str) -> Viewer | None:
    """Try to log in; failures are counted and written down. Raises Unauthenticated where it is not even tried."""
    address = address_of(request)
    if not parts.attempts.allow(address):
        raise Unauthenticated("too many log-ins from this address; wait a minute", reason="rate_limited")
    try:
        return _attempt(parts, request, username, password)
    except Unauthenticated as exc:
        with parts.engine.begin() as conn:
            audit.write(conn, username, "login", utc_now(), {"reason": exc.reason}, address=address, result="refused")
        raise


def _attempt(parts: Parts, request: Request, username: str, password: str) -> Viewer | None:
    address = address_of(request)
    with parts.engine.begin() as conn:
        viewer = log_in(conn, username, password, policy_of(parts.settings), utc_now(), loopback=is_local(request))
        audit.write(conn, username, "login", utc_now(), address=address, result="ok" if viewer else "refused")
    return viewer


@router.get("/login", include_in_schema=False)
def get_login(request: Request, next: str = "/") -> HTMLResponse:
    return HTMLResponse(login_page(language_of(request), None, next))


@router.post("/login", include_in_schema=False)
async def post_login(request: Request) -> Response:
    body = await request.body()
    form = parse_qs(body[:BODY_AT_MOST].decode("utf-8", "replace"))
    username, password = form.get("username", [""])[0], form.get("password", [""])[0]
    target = local_path(form.get("next", ["/"])[0])
    parts = get_parts(request)
    try:
        viewer = await anyio.to_thread.run_sync(attempt, parts, request, username, password)
    except Unauthenticated as exc:
        return HTMLResponse(
            login_page(language_of(request), exc.reason, target),
            status_code=429 if exc.reason == "rate_limited" else 401,
        )
    if viewer is None:
        return HTMLResponse(login_page(language_of(request), "wrong_password", target), status_code=401)
    secret = await anyio.to_thread.run_sync(_open_browser_session, parts, viewer.username)
    answer = RedirectResponse(target, status_code=303)
    name = cookie_name(request.scope, parts.settings.public_url)
    answer.set_cookie(
        name,
        secret,
        max_age=parts.settings.session_hours * 3600,
        httponly=True,
        samesite="lax",
        secure=name == SECURE_COOKIE,
        path="/",
    )
    return answer


def _open_browser_session(parts: Parts, username: str) -> str:
    with parts.engine.begin() as conn:
        return open_session(conn, username, "browser", utc_now(), parts.settings.session_hours)[0]


def language_of(request: Request) -> str:
    chosen = request.query_params.get("lang") or request.headers.get("accept-language", "zh")
    return "en" if chosen.lower().startswith("en") else "zh"


@router.post("/logout", include_in_schema=False)
def post_logout(request: Request, who: Who, parts: PartsDep) -> Response:
    name = cookie_name(request.scope, parts.settings.public_url)
    secret = read_cookie(request.headers.get("cookie", ""), name)
    if secret:
        with parts.engine.begin() as conn:
            close_session(conn, secret)
            audit.write(conn, who, "logout", utc_now())
        parts.sessions.forget(secret)
    answer = RedirectResponse("/login", status_code=303)
    # a browser takes no word about a __Host- name that is not Secure
    answer.delete_cookie(name, path="/", secure=name == SECURE_COOKIE, httponly=True, samesite="lax")
    return answer


class Token(TypedDict):
    token: str
    expires_at: str


@router.post("/api/token")
def post_token(request: Request, parts: PartsDep, now: Now, body: Credentials) -> Token:
    """A bearer token for programs."""
    viewer = attempt(parts, request, body.username, body.password)
    if viewer is None:
        raise Unauthenticated("username or password is wrong", reason="wrong_password")
    with parts.engine.begin() as conn:
        secret, expires = open_session(conn, viewer.username, "token", now, parts.settings.session_hours)
    return {"token": secret, "expires_at": rfc3339(expires)}


class Me(TypedDict):
    """Who is logged in."""

    username: str
    name: str
    role: str
    lang: str


@router.get("/api/me")
def get_me(who: Who) -> Me:
    return {"username": who.username, "name": who.name, "role": who.role, "lang": who.lang}
