"""A tile server of the tests' own: one colour everywhere, and what it was asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from threading import Thread

from PIL import Image

from app.services.net import free_port

COLOUR = (255, 0, 128)


@dataclass
class TileServer:
    """`status` is what it answers from now on; `paths` and `agents` what it heard."""

    http: str
    status: int = 200
    type: str = "image/png"
    to: str = ""
    paths: list[str] = field(default_factory=list)
    agents: list[str] = field(default_factory=list)


def picture() -> bytes:
    body = BytesIO()
    Image.new("RGB", (256, 256), COLOUR).save(body, "PNG")
    return body.getvalue()


@contextmanager
def tile_server() -> Iterator[TileServer]:
    body = picture()
    port = free_port()
    told = TileServer(f"http://127.0.0.1:{port}")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told.paths.append(self.path)
            told.agents.append(self.headers.get("User-Agent", ""))
            self.send_response(told.status)
            self.send_header("Content-Type", told.type)
            self.send_header("Access-Control-Allow-Origin", "*")
            if told.to:
                self.send_header("Location", told.to)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield told
        server.shutdown()
        thread.join()
