"""The GB/T 28181 gateway: cameras, recorders and lower platforms over SIP in, alarms and positions on our topics out.

It registers devices (digest), takes their notifications by MESSAGE and NOTIFY, over UDP and TCP on one port, and asks
nothing of them but to know that an alarm was taken. A request is answered 200 once the broker has acknowledged what it
published, 503 where the broker stays away; what is sent again meanwhile gets the same answer and publishes nothing.
"""

from __future__ import annotations

import asyncio
import hmac
import re
import secrets
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from lxml import etree

from core.clock import utc_now
from core.errors import DecodeError, Unavailable
from core.log import get_log
from ingest.gateways import gb28181_notes as notes
from ingest.gateways import gb28181_sip as sip
from ingest.gateways.gb28181_sip import SipMessage
from ingest.gateways.publisher import Publication, Publishes
from ingest.gateways.refused import Refused

log = get_log("gb28181")
RETRY_S = 5
EXPIRES_S, MAX_EXPIRES_S = 3600, 86_400
REMEMBER_S = 32.0  # 64 T1, RFC 3261 section 17.2.2 (timer J)
RESENDS_S = (0.5, 1.0, 2.0, 4.0)  # of timer E, RFC 3261 section 17.1.2.2, and then we let it be
MAX_REGISTERED, MAX_REMEMBERED = 100_000, 20_000
ALLOW = "REGISTER, MESSAGE, NOTIFY, OPTIONS"
Send = Callable[[bytes], None]
Key = tuple[str, int, str, str, str]


@dataclass(frozen=True, slots=True)
class PlatformOptions:
    """`server` is our own 20 digits. `passwords` go by device, `password` is everybody else's; `authenticate` False is
    for private networks. `ids` gives devices other names in our topics, `kinds` other kinds to alarms."""

    server: str
    realm: str
    prefix: str = "onemap"
    authenticate: bool = True
    password: str | None = None
    passwords: Mapping[str, str] = field(default_factory=dict)
    ids: Mapping[str, str] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=lambda: notes.KINDS)
    idle_s: float = 300.0
    max_connections: int = 1000
    max_pending: int = 1000
    max_bad: int = 5


class Peer(NamedTuple):
    """Who sent something, and how to send something back. `reply` minds the Via of what is answered."""

    transport: str
    source: tuple[str, int]
    local: tuple[str, int]
    send: Send
    reply: Callable[[SipMessage, bytes], None]


class Answer(NamedTuple):
    """A final response; `follow` is the body of a message that we send once it is out."""

    code: int
    headers: tuple[tuple[str, str], ...] = ()
    follow: bytes = b""


class Registered(NamedTuple):
    host: str
    until: float


@dataclass(slots=True)
class Transaction:
    """A request that is being served, or was: `response` is what it got."""

    since: float
    response: bytes = b""


class Gateway:
    """Everything one process knows of its devices; `take` is the whole of its behaviour."""

    def __init__(self, options: PlatformOptions, publisher: Publishes) -> None:
        self.options = options
        self.publisher = publisher
        self.figures: Counter[str] = Counter()
        self._refused = Refused(publisher, options.prefix, "gb28181", self.figures)
        self._registered: OrderedDict[str, Registered] = OrderedDict()
        self._transactions: OrderedDict[Key, Transaction] = OrderedDict()
        self._nonces = sip.Nonces(secrets.token_bytes(32))
        self._unanswered: dict[str, asyncio.Event] = {}
        self._following: set[asyncio.Task[None]] = set()
        self._methods: dict[str, Callable[[SipMessage, Peer], Awaitable[Answer]]] = {
            "REGISTER": self._register,
            "MESSAGE": self._note,
            "NOTIFY": self._note,
            "OPTIONS": self._options,
        }

    async def take(self, message: SipMessage, peer: Peer) -> int | None:
        """Serve one message; returns the code of the answer, None where it wants none or has had it. Nothing is raised:
        what is wrong with the message goes into the answer."""
        if message.is_response:
            self._hear_answer(message)
            return None
        if message.method == "ACK":
            return None
        key: Key = (*peer.source, message.branch, message.first("call-id"), message.first("cseq"))
        held = self._transactions.get(key)
        if held is not None and time.monotonic() - held.since < REMEMBER_S:
            self.figures["repeats"] += 1
            if held.response:
                peer.reply(message, held.response)
            return None
        transaction = self._begin(key)
        answer = await self._serve(message, peer)
        transaction.response = sip.respond(message, answer.code, secrets.token_hex(6), peer.source, answer.headers)
        if answer.code == 503:
            self._transactions.pop(key, None)  # what comes again is tried again
        peer.reply(message, transaction.response)
        if answer.follow:
            self._follow(message, peer, answer.follow)
        return answer.code

    def _begin(self, key: Key) -> Transaction:
        now = time.monotonic()
        while self._transactions and (
            len(self._transactions) >= MAX_REMEMBERED
            or now - next(iter(self._transactions.values())).since >= REMEMBER_S
        ):
            self._transactions.popitem(last=False)
        self._transactions[key] = Transaction(now)
        return self._transactions[key]

    async def _serve(self, message: SipMessage, peer: Peer) -> Answer:
        self.figures["requests"] += 1
        method = self._methods.get(message.method)
        if method is None:
            return Answer(405, (("Allow", ALLOW),))
        try:
            return await method(message, peer)
        except DecodeError as exc:
            self.bad(peer.source, exc)
            sender = f"{peer.source[0]} ({message.first('from')[:120]})"
            await self._refused.tell(exc, sender, message.body or message.method.encode())
            return Answer(400)
        except Unavailable as exc:
            self.figures["unserved"] += 1
            log.warning("not_published", peer=peer.source, error=exc.message)
            return Answer(503, (("Retry-After", str(RETRY_S)),))

    async def _options(self, _: SipMessage, __: Peer) -> Answer:
        return Answer(200, (("Allow", ALLOW),))

    # --- registration -------------------------------------------------------------------------------------------------

    async def _register(self, message: SipMessage, peer: Peer) -> Answer:
        """REGISTER with digest (section 9.1 of the 2016 edition)."""
        device = message.device
        if self.options.authenticate and (refusal := self._refuse(message, device)):
            return refusal
        expires = min(read_expires(message), MAX_EXPIRES_S)
        self._registered.pop(device, None)
        if expires:
            self._registered[device] = Registered(peer.source[0], time.monotonic() + expires)
        if len(self._registered) > MAX_REGISTERED:
            self._registered.popitem(last=False)
        log.info("device_registered", device=device, peer=peer.source, expires_s=expires)
        contact = tuple(("Contact", value) for value in message.all("contact")[:1])
        return Answer(200, (*contact, ("Expires", str(expires)), ("Date", beijing_now())))

    def _refuse(self, message: SipMessage, device: str) -> Answer | None:
        """Why this REGISTER may not pass yet, None where it may."""
        given = sip.read_authorization(message.first("authorization"))
        now = time.time()
        if not given:
            return self._challenge(now)
        password = self.options.passwords.get(device, self.options.password)
        expected = sip.digest_response(given, message.method, self.options.realm, device, password or "")
        named = given.get("username") == device and given.get("realm") == self.options.realm
        right = hmac.compare_digest(expected.encode(), given.get("response", "").encode())
        if password is None or not named or not right:
            self.figures["not_authenticated"] += 1
            log.warning("device_not_authenticated", device=device)
            return Answer(403)
        if not self._nonces.is_fresh(given.get("nonce", ""), now):
            return self._challenge(now, ", stale=true")
        self._nonces.use(given["nonce"], now)
        return None

    def _challenge(self, now: float, more: str = "") -> Answer:
        nonce = self._nonces.make(now)
        value = f'Digest realm="{self.options.realm}", nonce="{nonce}", algorithm=MD5{more}'
        return Answer(401, (("WWW-Authenticate", value),))

    def _is_registered(self, device: str, peer: Peer) -> bool:
        held = self._registered.get(device)
        return held is not None and held.host == peer.source[0] and time.monotonic() < held.until

    # --- notifications ------------------------------------------------------------------------------------------------

    async def _note(self, message: SipMessage, peer: Peer) -> Answer:
        """MESSAGE and NOTIFY: publish what concerns us; anything else is taken and counted."""
        device = message.device
        if self.options.authenticate and not self._is_registered(device, peer):
            self.figures["not_registered"] += 1
            if b"Keepalive" not in message.body:  # it is told once more, and says nothing that is lost
                told = DecodeError(f"device {device}: it has not registered from here", field="device")
                await self._refused.tell(told, peer.source[0], message.body)
            return Answer(403)
        if not message.body.strip():
            self.figures["empty"] += 1
            return Answer(200)  # nothing is said
        if "manscdp+xml" not in message.first("content-type").lower():
            given = message.first("content-type")[:80]
            told = DecodeError(f"content-type: expected Application/MANSCDP+xml, got {given!r}", field="content-type")
            await self._refused.tell(told, device, message.body)
            return Answer(415)
        root = notes.read_note(message.body)
        kind = notes.command(root)
        self.figures["/".join(kind) if kind in KNOWN else "other_commands"] += 1
        publication = self._translate(root, kind)
        if publication is None:
            return Answer(200)
        await self.publisher.publish([publication])
        self.figures["published"] += 1
        answers = kind == ALARM and message.method == "MESSAGE"
        follow = notes.alarm_response(notes.read_device(root), notes.text_of(root, "SN")) if answers else b""
        return Answer(200, follow=follow)

    def _translate(self, root: etree._Element, kind: tuple[str, str]) -> Publication | None:
        if kind == ALARM:
            return notes.publish_alarm(root, self.options.ids, self.options.kinds, self.options.prefix)
        if kind == POSITION:
            return notes.publish_mobile_position(root, self.options.ids, self.options.prefix)
        return None

    def _follow(self, message: SipMessage, peer: Peer, body: bytes) -> None:
        if len(self._following) >= self.options.max_pending:
            self.figures["responses_left_out"] += 1
            return
        task = asyncio.create_task(self._say(message.device, peer, body))
        self._following.add(task)
        task.add_done_callback(self._following.discard)

    async def _say(self, device: str, peer: Peer, body: bytes) -> None:
        """Send a MESSAGE of ours; over UDP again a few times until the device answers it (RFC 3261 section 17.1.2)."""
        call = f"{secrets.token_hex(12)}@{self.options.realm}"
        heard = self._unanswered[call] = asyncio.Event()
        data = sip.build(
            f"MESSAGE sip:{device}@{peer.source[0]}:{peer.source[1]} {sip.VERSION}",
            self._own_headers(device, peer, call),
            body,
        )
        try:
            for wait_s in RESENDS_S if peer.transport == "UDP" else RESENDS_S[-1:]:
                peer.send(data)
                with suppress(TimeoutError):
                    await asyncio.wait_for(heard.wait(), wait_s)
                    return
            self.figures["responses_unanswered"] += 1
        finally:
            del self._unanswered[call]

    def _own_headers(self, device: str, peer: Peer, call: str) -> tuple[tuple[str, str], ...]:
        us = f"sip:{self.options.server}@{self.options.realm}"
        return (
            (
                "Via",
                f"{sip.VERSION}/{peer.transport} "
                f"{peer.local[0]}:{peer.local[1]};rport;branch=z9hG4bK{secrets.token_hex(8)}",
            ),
            ("From", f"<{us}>;tag={secrets.token_hex(6)}"),
            ("To", f"<sip:{device}@{self.options.realm}>"),
            ("Call-ID", call),
            ("CSeq", "1 MESSAGE"),
            ("Max-Forwards", "70"),
            ("Content-Type", "Application/MANSCDP+xml"),
        )

    def _hear_answer(self, message: SipMessage) -> None:
        heard = self._unanswered.get(message.first("call-id"))
        if heard is not None:
            heard.set()

    async def refuse(self, source: tuple[str, int], exc: DecodeError, data: bytes) -> None:
        """What cannot even be taken apart: counted, and a letter."""
        self.bad(source, exc)
        await self._refused.tell(exc, source[0], data)

    def bad(self, source: tuple[str, int], exc: DecodeError) -> None:
        """Count what cannot be read; every doubling of their number is worth a line in the log."""
        self.figures["bad"] += 1
        if self.figures["bad"].bit_count() == 1:
            log.warning("bad_message", peer=source, number=self.figures["bad"], field=exc.field, error=exc.message)

    async def close(self) -> None:
        for task in self._following:
            task.cancel()
        await asyncio.gather(*self._following, return_exceptions=True)


ALARM, POSITION = ("Notify", "Alarm"), ("Notify", "MobilePosition")
KNOWN = (ALARM, POSITION, ("Notify", "Keepalive"), ("Notify", "Catalog"), ("Response", "Catalog"))


def read_expires(message: SipMessage) -> int:
    """Seconds that the device asks for: its Contact's parameter, else the header (RFC 3261 section 10.2.1.1)."""
    found = re.search(r";\s*expires\s*=\s*([^;,\s]+)", message.first("contact"), re.IGNORECASE)
    value = found[1] if found else message.first("expires") or str(EXPIRES_S)
    if not re.fullmatch("[0-9]{1,9}", value):
        raise DecodeError(f"expires: expected seconds, got {value[:40]!r}", field="expires")
    return int(value)


def beijing_now() -> str:
    """The Date by which devices set their clocks (section 9.10 of the 2016 edition)."""
    return utc_now().astimezone(notes.BEIJING).replace(tzinfo=None).isoformat(timespec="milliseconds")
