"""One message on its way through the ingester: as it came, what was made of it, and where it came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from core.errors import DecodeError, OneMapError
from ingest.records import Record

# of a message that is shown to people
SENT_AT_MOST = 2000


def beginning(payload: bytes) -> str:
    """The beginning of a message as text; of a picture there is nothing to read."""
    if payload[:2] == b"\xff\xd8":
        return f"JPEG, {len(payload)} bytes"
    return payload[:SENT_AT_MOST].decode("utf-8", "replace").replace("\x00", "\N{REPLACEMENT CHARACTER}")


class Origin(Protocol):
    """What a message needs to know of its source (ingest.sources.Source)."""

    @property
    def id(self) -> str: ...
    @property
    def owner(self) -> str | None: ...
    @property
    def interval_s(self) -> float | None: ...
    @property
    def district(self) -> str | None: ...
    @property
    def coarse(self) -> bool: ...

    def finish(
        self,
        records: Sequence[Record],
        faults: list[DecodeError] | None = None,
        spelled: dict[str, str] | None = None,
    ) -> Sequence[Record]: ...


@dataclass(slots=True)
class Arrived:
    """One message as it came, and what was made of it: records, or why it could not be read."""

    topic: str
    payload: bytes
    mid: int
    qos: int
    raw_properties: bytes = b""
    records: Sequence[Record] = ()
    reason: str | None = None
    detail: str = ""
    fault: str | None = None
    source: Origin | None = None
    # sent because we subscribed, not because it was just said (MQTT 5 section 3.3.1.3)
    retained: bool = False
    # sent before, and perhaps written: the connection was lost before we had acknowledged it (section 3.3.1.1)
    again: bool = False
    # another subscription of ours has brought it too: acknowledged, and nothing else (ingest.copies)
    copy: bool = False
    # when it was read, microseconds since 2000; its records carry it where they have no time of their own
    at: int = 0
    # what is at fault, where that is told once a day (DecodeError)
    once: str | None = None
    # what is wrong with single values of it; the others are its records
    faults: Sequence[OneMapError] = ()
    # what people call the sensors and metrics whose names are no ids of ours
    spelled: dict[str, str] | None = None
    # user properties of a message that was kept; those of one from the broker are in raw_properties
    kept_properties: dict[str, str] | None = None

    @property
    def source_id(self) -> str | None:
        return self.source.id if self.source else None

    def refuse(self, error: OneMapError) -> None:
        """It cannot be used: it will be a dead letter for this reason."""
        self.records = self.faults = ()
        self.reason, self.detail, self.fault = error.reason, error.message, error.field
        self.once = error.once if isinstance(error, DecodeError) else None

    def pass_over(self) -> None:
        """It is none of ours: acknowledged, and neither kept nor told."""
        self.records, self.reason, self.detail, self.fault = (), None, "", None

    @property
    def properties(self) -> dict[str, str]:
        """MQTT 5 user properties; the last of a name counts."""
        if self.kept_properties is not None:
            return self.kept_properties
        if not self.raw_properties:
            return {}
        parsed = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        try:
            parsed.unpack(self.raw_properties)  # type: ignore[no-untyped-call]
        except Exception:  # noqa: BLE001 - paho raises bare Exceptions for malformed properties; none are then known
            return {}
        return dict(getattr(parsed, "UserProperty", []))
