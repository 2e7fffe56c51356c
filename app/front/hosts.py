"""Which names a request may be addressed to. A page of somebody else whose name leads to this machine (DNS rebinding)
is answered nothing, and no link is made of a name that is not ours."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.problems import problem
from app.services.names import names_wanted
from core.settings import Settings

# probes of containers and balancers know no name; what they are told is no secret
PROBES = frozenset({"/healthz", "/readyz"})
ANY = "*"
_HOST = re.compile(r"(?:\[(?P<address>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9*._-]+))(?::[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class Known:
    """Names in lower case, those of whole domains by their ending (`.example.org`), addresses as text."""

    names: frozenset[str]
    endings: tuple[str, ...]

    def __contains__(self, host: str) -> bool:
        return ANY in self.names or host in self.names or host.endswith(self.endings)


def known_names(settings: Settings) -> Known:
    """Loopback's names, this machine's names and addresses, those of its public address and certificate, and those of
    the setting."""
    ours = names_wanted(settings)
    listed = [host_of(one.strip()) if one.strip() != ANY else ANY for one in settings.allowed_hosts.split(",")]
    return sort_known([*ours.hosts, *(str(one) for one in ours.addresses), *(one for one in listed if one)])


def sort_known(words: Iterable[str]) -> Known:
    names = [word.lower() for word in words]
    whole = tuple(name[1:] for name in names if name.startswith("*."))
    return Known(frozenset(name for name in names if not name.startswith("*.")), whole)


def host_of(header: str) -> str:
    """The name or address of a Host header, as `Known` has it; empty where it is none."""
    found = _HOST.fullmatch(header)
    if found is None:
        return ""
    try:
        return str(ip_address(found["address"] or found["name"]))
    except ValueError:
        return (found["name"] or "").lower().removesuffix(".")


class Hosts:
    """421 where a request is addressed to a name that is not ours, 400 where to none or to two."""

    def __init__(self, app: ASGIApp, known: Known) -> None:
        self._app, self._known = app, known

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or scope["path"] in PROBES:
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).getlist("host")
        host = host_of(given[0]) if len(given) == 1 else ""
        if not host:
            answer = problem(400, "Host: expected one name or address", reason="host")
        elif host in self._known or is_loopback(host) or host == own_address(scope):
            await self._app(scope, receive, send)
            return
        else:
            told = "this server is not known by that name; an administrator may add it to ONEMAP_ALLOWED_HOSTS"
            answer = problem(421, told, reason="host")
        await answer(scope, receive, send)


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def own_address(scope: Scope) -> str:
    """The address of ours that the connection came to: it may be newer than this process."""
    server = scope.get("server")
    try:
        return str(ip_address(server[0])) if server else ""
    except ValueError:  # a socket of the file system
        return ""
