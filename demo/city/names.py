"""Chinese names and their English twins. Words are data (`demo/data/names.json`); pinyin is spelt from its table."""

import json
from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

DATA = Path(__file__).resolve().parent.parent / "data"
NUMERALS = "一二三四五六七八九十"


@cache
def table(name: str) -> Any:
    """The JSON file `demo/data/<name>.json`."""
    return json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))


def pinyin(text: str) -> str:
    """`text` in pinyin without tones, one capitalised word. Every character must be in the table."""
    syllables: dict[str, str] = table("names")["pinyin"]
    return "".join(syllables[character] for character in text).capitalize()


def words(rng: np.random.Generator) -> Iterator[str]:
    """Two-character place words without repetition, in a random order."""
    heads, tails = table("names")["heads"], table("names")["tails"]
    pairs = [head + tail for head, tail in product(heads, tails) if head != tail]
    for index in rng.permutation(len(pairs)):
        yield pairs[index]


def street(word: str, suffix: str, number: int | None = None) -> tuple[str, str]:
    """A side street's names: `street("桃园", "巷", 2)` is 桃园二巷, Taoyuan 2nd Lane (number counted from 1)."""
    english: dict[str, str] = table("names")["street_suffixes"]
    if number is None:
        return word + suffix, f"{pinyin(word)} {english[suffix]}"
    ordinal = {1: "1st", 2: "2nd", 3: "3rd"}.get(number, f"{number}th")
    return f"{word}{numeral(number)}{suffix}", f"{pinyin(word)} {ordinal} {english[suffix]}"


def numeral(number: int) -> str:
    """A Chinese numeral from 1 to 99."""
    tens, ones = divmod(number, 10)
    head = "" if tens == 0 else ("十" if tens == 1 else NUMERALS[tens - 1] + "十")
    return head + (NUMERALS[ones - 1] if ones else "")
