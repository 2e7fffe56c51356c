"""What the card and the layer tree are drawn from: the API's objects as the browser hands them over.

Fields the page does not show are ignored, optional ones default: the API may grow without breaking the page.
"""

from typing import Any

import msgspec


class Words(msgspec.Struct, frozen=True):
    """One text in both languages."""

    zh: str = ""
    en: str = ""

    def as_dict(self) -> dict[str, str]:
        return {"zh": self.zh, "en": self.en}


class Term(msgspec.Struct, frozen=True):
    """One term of a risk score; ``value`` is null where the city lacks the data."""

    name: str
    text: Words
    value: float | None = None
    weight: float | None = None


class Risk(msgspec.Struct, frozen=True):
    """A risk score 0-10 and the terms it was made of."""

    score: float
    terms: list[Term] = []


class NextStep(msgspec.Struct, frozen=True):
    """The recommended next step: one call of the API, or only words where there is nothing to press."""

    action: str
    label: Words
    reason: Words
    method: str | None = None
    url: str | None = None
    body: Any = None


class NearUnit(msgspec.Struct, frozen=True):
    """A unit near the object; time and distance by road."""

    id: str
    names: Words
    kind: str = ""
    status: str = ""
    eta_s: float | None = None
    distance_m: float | None = None


class NearThing(msgspec.Struct, frozen=True):
    """A camera or facility near the object; distance as the crow flies, in metres."""

    id: str
    names: Words
    kind: str = ""
    distance_m: float | None = None


class Around(msgspec.Struct, frozen=True):
    """Who and what is around."""

    people: float | None = None
    buildings: int | None = None
    units: list[NearUnit] = []
    cameras: list[NearThing] = []
    facilities: list[NearThing] = []


class LogEntry(msgspec.Struct, frozen=True):
    """One line of the append-only log."""

    time: str
    text: Words
    who: str | None = None


class Card(msgspec.Struct, frozen=True):
    """``GET /api/cards/{type}/{id}``."""

    type: str
    id: str
    title: Words
    object: dict[str, Any] = {}
    next: NextStep | None = None
    around: Around | None = None
    log: list[LogEntry] = []
    source: Words | None = None


class Recommendation(msgspec.Struct, frozen=True):
    """One unit of ``GET /api/incidents/{id}/recommendations``, best first."""

    unit: str
    names: Words
    kind: str = ""
    eta_s: float | None = None
    distance_m: float | None = None
    reasons: list[Words] = []


class CardState(msgspec.Struct, frozen=True):
    """What the card store holds: ``status`` is closed, loading, failed or ready."""

    status: str = "closed"
    detail: str = ""
    card: Card | None = None
    recommendations: list[Recommendation] = []


class LegendEntry(msgspec.Struct, frozen=True):
    """One line of a legend; ``token`` names the CSS variable that the map uses too."""

    key: str
    label: Words
    token: str = ""


class Layer(msgspec.Struct, frozen=True):
    """One row of ``GET /api/layers``; ``opacity`` (0-1) is the person's own, kept in the browser."""

    id: str
    group: str
    title: Words
    visible: bool = True
    opacity: float = 1.0
    count: int | None = None
    updated_at: str | None = None
    legend: list[LegendEntry] = []


class LayerState(msgspec.Struct, frozen=True):
    """What the layer store holds."""

    status: str = "loading"
    detail: str = ""
    items: list[Layer] = []
    groups: dict[str, Words] = {}
