"""A GB/T 28181 device to test with: it builds SIP requests and speaks them over UDP."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from dataclasses import dataclass, field
from typing import cast

from ingest.gateways import gb28181_sip as sip
from ingest.gateways.gb28181_sip import SipMessage

SERVER = "32130200002000000001"
REALM = "3213020000"
DEVICE = "32130200001320000017"
PASSWORD = "Right-Horse-7"
NUMBERS = itertools.count(1)


def request(
    method: str,
    body: bytes = b"",
    *,
    device: str = DEVICE,
    port: int = 5060,
    transport: str = "UDP",
    via: str = ";rport",
    more: tuple[tuple[str, str], ...] = (),
) -> bytes:
    """A new request, with Call-ID, CSeq and branch of its own."""
    kind = (("Content-Type", "Application/MANSCDP+xml"),) if body else ()
    headers = (
        ("Via", f"SIP/2.0/{transport} 127.0.0.1:{port}{via};branch=z9hG4bK{secrets.token_hex(6)}"),
        ("From", f"<sip:{device}@{REALM}>;tag=17"),
        ("To", f"<sip:{SERVER}@{REALM}>"),
        ("Call-ID", secrets.token_hex(6)),
        ("CSeq", f"{next(NUMBERS)} {method}"),
        ("Max-Forwards", "70"),
        *kind,
        *more,
    )
    return sip.build(f"{method} sip:{SERVER}@{REALM} SIP/2.0", headers, body)


def authorization(
    challenge: str, *, password: str = PASSWORD, device: str = DEVICE, qop: bool = False
) -> tuple[str, str]:  # fmt: skip
    """What a device answers to `WWW-Authenticate`."""
    asked = sip.read_authorization(challenge)
    given = {"nonce": asked["nonce"], "uri": f"sip:{SERVER}@{REALM}"}
    given |= {"qop": "auth", "nc": "00000001", "cnonce": "0a4f113b"} if qop else {}
    response = sip.digest_response(given, "REGISTER", asked["realm"], device, password)
    more = ', qop=auth, nc=00000001, cnonce="0a4f113b"' if qop else ""
    return (
        "Authorization",
        f'Digest username="{device}", realm="{asked["realm"]}", nonce="{asked["nonce"]}", uri="{given["uri"]}", '
        f'response="{response}", algorithm=MD5{more}',
    )


def code(response: SipMessage) -> int:
    assert response.is_response
    return int(response.start.split(" ")[1])


@dataclass
class Camera(asyncio.DatagramProtocol):
    """What it hears waits in `heard`."""

    device: str = DEVICE
    heard: asyncio.Queue[SipMessage] = field(default_factory=asyncio.Queue)

    @classmethod
    async def connect(cls, port: int, device: str = DEVICE) -> Camera:
        loop = asyncio.get_running_loop()
        _, camera = await loop.create_datagram_endpoint(lambda: cls(device), remote_addr=("127.0.0.1", port))
        return camera

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)  # no subclass of it in Python 3.11

    def datagram_received(self, data: bytes, _: object) -> None:
        self.heard.put_nowait(sip.parse(data))

    async def ask(self, data: bytes) -> SipMessage:
        self.transport.sendto(data)
        return await self.heard.get()

    async def register(self, expires: int = 3600, **given: object) -> int:
        """The code that a REGISTER with the answer to the challenge gets."""
        challenge = await self.ask(request("REGISTER", device=self.device))
        assert code(challenge) == 401
        answer = authorization(challenge.first("www-authenticate"), device=self.device, **given)  # type: ignore[arg-type]
        return code(
            await self.ask(request("REGISTER", device=self.device, more=(answer, ("Expires", str(expires)))))
        )  # fmt: skip

    def answer(self, message: SipMessage) -> None:
        """200 OK to a request of the platform."""
        self.transport.sendto(sip.respond(message, 200, "t", ("127.0.0.1", 5060)))

    def close(self) -> None:
        self.transport.close()
