"""Headers: on every answer, whoever gives it, and nothing private is kept."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator

import httpx
import pytest
from starlette.datastructures import Headers

from app.front.headers import ALWAYS, standing_headers
from core.settings import Settings
from tests.support import PASSWORD, PATIENCE_S, System


@pytest.fixture(scope="module")
def browser(served: System) -> Iterator[httpx.Client]:
    """Somebody who has logged in with a browser."""
    transport = httpx.HTTPTransport(local_address="127.0.0.71")
    with httpx.Client(base_url=served.http, trust_env=False, timeout=PATIENCE_S, transport=transport) as client:
        form = {"username": "viewer", "password": PASSWORD}
        assert client.post("/login", data=form, headers={"Origin": served.http}).status_code == 303
        yield client


ANSWERS = [
    ("a page", "GET", "/login", {}, 200),
    ("a redirect", "GET", "/", {"Accept": "text/html", "Cookie": ""}, 303),
    ("a refusal of the door", "GET", "/api/alarms", {"Cookie": ""}, 401),
    ("a refusal of the Host", "GET", "/login", {"Host": "evil.example"}, 421),
    ("a path that is none", "GET", "/api/..;/x", {}, 400),
    ("a body too large", "POST", "/login", {"Content-Length": "99999999"}, 413),
    ("an origin that is none", "POST", "/login", {"Origin": "https://evil.example"}, 403),
    ("nothing there", "GET", "/api/nothing", {}, 404),
    ("another method", "DELETE", "/api/me", {"Origin": "{http}"}, 405),
    ("bad input", "GET", "/api/alarms?level=9", {}, 422),
    ("an answer of the API", "GET", "/api/me", {}, 200),
    ("the One Map page", "GET", "/", {}, 200),
    ("a page beside it", "GET", "/sources", {}, 200),
    ("an asset", "GET", "/assets/css/base.css", {}, 200),
    ("no request at all", "NONSENSE", "", {}, 400),
]


def raw(served: System, browser: httpx.Client, method: str, path: str, more: dict[str, str]) -> tuple[int, Headers]:
    """Exactly that request, with the browser's cookie."""
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    headers = {"Host": "localhost", "Cookie": cookie} | {k: v.format(http=served.http) for k, v in more.items()}
    if "Origin" in more and "{http}" in more["Origin"]:
        headers["Host"] = served.http.removeprefix("http://")
    with socket.create_connection(("127.0.0.1", served.settings.http_port), timeout=PATIENCE_S) as line:
        lines = [f"{method} {path} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items()), "Connection: close", "", ""]
        line.sendall("\r\n".join(lines).encode())
        head = b""
        while b"\r\n\r\n" not in head and (more_bytes := line.recv(65536)):
            head += more_bytes
    first, *rest = head.partition(b"\r\n\r\n")[0].split(b"\r\n")
    pairs = [tuple(one.split(b": ", 1)) for one in rest]
    return int(first.split()[1]), Headers(raw=[(name.lower(), value) for name, value in pairs])


@pytest.mark.parametrize(("what", "method", "path", "more", "status"), ANSWERS, ids=[a[0] for a in ANSWERS])
def test_every_answer_carries_them(
    what: str, method: str, path: str, more: dict[str, str], status: int, served: System, browser: httpx.Client
) -> None:
    found, headers = raw(served, browser, method, path, more)
    assert found == status
    for name, value in ALWAYS:
        assert headers.getlist(name) == [value], name
    assert "server" not in headers
    if "text/html" in headers.get("content-type", ""):
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
    if what == "no request at all":
        return
    assert headers.getlist("cache-control") == ["no-cache" if what == "an asset" else "no-store"]


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("/api/alarms", "no-store"),
        ("/api/state", "no-store"),
        ("/feeds/alerts.atom", "no-store"),
        ("/pages/_dash-layout", "no-store"),
        ("/api/texts", "private, no-cache"),
        ("/api/layers/cameras/features", "private, no-cache"),
        ("/tiles/buildings/14/13601/6656.mvt", "private, max-age=600"),
        ("/vendor/maplibre-gl/dist/maplibre-gl.css", "private, max-age=86400"),
        ("/assets/~0/css/base.css", "private, max-age=31536000, immutable"),
    ],
)
def test_what_is_kept_and_by_whom(path: str, kept: str, browser: httpx.Client) -> None:
    answer = browser.get(path)
    assert answer.status_code in (200, 204), answer.text
    assert answer.headers["cache-control"] == kept


def test_nothing_may_be_kept_by_others(browser: httpx.Client) -> None:
    """What Dash serves of its own too."""
    page = browser.get("/").text
    scripts = [part.split('"')[0] for part in page.split('src="')[1:]]
    suites = [one for one in scripts if one.startswith("/_dash-component-suites/")]
    assert suites
    for one in suites[:5]:
        kept = browser.get(one).headers["cache-control"]
        assert "public" not in kept, one


def test_styles_come_by_a_nonce_of_this_answer(browser: httpx.Client) -> None:
    seen = set()
    for path in ("/", "/", "/sources"):
        answer = browser.get(path)
        policy = answer.headers["content-security-policy"]
        assert "unsafe" not in policy
        [nonce] = re.findall(r"style-src 'self' 'nonce-([A-Za-z0-9_-]{20,})'", policy)
        assert re.findall(r'nonce="([^"]*)"', answer.text) == [nonce]
        seen.add(nonce)
    assert len(seen) == 3


def test_tls_is_for_good_only_where_every_browser_knows_the_certificate(tmp_path: object) -> None:
    files = {"tls_cert": "a.crt", "tls_key": "a.key"}
    name = "Strict-Transport-Security"
    assert name in dict(standing_headers(Settings(**files)))
    assert name not in dict(standing_headers(Settings(**files, tls_authority="ca.crt")))
    assert name not in dict(standing_headers(Settings()))
