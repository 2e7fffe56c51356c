"""Connections that would stay for ever, or be too many: a `serve` with short bounds, and sockets that misbehave."""

from __future__ import annotations

import os
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from websockets.exceptions import ConnectionClosed

from app.front.connections import BESIDE, HEAD_AT_MOST, Proxies, make_room
from app.services.mosquitto import Broker
from core.db import make_engine, within
from core.errors import SetupError
from tests.conftest import MakeDatabase
from tests.support import LOGS, PASSWORD, PATIENCE_S, System, free_settings, wait_for

PER_ADDRESS, ALL = 20, 60
FONT = "/vendor/@fontsource/noto-sans-sc/files/noto-sans-sc-chinese-simplified-400-normal.woff2"
HALF = b"GET /login HTTP/1.1\r\nHost: localhost\r\nX-Half: "
BODY = b"POST /login HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nContent-Length: 1000\r\n\r\nusername="
CHUNK = BODY.replace(b"Content-Length: 1000", b"Transfer-Encoding: chunked").replace(b"username=", b"3e8\r\nusername=")


@pytest.fixture(scope="module")
def strict(template: str, make_database: MakeDatabase, broker: Broker) -> Iterator[System]:
    bounds = {
        "header_timeout_s": 1.5,
        "body_timeout_s": 2.0,
        "connections": ALL,
        "connections_per_address": PER_ADDRESS,
        "statement_timeout_s": 1.0,
    }
    settings = free_settings(make_database("test_strict", template), broker.url(), **bounds)
    with System(settings, broker, LOGS / "test_strict", passed=tuple(bounds)) as system:
        yield system.start("serve")


def reach(system: System, source: str = "127.0.0.1") -> socket.socket:
    found = socket.create_connection(
        ("127.0.0.1", system.settings.http_port), timeout=PATIENCE_S, source_address=(source, 0)
    )
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return found


def read_to_end(line: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    found = b""
    try:
        while more := line.recv(65536):
            found += more
    except ConnectionResetError:
        pass
    return found


def answers(system: System) -> bool:
    try:
        return httpx.get(f"{system.http}/healthz", trust_env=False, timeout=PATIENCE_S).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.parametrize(
    ("what", "sent", "status"),
    [
        ("nothing", b"", b"408"),
        ("an empty line", b"\r\n", b"408"),
        ("half a request line", b"GET /log", b"408"),
        ("half a head", HALF, b"408"),
        ("half a body", BODY, b"408"),
        ("half a chunk", CHUNK, b"408"),
        ("half of the next head", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" + HALF, b"200"),
    ],
)
def test_half_open_connection_is_closed(what: str, sent: bytes, status: bytes, strict: System) -> None:
    with reach(strict) as line:
        line.sendall(sent)
        told = read_to_end(line)
    assert told.split(b" ", 2)[1] == status
    assert b"x-content-type-options: nosniff" in told.lower()
    assert b"server:" not in told.lower()


@pytest.mark.parametrize("begun", [HALF, BODY])
def test_request_that_trickles_is_closed_all_the_same(begun: bytes, strict: System) -> None:
    with reach(strict) as line:
        line.sendall(begun)
        line.settimeout(0.1)
        told = b""
        for _ in range(round(PATIENCE_S * 10)):
            try:
                more = line.recv(65536)
            except TimeoutError:
                line.sendall(b"x")
                continue
            except (ConnectionResetError, BrokenPipeError):
                break
            if not more:
                break
            told += more
        else:
            raise AssertionError("it stayed")
    assert b" 408 " in told


def test_six_hundred_half_open_connections_do_not_stay(strict: System) -> None:
    """More than there may be; the page answers again once their time is over."""
    with ExitStack() as stack:
        lines = [stack.enter_context(reach(strict)) for _ in range(600)]
        for line in lines:
            try:
                line.sendall(HALF)
            except (BrokenPipeError, ConnectionResetError):
                continue
        wait_for(lambda: answers(strict), what="the page answers")
        assert all(read_to_end(line) is not None for line in lines), "every one of them was closed"
    assert strict.running["serve"].poll() is None


def test_one_address_has_a_bound_and_others_get_in(strict: System) -> None:
    with ExitStack() as stack:
        lines = [stack.enter_context(reach(strict, "127.0.0.44")) for _ in range(PER_ADDRESS + 5)]
        refused = [line for line in lines[PER_ADDRESS:] if b" 503 " in read_to_end(line)]
        assert len(refused) == 5
        assert answers(strict)
        with reach(strict, "127.0.0.45") as other:
            other.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert b" 200 " in read_to_end(other)


def test_proxy_has_no_bound_of_an_address(strict: System) -> None:
    with ExitStack() as stack:
        for _ in range(PER_ADDRESS + 5):
            stack.enter_context(reach(strict))
        assert answers(strict)


def test_endless_head_is_cut_off(strict: System) -> None:
    with reach(strict, "127.0.0.46") as line:
        line.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n")
        sent = 0
        try:
            while sent < 100 * HEAD_AT_MOST:
                line.sendall(b"X-More: " + b"x" * 4000 + b"\r\n")
                sent += 4010
        except (BrokenPipeError, ConnectionResetError):
            pass
        else:
            raise AssertionError("it took all of it")
    assert answers(strict)


def sockets(system: System) -> set[str]:
    """Those that the server holds open; its system may go on trying to deliver what is left of a closed one."""
    found = set()
    for one in Path(f"/proc/{system.running['serve'].pid}/fd").iterdir():
        with suppress(OSError):
            found.add(os.readlink(one))
    return {name for name in found if name.startswith("socket:")}


def test_answer_that_nobody_takes_is_given_up(strict: System) -> None:
    """Files of the log-in page, asked for again and again and never read."""
    wait_for(lambda: answers(strict))
    asked = f"GET {FONT} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    with ExitStack() as stack:
        before = sockets(strict)
        seen: set[str] = set()
        for n in range(10):
            line = stack.enter_context(socket.socket())
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            line.settimeout(PATIENCE_S)
            line.connect(("127.0.0.1", strict.settings.http_port))
            line.sendall(asked * 20)
            # the first may be gone before the last is there
            wait_for(lambda n=n: seen.update(sockets(strict) - before) or len(seen) > n, what="it is let in")
        wait_for(lambda: len(sockets(strict) & seen) <= 1, what="they are given up")
    assert answers(strict)
    assert "Exception in ASGI" not in strict.log("serve")


def test_live_channel_outlives_these_bounds_and_takes_short_messages_only(strict: System) -> None:
    with strict.push() as listener:
        heard = len(listener.messages)
        # several times as long as a head or body may take
        listener.until(lambda told: told["kind"] == "ping")
        assert len(listener.messages) > heard
        listener.socket.send("x" * 200_000)
        with pytest.raises(ConnectionClosed) as closed:
            listener.until(lambda told: False)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


def test_bytes_and_nonsense_on_the_live_channel_harm_nobody(strict: System) -> None:
    with strict.push() as listener:
        listener.until(lambda told: told["op"] == "snapshot")
        for message in (b"\x00\xff", "[", "x" * 1000, b""):
            listener.socket.send(message)
        listener.messages.clear()
        listener.socket.send('{"want":"snapshot"}')
        listener.until(lambda told: told["op"] == "snapshot")
    assert "Exception in ASGI" not in strict.log("serve")


def test_statement_of_a_request_ends_at_its_bound(strict: System) -> None:
    """Somebody holds a lock: the request is told so, and the connection is given back."""
    with strict.api("admin") as client, psycopg.connect(strict.settings.database_url) as holder:
        holder.execute("LOCK TABLE source IN ACCESS EXCLUSIVE MODE")
        answer = client.get("/api/sources")
        assert (answer.status_code, answer.json()["reason"]) == (503, "database_busy")
        assert int(answer.headers["retry-after"]) > 0
        holder.rollback()
        assert client.get("/api/sources").status_code == 200


def test_work_that_is_known_to_be_long_has_a_bound_of_its_own(strict: System) -> None:
    engine = make_engine(strict.settings, pool_size=1, statement_s=0.2)
    with engine.begin() as conn, pytest.raises(OperationalError):
        conn.execute(text("SELECT pg_sleep(30)"))
    with engine.begin() as conn:
        within(conn, 30.0)
        conn.execute(text("SELECT pg_sleep(0.4)"))
    with engine.begin() as conn, pytest.raises(OperationalError):
        conn.execute(text("SELECT pg_sleep(30)"))
    engine.dispose()


def test_handshake_of_a_socket_carries_the_headers_and_no_name_of_the_server(strict: System) -> None:
    with strict.push() as listener:
        assert listener.socket.response is not None
        headers = listener.socket.response.headers
        assert "server" not in headers
        assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("listed", "address", "found"),
    [
        ("127.0.0.1,::1", "127.0.0.1", True),
        ("127.0.0.1,::1", "127.0.0.2", False),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "2001:db8::1", False),
        ("*", "203.0.113.9", True),
        ("", "127.0.0.1", False),
        ("127.0.0.1", "nonsense", False),
    ],
)
def test_proxies_are_addresses_and_networks(listed: str, address: str, found: bool) -> None:
    assert (address in Proxies(listed)) is found


@pytest.mark.parametrize(
    ("limits", "wanted"),
    [
        ((256, 4096), (800 + BESIDE, 4096)),
        ((256, 1000), (1000, 1000)),
        ((256, resource.RLIM_INFINITY), (800 + BESIDE, resource.RLIM_INFINITY)),
        ((65_536, 65_536), None),
    ],
)
def test_open_files_make_room_for_connections(
    limits: tuple[int, int], wanted: tuple[int, int] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda _, pair: given.append(pair))
    make_room(800)
    assert given == ([wanted] if wanted else [])


def test_proxy_that_is_no_address_names_the_setting() -> None:
    with pytest.raises(SetupError) as caught:
        Proxies("caddy")
    assert caught.value.field == "ONEMAP_PROXIES"


def test_log_in_still_works_here(strict: System) -> None:
    answer = httpx.post(
        f"{strict.http}/login",
        data={"username": "viewer", "password": PASSWORD},
        headers={"Origin": strict.http},
        trust_env=False,
        timeout=PATIENCE_S,
    )
    assert answer.status_code == 303
