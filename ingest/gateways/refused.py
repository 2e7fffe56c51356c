"""What a gateway could make no message of, told to the ingester: it becomes a dead letter with its reason, where people
see it, and not a line of a log alone."""

from __future__ import annotations

import time
from collections import Counter

from core.errors import DecodeError, Unavailable
from core.log import get_log
from ingest.gateways.publisher import Publication, Publishes

log = get_log("gateway")
# anybody may send nonsense to an open port: so many are told in a minute, of one sender fewer, the others counted
A_MINUTE, OF_ONE = 30, 10
BODY_AT_MOST = 4000


class Refused:
    """Of one gateway; `figures` counts what was told and what was not."""

    def __init__(self, publisher: Publishes, prefix: str, gateway: str, figures: Counter[str]) -> None:
        self._publisher = publisher
        self._topic = f"{prefix}/gateway/{gateway}/refused"
        self._figures = figures
        self._minute, self._told = -1, Counter[str]()

    async def tell(self, exc: DecodeError, sender: str, body: bytes) -> None:
        """Nothing is raised: what is told is lost already, and the broker's absence is told elsewhere."""
        minute = int(time.monotonic() // 60)
        if minute != self._minute:
            self._minute = minute
            self._told.clear()
        if self._told[sender] >= OF_ONE or self._told.total() >= A_MINUTE:
            self._figures["refused_untold"] += 1
            return
        self._told[sender] += 1
        told = {"sender": sender[:200], "field": exc.field, "detail": exc.message[:1000], "body": as_text(body)}
        try:
            await self._publisher.publish([Publication(self._topic, told)])
        except Unavailable as failed:
            log.warning("refused_untold", error=failed.message)
            self._figures["refused_untold"] += 1
            return
        self._figures["refused_told"] += 1


def as_text(body: bytes) -> str:
    """Text as it is, anything else as hexadecimal digits."""
    for encoding in ("utf-8", "gb18030"):
        try:
            words = body[:BODY_AT_MOST].decode(encoding)
        except UnicodeDecodeError:
            continue
        if all(sign.isprintable() or sign in "\r\n\t" for sign in words):
            return words
    return body[: BODY_AT_MOST // 2].hex(" ")
