"""Sources: which messages come from where, how they are read, and what they mean (table `source`).

A set of sources is read at once and never changed: an edit makes a new set (`onemap_source` is notified), so that a
message is read by one set from beginning to end. Of several sources whose filters match a topic the most exact filter
wins.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, text

from core.errors import DecodeError, InputError
from core.exposure import city_box, city_zone
from core.log import get_log
from ingest.arrived import Arrived
from ingest.cover import cover
from ingest.filters import exactness, matches
from ingest.quality import Extent
from ingest.source import Source, dated, make_source

log = get_log("sources")
TOPICS_KEPT = 65_536
NO_SOURCE = "no_source"


class Sources:
    """All sources that are switched on. `find` the one of a topic."""

    def __init__(
        self, sources: Iterable[Source], extent: Extent | None = None, faults: Mapping[str, str] | None = None
    ) -> None:
        self.by_id = {source.id: source for source in sources}
        self.extent = extent
        # sources that cannot be used, and why
        self.faults = dict(faults or {})
        ranked = [(exactness(f), source.id, f, source) for source in self.by_id.values() for f in source.filters]
        self._ranked = [(f.split("/"), source) for _, _, f, source in sorted(ranked, key=lambda r: r[:3])]
        self._found: dict[str, Source | None] = {}
        asked = {f for source in self.by_id.values() for f in source.filters}
        # what the broker is asked for: no two of them match one topic, so that one message comes once
        self.cover = cover(asked)
        self._widened = [f.split("/") for f in self.cover if f not in asked]

    def find(self, topic: str) -> Source | None:
        try:
            return self._found[topic]
        except KeyError:
            pass
        parts = topic.split("/")
        found = next((source for levels, source in self._ranked if matches(levels, parts)), None)
        if len(self._found) >= TOPICS_KEPT:
            self._found.clear()
        self._found[topic] = found
        return found

    def decode(self, message: Arrived, now: int) -> None:
        """Fill in the message's source and records, or the reason it has none."""
        source = message.source = self.find(message.topic)
        message.at = now
        try:
            if source is None:
                told = f"topic: no source reads {message.topic[:120]!r}"
                raise DecodeError(told, reason=NO_SOURCE, field="topic")
            if not message.payload:
                return  # a retained message was cleared (MQTT 5 section 3.3.1.3): nothing is said
            faults: list[DecodeError] = []
            spelled = message.spelled = None if source.decoder.exact else {}
            records = source.decode(
                message.topic, message.payload, message.properties, now, faults, self.extent, spelled
            )
            if faults and not records:
                raise faults[0]
            message.records = [r for r in records if dated(r, now)] if message.retained else records
            message.faults = faults
        except InputError as exc:
            message.refuse(exc)

    def read(self, message: Arrived, now: int) -> None:
        """`decode`, whatever a decoder does: one of another package may raise what it should not."""
        try:
            self.decode(message, now)
        except Exception:  # the fault is one message's and stops nobody else's
            log.exception("decoder_failed", topic=message.topic[:200])
            message.refuse(DecodeError("the decoder failed on this message; see the log", reason="decoder_failed"))

    def filters(self, group: str = "") -> list[str]:
        """What to subscribe to; `group` makes them MQTT 5 shared subscriptions (section 4.8.2)."""
        share = f"$share/{group}/" if group else ""
        return [share + f for f in self.cover]

    def is_unasked(self, topic: str) -> bool:
        """Whether a message of no source came only because filters that overlap were widened."""
        parts = topic.split("/")
        return any(matches(levels, parts) for levels in self._widened)


def read_sources(conn: Connection, prefix: str) -> Sources:
    """The sources that are on. One that cannot be used is left out and told in the log and in `faults`: it must not
    stop the others."""
    zone = city_zone(conn)
    made: list[Source] = []
    faults: dict[str, str] = {}
    for row in conn.execute(text("SELECT * FROM source WHERE enabled ORDER BY id")).mappings():
        try:
            made.append(make_source(dict(row), prefix, zone))
        except InputError as exc:
            faults[row["id"]] = exc.message
            log.error("source_unusable", source=row["id"], error=exc.message)
        except Exception as exc:  # a row that was written past our checks
            faults[row["id"]] = f"cannot be read: {type(exc).__name__}"
            log.exception("source_unusable", source=row["id"])
    return Sources(made, read_extent(conn), faults)


def read_extent(conn: Connection) -> Extent | None:
    box = city_box(conn)
    return None if box is None else Extent(*box)
