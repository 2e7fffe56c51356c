"""/api/risk: why a thing or a place stands where it stands"""

from __future__ import annotations

from typing import Annotated, Literal

import h3
from fastapi import APIRouter, Query
from typing_extensions import TypedDict

from alerts.present import RiskCell, read_cells
from alerts.risk.arithmetic import level_of
from alerts.risk.words import cell_words
from app.asking import Asking
from app.cards import read_card
from app.deps import Conn, Now, PartsDep, Who
from app.seeing import need_seen
from core.errors import InputError, NotFound
from core.faults import expects
from core.nouns import Band, Risk, Term
from core.vocabulary import Text

router = APIRouter(prefix="/api/risk", tags=["risk"])
Kind = Literal["alarm", "incident", "cell"]


class Explained(TypedDict):
    """A score 0-10 in words and numbers; `level` what it is called (risk_levels). `q` 0-1 is its place in the `band` of
    its level; of a cell the place of its worst hazard, of which `faded` 0-1 is left here. Null is what no hazard
    reaches, and what scores of before did not say."""

    type: str
    id: str
    score: float
    level: int | None
    band: Band | None
    q: float | None
    confidence: float | None
    faded: float | None
    terms: list[Term]
    words: Text | None


@router.get("/explain")
def explain(
    conn: Conn,
    who: Who,
    now: Now,
    parts: PartsDep,
    kind: Annotated[Kind | None, Query(alias="type")] = None,
    identity: Annotated[str | None, Query(alias="id", max_length=100)] = None,
    lon: Annotated[float | None, Query(ge=-180, le=180)] = None,
    lat: Annotated[float | None, Query(ge=-90, le=90)] = None,
) -> Explained:
    """Of an alarm, an incident or a cell by `type` and `id`, or of the cell at `lon` and `lat`; as far as who asks sees
    it. 404 where it has no score yet, or lies outside the city."""
    if kind is None:
        if lon is None or lat is None:
            raise InputError(
                "type: expected type and id, or lon and lat", field="type", about=expects("type", "thing_or_place")
            )
        return explain_cell(conn, who, h3.latlng_to_cell(lat, lon, parts.settings.h3_resolution))
    if identity is None or lon is not None or lat is not None:
        raise InputError(
            "id: expected with type, and without lon and lat", field="id", about=expects("id", "thing_or_place")
        )
    if kind == "cell":
        return explain_cell(conn, who, identity)
    card = read_card(Asking(conn, who, now, parts), kind, identity)
    risk = card["risk"] if card["type"] in ("alarm", "incident") else None
    if risk is None:
        raise NotFound(f"there is no score of {kind} {identity!r} yet")
    return of_thing(kind, identity, risk)


def of_thing(kind: str, identity: str, risk: Risk) -> Explained:
    band = risk.get("band")
    return {
        "type": kind,
        "id": identity,
        "score": risk["score"],
        "level": level_of(risk["score"]),
        "band": band,
        "q": risk.get("q"),
        "confidence": risk.get("confidence"),
        "faded": None,
        "terms": risk["terms"],
        "words": risk.get("words"),
    }


def explain_cell(conn: Conn, who: Who, cell: str) -> Explained:
    found: RiskCell = need_seen(who, "risk_cell", read_cells(conn, [cell]), cell)
    written = found["faded"] is not None or not found["terms"]
    return {
        "type": "cell",
        "id": found["id"],
        "score": found["score"],
        "level": found["level"],
        "band": found["band"],
        "q": found["q"],
        "confidence": found["confidence"],
        "faded": found["faded"],
        "terms": found["terms"],
        "words": cell_words(found["score"], found["faded"] or 0.0, found["terms"]) if written else None,
    }
