"""What is wrong with a field is told to people in their words, with its limits, whatever found it."""

from __future__ import annotations

import ast
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from uuid import UUID

import pytest
from pydantic import AwareDatetime, BaseModel, Field, TypeAdapter, ValidationError
from pydantic_core import core_schema

from app.dashboard import texts
from core.errors import InputError
from core.faults import SAME, faults_of
from core.given import Given, as_input_error
from core.i18n import catalogue
from core.types import LonLat

ROOT = Path(__file__).parents[2]


class Level(StrEnum):
    LOW = "low"
    HIGH = "high"


class Part(Given):
    name: str = Field(min_length=1)


class Whole(Given):
    receivers: list[str] = Field(min_length=1)
    parts: list[Part] = []


TOLD: list[tuple[Any, object, str, str]] = [
    (Annotated[list[str], Field(min_length=1)], [], "至少 1 项，现有 0 项", "entries needed: 1 or more, given: 0"),
    (Annotated[list[int], Field(max_length=2)], [1, 2, 3], "最多 2 项", "entries allowed: 2 at most"),
    (Annotated[str, Field(max_length=3)], "four", "最多 3 个字符", "characters allowed: 3 at most"),
    (Annotated[float, Field(le=86400)], 1e9, "不得大于 86400", "this must be at most 86400"),
    (Annotated[float, Field(gt=0.5)], 0.5, "须大于 0.5", "this must be greater than 0.5"),
    (Annotated[int, Field(multiple_of=5)], 7, "须为 5 的倍数", "this must be a multiple of 5"),
    (Annotated[float, Field(allow_inf_nan=False)], float("nan"), "须为有限的数字", "this must be a finite number"),
    (Literal["device", "unit"], "boat", "须为以下之一：device、unit", "this must be one of device, unit"),
    (Level, "mid", "须为以下之一：low、high", "this must be one of low, high"),
    (int, "many", "须为整数", "this must be a whole number"),
    (int, 1.5, "须为整数", "this must be a whole number"),
    (float, "warm", "须为数字", "this must be a number"),
    (bool, "perhaps", "须为是或否", "this must be yes or no (true, false)"),
    (str, 5, "须为文字", "this must be text"),
    (str, None, "必须填写", "a value is needed"),
    (list[str], "one", "须为列表", "this must be a list"),
    (dict[str, str], [], "须为名称和对应的值", "this must be names with their values"),
    (date, "yesterday", "须为日期，如 2026-01-31", "this must be a date such as 2026-01-31"),
    (
        AwareDatetime,
        "2026-01-31T08:00:00",
        "须为注明时区的时间，如 2026-01-31T08:00:00+08:00",
        "this must be a time with its zone, such as 2026-01-31T08:00:00+08:00",
    ),
    (datetime, "soon", "须为注明时区的时间，如 2026-01-31T08:00:00+08:00", ""),
    (UUID, "7", "须为完整的编号", "this must be a whole id (UUID)"),
    (Annotated[str, Field(pattern="^a$")], "b", "格式不符", "this does not have the right form"),
]


@pytest.mark.parametrize(("kind", "given", "zh", "en"), TOLD, ids=[f"{n}-{one[2]}" for n, one in enumerate(TOLD)])
def test_fault_is_told_with_its_limit(kind: Any, given: object, zh: str, en: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(given)
    [fault] = faults_of(caught.value.errors())
    assert fault.why["zh"] == zh
    assert en in fault.why["en"]


def test_first_fault_names_its_field() -> None:
    with pytest.raises(ValidationError) as caught:
        Whole.model_validate({"receivers": ["a"], "parts": [{"name": "a"}, {"name": ""}]})
    told = as_input_error(caught.value, "body")
    assert told.field == "body.parts.1.name"
    assert told.about["why"] == {"zh": "至少 1 个字符", "en": "characters needed: 1 or more"}
    assert told.message.startswith("body.parts.1.name: String should have")


def test_field_that_is_not_known_is_told() -> None:
    with pytest.raises(ValidationError) as caught:
        Whole.model_validate({"receivers": ["a"], "recievers": []})
    assert as_input_error(caught.value).about == {
        "field": {"zh": "recievers", "en": "recievers"},
        "why": {"zh": "没有这一项", "en": "there is no such field"},
    }


# of Python's own objects: nothing that comes through a door ends so
OF_PYTHON = {
    *("no_such_attribute", "needs_python_object", "recursion_loop", "recursion_depth_exceeded", "frozen_field"),
    *("frozen_instance", "get_attribute_error", "default_factory_not_called", "none_required", "iteration_error"),
    *("set_item_not_hashable", "missing_sentinel_error", "ellipsis_error", "is_instance_of", "is_subclass_of"),
    *("callable_type", "multiple_argument_values"),
    # of a validator that raises without words: there is none in the product (below)
    *("value_error", "assertion_error"),
}


@pytest.mark.parametrize("kind", sorted(set(get_args(core_schema.ErrorType)) - OF_PYTHON))
def test_every_kind_of_pydantic_has_words(kind: str) -> None:
    assert f"given.{SAME.get(kind, kind)}" in catalogue()


def calls(name: str) -> list[tuple[str, ast.Call]]:
    found = []
    for package in ("app", "alerts", "core", "dispatch", "ingest", "layers"):
        for path in sorted((ROOT / package).rglob("*.py")):
            tree = ast.parse(path.read_text("utf-8"))
            found += [
                (str(path.relative_to(ROOT)), node)
                for node in ast.walk(tree)
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == name
            ]
    return found


@pytest.mark.parametrize(("function", "at"), [("unfit", 0), ("not_as", 1), ("PydanticCustomError", 0)])
def test_what_our_validators_raise_has_words(function: str, at: int) -> None:
    kinds = [(place, node.args[at].value) for place, node in calls(function) if isinstance(node.args[at], ast.Constant)]
    assert [one for one in kinds if f"given.{one[1]}" not in catalogue()] == []


def test_validators_raise_nothing_without_words() -> None:
    """A ValueError in a validator would be told in English, whoever asks."""
    silent = []
    for package in ("app", "alerts", "core", "dispatch", "ingest", "layers"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.FunctionDef) and any(
                    "validator" in ast.unparse(d) for d in node.decorator_list
                ):
                    silent += [
                        f"{path.relative_to(ROOT)}:{node.name}"
                        for one in ast.walk(node)
                        if isinstance(one, ast.Raise) and one.exc and ast.unparse(one.exc).startswith("ValueError")
                    ]
    assert [one for one in silent if not one.startswith("core/settings.py")] == []


def test_error_of_a_model_is_an_input_error_of_ours() -> None:
    class Plain(BaseModel):
        n: int

    with pytest.raises(ValidationError) as caught:
        Plain.model_validate({"n": "x"})
    assert isinstance(as_input_error(caught.value), InputError)


# --- written by hand --------------------------------------------------------------------------------------------------

# what these raise is read in a terminal or a log, or is a dead letter's: in English, by whoever runs the machine
TERMINAL = (
    "app/cli", "app/backup", "app/services", "alerts/scan.py", "alerts/hotspots.py", "alerts/expected.py",
    "core/cap.py", "ingest/decoders", "ingest/fetch.py", "ingest/gateways", "layers/imports/osm.py",
    "layers/imports/package.py", "layers/imports/schema.py",
)  # fmt: skip
CALLS = [
    (str(path.relative_to(ROOT)), node)
    for package in ("app", "alerts", "core", "dispatch", "ingest", "layers")
    for path in sorted((ROOT / package).rglob("*.py"))
    for node in ast.walk(ast.parse(path.read_text("utf-8")))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
]


def calls_of(name: str) -> list[tuple[str, ast.Call]]:
    return [(f"{path}:{node.lineno}", node) for path, node in CALLS if getattr(node.func, "id", "") == name]


def test_every_input_error_that_people_read_says_what_was_expected() -> None:
    """With `about` (the field and why), or by a reason of its own, which has its words (test_reasons). Two hundred were
    told as "something given is wrong"."""
    found = [(place, node) for place, node in calls_of("InputError") if not place.startswith(TERMINAL)]
    assert len(found) > 150
    mute = [place for place, node in found if not {"about", "reason"} & {given.arg for given in node.keywords}]
    assert mute == []


def test_words_of_every_such_error_are_there_and_filled_in() -> None:
    for place, node in [*calls_of("expects"), *calls_of("not_as")]:
        kind = node.args[1]
        assert isinstance(kind, ast.Constant), place
        words = catalogue()[f"given.{kind.value}"]
        given = {one.arg: "x" for one in node.keywords if one.arg}
        for lang in ("zh", "en"):
            assert "{" not in words[lang].format(**given).replace("{{", ""), place


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_people_are_told_field_and_limits(lang: str) -> None:
    with pytest.raises(InputError) as caught:
        LonLat(200.0, 0.0)
    told = texts.why(caught.value.reason, caught.value.about)[lang]
    assert told == {"zh": "lon：须在 -180 至 180 之间", "en": "lon: this must be between -180 and 180"}[lang]
    bare = InputError("fish: expected another", field="fish")
    told = texts.why(bare.reason, bare.about)[lang]
    assert told.startswith("fish "), "the field at least"
