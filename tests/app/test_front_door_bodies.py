"""Bodies are bounded before they are read, whether they say their length or not."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.front.bodies import LARGE, MIDDLE, SMALL, bound_of
from tests.support import PATIENCE_S, System

BLOCK = b"x" * 65_536


def resident_kb(system: System) -> int:
    status = Path(f"/proc/{system.running['serve'].pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))


def blocks(count: int) -> Iterator[bytes]:
    for _ in range(count):
        yield BLOCK


@pytest.mark.parametrize("path", ["/login", "/api/token", "/api/alarms", "/nothing/at/all"])
def test_long_body_is_refused_by_its_length(path: str, served: System) -> None:
    """Nothing of the body is sent: the head alone is answered."""
    with socket.create_connection(("127.0.0.1", served.settings.http_port), timeout=PATIENCE_S) as line:
        head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nContent-Length: 300000000\r\n\r\n"
        )
        line.sendall(head.encode())
        assert line.recv(65536).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("path", ["/login", "/api/token"])
def test_stream_without_a_length_ends_at_the_bound(path: str, served: System) -> None:
    before = resident_kb(served)
    with httpx.Client(base_url=served.http, trust_env=False, timeout=PATIENCE_S) as client:
        headers = {"Origin": served.http, "Content-Type": "application/json"}
        try:
            answer = client.post(path, content=blocks(4600), headers=headers)  # 300 MB
        except httpx.WriteError:
            answer = None  # it was closed on us while we went on sending
    if answer is not None:
        assert answer.status_code == 413, answer.text
    assert resident_kb(served) - before < 60_000


def test_stream_a_little_too_long_is_answered(served: System, viewer: httpx.Client) -> None:
    headers = {"Origin": served.http, "Content-Type": "application/json"}
    told = viewer.post("/api/token", content=blocks(2), headers=headers)
    assert (told.status_code, told.json()["reason"]) == (413, "too_large")
    assert told.headers["content-type"] == "application/problem+json"
    callback = viewer.post("/_dash-update-component", content=blocks(LARGE // len(BLOCK) + 2), headers=headers)
    assert callback.status_code == 413
    area = viewer.post("/api/within", content=blocks(MIDDLE // len(BLOCK) + 2), headers=headers)
    assert area.status_code == 413


@pytest.mark.parametrize(("lang", "words"), [("zh-CN", "提交的内容过大"), ("en", "What was sent is too large")])
def test_form_that_is_too_large_is_told_on_the_page(lang: str, words: str, served: System) -> None:
    with httpx.Client(base_url=served.http, trust_env=False, timeout=PATIENCE_S) as client:
        headers = {"Origin": served.http, "Accept-Language": lang}
        answer = client.post("/login", data={"username": "x" * (SMALL + 1)}, headers=headers)
        streamed = client.post("/login", content=blocks(2), headers=headers)
    assert (answer.status_code, streamed.status_code) == (413, 413)
    assert words in answer.text
    assert words in streamed.text


def test_connection_that_was_refused_is_good_for_the_next_request(served: System) -> None:
    with httpx.Client(base_url=served.http, trust_env=False, timeout=PATIENCE_S) as client:
        assert client.post("/api/token", content=b"x" * (SMALL + 1)).status_code == 413
        assert client.get("/healthz").status_code == 200


def test_large_bodies_have_their_doors(dispatcher: httpx.Client, served: System) -> None:
    assert bound_of("/login") == bound_of("/api/token") == bound_of("/api/alarms/x/shelve") == SMALL
    assert bound_of("/api/sources/zigbee") == MIDDLE
    assert bound_of("/api/dead-letters/replay") == MIDDLE
    with served.api("admin") as admin:
        file = "name,note\n" + "\n".join(f"big-{n},{'x' * 400}" for n in range(300))
        assert len(file) > SMALL
        assert admin.post("/api/devices/import", json={"csv": file}).json()["added"] == 300


@pytest.mark.parametrize("body", [b"[" * 60_000, b'{"a":' * 10_000, b"\xff" * 1000, b""])
def test_nonsense_is_no_fault_of_ours(body: bytes, dispatcher: httpx.Client) -> None:
    answer = dispatcher.post("/api/within", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422), answer.text
