"""Areas that cost more than one request is answered for are refused by field and bound, before the database sees
them."""

from __future__ import annotations

import math
from typing import Any

import httpx
import pytest

from app.dashboard import texts
from core.errors import InputError
from layers.area import KM2_AT_MOST, POSITIONS_AT_MOST, RINGS_AT_MOST, check_cost


def circle(count: int, radius: float = 0.01, lon: float = 119.0, lat: float = 31.3) -> list[list[float]]:
    turns = [2 * math.pi * n / (count - 1) for n in range(count - 1)]
    ring = [[lon + radius * math.cos(turn), lat + radius * math.sin(turn)] for turn in turns]
    return [*ring, ring[0]]


def polygon(*rings: list[list[float]]) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": list(rings)}


TOO_MUCH = [
    ("positions", polygon(circle(POSITIONS_AT_MOST + 1)), "area_too_detailed", str(POSITIONS_AT_MOST)),
    ("rings", polygon(*[circle(4)] * (RINGS_AT_MOST + 1)), "area_too_detailed", str(RINGS_AT_MOST)),
    (
        "rings of many polygons",
        {"type": "MultiPolygon", "coordinates": [[circle(4)]] * (RINGS_AT_MOST + 1)},
        "area_too_detailed",
        str(RINGS_AT_MOST),
    ),
    ("a continent", polygon(circle(40, 20.0)), "area_too_large", str(KM2_AT_MOST)),
    ("no number", polygon([[float("nan"), 0.0]] * 4), "area_too_large", str(KM2_AT_MOST)),
]


@pytest.mark.parametrize(("what", "area", "reason", "bound"), TOO_MUCH, ids=[c[0] for c in TOO_MUCH])
def test_area_that_costs_too_much_is_refused_by_its_bound(
    what: str, area: dict[str, Any], reason: str, bound: str
) -> None:
    with pytest.raises(InputError) as caught:
        check_cost(area)
    assert (caught.value.field, caught.value.reason) == ("coordinates", reason)
    assert bound in caught.value.message
    assert set(texts.catalogue()[f"error.{reason}"]) == {"zh", "en"}


@pytest.mark.parametrize("coordinates", [[1, 2], [[["x", "y"]]], [None], [[[1]]], [{"a": 1}], "text"])
def test_what_is_no_area_is_told_so(coordinates: Any) -> None:
    with pytest.raises(InputError, match="closed rings"):
        check_cost({"type": "Polygon", "coordinates": coordinates})


def test_door_of_areas(viewer: httpx.Client) -> None:
    told = viewer.post("/api/within", json=polygon(circle(POSITIONS_AT_MOST + 1)))
    assert (told.status_code, told.json()["reason"], told.json()["field"]) == (422, "area_too_detailed", "coordinates")
    assert viewer.post("/api/within", json=polygon(circle(5000))).status_code == 200
    assert viewer.post("/api/within", json=polygon(circle(40, 0.8))).status_code == 200, "a whole large city"
