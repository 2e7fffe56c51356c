"""Snapshots by address: from allowed hosts only, bounded, and tied to their event."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from sqlalchemy import Engine, text

from core.errors import InputError, Unavailable
from core.pgarray import to_pg_us
from ingest.decoders.jpeg import MAX_SNAPSHOT
from ingest.fetch import Fetcher, get, parse_hosts
from ingest.records import VideoEventRow
from ingest.writer import Writer
from tests.ingest.test_writer import message
from tests.support import now

JPEG = b"\xff\xd8\xff\xe0picture"


class Camera(BaseHTTPRequestHandler):
    asked: list[str] = []
    enough = threading.Event()

    def do_GET(self) -> None:
        type(self).asked.append(self.path)
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/1.jpg")
            self.end_headers()
            return
        if self.path == "/slow":
            self.send_response(200)
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                while not Camera.enough.wait(0.05):
                    self.wfile.write(b"x")
            return
        if self.path == "/slow-head":
            with contextlib.suppress(ConnectionError):
                self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                while not Camera.enough.wait(0.05):
                    self.wfile.write(b"x")
            return
        bodies = {"/1.jpg": JPEG, "/page": b"<html>", "/large": b"\xff\xd8\xff" + bytes(MAX_SNAPSHOT)}
        body = bodies.get(self.path.partition("?")[0])
        self.send_response(200 if body else 503)
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def camera() -> Iterator[str]:
    Camera.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Camera)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    Camera.enough.clear()
    yield f"127.0.0.1:{server.server_port}"
    Camera.enough.set()
    server.shutdown()
    thread.join()
    server.server_close()


def hosts(*names: str) -> frozenset[str]:
    return parse_hosts(", ".join(names))


def test_picture_of_an_allowed_host_is_fetched(camera: str) -> None:
    for allowed in (camera, "127.0.0.1"):
        assert get(f"http://{camera}/1.jpg", hosts("other", allowed)) == JPEG


@pytest.mark.parametrize(
    "address",
    [
        "http://{camera}/1.jpg",
        "http://127.0.0.1.evil.example/1.jpg",
        "file:///etc/passwd",
        "ftp://cam/1.jpg",
        "gopher://cam",
        "http://",
        "",
        "cam/1.jpg",
        "http://cam@{camera}/1.jpg",
        "http://user:word@cam/1.jpg",
        "http://cam:99999/",
        "http://[::1]/1.jpg",
    ],
)
def test_other_addresses_are_never_asked(address: str, camera: str) -> None:
    with pytest.raises(InputError) as caught:
        get(address.format(camera=camera), hosts("cam"))
    assert caught.value.field == "snapshot"
    assert Camera.asked == []


def test_redirects_are_not_followed(camera: str) -> None:
    with pytest.raises(Unavailable):
        get(f"http://{camera}/moved", hosts(camera))
    assert Camera.asked == ["/moved"]


def test_too_much_is_refused(camera: str) -> None:
    with pytest.raises(InputError, match="at most"):
        get(f"http://{camera}/large", hosts(camera))


@pytest.mark.parametrize("path", ["/slow", "/slow-head"])
def test_host_that_sends_a_byte_now_and_then_holds_up_nothing(
    path: str, camera: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.fetch.DEADLINE_S", 0.5)
    with pytest.raises(Unavailable, match="slowly"):
        get(f"http://{camera}{path}", hosts(camera))


def add_events(engine: Engine, *addresses: str) -> None:
    rows = [
        VideoEventRow("cam-1", f"e{i}", to_pg_us(now()) + i, "smoke", None, None, a, None, None)
        for i, a in enumerate(addresses)
    ]
    with engine.begin() as conn:
        Writer(1).write(conn, [message(row) for row in rows], now())


def kept(engine: Engine) -> dict[str, bytes]:
    with engine.connect() as conn:
        return {r.event_id: bytes(r.body) for r in conn.execute(text("SELECT event_id, body FROM snapshot"))}


def test_event_gets_its_picture_and_what_does_not_answer_is_asked_a_few_times(
    fresh_engine: Engine, camera: str
) -> None:
    add_events(
        fresh_engine,
        f"http://{camera}/1.jpg",
        f"http://{camera}/gone",
        f"http://{camera}/page",
        "http://elsewhere/1.jpg",
    )
    fetcher, moment = Fetcher(hosts(camera)), now()
    for minute in range(30):
        fetcher.fetch_some(fresh_engine, moment + timedelta(minutes=minute))
    assert kept(fresh_engine) == {"e0": JPEG}
    assert sorted(Camera.asked) == ["/1.jpg", *["/gone"] * 5, "/page"]
    with fresh_engine.connect() as conn:
        assert conn.scalar(text("SELECT frame_at IS NOT NULL FROM camera_state WHERE camera_id = 'cam-1'"))


def test_picture_that_is_there_already_is_fetched_once_for_another_event(fresh_engine: Engine, camera: str) -> None:
    """The same bytes of the same camera are one row: the second event never had one, and its address was asked five
    times."""
    add_events(fresh_engine, f"http://{camera}/1.jpg", f"http://{camera}/1.jpg?again")
    fetcher, moment = Fetcher(hosts(camera)), now()
    for minute in range(30):
        fetcher.fetch_some(fresh_engine, moment + timedelta(minutes=minute))
    assert sorted(Camera.asked) == ["/1.jpg", "/1.jpg?again"]


def test_without_allowed_hosts_nothing_is_asked(fresh_engine: Engine, camera: str) -> None:
    add_events(fresh_engine, f"http://{camera}/1.jpg")
    assert not Fetcher(hosts()).fetch_some(fresh_engine, now())
    assert Camera.asked == []
