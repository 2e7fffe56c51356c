"""Warnings of others are found for as long as they hold, in their own table: there are few, and they end by the
clock."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, text

from core.finding import Asked, Direct, Found
from core.finding.fold import fold, words_of
from core.finding.nouns import ALL_WORDS, BEGINS, HOLDS, IS
from core.scope import Scope
from core.warned import in_force

# a time as core.clock.rfc3339 writes it: ids of warnings end in one
SENT = (
    "to_char(sent AT TIME ZONE 'UTC', CASE WHEN date_part('microseconds', sent)::int % 1000000 < 1000 "
    "THEN 'YYYY-MM-DD\"T\"HH24\\:MI\\:SS' ELSE 'YYYY-MM-DD\"T\"HH24\\:MI\\:SS.MS' END) || '+00\\:00'"
)
# more than ever hold at a time; the newest are looked at
LOOKED_AT = 500
_HOLDING = text(f"""
SELECT sender || ',' || identifier || ',' || {SENT} AS id, identifier, sender, headline
FROM ({in_force("now()")}) AS w ORDER BY sent DESC LIMIT {LOOKED_AT}
""")


def find_warnings(conn: Connection, asked: Asked, scope: Scope, most: int) -> list[Found]:
    """What warns of something at all is everybody's."""
    found = [
        Found("warning", row.id, match, row.headline or row.identifier, None, code=row.identifier)
        for row in conn.execute(_HOLDING)
        if (match := _match(row, asked)) is not None
    ]
    return sorted(found, key=lambda one: one.match)[:most]


def _match(row: Any, asked: Asked) -> int | None:
    folded = [fold(name) for name in (row.headline, row.identifier, row.sender) if name]
    keys = [name.replace(" ", "") for name in folded]
    if asked.key in keys:
        return IS
    if any(key.startswith(asked.key) for key in keys):
        return BEGINS
    if any(asked.key in key for key in keys):
        return HOLDS
    there = {word for name in folded for word in words_of(name)}
    return ALL_WORDS if there.issuperset(asked.words) else None


WARNING = Direct("warning", find_warnings)
