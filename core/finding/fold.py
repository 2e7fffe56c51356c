"""Names as they are compared: without case, accents, width and signs. Table `search_name` folds by the same rules
(function `fold_name` of migration 0024; a test holds the two together)."""

from __future__ import annotations

import re
import unicodedata

HAN = "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_MARKS = re.compile("[\u0300-\u036f]+")
# ASCII and Latin-1 signs, general punctuation and symbols, CJK punctuation, presentation forms
_BETWEEN = re.compile(
    "[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00bf\u00d7\u00f7\u2000-\u2bff\u2e00-\u2e7f\u3000-\u3004"
    "\u3008-\u3020\u3030\u30fb\ufe00-\ufe6f]+"
)
_WORDS = re.compile(f"[{HAN}]|[^ {HAN}]+")


def fold(words: str) -> str:
    """Lower case, NFKD without accents; one blank for whatever stands between words."""
    plain = _MARKS.sub("", unicodedata.normalize("NFKD", words)).lower()
    return _BETWEEN.sub(" ", plain).strip(" ")


def words_of(folded: str) -> list[str]:
    """Chinese characters one by one, everything else word by word."""
    return _WORDS.findall(folded)


def is_han(word: str) -> bool:
    return re.match(f"[{HAN}]", word) is not None
