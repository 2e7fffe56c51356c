"""What is found, and who finds it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection
from typing_extensions import TypedDict

from core.finding.asked import Asked
from core.scope import Scope
from core.types import LonLat
from core.vocabulary import Text

# how well a name is what was asked for
IS, BEGINS, HOLDS, IN_ORDER, ALL_WORDS, SOUNDS, HOLDS_SOUND, INITIALS, MISTYPED = range(9)


class Hit(TypedDict):
    """Something that was found, and where it is; the best have the highest `score` (0 to 1).

    `match`: 0 it is called that, 1 its name begins so, 2 holds it, 3 has its characters or words in that order, 4 in
    any, 5 it begins as its pinyin sounds, 6 holds it, 7 has these initials, 8 is called nearly so. Things of one name
    are told apart by their `code`, their `subtitle`, the `district` in which they are, and how far they are from where
    one looks.
    """

    type: str
    id: str
    title: Text
    subtitle: Text | None
    lon: float | None
    lat: float | None
    match: int
    score: float
    code: str | None
    district: Text | None
    distance_m: float | None


@dataclass(frozen=True, slots=True)
class Found:
    """A thing, and how well it is what was asked for."""

    kind: str
    thing: str
    match: int
    zh: str | None
    en: str | None
    code: str | None = None
    subtitle: Text | None = None
    where: LonLat | None = None
    district: Text | None = None
    # from where one looks, else from the city's middle
    distance_m: float | None = None


@dataclass(frozen=True, slots=True)
class Indexed:
    """A kind of thing that has entries in `search_name`. `seen`: whether a scope sees the entry `n`, in SQL
    (core.scope). `place`: SQL of where it is now, a point, where that is not where the entry has it. `subtitle`: SQL of
    what stands below its name, in Chinese and English. `living`: such things come and go, and there are few."""

    kind: str
    seen: str
    place: str = "NULL"
    subtitle: tuple[str, str] = ("NULL", "NULL")
    living: bool = False


@dataclass(frozen=True, slots=True)
class Direct:
    """A kind of thing that comes and goes by itself: its part looks for it, so many at most."""

    kind: str
    find: Callable[[Connection, Asked, Scope, int], list[Found]]


Provider = Indexed | Direct
