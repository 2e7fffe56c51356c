"""Words with typing errors: what of the words that stand in names may have been meant.

The vocabulary (`search_word`) is small beside the names, so trigrams are compared there and not over every name; names
are then asked for by whole words.
"""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_lowercase

from sqlalchemy import Connection, text

from core.finding.asked import MISTYPED_FROM, MISTYPED_TO, TWO_ERRORS_FROM, Asked
from core.finding.fold import is_han

# words that may have been meant by one; words of a text that may be mistyped
MEANT, MISTYPED_WORDS = 6, 4
# of a word that is long enough
ERRORS = 2
# how alike words must be to be compared letter by letter (pg_trgm's similarity; the index of names sets it)
ALIKE = 0.25
_KNOWN = text("SELECT DISTINCT word FROM search_word WHERE word = ANY(CAST(:words AS text[]))")
_ALIKE = text("SELECT DISTINCT word FROM search_word WHERE word % :word")


def meant(conn: Connection, asked: Asked) -> list[list[str]]:
    """For each word itself where it stands in a name, else those of the vocabulary it may have been, the likeliest
    first; empty where no word is mistyped, or one is like none there is."""
    words = list(asked.words)
    doubtful = [word for word in words if MISTYPED_FROM <= len(word) <= MISTYPED_TO and word.isalpha()]
    if not doubtful or any(map(is_han, words)):
        return []
    known = _known(conn, doubtful)
    wrong = [word for word in doubtful if word not in known][:MISTYPED_WORDS]
    if not wrong:
        return []
    near = {word: one_error(word) for word in wrong}
    there = _known(conn, sorted(set().union(*near.values())))
    likely = {word: sorted(there & near[word]) or _alike(conn, word) for word in wrong}
    return [likely.get(word, [word])[:MEANT] for word in words] if all(likely.values()) else []


def _known(conn: Connection, words: list[str]) -> set[str]:
    return set(conn.scalars(_KNOWN, {"words": words}))


def _alike(conn: Connection, word: str) -> list[str]:
    """Words with two errors, the likeliest first."""
    if len(word) < TWO_ERRORS_FROM:
        return []
    errors = {one: distance(word, one) for one in conn.scalars(_ALIKE, {"word": word})}
    return [one for n, one in sorted((n, one) for one, n in errors.items()) if n <= ERRORS]


def one_error(word: str) -> set[str]:
    """Every word that is one error away: a letter too many, too few, another, or two that changed places."""
    cuts = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    less = {a + b[1:] for a, b in cuts if b}
    swapped = {a + b[1] + b[0] + b[2:] for a, b in cuts if len(b) > 1}
    other = {a + letter + b[1:] for a, b in cuts if b for letter in ascii_lowercase}
    more = {a + letter + b for a, b in cuts for letter in ascii_lowercase}
    return less | swapped | other | more


def distance(one: str, other: str) -> int:
    """Errors between two words (optimal string alignment: insertion, deletion, another letter, two that changed
    places)."""
    before: Sequence[int] = []
    row: Sequence[int] = range(len(other) + 1)
    for i, letter in enumerate(one, 1):
        after = [i]
        for j, wanted in enumerate(other, 1):
            best = min(row[j] + 1, after[-1] + 1, row[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                best = min(best, before[j - 2] + 1)
            after.append(best)
        before, row = row, after
    return row[-1]
