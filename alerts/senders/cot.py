"""Cursor on Target, for ATAK and other TAK clients: to a TAK server by TCP or TLS, or to a group by UDP.

An alarm is a marker (MIL-STD 6090 event, version 2.0): the same uid moves and changes it, `stale` lets it go where no
end comes, `t-x-d-d` takes it away. Whoever connects anew has forgotten what was sent: so a connection begins with every
marker that stands.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit
from uuid import UUID
from xml.etree import ElementTree as ET

from pydantic import AfterValidator, Field
from sqlalchemy import Connection, text

from alerts.present import Alarm, read_alarms
from alerts.senders.base import City, Delivery, Later, Message, Options, Outcome, Reads, SenderKind, Sent, Target
from alerts.senders.http import Allowed, parse_allowed, resolve
from alerts.senders.words import TEST, alarm_for, drill, title_of, told_of, told_of_test, within
from core.errors import InputError, Unavailable
from core.faults import unfit
from core.settings import Settings

TIMEOUT_S = 5.0
# how long a marker stands where nothing more is heard of it, by level
STALE_H = {1: 6, 2: 6, 3: 12, 4: 12}
TEST_STALE_S = 60
# ARGB of the level as TAK writes it: a signed 32-bit number
COLOURS = {1: -65536, 2: -35072, 3: -256, 4: -16776961}
SCHEMES = {"tcp": 8087, "tls": 8089, "udp": 6969}
UNKNOWN = "9999999.0"
TOLD = text("""
SELECT t.alarm_id FROM told t JOIN alarm a ON a.id = t.alarm_id
WHERE t.subscription_id = :to AND NOT t.over AND a.active AND a.geom IS NOT NULL ORDER BY t.alarm_id LIMIT 5000
""")


def check_tak(value: str) -> str:
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError as exc:
        raise unfit("tak_address", "expected tcp://, tls:// or udp:// with host and port") from exc
    if parts.scheme not in SCHEMES or not parts.hostname or parts.path or parts.username is not None or port == 0:
        raise unfit("tak_address", "expected tcp://, tls:// or udp:// with host and port")
    return value


class CotOptions(Options):
    address: Annotated[str, Field(max_length=300), AfterValidator(check_tak)] = Field(
        description="tcp://host:8087, tls://host:8089, or udp://239.2.3.1:6969 for a group"
    )


def stamp(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.}{moment.microsecond // 1000:03d}Z"


def event(uid: str, kind: str, now: datetime, stale_s: float, place: tuple[float, float] | None) -> ET.Element:
    """The frame of an event: `stale` lies behind `start`, always."""
    made = ET.Element(
        "event",
        {
            "version": "2.0",
            "uid": uid,
            "type": kind,
            "how": "m-g",
            "time": stamp(now),
            "start": stamp(now),
            "stale": stamp(now + timedelta(seconds=max(1.0, stale_s))),
        },
    )
    lon, lat = place or (0.0, 0.0)
    point = {"lat": f"{lat:.6f}", "lon": f"{lon:.6f}", "hae": UNKNOWN, "ce": UNKNOWN, "le": UNKNOWN}
    ET.SubElement(made, "point", point)
    ET.SubElement(made, "detail")
    return made


def marker(alarm: Alarm, what: str, city: City, to: Target, now: datetime) -> str | None:
    """An alarm as its marker, or as what takes it away; None where nobody knows where it is."""
    if alarm["lon"] is None or alarm["lat"] is None:
        return None
    uid, place = f"onemap-alarm-{alarm['id']}", (alarm["lon"], alarm["lat"])
    if not alarm["active"]:
        made = event(uid, "t-x-d-d", now, TEST_STALE_S, place)
        detail = made.find("detail")
        assert detail is not None
        ET.SubElement(detail, "link", {"uid": uid, "relation": "p-p", "type": "none"})
        ET.SubElement(detail, "__forcedelete")
        return ET.tostring(made, encoding="unicode")
    made = event(uid, "b-m-p-s-m", now, STALE_H[alarm["level"]] * 3600, place)
    detail = made.find("detail")
    assert detail is not None
    ET.SubElement(detail, "contact", {"callsign": (drill(city)[to.lang] + title_of(alarm)[to.lang])})
    ET.SubElement(detail, "color", {"argb": str(COLOURS[alarm["level"]])})
    ET.SubElement(detail, "remarks").text = told_of(alarm, what, city, to, now, "").text
    return ET.tostring(made, encoding="unicode")


class CotSender:
    """Keeps a connection to each TAK server; `files`: certificate, key and authority for TLS."""

    def __init__(self, allowed: Allowed, files: tuple[Path | None, Path | None, Path | None]) -> None:
        self._allowed, self._files = allowed, files
        self._open: dict[str, socket.socket] = {}
        self._lock = threading.Lock()

    def render(self, reads: Reads, delivery: Delivery, to: Target, now: datetime) -> Message | None:
        """One event; where there is no connection yet, behind all that stands."""
        city = reads.city
        if delivery.kind == TEST:
            made = event(f"onemap-test-{delivery.id}", "b-m-p-s-m", now, TEST_STALE_S, None)
            detail = made.find("detail")
            assert detail is not None
            told = told_of_test(city, to, now, "")
            ET.SubElement(detail, "contact", {"callsign": told.title})
            ET.SubElement(detail, "remarks").text = told.text
            return Message("", ET.tostring(made, encoding="unicode"), str(delivery.id))
        if delivery.kind != "alarm":
            return None
        alarm = alarm_for(reads, delivery.subject, to.scope)
        said = None if alarm is None else marker(alarm, delivery.what, city, to, now)
        if said is None:
            return None
        before = [] if self._is_open(to) else self._standing(reads.conn, to, city, now, delivery.subject)
        return Message("", "".join([*before, said]), str(delivery.id))

    def _standing(self, conn: Connection, to: Target, city: City, now: datetime, but: str) -> list[str]:
        ids: list[UUID] = [one for one in conn.scalars(TOLD, {"to": to.id}) if str(one) != but]
        alarms = read_alarms(conn, ids) if ids else []
        seen = alarms if to.scope.everywhere else [within(one) for one in alarms]
        return [said for one in seen if (said := marker(one, "raised", city, to, now))]

    def _is_open(self, to: Target) -> bool:
        """Whether the connection stands, as far as this side knows."""
        with self._lock:
            sock = self._open.get(to.id)
        if sock is None or is_shut(sock):
            self._drop(to)
            return False
        return True

    def _drop(self, to: Target) -> None:
        with self._lock:
            sock = self._open.pop(to.id, None)
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.close()

    def send(self, to: Target, messages: Sequence[Message]) -> Sequence[Outcome]:
        parts = urlsplit(str(to.options["address"]))
        try:
            if parts.scheme == "udp":
                return self._cast(parts.hostname or "", parts.port or SCHEMES["udp"], messages)
            with self._lock:
                sock = self._open.get(to.id)
            if sock is None:
                sock = self._connect(str(to.options["address"]))
                with self._lock:
                    self._open[to.id] = sock
            elif is_shut(sock):
                # what was rendered for a connection that stood lacks what a new one begins with
                raise OSError("the TAK server has closed the connection")
            sock.sendall("".join(one.payload for one in messages).encode())
            return [Sent()] * len(messages)
        except (OSError, Unavailable, InputError) as exc:
            self._drop(to)
            why = exc.message if isinstance(exc, Unavailable | InputError) else exc
            return [Later(f"the TAK server does not take it: {why}")] * len(messages)

    def _cast(self, host: str, port: int, messages: Sequence[Message]) -> Sequence[Outcome]:
        address, _ = resolve(urlsplit(f"http://{host}:{port}"), self._allowed)
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            for one in messages:
                # an event a datagram
                for said in split_events(one.payload):
                    sock.sendto(said.encode(), (address, port))
        return [Sent()] * len(messages)

    def _connect(self, address: str) -> socket.socket:
        parts = urlsplit(address)
        port = parts.port or SCHEMES[parts.scheme]
        found, _ = resolve(urlsplit(f"http://{parts.hostname}:{port}"), self._allowed)
        sock = socket.create_connection((found, port), TIMEOUT_S)
        if parts.scheme == "tls":
            sock = self._context().wrap_socket(sock, server_hostname=parts.hostname)
        sock.settimeout(TIMEOUT_S)
        return sock

    def _context(self) -> ssl.SSLContext:
        cert, key, authority = self._files
        context = ssl.create_default_context(cafile=authority)
        if cert is not None:
            context.load_cert_chain(cert, key)
        return context

    def close(self) -> None:
        with self._lock:
            found = list(self._open.values())
            self._open.clear()
        for sock in found:
            with contextlib.suppress(OSError):
                sock.close()


def split_events(payload: str) -> list[str]:
    return [f"{one}</event>" for one in payload.split("</event>") if one]


def is_shut(sock: socket.socket) -> bool:
    """Whether the other side has closed: what it says meanwhile (pings, others' markers) is read and let go."""
    try:
        sock.settimeout(0.0)
        while True:
            if not sock.recv(65_536):
                return True
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    except OSError:
        return True
    finally:
        with contextlib.suppress(OSError):
            sock.settimeout(TIMEOUT_S)


def make_cot(settings: Settings) -> CotSender:
    return CotSender(parse_allowed(settings.send_hosts), (settings.tak_cert, settings.tak_key, settings.tak_authority))


COT = SenderKind("cot", make_cot, CotOptions, most_s=120.0)
