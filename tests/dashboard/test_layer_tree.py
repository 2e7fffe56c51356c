"""The layer tree from the API's layer list."""

from typing import Any

import msgspec

from app.dashboard.ids import layer_switch
from app.dashboard.layertree.view import layer_tree
from app.dashboard.models import LayerState
from tests.dashboard.tree import having, walk, words

GROUPS = {
    "base": {"zh": "基础", "en": "Base"},
    "video": {"zh": "视频", "en": "Video"},
    "forces": {"zh": "力量", "en": "Forces"},
}


def layer(key: str, group: str, **changes: Any) -> dict[str, Any]:
    return {"id": key, "group": group, "title": {"zh": key, "en": key.title()}, "count": 1500, **changes}


def tree(*items: dict[str, Any], **state: Any) -> list[Any]:
    return layer_tree(msgspec.convert({"status": "ready", "groups": GROUPS, "items": items, **state}, LayerState))


def test_groups_keep_the_order_of_the_vocabulary_and_empty_ones_are_left_out() -> None:
    text = words(tree(layer("units", "forces"), layer("water", "base")), "en")
    assert text.index("Base") < text.index("Forces")
    assert "Video" not in text


def test_a_switch_shows_what_was_chosen_before() -> None:
    parts = tree(layer("water", "base", visible=False), layer("units", "forces"))
    switches = {part["props"]["id"]["id"]: part["props"]["checked"] for part in walk(parts) if part["type"] == "Switch"}
    assert switches == {"water": False, "units": True}


def test_the_opacity_slider_has_a_name_and_the_chosen_value() -> None:
    (slider,) = [part["props"] for part in walk(tree(layer("water", "base", opacity=0.4))) if part["type"] == "Slider"]
    assert slider["value"] == 40
    assert "Water" in slider["thumbLabel"]


def test_a_legend_entry_carries_the_token_that_the_map_uses() -> None:
    legend = [{"key": "fire", "label": {"zh": "消防", "en": "Fire"}, "token": "unit-fire"}]
    parts = tree(layer("units", "forces", legend=legend))
    assert having(parts, data_token="unit-fire", data_legend="fire")
    assert "Fire" in words([part["props"]["children"] for part in walk(parts) if part["type"] == "Li"], "en")


def test_what_ogc_serves_can_be_taken_along_and_nothing_else() -> None:
    parts = tree(layer("water", "base"), layer("parks", "base", own=True), layer("risk_cells", "forces"))
    links = [part["props"]["href"] for part in walk(parts) if part["type"] == "A"]
    assert "/api/layers/water/export?format=gpkg" in links
    assert "/api/layers/parks/export?format=zip" in links
    assert not [href for href in links if "risk_cells" in href]


def test_an_estimate_has_three_figures_and_says_that_it_is_one() -> None:
    [shown] = having(tree(layer("assets", "base", count=102_345, count_estimated=True)), data_count_of="assets")
    assert shown["children"] == "≈ 102,000"


def test_counts_are_grouped_and_unknown_ones_are_blank() -> None:
    parts = tree(layer("water", "base"), layer("units", "forces", count=None))
    counts = {
        part["props"]["data-count-of"]: part["props"]["children"]
        for part in walk(parts)
        if "data-count-of" in part["props"]
    }
    assert counts == {"water": "1,500", "units": ""}


def test_failed_loading_and_empty_each_say_so() -> None:
    assert "could not be read" in words(tree(status="failed", detail="timeout"), "en")
    assert "timeout" in words(tree(status="failed", detail="timeout"), "en")
    assert "Loading" in words(tree(status="loading"), "en")
    assert "No layers" in words(tree(), "en")


def test_ids_of_switches_name_their_layer() -> None:
    assert layer_switch("units") == {"type": "layer-visible", "id": "units"}
