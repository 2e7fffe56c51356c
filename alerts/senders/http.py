"""Asking an address that a person gave: nothing else of the network can be reached through it.

http and https only; the name is resolved once and the connection goes to what was resolved, so that a second answer of
the DNS cannot send us elsewhere; addresses that are not of the open internet are refused unless ONEMAP_SEND_HOSTS
allows them; redirects are not followed, no proxy of the environment is asked; time and size are bounded.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
import resource
import socket
import ssl
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPSConnection, RemoteDisconnected
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, Field

from alerts.senders.base import Gone, Later, Message, Outcome, Refused, Sent
from core.errors import InputError, Unavailable
from core.faults import unfit
from core.hangup import hanging_up
from core.log import get_log

log = get_log("senders")
TIMEOUT_S, DEADLINE_S, MOST_BYTES = 5.0, 10.0, 65_536
RETRY_MOST_S = 3600.0
# so many connections are kept open at the most, each for so long after its last message; of the files that a process
# may have open they take no more than half
MOST_KEPT, KEEP_S = 2000, 30.0
TOLD_CHARS = 200
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Allowed:
    """Where we may send beside the open internet: names, names with a port, networks."""

    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    def lets(self, host: str, port: int, address: str) -> bool:
        found = ipaddress.ip_address(address)
        if found.is_global and not found.is_multicast:
            return True
        return not self.hosts.isdisjoint((host, f"{host}:{port}")) or any(found in net for net in self.networks)


def parse_allowed(setting: str) -> Allowed:
    """From ONEMAP_SEND_HOSTS; a network that is none is told in the log and lets nobody through."""
    hosts: set[str] = set()
    networks: list[Network] = []
    for part in filter(None, (one.strip().lower() for one in setting.split(","))):
        if "/" not in part:
            hosts.add(part)
            continue
        try:
            networks.append(ipaddress.ip_network(part))
        except ValueError:
            log.error("send_hosts_unusable", entry=part)
    return Allowed(frozenset(hosts), tuple(networks))


def check_address(value: str) -> str:
    """An address as a person gives it: http or https, with a host and without a name and password in it."""
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError as exc:
        raise unfit("send_address", "expected an address that begins with https:// or http://") from exc
    fits = parts.scheme in ("http", "https") and parts.hostname and parts.username is None and port != 0
    if not fits or not re.fullmatch(r"[\x21-\x7e]+", value):
        raise unfit("send_address", "expected an address that begins with https:// or http://")
    return value


Address = Annotated[str, Field(max_length=2000), AfterValidator(check_address)]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other side said; `retry_after_s` where it says when to come again; of the body no more than
    the line takes."""

    status: int
    body: bytes
    retry_after_s: float | None = None


def resolve(parts: SplitResult, allowed: Allowed) -> tuple[str, int]:
    """The address and port to connect to. InputError where that may not be asked, Unavailable where nobody knows the
    name."""
    host = (parts.hostname or "").lower()
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as exc:
        raise Unavailable(f"nobody knows the name {host}: {exc}") from exc
    addresses = [str(one[4][0]) for one in found]
    # all of them: who may be asked under one of two addresses could be asked under the other next time
    if not addresses or not all(allowed.lets(host, port, one.partition("%")[0]) for one in addresses):
        told = f"{host} is not of the open internet, and ONEMAP_SEND_HOSTS does not allow it"
        raise InputError(told, reason="host_not_allowed")
    return addresses[0], port


@cache
def trust() -> ssl.SSLContext:
    return ssl.create_default_context()


class Line:
    """A connection to one receiver, kept for a batch."""

    def __init__(self, address: str, allowed: Allowed, *, most_bytes: int = MOST_BYTES) -> None:
        self._parts = urlsplit(address)
        self._most_bytes = most_bytes
        self._allowed = allowed
        self._conn: HTTPConnection | None = None

    def ask(self, method: str, body: bytes, headers: Mapping[str, str], query: str = "") -> Answer:
        """InputError where it may not be asked; Unavailable where it does not answer within `DEADLINE_S`. A connection
        that was kept and has been closed meanwhile is made anew, once."""
        kept = self._conn is not None
        try:
            return self._ask(method, body, headers, query)
        except Unavailable as exc:
            if not kept or not isinstance(exc.__cause__, RemoteDisconnected | ConnectionError):
                raise
            return self._ask(method, body, headers, query)

    def _ask(self, method: str, body: bytes, headers: Mapping[str, str], query: str) -> Answer:
        late = threading.Event()
        parts = self._parts
        queries = "&".join(filter(None, (parts.query, query)))
        path = f"{parts.path or '/'}{'?' + queries if queries else ''}"
        try:
            conn = self._conn or self._connect()
            self._conn = conn
            with hanging_up(conn.sock, late, DEADLINE_S):
                conn.request(method, path, body, {"User-Agent": "OneMap", **headers})
                with conn.getresponse() as answer:
                    said = answer.read(self._most_bytes)
                    retry = answer.getheader("Retry-After")
                    whole = answer.isclosed()
            if late.is_set():
                raise TimeoutError
        except (HTTPException, OSError, ValueError) as exc:
            self.close()
            why = "it answers too slowly" if late.is_set() else exc
            raise Unavailable(f"{parts.hostname} does not answer: {why}") from exc
        if not whole or answer.will_close:
            self.close()
        return Answer(answer.status, said, seconds_of(retry))

    def _connect(self) -> HTTPConnection:
        """To the address that was resolved and allowed; TLS still asks for the name."""
        parts, host = self._parts, self._parts.hostname or ""
        address, port = resolve(parts, self._allowed)
        sock = socket.create_connection((address, port), TIMEOUT_S)
        # head and body go out one after the other: the second must not wait until the first is acknowledged
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        conn: HTTPConnection
        try:
            if parts.scheme == "https":
                conn = HTTPSConnection(host, parts.port, timeout=TIMEOUT_S, context=trust())
                sock = trust().wrap_socket(sock, server_hostname=host)
            else:
                conn = HTTPConnection(host, parts.port, timeout=TIMEOUT_S)
        except OSError:
            sock.close()
            raise
        conn.sock = sock
        return conn

    def close(self) -> None:
        if self._conn is not None:
            with contextlib.suppress(OSError):
                self._conn.close()
            self._conn = None


class Lines:
    """Connections that are kept for a while, by subscription: the next message saves a handshake."""

    def __init__(self, allowed: Allowed, clock: Callable[[], float] = time.monotonic, *, most: int = MOST_KEPT) -> None:
        self._allowed, self._clock = allowed, clock
        self._kept: OrderedDict[str, tuple[str, float, Line]] = OrderedDict()
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._most = most if files == resource.RLIM_INFINITY else min(most, files // 2)
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def to(self, identity: str, address: str) -> Iterator[Line]:
        """The line of a subscription, for one thread."""
        with self._lock:
            kept = self._kept.pop(identity, None)
        line = kept[2] if kept and kept[0] == address else None
        if kept and line is None:
            kept[2].close()
        line = line or Line(address, self._allowed)
        yield line
        for one in self._put_back(identity, address, line):
            one.close()

    def _put_back(self, identity: str, address: str, line: Line) -> list[Line]:
        """Those that make room for it: the oldest are first."""
        closing: list[Line] = []
        with self._lock:
            moment = self._clock()
            self._kept[identity] = (address, moment, line)
            while len(self._kept) > self._most or next(iter(self._kept.values()))[1] < moment - KEEP_S:
                closing.append(self._kept.popitem(last=False)[1][2])
        return closing

    def close(self) -> None:
        with self._lock:
            found = [line for _, _, line in self._kept.values()]
            self._kept.clear()
        for one in found:
            one.close()


def seconds_of(retry_after: str | None) -> float | None:
    """Retry-After in seconds (RFC 9110, section 10.2.3); a date, and what is none, says nothing."""
    if retry_after is None or not retry_after.strip().isdigit():
        return None
    return min(float(retry_after), RETRY_MOST_S)


def outcome_of(answer: Answer) -> Outcome:
    """What a status means: 2xx arrived, 410 the receiver is gone, all else may be right later."""
    if 200 <= answer.status < 300:
        return Sent()
    told = answer.body[:TOLD_CHARS].decode("utf-8", "replace").strip()
    why = f"it answers {answer.status}{': ' + told if told else ''}"
    if answer.status == 410:
        return Gone(why)
    if 300 <= answer.status < 400:
        why = f"{why}; redirects are not followed"
    return Later(why, answer.retry_after_s)


def in_order(messages: Sequence[Message], post: Callable[[Message], Outcome]) -> list[Outcome]:
    """One after the other; the first that did not go out keeps those behind it back."""
    outcomes: list[Outcome] = []
    for message in messages:
        if outcomes and not isinstance(outcomes[-1], Sent | Refused):
            outcomes.append(Later("what came before it did not go out"))
            continue
        try:
            outcomes.append(post(message))
        except (InputError, Unavailable) as exc:
            outcomes.append(Later(exc.message))
    return outcomes
