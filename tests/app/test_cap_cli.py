"""`./onemap cap check` of a file and of an address."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from app.cli import main
from core.settings import load_settings
from tests.core.test_cap_check import RIGHT


class Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = (RIGHT if self.path == "/good.cap" else RIGHT.replace("Extreme", "Bad")).encode()
        self.send_response(302 if self.path == "/moved" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is printed beside what the verb says."""


@pytest.fixture(autouse=True)
def fresh_settings() -> Iterator[None]:
    load_settings.cache_clear()
    yield
    load_settings.cache_clear()


@pytest.fixture
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_file_that_is_not_there_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cap", "check", str(tmp_path / "none.cap")]) == 1
    assert "cannot be read" in capsys.readouterr().err


def test_address_is_asked_where_it_is_allowed_only(
    address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("ONEMAP_SEND_HOSTS", raising=False)
    assert main(["cap", "check", f"{address}/good.cap"]) == 1
    assert "ONEMAP_SEND_HOSTS" in capsys.readouterr().err
    monkeypatch.setenv("ONEMAP_SEND_HOSTS", "127.0.0.1")
    load_settings.cache_clear()
    assert main(["cap", "check", f"{address}/good.cap"]) == 0
    assert main(["cap", "check", f"{address}/bad.cap"]) == 1
    assert "severity" in capsys.readouterr().out
    assert main(["cap", "check", f"{address}/moved"]) == 1
    assert "302" in capsys.readouterr().err
