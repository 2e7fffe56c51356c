"""A message that has come on a source's topics, to try its settings on."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from ingest.admin.letters import read_text
from ingest.filters import check_filter, matches

LOOKED_AT = 500
LETTERS = text("SELECT topic, payload FROM dead_letter ORDER BY id DESC LIMIT :most")
# what devices sent first, which nobody has registered yet
FIRST = text("""
SELECT attributes->>'topic' AS topic, attributes->>'sent' AS sent FROM sensor
WHERE attributes ? 'topic' AND attributes ? 'sent' ORDER BY first_seen_at DESC, id LIMIT :most
""")


class Example(TypedDict):
    topic: str
    payload: str


def find_example(conn: Connection, filters: Sequence[str], prefix: str) -> Example | None:
    """The newest letter on a topic of these filters, else what a device there sent first; texts only. InputError for
    what is no filter."""
    levels = [check_filter(one, prefix).split("/") for one in filters]

    def fits(topic: str) -> bool:
        return any(matches(one, topic.split("/")) for one in levels)

    for row in conn.execute(LETTERS, {"most": LOOKED_AT}):
        if fits(row.topic) and (words := read_text(bytes(row.payload))):
            return {"topic": row.topic, "payload": words}
    found = ({"topic": row.topic, "payload": row.sent} for row in conn.execute(FIRST, {"most": LOOKED_AT}))
    return next((Example(topic=one["topic"], payload=one["payload"]) for one in found if fits(one["topic"])), None)
