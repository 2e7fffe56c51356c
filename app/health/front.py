"""Whether the page's settings let in whom they should and keep out whom they should."""

from __future__ import annotations

from collections.abc import Iterator

from app.front.connections import Proxies
from app.front.hosts import ANY as ANY_NAME
from app.front.hosts import is_loopback
from app.health.remark import Remark
from app.services.net import ANY
from core.errors import SetupError
from core.settings import Settings


def check_front(settings: Settings) -> Iterator[Remark]:
    allowed = [one.strip() for one in settings.allowed_hosts.split(",") if one.strip()]
    if ANY_NAME in allowed:
        yield Remark(
            "ONEMAP_ALLOWED_HOSTS is *: any page whose name leads here is answered as if it were ours (DNS rebinding); "
            "list the names instead"
        )
    elif settings.http_host in ANY and not (allowed or settings.public_url or settings.tls_names):
        yield Remark(
            "the page listens on every address and knows itself by this machine's own names and addresses only; "
            "whoever comes by another name is answered 421: set ONEMAP_PUBLIC_URL, or ONEMAP_ALLOWED_HOSTS",
            wrong=False,
        )
    try:
        proxies = Proxies(settings.proxies)
    except SetupError as exc:
        yield Remark(exc.message)
        return
    if "*" in proxies.listed:
        yield Remark(
            "ONEMAP_PROXIES is *: anybody may name any address as theirs, so that waits after failed log-ins and "
            "bounds of an address hold nobody; list the proxies"
        )
    public = settings.public_url.startswith("https:")
    if public and settings.tls_files() is None and not is_local(settings.http_host) and not _beyond(proxies):
        yield Remark(
            "a proxy elsewhere brings the page (ONEMAP_PUBLIC_URL is https, this process has no certificate), and "
            "ONEMAP_PROXIES does not name it: all people count as one address",
            wrong=False,
        )


def is_local(host: str) -> bool:
    return host == "localhost" or is_loopback(host)


def _beyond(proxies: Proxies) -> list[str]:
    """Those that are not on this machine."""
    return [one for one in proxies.listed if not is_local(one)]
