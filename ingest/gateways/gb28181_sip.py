"""The little SIP that GB/T 28181 devices need of a registrar and message receiver: messages, digests, answers. Pure.

RFC 3261 sections 7, 8.2.6 and 20, RFC 3581 (rport), RFC 2617 and RFC 7616 (digest with MD5). Heads are read as ISO
8859-1, so that what is copied into an answer is the same bytes.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass

from core.errors import DecodeError

VERSION = "SIP/2.0"
MAX_HEAD, MAX_BODY, MAX_HEADERS = 8192, 65_536, 64
END = b"\r\n\r\n"
COMPACT = {
    "v": "via",
    "f": "from",
    "t": "to",
    "i": "call-id",
    "l": "content-length",
    "c": "content-type",
    "m": "contact",
}
TOKEN = re.compile(r"[A-Za-z0-9!%*_+`'~.-]+")
DEVICE = re.compile(r"sips?:([0-9]{20})@")
PARAMETER = re.compile(r"""([A-Za-z][A-Za-z0-9_-]*)\s*=\s*(?:"([^"]*)"|([^\s,"]*))""")
REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    405: "Method Not Allowed",
    415: "Unsupported Media Type",
    503: "Service Unavailable",
}
Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class SipMessage:
    """A request or a response: `start` is its first line; names of `headers` are in small letters, in the order they
    came."""

    start: str
    headers: Headers
    body: bytes = b""

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    def first(self, name: str) -> str:
        """The first value of that header, empty where there is none."""
        return next(iter(self.all(name)), "")

    @property
    def is_response(self) -> bool:
        return self.start.startswith(VERSION + " ")

    @property
    def method(self) -> str:
        return self.start.partition(" ")[0]

    @property
    def top_via(self) -> str:
        """The topmost Via alone; several may share one line (RFC 3261 section 7.3.1)."""
        return self.first("via").partition(",")[0].strip()

    @property
    def branch(self) -> str:
        return via_parameter(self.top_via, "branch")

    @property
    def device(self) -> str:
        """The 20 digits of the sender (From)."""
        found = DEVICE.search(self.first("from"))
        if found is None:
            raise DecodeError("from: expected sip:DEVICE@… with 20 digits", field="from")
        return found[1]


def parse(data: bytes) -> SipMessage:
    """One whole message; a body longer than Content-Length is cut there, as RFC 3261 section 18.3 asks of datagrams."""
    head, end, body = data.partition(END)
    if not end or len(head) > MAX_HEAD:
        raise DecodeError(f"head: expected an empty line within {MAX_HEAD} bytes", field="head")
    message = parse_head(head)
    size = content_length(message)
    if size is not None and size > len(body):
        raise DecodeError(f"content-length: expected {size} bytes of body, got {len(body)}", field="content-length")
    return SipMessage(message.start, message.headers, body if size is None else body[:size])


def parse_head(head: bytes) -> SipMessage:
    """Start line and headers, without the empty line. Raises DecodeError that names the header at fault."""
    lines = re.sub(r"\r\n[ \t]+", " ", head.decode("latin-1")).split("\r\n")
    if any(char in line for line in lines for char in "\r\n\0"):
        raise DecodeError("head: expected lines that end with CR LF", field="head")
    if len(lines) > MAX_HEADERS:
        raise DecodeError(f"head: expected at most {MAX_HEADERS} lines, got {len(lines)}", field="head")
    message = SipMessage(lines[0], tuple(_header(line) for line in lines[1:]))
    _check_start(message)
    for name in ("via", "from", "to", "call-id", "cseq"):
        if not message.first(name):
            raise DecodeError(f"{name}: expected it in every message (RFC 3261 section 8.1.1)", field=name)
    return message


def _check_start(message: SipMessage) -> None:
    parts = message.start.split(" ")
    if message.is_response and len(parts) >= 2 and re.fullmatch("[1-6][0-9][0-9]", parts[1]):
        return
    if len(parts) != 3 or parts[2] != VERSION or not TOKEN.fullmatch(parts[0]):
        raise DecodeError(f"start: expected METHOD uri {VERSION}, got {message.start[:80]!r}", field="start")


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    name = name.strip().lower()
    if not colon or not TOKEN.fullmatch(name):
        raise DecodeError(f"head: expected NAME: value, got {line[:80]!r}", field="head")
    return COMPACT.get(name, name), value.strip()


def content_length(message: SipMessage) -> int | None:
    value = message.first("content-length")
    if not value:
        return None
    if not re.fullmatch("[0-9]{1,9}", value) or int(value) > MAX_BODY:
        raise DecodeError(f"content-length: expected 0 to {MAX_BODY}, got {value[:40]!r}", field="content-length")
    return int(value)


def build(start: str, headers: Iterable[tuple[str, str]], body: bytes = b"") -> bytes:
    lines = [start, *(f"{name}: {value}" for name, value in headers), f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode("latin-1") + END + body


def respond(
    request: SipMessage, code: int, tag: str, source: tuple[str, int], more: Iterable[tuple[str, str]] = ()
) -> bytes:
    """The response that RFC 3261 section 8.2.6 makes of a request; the topmost Via tells where the request came
    from."""
    first, *others = request.all("via")
    to = request.first("to")
    headers = [
        ("Via", mark_via(first, source)),
        *(("Via", via) for via in others),
        ("From", request.first("from")),
        ("To", to if ";tag=" in to.lower() else f"{to};tag={tag}"),
        ("Call-ID", request.first("call-id")),
        ("CSeq", request.first("cseq")),
        *more,
    ]
    return build(f"{VERSION} {code} {REASONS[code]}", headers)


def mark_via(via: str, source: tuple[str, int]) -> str:
    """`received` and, where the sender asked for it, `rport` (RFC 3581 section 4)."""
    top, comma, rest = via.partition(",")
    kept = [part for part in top.split(";") if not re.match(r"\s*(rport|received)\b", part, re.IGNORECASE)]
    port = [f"rport={source[1]}"] if wants_rport(via) else []
    return ";".join([*kept, f"received={source[0]}", *port]) + comma + rest


def wants_rport(via: str) -> bool:
    return re.search(r";\s*rport\b", via.partition(",")[0], re.IGNORECASE) is not None


def via_parameter(via: str, name: str) -> str:
    found = re.search(rf";\s*{name}\s*=\s*([^;\s,]+)", via, re.IGNORECASE)
    return found[1] if found else ""


def answer_address(via: str, source: tuple[str, int]) -> tuple[str, int]:
    """Where a response over UDP goes: back to the source with rport, else to the port that Via names, 5060 without one
    (RFC 3261 section 18.2.2, RFC 3581 section 4)."""
    if wants_rport(via):
        return source
    port = re.search(r":([0-9]{1,5})\s*$", via.partition(";")[0])
    number = int(port[1]) if port else 5060
    return (source[0], number) if 0 < number < 65_536 else source


# --- digests ------------------------------------------------------------------------------------------------------


def read_authorization(value: str) -> dict[str, str]:
    """The parameters of `Authorization: Digest …`; empty where it is another scheme."""
    scheme, _, rest = value.strip().partition(" ")
    if scheme.lower() != "digest":
        return {}
    return {name.lower(): quoted or plain for name, quoted, plain in PARAMETER.findall(rest)}


def digest_response(given: dict[str, str], method: str, realm: str, username: str, password: str) -> str:
    """The response that fits (RFC 2617 section 3.2.2), with quality of protection where the device gives one."""
    secret = _md5(f"{username}:{realm}:{password}")
    request = _md5(f"{method}:{given.get('uri', '')}")
    nonce = given.get("nonce", "")
    if given.get("qop", "").lower() == "auth":
        return _md5(f"{secret}:{nonce}:{given.get('nc', '')}:{given.get('cnonce', '')}:{given['qop']}:{request}")
    return _md5(f"{secret}:{nonce}:{request}")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode("latin-1", "replace"), usedforsecurity=False).hexdigest()


class Nonces:
    """Nonces that live `life_s` and are good for one registration: a recorded one is worth nothing."""

    def __init__(self, key: bytes, life_s: float = 60.0, most: int = 100_000) -> None:
        self._key, self._life_s, self._most = key, life_s, most
        self._used: dict[str, float] = {}

    def make(self, now: float) -> str:
        stamp = f"{now:.6f}"
        return f"{stamp}-{self._sign(stamp)}"

    def is_fresh(self, nonce: str, now: float) -> bool:
        """Whether we made it, not long ago, and nobody has used it."""
        stamp, _, mark = nonce.partition("-")
        if not re.fullmatch(r"[0-9]{1,12}\.[0-9]{6}", stamp):
            return False
        made = hmac.compare_digest(self._sign(stamp).encode(), mark.encode())
        return made and 0 <= now - float(stamp) <= self._life_s and nonce not in self._used

    def use(self, nonce: str, now: float) -> None:
        while self._used and (len(self._used) >= self._most or now - next(iter(self._used.values())) > self._life_s):
            del self._used[next(iter(self._used))]
        self._used[nonce] = now

    def _sign(self, stamp: str) -> str:
        return hmac.new(self._key, stamp.encode(), "sha256").hexdigest()[:32]
