"""Warnings of others as Common Alerting Protocol 1.2, on any topic. `core.cap` reads the XML and refuses DTDs and
entities."""

from __future__ import annotations

from datetime import UTC, datetime

from core import cap
from core.errors import DecodeError, InputError
from core.pgarray import from_pg_us, to_pg_us
from core.types import Box
from ingest.decoders.base import Decoder, Incoming, check_optional, check_time, invalid
from ingest.decoders.moments import mend_leap
from ingest.records import Record, WarningRow

# sender and identifier are a key of the database; CAP sets no limit
MAX_KEY = 200
# words of code lists (sections 3.2.1 and 3.2.2), kept as they come
MAX_WORD = 64
LATEST = to_pg_us(datetime(2200, 1, 1, tzinfo=UTC))


def decode(incoming: Incoming) -> list[Record]:
    return decode_warning(incoming.payload, incoming.now, incoming.extent)


def decode_warning(payload: bytes, now: int, box: Box | None = None) -> list[Record]:
    """One warning. Of several info blocks the gravest that is in force and concerns the city's `box` gives headline and
    severity; it is in force until the last of these expires. The body keeps them all."""
    try:
        alert = cap.parse(mend_leap(payload))
    except InputError as exc:
        raise DecodeError(exc.message, reason="not_cap", field=exc.field) from exc
    infos = cap.infos_for(alert, from_pg_us(now), box)
    info = infos[0] if infos else None
    ends = [one.expires for one in infos]
    return [
        WarningRow(
            sender=_check_length(alert.sender, MAX_KEY, "sender"),
            identifier=_check_length(alert.identifier, MAX_KEY, "identifier"),
            sent=check_time(alert.sent, now, "sent"),
            msg_type=_check_length(alert.msg_type, MAX_WORD, "msgType"),
            status=_check_length(alert.status, MAX_WORD, "status"),
            headline=check_optional(info.headline, "info.headline") if info else None,
            severity=_check_length(info.severity, MAX_WORD, "info.severity") if info else None,
            expires=_check_expiry(max(end for end in ends if end)) if ends and all(ends) else None,
            body=alert.xml,
            refs=" ".join(cap.references_of(alert)),
        )
    ]


def _check_length(value: str, most: int, field: str) -> str:
    if len(value) > most:
        raise invalid(field, f"expected at most {most} characters")
    return value


def _check_expiry(moment: datetime) -> int:
    """A warning may last as long as its sender likes, within what a clock can show."""
    at = to_pg_us(moment)
    if not 0 <= at < LATEST:
        message = f"info.expires: expected a time between 2000 and 2200, got {moment.isoformat()}"
        raise DecodeError(message, reason="time_out_of_range", field="info.expires")
    return at


DECODER = Decoder("cap", {"zh": "CAP 1.2 预警", "en": "CAP 1.2 warnings"}, ("cap/#",), decode)
