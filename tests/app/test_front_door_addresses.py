"""Names and paths: who we are asked for, and what is asked for, are understood in one way or not at all."""

from __future__ import annotations

import asyncio
import socket
from typing import Any
from urllib.parse import unquote

import pytest
from websockets.exceptions import InvalidStatus

from app.front.hosts import Hosts, host_of, known_names, sort_known
from app.front.paths import is_plain
from core.settings import Settings
from tests.support import PATIENCE_S, System, connect_socket


def ask(system: System, target: str, *headers: str, method: str = "GET") -> tuple[int, str]:
    """Status and all of the answer to a request as it is written, nothing made nicer on the way."""
    lines = [f"{method} {target} HTTP/1.1", *(headers or ("Host: localhost",)), "Connection: close", "", ""]
    with socket.create_connection(("127.0.0.1", system.settings.http_port), timeout=PATIENCE_S) as line:
        line.sendall("\r\n".join(lines).encode("latin-1"))
        found = b""
        while more := line.recv(65536):
            found += more
    return int(found.split(b" ", 2)[1]), found.decode("utf-8", "replace")


# --- paths ------------------------------------------------------------------------------------------------------------

CROOKED = [
    "//login",
    "/api//alarms",
    "/login//",
    "/assets/css/../js/main.mjs",
    "/assets/css/..%2fjs/main.mjs",
    "/assets/css/%2e%2e/js/main.mjs",
    "/assets/css/%2E./js/main.mjs",
    "/assets/css/..;/js/main.mjs",
    "/assets/css/..;a=b/js/main.mjs",
    "/assets/css/.../js/main.mjs",
    "/assets/css/..%20/js/main.mjs",
    "/assets/css/..%5cjs/main.mjs",
    "/assets/css/..\\js/main.mjs",
    "/assets/css/%252e%252e/js/main.mjs",
    "/assets/css/..%c0%afjs/main.mjs",
    "/assets/css/..%ef%bc%8fjs/main.mjs",
    "/vendor/@fontsource/../swagger-ui-dist/swagger-ui.css",
    "/login/../api/alarms",
    "/login/..;/api/alarms",
    "/login/%2e%2e/api/alarms",
    "/login/..%2fapi/alarms",
    "/./api/alarms",
    "/api/./alarms",
    "/api/alarms/..",
    "/api%2falarms",
    "/api/alarms%00",
    "/login%0d%0aX-Y:%20z",
    "/healthz/../api/alarms",
    "/ca.crt/../api/alarms",
]


@pytest.mark.parametrize("target", CROOKED)
def test_crooked_path_opens_nothing(target: str, served: System) -> None:
    status, told = ask(served, target)
    assert status in (400, 401, 404), told
    assert "import" not in told, "no file of ours"
    assert "X-Y" not in told.partition("\r\n\r\n")[0]


# these are read in one way only: as an address that somebody must log in for, or names that nothing has
READ = {
    "/assets/css/..%c0%afjs/main.mjs",
    "/assets/css/..%ef%bc%8fjs/main.mjs",
    "/api%2falarms",
    "/api/alarms%00",
    "/login%0d%0aX-Y:%20z",
}


@pytest.mark.parametrize("target", CROOKED)
def test_crooked_path_is_refused_before_anybody_matches_it(target: str) -> None:
    """Even for those who may see what it might mean."""
    assert is_plain(target.encode(), unquote(target)) is (target in READ)


@pytest.mark.parametrize("path", ["/assets/css/a%00b.css", "/assets/css/a%0ab.css", "/vendor/@fontsource/%00"])
def test_file_that_cannot_be_is_not_there(path: str, served: System) -> None:
    assert ask(served, path)[0] == 404


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/login",
        "/api/alarms",
        "/api/alarms/",
        "/assets/~0a1b/css/base.css",
        "/vendor/@fontsource/noto-sans-sc/files/a-400.woff2",
        "/api/sensors/wl-101.a:b_c",
        "/api/sensors/x../observations",
        "/api/sensors/%E6%B0%B4%E4%BD%8D",
        "/feeds/alerts/1.2.156.cap",
        "/api/cards/video_event/cam-1%2Fevent-7",
        "/_dash-component-suites/dash/deps/react@18.v4_4_1.js",
    ],
)
def test_plain_path_is_let_in(target: str) -> None:
    assert is_plain(target.encode(), unquote(target))


def test_socket_under_a_crooked_path_is_refused(served: System) -> None:
    address = served.http.replace("http", "ws", 1) + "/assets/css/%2e%2e/push"
    with pytest.raises(InvalidStatus) as refused, connect_socket(address):
        pass
    assert refused.value.response.status_code in (400, 403)


# --- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:{port}", 200),
        ("localhost.:{port}", 200),
        ("127.0.0.1:{port}", 200),
        ("127.3.2.1:{port}", 200),
        ("[::1]:{port}", 200),
        (f"{socket.gethostname()}:1", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("203.0.113.9", 421),
        ("evil.example:80@localhost", 400),
        ("localhost:80:90", 400),
        ("[::1", 400),
        ("", 400),
    ],
)
def test_only_our_own_names_are_answered(host: str, status: int, served: System) -> None:
    found, told = ask(served, "/login", f"Host: {host.format(port=served.settings.http_port)}")
    assert found == status, told
    if status != 200:
        assert '"reason":"host"' in told
        assert "OneMap</" not in told


def test_no_host_and_two_hosts_are_refused(served: System) -> None:
    assert ask(served, "/login", "X-No: host")[0] == 400
    assert ask(served, "/login", "Host: localhost", "Host: evil.example")[0] == 400


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probe_may_come_by_any_name(path: str, served: System) -> None:
    assert ask(served, path, "Host: serve-7f9c:8050")[0] == 200


def test_socket_for_another_name_is_refused(served: System) -> None:
    headers = {"Authorization": f"Bearer {served.token()}"}
    with (
        socket.create_connection(("127.0.0.1", served.settings.http_port), timeout=PATIENCE_S) as line,
        pytest.raises(InvalidStatus) as refused,
        connect_socket("ws://evil.example/push", sock=line, additional_headers=headers),
    ):
        pass
    assert refused.value.response.status_code == 421


SETTINGS: list[tuple[dict[str, Any], str, bool]] = [
    ({}, "map.example.org", False),
    ({"public_url": "https://map.example.org"}, "map.example.org", True),
    ({"public_url": "https://map.example.org"}, "other.example.org", False),
    ({"tls_names": "map.local, *.city.example"}, "map.local", True),
    ({"tls_names": "map.local, *.city.example"}, "east.city.example", True),
    ({"tls_names": "map.local, *.city.example"}, "city.example.evil", False),
    ({"http_host": "192.0.2.5"}, "192.0.2.5", True),
    ({"allowed_hosts": "serve, 192.0.2.9 ,*.example.net"}, "serve", True),
    ({"allowed_hosts": "serve, 192.0.2.9 ,*.example.net"}, "192.0.2.9", True),
    ({"allowed_hosts": "serve, 192.0.2.9 ,*.example.net"}, "a.example.net", True),
    ({"allowed_hosts": "serve, 192.0.2.9 ,*.example.net"}, "example.org", False),
    ({"allowed_hosts": "*"}, "anything.example", True),
]


@pytest.mark.parametrize(("given", "host", "known"), SETTINGS)
def test_names_are_known_by_the_settings(given: dict[str, Any], host: str, known: bool) -> None:
    assert (host_of(host) in known_names(Settings(**given))) is known


def test_address_that_the_connection_came_to_is_ours() -> None:
    """It may be newer than this process: a network that came up later, a new lease."""
    heard: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        heard.append(scope["path"])

    async def none(_: object = None) -> dict[str, str]:
        return {}

    def scope(host: bytes) -> dict[str, Any]:
        return {
            "type": "http",
            "method": "GET",
            "path": "/x",
            "query_string": b"",
            "headers": [(b"host", host)],
            "server": ("192.0.2.77", 80),
        }

    hosts = Hosts(app, sort_known(["localhost"]))
    asyncio.run(hosts(scope(b"192.0.2.77:8050"), none, none))  # type: ignore[arg-type]
    asyncio.run(hosts(scope(b"192.0.2.78:8050"), none, none))  # type: ignore[arg-type]
    assert heard == ["/x"]
