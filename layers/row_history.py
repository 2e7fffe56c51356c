"""One change of a row of a layer of the city's own: as it is kept, what became of each value, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import JsonValue
from typing_extensions import TypedDict

from core.clock import rfc3339
from core.i18n import say
from core.nouns import LogLine
from core.types import JsonObject
from core.vocabulary import Text
from layers.columns import Column
from layers.imports.values import EXACT


class RowEvent(TypedDict):
    """One change of a row: what (create, replace, update, delete, revert), who, when, by which door, why; each value
    that is another, before and after, and its place where that is."""

    id: int
    time: str
    what: str
    who: str
    source: str
    reason: str | None
    changes: dict[str, list[JsonValue]]
    geometry: list[JsonValue] | None


def event_of(row: Any) -> RowEvent:
    before, after = row.before or {}, row.after or {}
    moved = before.get("geometry") != after.get("geometry")
    return {
        "id": row.id,
        "time": rfc3339(row.time),
        "what": row.what,
        "who": row.who,
        "source": row.source,
        "reason": row.reason,
        "changes": differences(row.before, row.after),
        "geometry": [before.get("geometry"), after.get("geometry")] if moved else None,
    }


def differences(before: JsonObject | None, after: JsonObject | None) -> dict[str, list[JsonValue]]:
    """Values that are others: [before, after]."""
    was: Any = (before or {}).get("values", {})
    now: Any = (after or {}).get("values", {})
    names = sorted(set(was) | set(now))
    return {name: [was.get(name), now.get(name)] for name in names if was.get(name) != now.get(name)}


def told(event: RowEvent, columns: Sequence[Column]) -> LogLine:
    """A change in words; of a row that was made or removed, that it was."""
    titles = {column.name: column.title for column in columns}
    whole: Text = say(f"row.{event['what']}")
    if event["what"] in ("update", "replace", "revert"):
        parts = [
            say("asset.became", field=titles.get(name, _both(name)), was=_said(was), now=_said(now))
            for name, (was, now) in event["changes"].items()
        ]
        parts += [say("asset.field.place")] if event["geometry"] is not None else []
        for part in parts:
            whole = say("asset.and", first=whole, then=part)
    if event["reason"]:
        whole = say("row.because", what=whole, reason=event["reason"])
    return {"time": event["time"], "who": event["who"], "text": whole}


def _said(value: JsonValue) -> Text:
    if isinstance(value, bool):
        return say("row.yes" if value else "row.no")
    if isinstance(value, float) and value.is_integer() and abs(value) < EXACT:
        value = int(value)
    return _both("–" if value in (None, "") else str(value)[:80])


def _both(words: str) -> Text:
    return {"zh": words, "en": words}
