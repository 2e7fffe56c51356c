"""What was typed, as questions to the index of names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from core.finding.fold import fold, words_of
from core.finding.sounds import Piece, Way, by_initials, by_syllables, mixed
from core.scope import Scope
from core.types import UNKNOWN_DISTRICT

LONGEST = 100
BEGUN_FROM = 3
WORDS_AT_MOST = 12
# codes of assets are many and alike: found by their beginning, from so many digits on
ASSET_DIGITS = 8
# shorter words are not mistyped into others; from so many letters on there may be two errors
MISTYPED_FROM, MISTYPED_TO, TWO_ERRORS_FROM = 3, 30, 7
NOTHING = "'='"
# pinyin or initials, and the number of a house
_TYPED = re.compile(r"([a-z]{2,40})([0-9]{0,6})")


@dataclass(frozen=True, slots=True)
class Asked:
    """A text in the forms that names are compared with. `key` without blanks, `spaced` with them; `words` Chinese
    characters and words; `ways` to read it as pinyin, `initials` those that are short forms."""

    text: str
    key: str
    spaced: str
    words: tuple[str, ...]
    ways: tuple[Way, ...]
    initials: tuple[Way, ...]

    @property
    def is_(self) -> str:
        """tsquery: a name or a code is this."""
        return f"{lexeme('=' + self.key)} | {lexeme('#' + self.key)}" if self._asset else lexeme("=" + self.key)

    @property
    def begins(self) -> str:
        """tsquery: one begins so."""
        start = lexeme("=" + self.key) + ":*"
        return f"{start} | {lexeme('#' + self.key)}:*" if self._asset else start

    @property
    def holds(self) -> str:
        """tsquery: a name has all the words, in any order; of the last one, and of longer ones in letters, the
        beginning is enough."""
        *before, last = self.words
        begun = [word for word in before if len(word) >= BEGUN_FROM and word.isalpha()] + [last] * (len(last) > 1)
        return every(lexeme(word) + (":*" if word in begun else "") for word in self.words)

    @property
    def sounds(self) -> str:
        """tsquery: a name may sound so; NOTHING where it is no pinyin."""
        return some(map(_sound, (*self.ways, *self.initials)))

    @property
    def all(self) -> str:
        return some(part for part in (self.begins, self.holds, self.sounds) if part != NOTHING)

    @property
    def slight(self) -> bool:
        """So little is said that very many names have it as a rule: one sign, one syllable."""
        return len(self.key) == 1 or any(len(way) == 1 for way in self.ways)

    @property
    def in_order(self) -> str:
        """LIKE: characters or words in the order of the text."""
        return "%" + "%".join(self.words) + "%"

    @property
    def said(self) -> str:
        """tsquery over `sounds` of an entry: it has characters that sound so, one after the other."""
        return some(map(_spoken, self.ways))

    @property
    def said_first(self) -> str:
        """tsquery over `sounds` of an entry: it begins so."""
        return some(f"'^' <-> ({_spoken(way)})" for way in self.ways)

    @property
    def short(self) -> str:
        """tsquery over `sounds` of an entry: the text is a short form of it."""
        return some(map(_spoken, self.initials))

    @property
    def _asset(self) -> bool:
        return self.key.isdigit() and len(self.key) >= ASSET_DIGITS

    def mistyped(self, meant: Sequence[Sequence[str]]) -> str:
        """tsquery: a name has for each word one of those that may have been meant."""
        return every(some(lexeme(word) for word in words) for words in meant)


def ask(words: str) -> Asked | None:
    """None where nothing is left of the text that could be in a name."""
    spaced = fold(words[: 2 * LONGEST])
    key = spaced.replace(" ", "")[:LONGEST]
    if not key:
        return None
    typed = _TYPED.fullmatch(key)
    letters, figures = (typed[1], tuple(Piece(one, True) for one in typed[2])) if typed else ("", ())
    short = dict.fromkeys(way for way in (by_initials(letters), mixed(letters)) if way)
    return Asked(
        text=words.strip(),
        key=key,
        spaced=spaced,
        words=tuple(dict.fromkeys(words_of(spaced)))[:WORDS_AT_MOST],
        ways=tuple((*way, *figures) for way in by_syllables(letters)),
        initials=tuple((*way, *figures) for way in short),
    )


def lexeme(token: str) -> str:
    """A token as it stands in a tsquery."""
    return "'" + token.replace("\\", "\\\\").replace("'", "''") + "'"


def every(parts: Iterable[str]) -> str:
    return " & ".join(f"({part})" for part in parts) or NOTHING


def some(parts: Iterable[str]) -> str:
    return " | ".join(f"({part})" for part in parts) or NOTHING


def _sound(way: Way) -> str:
    """tsquery: whatever sounds so has these tokens (and some that does not)."""
    if len(way) == 1:
        return lexeme("~" + way[0].letters) + ":*"
    pairs = {lexeme("^" + a.letters[0] + b.letters[0]) for a, b in pairwise(way)}
    whole = {lexeme("~" + piece.letters) for piece in way if piece.whole and len(piece.letters) > 1}
    return every(sorted(pairs | whole))


def _spoken(way: Way) -> str:
    return " <-> ".join(lexeme(piece.letters) + ("" if piece.whole else ":*") for piece in way)


def within_scope(scope: Scope) -> str | None:
    """tsquery: entries that a scope may see as far as it goes by districts; None where it sees all districts.
    Entries of `any` district are seen by rules of their own."""
    if not scope.city:
        return lexeme("d:any")
    if scope.districts is None:
        return None
    return some(lexeme(f"d:{code}") for code in ("any", UNKNOWN_DISTRICT, *sorted(scope.districts)))


def of_kinds(kinds: Iterable[str]) -> str:
    return some(lexeme(f"k:{kind}") for kind in kinds)
