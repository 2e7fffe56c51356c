"""Street and number: where an address is, as far as a register or a map says so.

What an incident's intake and the geocoding of hotline calls ask. A number that nobody has registered is not made up:
then the street alone is told.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, text

from core.finding.asked import every, lexeme, of_kinds, some, within_scope
from core.finding.fold import HAN, fold
from core.scope import EVERYTHING, Scope, seen
from core.types import LonLat
from core.vocabulary import Text

# a text longer than this is looked at by its beginning; names that are tried in one text
LONGEST, NAMES = 500, 60
_NUMBER = r"\d{1,5}[a-z甲乙丙丁]?(?:[-–—][0-9]{1,5}[a-z]?)?"
_ZH = re.compile(
    rf"([{HAN}0-9a-z]{{1,20}}?(?:大道|大街|公路|胡同|路|街|道|巷|弄|里|线|桥))\s*(?:第)?\s*({_NUMBER})\s*(?:号|號|弄|$|(?=[^\d]))",
    re.I,
)
_WORDS = re.compile(r"[^\W_][\w'’.]*(?:-\w+)*")
_DOOR = re.compile(r"\d{1,5}[a-z]?(?:[-–]\d{1,5}[a-z]?)?", re.I)
STREET_WORDS = 5


@dataclass(frozen=True, slots=True)
class Spoken:
    """A street and a number that a text may mean."""

    street: str
    number: str


@dataclass(frozen=True, slots=True)
class Located:
    """Where an address is. `precision`: `number` at the door, `street` on the street of that name alone, since its
    number is in no register. `id` of the address, or of the street as search names it."""

    precision: Literal["number", "street"]
    id: str
    title: Text
    street: Text
    number: str
    where: LonLat
    district: str
    distance_m: float


_LOOK = text(f"""
SELECT n.kind, n.thing, n.zh, n.en, n.key_zh, n.key_en, n.district, ST_X(n.geom) AS lon, ST_Y(n.geom) AS lat,
  a.street_zh, a.street_en, a.number, ST_DistanceSphere(n.geom, h.geom) AS distance
FROM search_name n LEFT JOIN address a ON n.kind = 'address' AND a.id = n.thing,
  (SELECT COALESCE(ST_MakePoint(CAST(:lon AS float8), CAST(:lat AS float8)), (SELECT ST_SetSRID(center, 0) FROM city),
    ST_MakePoint(0, 0)) AS geom) AS g, LATERAL (SELECT ST_SetSRID(g.geom, 4326) AS geom) AS h
WHERE n.words @@ CAST(:asked AS tsquery) AND {seen("n.district")} ORDER BY distance, n.thing LIMIT :most
""")


def locate(
    conn: Connection, words: str, scope: Scope = EVERYTHING, near: LonLat | None = None, most: int = 8
) -> list[Located]:
    """Where the address in a text may be: at doors, or on streets where none of its numbers is registered. Longer names
    of streets go before shorter, then the nearer to `near` (without it, to the city's middle). Empty where a text has
    no street and number, or the city no such street."""
    spoken = list(addresses_in(words))
    if not spoken:
        return []
    keys = {(_key(one.street), _door(one.number)): one for one in reversed(spoken)}
    tokens = {f"={street}" for street, _ in keys} | {f"={a}" for s, n in keys for a in (s + _key(n), _key(n) + s)}
    asked = every(
        part
        for part in (some(map(lexeme, sorted(tokens))), of_kinds(("street", "address")), within_scope(scope))
        if part
    )
    here = {"lon": near.lon if near else None, "lat": near.lat if near else None}
    rows = conn.execute(_LOOK, {"asked": asked, "most": 20 * most, **here, **scope.params()}).all()
    found: list[tuple[bool, int, int, Located]] = []
    for place, row in enumerate(rows):
        streets = (row.street_zh, row.street_en) if row.kind == "address" else (row.zh, row.en)
        names = [_key(name) for name in streets if name]
        one = next(
            (
                said
                for (street, number), said in keys.items()
                if street in names and (row.kind == "street" or _door(row.number) == number)
            ),
            None,
        )
        if one is None:
            continue
        street = {"zh": streets[0] or streets[1], "en": streets[1] or streets[0]}
        located = Located(
            precision="number" if row.kind == "address" else "street",
            id=row.thing,
            title={"zh": row.zh or row.en, "en": row.en or row.zh},
            street=street,
            number=row.number or one.number,
            where=LonLat(row.lon, row.lat),
            district=row.district,
            distance_m=row.distance,
        )
        found.append((located.precision == "street", -len(_key(one.street)), place, located))
    exact = [one for one in found if not one[0]] or found
    return [located for *_, located in sorted(exact, key=lambda one: one[:3])][:most]


def _key(words: str) -> str:
    return fold(words).replace(" ", "")


def _door(number: str) -> str:
    """A number as it is compared: 12 – 14 is 12-14."""
    plain = unicodedata.normalize("NFKC", number).lower()
    return re.sub(r"[–—]", "-", re.sub(r"\s", "", plain))


def addresses_in(words: str) -> Iterator[Spoken]:
    """Streets and numbers that a text may mean, the likeliest first: where a street's name begins is not said in
    Chinese, so every beginning is tried, the longest first."""
    plain = unicodedata.normalize("NFKC", words[:LONGEST])
    tried: set[Spoken] = set()
    for one in (*_chinese(plain), *_spaced(plain)):
        if one not in tried and len(tried) < NAMES:
            tried.add(one)
            yield one


def _chinese(plain: str) -> Iterator[Spoken]:
    for match in _ZH.finditer(plain):
        street, number = match[1], match[2]
        for at in range(len(street) - 1):
            yield Spoken(street[at:], number)


def _spaced(plain: str) -> Iterator[Spoken]:
    """88 Renmin Road, Mannerheimintie 12: names and numbers in words, within what commas part."""
    for part in re.split(r"[,;，；。\n]", plain):
        words = _WORDS.findall(part)
        for at, word in enumerate(words):
            if not _DOOR.fullmatch(word):
                continue
            after, before = words[at + 1 : at + 1 + STREET_WORDS], words[max(0, at - STREET_WORDS) : at]
            names = [after[:end] for end in range(len(after), 0, -1)] + [before[at:] for at in range(len(before))]
            for name in sorted(names, key=len, reverse=True):
                if any(len(word) > 1 and not word.isdigit() for word in name):
                    yield Spoken(" ".join(name), word)
