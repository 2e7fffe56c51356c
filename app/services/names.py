"""By which names and addresses this machine is reached: what a certificate for it must say."""

from __future__ import annotations

import fcntl
import re
import socket
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from urllib.parse import urlsplit

from app.services.net import ANY
from core.errors import SetupError
from core.settings import Settings

LOOPBACK = ("localhost", "127.0.0.1", "::1")
SIOCGIFADDR = 0x8915  # netdevice(7)
INTERFACES6 = Path("/proc/net/if_inet6")
# made anew every day, for going out (RFC 8981)
TEMPORARY = 0x01
_HOST = re.compile(r"(\*\.)?[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*")


@dataclass(frozen=True, slots=True)
class Names:
    hosts: tuple[str, ...]
    addresses: tuple[IPv4Address | IPv6Address, ...]

    def without(self, others: Names) -> list[str]:
        """What others do not have."""
        hosts = [host for host in self.hosts if host not in others.hosts]
        return hosts + [str(one) for one in self.addresses if one not in others.addresses]


def names_wanted(settings: Settings) -> Names:
    """This machine's, those of the addresses people and devices are told, and those that a setting adds."""
    told = [urlsplit(url).hostname or "" for url in (settings.public_url, settings.device_url)]
    bound = [host for host in (settings.http_host, settings.device_host) if host not in ANY]
    return sort_names([*LOOPBACK, *machine_names(), *told, *bound, *settings.tls_names.split(",")])


def sort_names(words: Iterable[str]) -> Names:
    """SetupError where one is neither a host name nor an address."""
    hosts: dict[str, None] = {}
    addresses: dict[IPv4Address | IPv6Address, None] = {}
    for word in filter(None, (word.strip() for word in words)):
        try:
            addresses[ip_address(word)] = None
        except ValueError:
            hosts[_as_host(word)] = None
    return Names(tuple(hosts), tuple(addresses))


def _as_host(word: str) -> str:
    try:
        # a domain in Chinese is written so in certificates
        host = word if word.isascii() else word.encode("idna").decode()
    except UnicodeError:
        host = ""
    host = host.lower().rstrip(".")
    if len(host) > 253 or not _HOST.fullmatch(host):
        raise SetupError(f"ONEMAP_TLS_NAMES: expected host names and addresses, got {word!r}", field="ONEMAP_TLS_NAMES")
    return host


def machine_names() -> list[str]:
    """Its own name, that under which a local network finds it (mDNS), its addresses."""
    name = socket.gethostname().lower()
    named = [name] if _HOST.fullmatch(name) else []
    local = [f"{name}.local"] if named and "." not in name else []
    return [*named, *local, *addresses4(), *addresses6()]


def addresses4() -> Iterator[str]:
    """The first of each network interface (Linux)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        for _, interface in socket.if_nameindex():
            request = struct.pack("256s", interface.encode()[:15])
            try:
                answer = fcntl.ioctl(asker.fileno(), SIOCGIFADDR, request)
            except OSError:
                continue  # it has none
            yield str(IPv4Address(answer[20:24]))


def addresses6() -> Iterator[str]:
    """All that are not of the link alone and stay (Linux)."""
    if not INTERFACES6.exists():
        return
    for line in INTERFACES6.read_text().splitlines():
        address, _, _, _, flags, _ = line.split()
        found = IPv6Address(bytes.fromhex(address))
        if not found.is_link_local and not int(flags, 16) & TEMPORARY:
            yield str(found)
