"""Receivers on this machine, one for each sender: they speak the protocol and keep what they hear."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope, Session

from tests.support import PATIENCE_S


@dataclass
class Request:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Web:
    """An HTTP receiver. `answers` are given in turn, then 200 with `body`."""

    url: str = ""
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    body: bytes = b'{"errcode": 0, "errmsg": "ok"}'
    heard: list[Request] = field(default_factory=list)


@contextmanager
def web() -> Iterator[Web]:
    found = Web()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            found.heard.append(Request(self.command, self.path, dict(self.headers), self.rfile.read(length)))
            status, headers = found.answers.pop(0) if found.answers else (200, {})
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(found.body)))
            self.end_headers()
            self.wfile.write(found.body)

        do_POST = do_PUT = do_GET = answer  # noqa: N815 - the names that http.server asks for

        def log_message(self, *_: Any) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    found.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Post:
    """A mail server. `answers` are given to DATA in turn, then it takes everything."""

    url: str = ""
    answers: list[str] = field(default_factory=list)
    heard: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)


class AnyPort(Controller):
    """On a port that is free."""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def post() -> Iterator[Post]:
    found = Post()

    class Keep:
        async def handle_DATA(self, _: Any, __: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
            if found.answers:
                return found.answers.pop(0)
            assert isinstance(envelope.content, bytes)
            made = message_from_bytes(envelope.content, policy=default)
            assert isinstance(made, EmailMessage)
            found.heard.append(made)
            found.recipients.append(list(envelope.rcpt_tos))
            return "250 taken"

    controller = AnyPort(Keep(), hostname="127.0.0.1", port=0, ready_timeout=PATIENCE_S)
    controller.start()
    found.url = f"smtp://127.0.0.1:{controller.port}"
    try:
        yield found
    finally:
        controller.stop(no_assert=True)


def said(request: Request) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(request.body)
    return made
