"""Who did what, by name and post: nobody is shown the id of a person, a unit or a part of the software."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, text

from app.cards.nouns import Card
from core.i18n import say
from core.vocabulary import Text, label

SYSTEM = "engine"
_NAMES = text("""
SELECT a.username AS id, a.name AS zh, a.name AS en, r.name_zh AS post_zh, r.name_en AS post_en
FROM account a JOIN role r ON r.id = a.role WHERE a.username = ANY(:ids)
UNION ALL
SELECT id, name_zh, name_en, NULL, NULL FROM unit WHERE id = ANY(:ids)
UNION ALL
SELECT id, name_zh, name_en, NULL, NULL FROM camera WHERE id = ANY(:ids)
""")


def named_in(card: Card) -> set[str]:
    """The ids of those whom a card speaks of."""
    ids = {line["who"] for line in card["log"]}
    if card["type"] == "alarm":
        ids |= {card["object"][name] or "" for name in ("acknowledged_by", "shelved_by", "owner")}
    return ids - {""}


def read_names(conn: Connection, ids: Iterable[str]) -> dict[str, Text]:
    """id -> name, a person's with their post. Who is not known any more, or has only ever given a name, is called as
    they called themselves."""
    wanted = set(ids)
    found = {row.id: name_of(row) for row in conn.execute(_NAMES, {"ids": sorted(wanted)})} if wanted else {}
    if SYSTEM in wanted:
        found[SYSTEM] = say("person.system")
    return {one: found.get(one) or label("channels", one) for one in wanted}


def name_of(row: Any) -> Text:
    names: Text = {"zh": row.zh or row.id, "en": row.en or row.zh or row.id}
    post: Text = {"zh": row.post_zh, "en": row.post_en}
    if not post["zh"]:
        return names
    # whoever is called what they are is not called it twice
    return post if names["zh"] in post.values() else say("person.with_post", name=names, post=post)
