"""What the objects of the API share. Each noun's own type stands with the code that makes it (each part's `present`);
it is the return type of the routes, so that OpenAPI describes it, and what the live channel, cards, MQTT and the past
carry alike.

One choice for all: TypedDict. An object of the API is a plain dictionary on its way to JSON; the type costs nothing on
the live channel, and FastAPI checks answers against it.
"""

from __future__ import annotations

from typing import Generic, Literal, NotRequired, TypeVar

from typing_extensions import TypedDict

from core.vocabulary import Text

T = TypeVar("T")


class Page(TypedDict, Generic[T]):
    """One page of a list; `next` is the cursor of the page after it, null on the last."""

    items: list[T]
    next: str | None


class Term(TypedDict):
    """One reason of a score: `value` 0-10, null where it is not known; `weight` its share of its dimension; `text` in
    words, `figures` the numbers in them; of how old news is, `since` when."""

    name: str
    dimension: str
    value: float | None
    weight: float
    text: Text
    figures: NotRequired[dict[str, float]]
    since: NotRequired[str]


class Band(TypedDict):
    """The scores that a level may have."""

    level: int
    low: float
    high: float


class Risk(TypedDict):
    """A score 0-10 with the terms it was made of: `q` 0-1 is its place in the `band` of its level, `confidence` 0-1 the
    share of what should be known that is known, `words` the whole in a sentence. Scores of before this was counted have
    only score and terms."""

    score: float
    terms: list[Term]
    band: NotRequired[Band]
    q: NotRequired[float]
    confidence: NotRequired[float]
    words: NotRequired[Text]


class Point(TypedDict):
    """GeoJSON (RFC 7946 section 3.1.2): longitude, latitude."""

    type: Literal["Point"]
    coordinates: list[float]


class LogLine(TypedDict):
    """What happened, when, and who did it."""

    time: str
    who: str
    text: Text


class ThingRef(TypedDict):
    """What an alarm is about: a sensor, or a whole source."""

    type: str
    id: str
    name: str
