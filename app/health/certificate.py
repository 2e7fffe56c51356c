"""Whether the certificate of page and devices' listener can be used, and for how long."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from app.health.remark import Remark, words
from core.errors import SetupError
from core.tls import ends_at

SOON = timedelta(days=14)


def check_certificate(cert: Path, now: datetime) -> Iterator[Remark]:
    try:
        left = ends_at(cert) - now
    except SetupError as exc:
        yield Remark(exc.message)
        return
    if left < SOON:
        ends = f"ends in {words(left.total_seconds())}" if left > timedelta(0) else "has ended"
        yield Remark(
            f"the certificate {cert} {ends}: renew it; the page and, with ./onemap doors, the broker take it up by "
            "themselves"
        )
