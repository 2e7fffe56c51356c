"""What happened to an alarm, in words."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from core.clock import rfc3339
from core.i18n import say
from core.vocabulary import Text, label

_EVENTS = text("SELECT time, what, level, who, note FROM alarm_event WHERE alarm_id = :id ORDER BY id")


class Entry(TypedDict):
    """One event of an alarm's life."""

    time: str
    who: str
    text: Text


def read(conn: Connection, alarm_id: UUID) -> list[Entry]:
    """Entries in the order they were written."""
    return [
        {
            "time": rfc3339(r.time),
            "who": r.who,
            "text": say(f"log.alarm.{r.what}", level=label("levels", str(r.level)), note=r.note or ""),
        }
        for r in conn.execute(_EVENTS, {"id": alarm_id})
    ]
