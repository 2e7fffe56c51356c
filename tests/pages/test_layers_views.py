"""The page of layers without a browser: how the making of grid cells is told, and where a layer is moved."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from app.grid_cells.work import GridCellsWork
from app.pages.own_layers import cells_made, detail
from app.pages.parts import made_here
from layers.grid_cells.nouns import GridCellsIn, GridCellsMade
from layers.own import OwnLayer
from tests.dashboard.tree import having, walk, words

MADE: GridCellsMade = {
    "layer": "grid-cells",
    "added": 4_012,
    "changed": 0,
    "same": 7,
    "removed": 0,
    "assets": 31,
    "districts": [
        {
            "district": "320501",
            "names": {"zh": "甲区", "en": "Alpha"},
            "cells": 4_019,
            "p5_m2": 4_500.4,
            "median_m2": 9_876.5,
            "p95_m2": 13_456.7,
            "uncovered_m2": 0.004,
            "overlapping_m2": 0.0,
            "buildings": 12_345,
            "cut": 0,
            "at_border": 2,
        }
    ],
}


def work(**more: Any) -> GridCellsWork:
    known: dict[str, Any] = {
        "id": "w", "state": "working", "dry_run": False, "done": 0, "whole": None, "answer": None, "failure": None,
    }  # fmt: skip
    return cast(GridCellsWork, known | more)


def test_how_far_it_is() -> None:
    shown = cells_made.state_view(work(done=1_200, whole=12_000))
    assert "about 1,200 of 12,000 cells" in words(shown, "en")
    assert "约 1,200 / 12,000 个网格" in words(shown, "zh")
    assert having(shown, data_key="cells-stop")
    unknown = cells_made.state_view(work())
    [bar] = [part["props"] for part in walk(unknown) if part["type"] == "Progress"]
    assert not {"value", "max"} & set(bar), "a bar without an end"


@pytest.mark.parametrize(
    ("ended", "said"),
    [
        ({"state": "stopped"}, "nothing was kept"),
        ({"state": "done", "dry_run": True, "answer": MADE}, "nothing has been kept yet"),
        ({"state": "done", "answer": MADE}, "See it on the map"),
        (
            {
                "state": "failed",
                "failure": {"kind": "Conflict", "message": "m", "field": "layer", "reason": "layer_not_made"},
            },
            "from a file",
        ),
    ],
    ids=["stopped", "tried", "made", "failed"],
)
def test_how_it_ended(ended: dict[str, Any], said: str) -> None:
    assert said in words(cells_made.state_view(work(**ended)), "en")


def test_what_came_of_it_is_told_with_its_measures() -> None:
    shown = cells_made.outcome_view(work(state="done", answer=MADE))
    told = words(shown, "en")
    assert "4,012new" in told
    assert "7the same" in told
    assert "31components given their cell" in told
    assert "removed" not in told, "what did not happen is not told"
    [row] = [part for part in walk(shown) if part["type"] == "Tr"][1:]
    cells = [words(part["props"]["children"], "en") for part in walk(row["props"]["children"]) if part["type"] == "Td"]
    assert cells == ["Alpha", "4,019", "9,876", "4,500–13,457", "0.00", "0.00", "0 / 12,345", "2"]
    assert cells_made.outcome_view(work()) == []


def test_all_districts_are_asked_for_by_none() -> None:
    form = cells_made.cells_form({"320501": {"zh": "甲区", "en": "Alpha"}})
    assert [value for value, _ in form.field("district").choices] == ["all", "320501"]
    typed = {"district": "all", "size_m2": 10_000, "layer": "grid-cells", "assets": False}
    assert GridCellsIn.model_validate(cells_made.given_of(typed)) == GridCellsIn()
    assert GridCellsIn.model_validate(cells_made.given_of({**typed, "district": "320501"})).district == "320501"


def test_while_it_works_the_pane_follows() -> None:
    drawn = cells_made.pane({}, work())
    assert [part["props"]["disabled"] for part in walk(drawn) if part["type"] == "Interval"] == [False]
    idle = cells_made.pane({}, None)
    assert [part["props"]["disabled"] for part in walk(idle) if part["type"] == "Interval"] == [True]


def test_where_rows_are_from_that_no_file_has_brought() -> None:
    assert "10,000 m²" in words(made_here({"kind": "grid_cells", "size_m2": 10_000}), "en")
    assert made_here({"kind": "csv", "file": "a.csv"}) is None


@pytest.mark.parametrize(
    ("here", "step", "above"),
    [("b", -1, "a"), ("d", -1, "c"), ("a", 1, "c"), ("b", 1, "d"), ("c", 1, None)],
    ids=["up to the top", "up from the end", "down from the top", "down", "down to the end"],
)
def test_above_which_a_layer_stands_once_it_is_moved(here: str, step: int, above: str | None) -> None:
    layers = cast(list[OwnLayer], [SimpleNamespace(id=name) for name in "abcd"])
    assert detail.moved_above(layers, here, step) == above


def test_points_alone_are_offered_icons() -> None:
    def inner(geometry: str) -> list[str]:
        return [one.name for one in detail.layer_form(geometry=geometry).field("style").fields]

    assert "icon" in inner("point")
    assert "icon" not in inner("polygon")
