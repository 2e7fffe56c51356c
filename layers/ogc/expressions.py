"""A filter as it comes, text or JSON, as the tree of CQL2 JSON (OGC 21-065r2, section 8): dicts, lists and scalars as
that encoding has them, and nothing yet known of what they mean.

The grammar of package `cql2` goes back over what it has read, twice as often with every parenthesis that stands open,
and calls itself for every sign and word: what would keep it busy for long, or overflow its stack, is not given to it.
"""

from __future__ import annotations

import re
from typing import Any

import cql2
import orjson

from layers.ogc.errors import BadRequest

Tree = Any
TEXT, JSON = "cql2-text", "cql2-json"
LANGUAGES = (TEXT, JSON)
# characters
LONGEST = {TEXT: 8_000, JSON: 32_000}
# words and signs that are no value; characters, each counted double for every parenthesis around it
WORDS, WORK = 500, 100_000
# strings and names in quotes, numbers, words, single signs
NUMBER = re.compile(r"-?\d[\d.]*(?:[eE][+-]?\d+)?")
TOKEN = re.compile(rf"""'(?:[^']|'')*'|"(?:[^"]|"")*"|{NUMBER.pattern}|[^\W\d]\w*|\S""")
AT = re.compile(r"(\d+):(\d+)")
DEPTH = 40


def read_filter(words: str, language: str) -> Tree:
    """BadRequest where it is not said in that language, is too long or too deep."""
    if len(words) > LONGEST[language]:
        raise BadRequest(f"filter: expected at most {LONGEST[language]} characters, got {len(words)}", field="filter")
    if "\x00" in words:
        raise BadRequest("filter: expected text without the character U+0000", field="filter")
    tree = _of_json(words) if language == JSON else _of_text(words)
    if tree is None:
        raise BadRequest("filter: expected a condition, got NULL", field="filter")
    if deeper_than(tree, DEPTH):
        raise BadRequest(f"filter: expected at most {DEPTH} levels", field="filter")
    return tree


def _of_json(words: str) -> Tree:
    try:
        return orjson.loads(words)
    except orjson.JSONDecodeError as exc:
        raise BadRequest(
            f"filter: expected JSON, which it is not from character {exc.pos + 1} on", field="filter"
        ) from exc


def _of_text(words: str) -> Tree:
    count, work = weigh(words)
    if count > WORDS or work > WORK:
        raise BadRequest(
            f"filter: expected at most {WORDS} names, words and signs, and fewer parentheses one inside the other; "
            f"filter-lang={JSON} has no such bound",
            field="filter",
        )
    try:
        return cql2.parse_text(words).to_json()
    except cql2.ParseError as exc:
        place = AT.search(str(exc))
        where = f", which it is not from character {place[2]} on" if place else ""
        raise BadRequest(f"filter: expected CQL2 text{where}", field="filter") from exc


def weigh(words: str) -> tuple[int, int]:
    """How many words and signs the grammar calls itself for, and how much it may have to read again."""
    count = work = depth = 0
    for piece in TOKEN.findall(words):
        if piece == ")":
            depth = max(depth - 1, 0)
        elif piece == "(":
            depth += 1
        elif piece != "," and piece[0] != "'" and not NUMBER.fullmatch(piece):
            count += 1
        work += len(piece) << min(depth, 30)
    return count, work


def deeper_than(tree: Tree, most: int) -> bool:
    """Without a call for each level: what is measured may be as deep as it likes."""
    level = [tree]
    for _ in range(most + 1):
        level = [
            child
            for node in level
            if isinstance(node, (dict, list))
            for child in (node.values() if isinstance(node, dict) else node)
        ]
        if not level:
            return False
    return True
