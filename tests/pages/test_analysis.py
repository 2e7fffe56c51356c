"""The page of analyses: its address, its figures, its words. Without a browser."""

from __future__ import annotations

from typing import Any

import pytest
import shapely

from app.analysis.charts import chart_of
from app.analysis.figures import classes_of, quantiles, spoken
from app.analysis.maps import map_of
from app.pages.analysis import controls, listing, view
from app.pages.analysis.callbacks import state_of
from app.pages.analysis.state import asked_of, read_state, write_state
from core.analysis import Asked, Dimension, Grouping, Place, Question, Subject, Time
from core.analysis.asked import read_question
from core.analysis.nouns import Function, Kind, Measure
from tests.dashboard.tree import having, walk, words

DISTRICT = Place("district", {"zh": "行政区", "en": "District"}, lambda *_: {}, lambda *_: {})
THINGS = Subject(
    "things",
    {"zh": "对象", "en": "Things"},
    "thing",
    "true",
    dimensions=(Dimension("kind", {"zh": "类别", "en": "Kind"}, "kind"),),
    times=(Time("at", {"zh": "时间", "en": "Time"}, "at"),),
    measures=(Measure("size", {"zh": "大小", "en": "size"}, "size"),),
)


def question(**asked: Any) -> Question:
    return read_question(THINGS, [DISTRICT], Asked(**asked), "UTC")


def answered(asked: Question, *groups: tuple[tuple[str | None, ...], float | None]) -> Any:
    """Groups of these keys and values."""
    return {
        "subject": "things",
        "title": THINGS.title,
        "by": [{"id": one.id, "title": one.title, "kind": one.kind.value} for one in asked.by],
        "measure": {"id": asked.asks, "title": asked.title},
        "groups": [
            {
                "keys": [{"key": key, "words": {"zh": f"中{key}", "en": f"en {key}"}} for key in keys],
                "count": int(value or 1),
                "value": value,
                "share": None,
                "km2": 2.0,
                "per_km2": None if value is None else value / 2,
            }
            for keys, value in groups
        ],
        "groups_in_all": len(groups),
        "total": {"count": int(sum(value or 0 for _, value in groups)), "value": 0.0},
        "left_out": {"place": 0, "time": 0, "number": 0},
        "zone": "UTC",
        "at": "2026-05-04T00:00:00+00:00",
    }


# --- its address ------------------------------------------------------------------------------------------------------


def test_a_question_in_an_address_is_the_question() -> None:
    asked = Asked(
        by="h3:8", then="column:it's", since="2026-05-01", column="状态", value="在建 & 停工", measure="sum:面积"
    )
    address = write_state("工地", asked)
    state = read_state(address)
    assert (state["subject"], asked_of(state)) == ("工地", asked)
    assert "count" not in write_state("assets", Asked(by="district")), "what is usual is not said"


def test_what_an_address_cannot_mean_is_left_out() -> None:
    assert read_state("scores") == {}
    assert read_state("subject=a&colour=red&bbox=1,2,3,4") == {"subject": "a"}
    assert asked_of({"by": "district", "column": "kind"}) == Asked(by="district")


def test_a_value_of_an_address_waits_for_its_column_to_be_drawn() -> None:
    def fields(**values: str) -> Any:
        return [[{"id": {"form": "analysis", "field": name}, "value": value} for name, value in values.items()]]

    begun = {"column": "kind", "value": "fire"}
    assert state_of(fields(by="district", column="kind"), begun)["value"] == "fire"
    assert "value" not in state_of(fields(by="district", column="state"), begun)
    assert "value" not in state_of(fields(by="district", column="kind", value=""), begun)
    assert state_of(fields(column="kind", value=controls.NOT_GIVEN), {})["value"] == ""


# --- what is chosen ---------------------------------------------------------------------------------------------------


def test_a_subject_offers_what_it_has() -> None:
    described: Any = {
        "id": "things",
        "title": THINGS.title,
        "groupings": [{"id": "district", "title": DISTRICT.title, "kind": "place"}],
        "measures": [{"id": "count", "title": {"zh": "数量", "en": "Count"}}],
        "times": [],
        "columns": [],
    }
    plain = controls.fields_view(described, {}, [])
    assert {part["props"].get("data-field") for part in walk(plain)} - {None} == {"by", "then", "measure"}
    timed = {**described, "times": [{"id": "a", "title": THINGS.title}, {"id": "b", "title": THINGS.title}]}
    drawn = controls.fields_view(timed, {"from": "2026-01-01", "time": "b"}, [("1", DISTRICT.title)])
    assert {part["props"].get("data-field") for part in walk(drawn)} >= {"from", "to", "time", "district"}
    assert having(drawn, data_field="from")[0]["value"] == "2026-01-01"
    assert having(drawn, data_field="time")[0]["value"] == "b"


# --- what is said -----------------------------------------------------------------------------------------------------


def test_what_is_left_out_and_cut_off_is_said() -> None:
    found = answered(question(by="district"), (("a",), 3.0))
    assert "left out" not in words(view.heading(found), "en")
    found |= {"left_out": {"place": 2, "time": 0, "number": 0}, "groups_in_all": 9000}
    said = words(view.heading(found), "en")
    assert "Things · District · Count" in said
    assert "2 more are in none of the areas" in said
    assert "the 1 groups of the most things are shown" in said
    assert "另有 2 项" in words(view.heading(found), "zh")


def test_files_are_of_what_is_shown() -> None:
    asked = Asked(by="class", then="year", column="state", value="damaged")
    out = view.links("assets", asked, {"id": "district", "title": DISTRICT.title, "kind": "place"})
    addresses = {name: [part["props"].get("href") for part in walk(links)] for name, links in out.items()}
    [gpkg, _] = addresses["analysis-map-out"]
    assert gpkg == "/api/analysis/assets/export?by=district&column=state&value=damaged&format=gpkg"
    [xlsx, _] = addresses["analysis-table-out"]
    assert xlsx == "/api/analysis/assets/export?by=class&then=year&column=state&value=damaged&format=xlsx"
    assert view.links("assets", asked, None)["analysis-map-out"] == []


def test_columns_are_headed_by_what_is_grouped() -> None:
    one = listing.columns_for(answered(question(by="district"), (("a",), 3.0)))
    assert [column["field"] for column in one] == ["first", "count", "per_km2", "first_key", "second_key", "km2"]
    assert one[0]["headerName"] == "行政区 District"
    two = listing.columns_for(answered(question(by="district", then="kind", measure="mean:size"), (("a", "b"), 3.0)))
    assert {"second", "value"} <= {str(column["field"]) for column in two}


@pytest.mark.parametrize(
    ("value", "said"), [(3, "3"), (12345, "12,345"), (3002.0, "3,002"), (0.42338, "0.423"), (1234.56, "1,235")]
)
def test_numbers_are_said_to_some_figures(value: float, said: str) -> None:
    assert listing.told(value) == said


# --- classes ----------------------------------------------------------------------------------------------------------


def test_classes_hold_about_as_many_areas_each() -> None:
    values = [float(n) for n in range(1, 101)]
    edges = quantiles(values)
    assert edges == [20, 40, 60, 80]
    assert [one.token for one in classes_of(edges)] == ["ramp-3", "ramp-4", "ramp-5", "ramp-6", "ramp-7"]
    assert quantiles([1, 1, 1, 1, 9]) == [1]
    assert quantiles([5]) == quantiles([]) == []
    assert [one.words["en"] for one in classes_of([1.0])] == ["up to 1", "beyond 1"]


# --- figures ----------------------------------------------------------------------------------------------------------


def drawn(asked: Question, *groups: tuple[tuple[str | None, ...], float | None]) -> Any:
    found = chart_of(answered(asked, *groups), asked)
    assert found is not None
    return found


def test_one_grouping_is_bars_from_the_largest() -> None:
    found = drawn(question(by="kind"), (("b",), 5.0), (("a",), 3.0), ((None,), 1.0))
    [trace] = found.figure["data"]
    assert (trace["type"], trace["orientation"], trace["x"]) == ("bar", "h", [5.0, 3.0, 1.0])
    many = drawn(question(by="kind"), *[((f"k{n:02}",), 100.0 - n) for n in range(40)])
    assert len(many.figure["data"][0]["x"]) == 15
    assert "15" in many.note["en"]
    assert "40" in many.note["en"]


def test_a_time_that_goes_on_is_a_line_without_gaps() -> None:
    found = drawn(question(by="month"), (("2026-01",), 2.0), (("2026-04",), 1.0))
    [trace] = found.figure["data"]
    assert trace["x"] == ["2026-01-01", "2026-02-01", "2026-03-01", "2026-04-01"]
    assert trace["y"] == [2.0, 0.0, 0.0, 1.0]
    meant = drawn(question(by="month", measure="mean:size"), (("2026-01",), 2.0), (("2026-03",), 1.0))
    assert meant.figure["data"][0]["y"] == [2.0, None, 1.0], "of nothing there is no mean"


def test_series_beyond_what_colours_tell_apart_are_one() -> None:
    groups = [((f"2026-0{month}", f"k{n}"), 10.0 - n) for month in (1, 2) for n in range(9)]
    lines = drawn(question(by="month", then="kind"), *groups)
    traces = lines.figure["data"]
    assert [trace["name"]["en"] for trace in traces] == [f"en k{n}" for n in range(6)]
    assert "6 largest of 9" in lines.note["en"], "the rest together would stand above all of them"
    turned = drawn(question(by="kind", then="month"), *[((kind, month), v) for (month, kind), v in groups])
    assert [trace["y"] for trace in turned.figure["data"]] == [trace["y"] for trace in traces]
    stacked = drawn(question(by="district", then="kind"), *groups).figure["data"]
    assert [trace["name"]["en"] for trace in stacked] == [*(f"en k{n}" for n in range(6)), "The rest"]
    assert stacked[-1]["x"] == [sum(10.0 - n for n in range(6, 9))] * 2


def test_two_kinds_are_stacked_and_their_means_are_not() -> None:
    groups = (("a", "x"), 2.0), (("a", "y"), 1.0), (("b", "x"), 1.0)
    stacked = drawn(question(by="district", then="kind"), *groups).figure
    assert (stacked["layout"]["barmode"], [trace["x"] for trace in stacked["data"]]) == ("stack", [[2, 1], [1, 0]])
    meant = drawn(question(by="district", then="kind", measure="mean:size"), *groups).figure
    assert meant["layout"]["barmode"] == "overlay"
    assert sum(len(trace["x"]) for trace in meant["data"]) == 3, "a square for each pair that has a mean"


def test_hours_and_days_of_the_week_are_a_whole_week() -> None:
    found = drawn(question(by="weekday", then="hour"), (("1", "08"), 3.0), (("7", "23"), 1.0)).figure
    squares = [(x, base) for trace in found["data"] for x, base in zip(trace["x"], trace["base"], strict=True)]
    assert len(set(squares)) == len(squares) == 7 * 24
    assert found["data"][0]["name"] == {"zh": "无", "en": "none"}
    assert len(found["layout"]["yaxis"]["ticktext"]) == 7
    assert found["layout"]["xaxis"]["ticktext"][:2] == [{"zh": "0 时", "en": "00:00"}, {"zh": "2 时", "en": "02:00"}]


def test_nothing_is_no_figure() -> None:
    asked = question(by="kind")
    assert chart_of(answered(asked), asked) is None
    assert map_of(answered(question(by="district")), {}, {}) is None
    assert map_of(answered(question(by="district"), (("a",), None)), {"a": b""}, {}) is None


def test_a_map_has_its_classes_and_says_where_nothing_is() -> None:
    shapes = {key: shapely.to_wkb(shapely.box(n, 0, n + 1, 1)) for n, key in enumerate("abc")}
    found = map_of(answered(question(by="district"), (("a",), 1.0), (("b",), 9.0)), shapes, shapes)
    assert found is not None
    below, areas = found.figure["data"]
    assert (below["locations"], areas["locations"], areas["z"]) == (["a", "b", "c"], ["a", "b"], [0, 1])
    assert [one.token for one in found.classes] == ["raised", "ramp-6", "ramp-7"]
    assert areas["text"][1]["en"].startswith("en b<br>Count: 9")


def test_a_figure_is_spoken() -> None:
    told = {"a": [{"zh": "一", "en": "one"}, "--line", 3], "b": {"zh": "x", "en": "y", "more": 1}}
    assert spoken(told, "en", {"line": "#000000"}) == {
        "a": ["one", "#000000", 3],
        "b": {"zh": "x", "en": "y", "more": 1},
    }


def test_measures_that_do_not_add_up_have_no_share() -> None:
    assert question(measure="mean:size").function is Function.MEAN
    assert Grouping("x", {}, Kind.COLUMN, None).place is None
