"""What happened to an alarm, in words."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from core.clock import rfc3339
from core.i18n import say
from core.levels import alarm_level
from core.nouns import LogLine
from core.vocabulary import Text, label

_EVENTS = text(
    "SELECT time, what, level, who, note, after#>'{muted,why}' AS why FROM alarm_event WHERE alarm_id = :id ORDER BY id"
)


def _word(event: Any) -> str:
    """A shelf ends by the clock or by a person; an alarm by a reading, or because nothing judges it any more."""
    if event.what == "unshelved" and event.who != "engine":
        return "taken_off"
    return f"returned.{event.note}" if event.what == "returned" and event.note else str(event.what)


def _note(event: Any) -> Text:
    """Why it was put aside, or what mutes it."""
    if event.what == "muted" and event.why:
        return {"zh": event.why["zh"], "en": event.why["en"]}
    if event.what == "escalated":
        return label("roles", event.note)
    if event.what == "commented":
        return {"zh": event.note or "", "en": event.note or ""}
    return label("shelve_reasons", event.note)


def read(conn: Connection, alarm_id: UUID) -> list[LogLine]:
    """Entries in the order they were written."""
    return [
        {
            "time": rfc3339(r.time),
            "who": r.who,
            "text": say(f"log.alarm.{_word(r)}", level=alarm_level(r.level), note=_note(r)),
        }
        for r in conn.execute(_EVENTS, {"id": alarm_id})
    ]
