"""The form kit without a browser: what a schema becomes, what typed values become, and what is said of wrong ones."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import Any, Literal

import pytest
from dash import html
from pydantic import BaseModel, Field

from app.api.sensors import guess_kind
from app.dashboard import texts
from app.pages import forms, ids
from app.pages.forms import Kind, Lines, Section, drawing, versions, wrong
from app.pages.forms.typed import Typed, gather
from app.pages.parts import reason_words
from app.pages.sources import devices, form
from core.errors import Conflict, InputError
from tests.dashboard.tree import having, walk, words


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Place(BaseModel):
    street: str = "High Street"
    number: int | None = None


class Thing(BaseModel):
    name: str = Field(min_length=1, max_length=20)
    notes: str | None = Field(None, max_length=1000)
    weight: float | None = Field(None, gt=0)
    colour: Colour = Colour.RED
    side: Literal["left", "right"] = "left"
    on: bool = False
    tags: list[str] = Field(min_length=1)
    names: dict[str, str | None] = {}
    place: Place = Place()
    anything: dict[str, Any] = {}


THING = forms.form_of(Thing, "thing", "sources.field")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("name", Kind.TEXT),
        ("notes", Kind.LONG),
        ("weight", Kind.NUMBER),
        ("colour", Kind.CHOICE),
        ("side", Kind.CHOICE),
        ("on", Kind.TICK),
        ("tags", Kind.LIST),
        ("names", Kind.LINES),
        ("place", Kind.GROUP),
        ("anything", Kind.JSON),
    ],
)
def test_schema_says_what_kind_a_field_is(name: str, kind: Kind) -> None:
    assert THING.field(name).kind is kind


def test_schema_says_what_must_be_given_and_what_may_be_left_out() -> None:
    assert [one.name for one in THING.fields if one.required] == ["name", "tags"]
    assert [one.name for one in THING.fields if one.nullable] == ["notes", "weight"]
    assert [key for key, _ in THING.field("colour").choices] == ["red", "blue"]
    assert [inner.name for inner in THING.field("place").fields] == ["street", "number"]


TYPED = Typed(
    {
        "name": " pump ",
        "notes": " ",
        "weight": "",
        "colour": "blue",
        "side": "left",
        "tags": "a\n\n b \n",
        "anything": '{"x": 1}',
        "place.street": "High Street",
        "place.number": 4,
    },
    {"on": True},
    {"names": {"0": {"key": "L", "value": "level"}, "1": {"key": "T", "value": ""}, "2": {"key": "", "value": "lost"}}},
)


def test_what_was_typed_is_read_back_into_the_model() -> None:
    read = forms.read(THING, TYPED)
    assert read == {
        "name": "pump", "notes": None, "weight": None, "colour": "blue", "side": "left", "on": True, "tags": ["a", "b"],
        "names": {"L": "level", "T": None}, "place": {"number": 4}, "anything": {"x": 1},
    }  # fmt: skip
    made, errors = forms.check(THING, Thing, read)
    assert errors == {}
    assert isinstance(made, Thing)
    assert made.place.street == "High Street"


def test_each_field_at_fault_is_told_in_both_languages() -> None:
    bad = {"name": "", "weight": -1, "tags": [], "colour": "green", "place": {"number": "four"}}
    _, errors = forms.check(THING, Thing, bad)
    assert {name: words(said, "en") for name, said in errors.items()} == {
        "name": "Please fill this in",
        "weight": "This must be greater than 0",
        "colour": "Please choose from the list",
        "tags": "Please fill this in",
        "place.number": "This must be a whole number",
    }
    assert words(errors["name"], "zh") == "请填写"


def test_what_is_no_json_is_told_at_its_field() -> None:
    with pytest.raises(InputError) as caught:
        forms.read(THING, Typed({"anything": "{"}))
    assert caught.value.field == "anything"


@pytest.mark.parametrize(
    ("exc", "place", "said"),
    [
        (InputError("tags: expected more", field="tags"), "tags", "Not accepted expected more"),
        (InputError("names.L: no such metric", field="names.L"), "names", "Not accepted no such metric"),
        (InputError("place.number: no", field="place.number"), "place.number", "Not accepted no"),
        (Conflict("id: taken", reason="taken", field="id"), "", "This name or id is taken; choose another taken"),
        (InputError("no unit", reason="unit", field="name"), "name", "Unit does not fit no unit"),
    ],
)
def test_what_the_server_refuses_is_told_at_its_field(exc: InputError, place: str, said: str) -> None:
    [(name, told)] = wrong.error_of(THING, exc).items()
    assert (name, words(told, "en")) == (place, said)


def test_a_reason_is_told_with_what_it_is_about() -> None:
    about = {"thing": {"zh": "wl-a", "en": "wl-a"}, "account": {"zh": "logger-1", "en": "logger-1"}}
    taken = Conflict("sensors: x", reason="spoken_for", field="sensors", about=about)
    [told] = wrong.error_of(THING, taken).values()
    assert "logger-1" in words(told, "en")


@pytest.mark.parametrize("key", [key for key in sorted(texts.catalogue()) if key.startswith(("error.", "reason."))])
def test_words_of_a_reason_never_fail_for_want_of_what_it_is_about(key: str) -> None:
    assert reason_words(key.partition(".")[2])


def test_errors_go_to_inputs_slots_and_what_has_no_place_to_the_whole_form() -> None:
    outputs = [
        [{"id": {"form": "thing", "field": name}} for name in ("name", "weight")],
        [{"id": {"form": "thing", "said": name}} for name in ("names", "")],
    ]
    inputs, slots = wrong.spread({"name": ["a"], "names": ["b"], "id": ["c"]}, outputs)
    assert [words(one, "en") for one in inputs] == ["a", ""]
    assert [words(one, "en") for one in slots] == ["b", "c"]


def test_merging_keeps_what_i_typed_and_takes_what_they_changed() -> None:
    base = {"version": 3, "name": "old", "owner": None, "rate": 5}
    mine = {"name": "mine", "owner": None, "rate": 5}
    newer = {"version": 4, "name": "theirs", "owner": "them", "rate": 5}
    assert versions.merge(base, mine, newer) == {"version": 4, "name": "mine", "owner": "them", "rate": 5}


def test_conflict_says_what_the_others_changed() -> None:
    told = versions.theirs(THING, {"name": "old", "tags": ["a"]}, {"name": "theirs", "tags": ["a"]})
    drawn = versions.conflict_view(THING, told)
    assert "theirs" in words(drawn, "en")
    assert "Keep my entries" in words(drawn, "en")


def test_form_is_drawn_with_labels_values_and_nothing_but_what_its_sections_name() -> None:
    form_ = forms.form_of(
        Thing, "thing", "sources.field", (Section(("name", ("weight", "on"))),), weight={"unit": "unit.word.s"}
    )
    drawn = forms.draw(form_, {"name": "pump", "weight": 2.5, "on": True}, locked=True)
    parts = list(walk(drawn))
    assert {part["type"] for part in parts} >= {"TextInput", "NumberInput", "Switch"}
    assert having(drawn, id=ids.field("thing", "name"))[0]["value"] == "pump"
    assert having(drawn, id=ids.field("thing", "name"))[0]["withAsterisk"] is True
    assert having(drawn, id=ids.tick("thing", "on"))[0]["checked"] is True
    assert not having(drawn, id=ids.field("thing", "notes"))
    assert having(drawn, disabled=True)


def test_gathering_leaves_other_forms_alone() -> None:
    states = [
        [
            {"id": {"form": "thing", "field": "name"}, "value": "a"},
            {"id": {"form": "other", "field": "name"}, "value": "b"},
        ],
        [{"id": {"form": "thing", "cells": "names", "row": "0", "column": "key"}, "value": None}],
        {"id": "plain", "property": "data"},
    ]
    assert gather("thing", states) == Typed({"name": "a"}, {}, {"names": {"0": {"key": ""}}})


# --- the forms of the page of sources ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "units"),
    [
        ([["level", "cm", "", ""]], {"level": "cm"}),
        ([["level", "cm", "0.5", ""]], {"level": {"unit": "cm", "scale": 0.5}}),
        ([["level", "", "2", "-1"]], {"level": {"scale": 2.0, "offset": -1.0}}),
        ([["level", "cm", "two", ""]], {"level": {"unit": "cm", "scale": "two"}}),
    ],
)
def test_units_are_lines_of_four(rows: list[list[str]], units: dict[str, Any]) -> None:
    assert form.join_units(rows) == units
    assert [row[0] for row in form.split_units(units)] == ["level"]


def test_expressions_of_a_json_source_are_lines_in_its_options() -> None:
    made = form.source_form({"decoder": "json"})
    drawn = html.Div(forms.draw_group(made, made.field("options"), {"values": {"temperature": "data.t"}}))
    ids_of = [one["props"].get("id") for one in walk(drawn)]
    assert ids.cell("source", "options.values", "0", "value") in ids_of
    assert ids.add_line("source", "options.units") in ids_of
    rows = {"0": {"key": "temperature", "value": " data.t "}, "1": {"key": "", "value": "x"}}
    typed = Typed({"options.time": "ts", "options.records": ""}, rows={"options.values": rows})
    assert forms.read(made, typed)["options"] == {"time": "ts", "values": {"temperature": "data.t"}}
    assert made.field("options.values").name == "options.values"
    assert wrong.place_of(made, ["options", "values", "temperature"]) == "options.values"


def test_options_of_a_source_are_those_of_its_decoder() -> None:
    assert [one.name for one in form.source_form({"decoder": "ttn"}).field("options").fields] == ["sensor", "radio"]
    assert form.source_form({"decoder": "senml"}).field("options").fields == ()


def test_only_a_new_source_has_an_id_to_give() -> None:
    assert "id" in [one.name for one in form.source_form(form.new_values()).shown()]
    known = {**form.new_values(), "version": 3, "changed_at": None, "changed_by": None}
    assert "id" not in [one.name for one in form.source_form(known).shown()]


def test_every_field_of_both_forms_has_a_label_in_both_languages() -> None:
    for one, values in ((form.source_form(form.new_values()), form.new_values()), (devices.device_form(), {})):
        drawn = forms.draw(one, values)
        for field in one.shown():
            assert f"{one.words}.{field.name}" in texts.catalogue(), field.name
        assert "None" not in words(drawn, "en")


def test_lines_may_be_split_and_joined_by_the_page() -> None:
    lines = Lines(("a", "b", "c"), split=lambda v: [v.split(",")], join=lambda rows: ",".join(rows[0]))
    assert lines.join([list(row) for row in lines.split("1,2,3")]) == "1,2,3"


@pytest.mark.parametrize(
    ("metrics", "kind"),
    [({"gas": 1}, "gas"), ({"pm25": 1}, "air_quality"), ({"tilt": 1}, "manhole"), ({"nobody": 1}, "")],
)
def test_kind_of_a_device_is_guessed_from_what_it_measures(metrics: dict[str, Any], kind: str) -> None:
    assert guess_kind(metrics) == kind


class Step(BaseModel):
    level: int = Field(ge=1, le=4)
    on: float | None = None
    off: float | None = None


class Inner(BaseModel):
    rules: tuple[str, ...] = ()
    level: int = 4


class Deep(BaseModel):
    steps: tuple[Step, ...] = Field(min_length=1)
    except_values: tuple[float, ...] = ()
    first: Inner


class Holder(BaseModel):
    params: Deep


DEEP = forms.form_of(Holder, "deep", "rules.field")


def test_list_of_models_is_lines_and_back() -> None:
    steps = DEEP.field("params.steps")
    assert (steps.kind, steps.lines.columns) == (Kind.LINES, ("level", "on", "off"))
    assert steps.lines.split([{"level": 1, "on": 2.5}]) == [[1, 2.5, None]]
    rows = {"0": {"level": "1", "on": "2.5", "off": ""}, "1": {"level": "", "on": "3", "off": ""}, "2": {}}
    values = {"params.except_values": "1\n2.5\n", "params.first.rules": "a\nb", "params.first.level": 4}
    read = forms.read(DEEP, Typed(values, {}, {"params.steps": rows}))
    # a line that lacks its first value is wrong, not gone; defaults are left out
    assert read == {
        "params": {
            "steps": [{"level": 1, "on": 2.5}, {"on": 3}],
            "except_values": [1, 2.5],
            "first": {"rules": ["a", "b"]},
        }
    }
    given, errors = forms.check(DEEP, Deep, {"steps": read["params"]["steps"], "first": {}}, "params")
    assert given is None
    assert set(errors) == {"params.steps"}
    assert words(errors["params.steps"], "en").startswith("Line 2")


def test_model_in_a_model_in_a_model_is_drawn_with_a_place_for_what_is_wrong() -> None:
    drawn = forms.draw(DEEP, {"params": {"first": {"rules": ["a"]}, "steps": [{"level": 2, "on": 10.0}]}})
    assert having(drawn, id=ids.field("deep", "params.first.rules"))[0]["value"] == "a"
    assert having(drawn, id=ids.said("deep", "params.first"))
    assert having(drawn, id=ids.cell("deep", "params.steps", "0", "on"))[0]["value"] == "10"


def test_several_choices_keep_what_is_no_choice_any_more() -> None:
    several = DEEP.field("params.first").fields[0]
    inner = replace(several, kind=Kind.CHOICES, choices=(("a", ["A"]),))
    drawn = drawing.draw_choices(inner, ["a", "gone"], {"id": "x"})
    assert [one["value"] for one in drawn.data] == ["a", "gone"]
    assert drawn.value == ["a", "gone"]
