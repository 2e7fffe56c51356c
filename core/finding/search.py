"""A text to hits: what the providers have found, in one order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import Connection

from core.finding.asked import ask
from core.finding.index import find_indexed
from core.finding.nouns import MISTYPED, Direct, Found, Hit, Indexed, Provider
from core.scope import EVERYTHING, Scope
from core.types import LonLat

AT_MOST = 20
# of each kind, before the best of all are chosen; where few kinds are asked for they may fill the answer
OF_A_KIND, OF_CHOSEN_KINDS = 8, 200
# what distance takes from a score, at most; half of it at this distance
FAR, HALF_M = 0.5, 2000.0


def search(
    conn: Connection,
    words: str,
    providers: Sequence[Provider],
    most: int = AT_MOST,
    scope: Scope = EVERYTHING,
    near: LonLat | None = None,
    *,
    each: int = OF_A_KIND,
) -> list[Hit]:
    """Up to `most` hits, `each` of a kind: by how well they match, then as the providers stand, then the nearer to
    `near` (without it, to the city's middle), then by id. An empty text finds nothing."""
    asked = ask(words)
    if asked is None:
        return []
    indexed = tuple(one for one in providers if isinstance(one, Indexed))
    found = find_indexed(conn, asked, indexed, scope, near, each, most) if indexed else []
    for one in providers:
        if isinstance(one, Direct):
            found += one.find(conn, asked, scope, each)
    ranks = {one.kind: rank for rank, one in enumerate(providers)}
    found.sort(key=lambda one: (one.match, ranks[one.kind], _far(one), one.thing))
    of_kind: Counter[str] = Counter()
    kept = []
    for thing in found:
        of_kind[thing.kind] += 1
        if of_kind[thing.kind] <= each:
            kept.append(thing)
    return [hit(thing, told=near is not None) for thing in kept[:most]]


def _far(one: Found) -> float:
    return float("inf") if one.distance_m is None else one.distance_m


def hit(one: Found, *, told: bool) -> Hit:
    """As the API shows it; `told`: with how far it is."""
    zh, en = one.zh or one.en or one.thing, one.en or one.zh or one.thing
    return {
        "type": one.kind,
        "id": one.thing,
        "title": {"zh": zh, "en": en},
        "subtitle": one.subtitle,
        "lon": one.where.lon if one.where else None,
        "lat": one.where.lat if one.where else None,
        "match": one.match,
        "score": score(one),
        "code": one.code,
        "district": one.district,
        "distance_m": round(one.distance_m) if told and one.distance_m is not None else None,
    }


def score(one: Found) -> float:
    """0 to 1: a step for each way to match, within it the nearer the more."""
    far = FAR if one.distance_m is None else FAR * one.distance_m / (one.distance_m + HALF_M)
    return round((MISTYPED + 1 - one.match - far) / (MISTYPED + 1), 3)
