"""What is wrong with a field, in the words of people: a table of pydantic's kinds of errors and of our validators' own.

The words are `given.…` of `messages.json`, filled in with the limits; pydantic's own English stays for programs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, LiteralString, NamedTuple

from pydantic_core import PydanticCustomError

from core.errors import InputError
from core.i18n import catalogue, say
from core.vocabulary import Text

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

# kinds of pydantic that say the same to a person; any other that has words stands under its own name
SAME = {
    **dict.fromkeys(
        ("missing_argument", "missing_keyword_only_argument", "missing_positional_only_argument"), "missing"
    ),
    **dict.fromkeys(("unexpected_keyword_argument", "unexpected_positional_argument"), "extra_forbidden"),
    **dict.fromkeys(
        ("string_type", "string_unicode", "string_not_ascii", "bytes_type", "bytes_invalid_encoding"), "text"
    ),
    **dict.fromkeys(("float_type", "float_parsing", "decimal_type", "decimal_parsing", "fraction_type"), "number"),
    **dict.fromkeys(("fraction_parsing", "complex_type", "complex_str_parsing"), "number"),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "whole"),
    **dict.fromkeys(("decimal_max_digits", "decimal_max_places", "decimal_whole_digits", "int_parsing_size"), "size"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "yes_or_no"),
    **dict.fromkeys(("list_type", "tuple_type", "set_type", "frozen_set_type", "deque_type", "iterable_type"), "list"),
    **dict.fromkeys(("dict_type", "frozen_dict_type", "ordered_dict_type", "counter_type", "mapping_type"), "object"),
    **dict.fromkeys(("model_type", "model_attributes_type", "dataclass_type", "dataclass_exact_type"), "object"),
    **dict.fromkeys(("named_tuple_type", "arguments_type"), "object"),
    **dict.fromkeys(("date_type", "date_parsing", "date_from_datetime_parsing", "date_from_datetime_inexact"), "date"),
    **dict.fromkeys(("datetime_type", "datetime_parsing", "datetime_object_invalid"), "moment"),
    **dict.fromkeys(("datetime_from_date_parsing", "timezone_aware", "timezone_offset"), "moment"),
    **dict.fromkeys(("date_past", "datetime_past"), "past"),
    **dict.fromkeys(("date_future", "datetime_future"), "future"),
    **dict.fromkeys(("time_type", "time_parsing"), "time"),
    **dict.fromkeys(("time_delta_type", "time_delta_parsing"), "duration"),
    **dict.fromkeys(("uuid_type", "uuid_parsing", "uuid_version"), "uuid"),
    **dict.fromkeys(("url_type", "url_parsing", "url_syntax_violation", "url_scheme"), "url"),
    **dict.fromkeys(("enum", "literal_error"), "one_of"),
    **dict.fromkeys(("bytes_too_short",), "string_too_short"),
    **dict.fromkeys(("bytes_too_long", "url_too_long"), "string_too_long"),
    "json_type": "json_invalid",
}


class Fault(NamedTuple):
    """`detail` is pydantic's, for programs; `why` says the same to people."""

    path: tuple[str | int, ...]
    detail: str
    why: Text

    @property
    def place(self) -> str:
        return ".".join(map(str, self.path))


def unfit(kind: LiteralString, detail: LiteralString, **about: object) -> PydanticCustomError:
    """What a validator of ours raises: `given.{kind}` has its words, `about` fills in both."""
    return PydanticCustomError(kind, detail, about)


def faults_of(errors: Iterable[ErrorDetails]) -> list[Fault]:
    return [Fault(one["loc"], one["msg"], words_of(one)) for one in errors]


def words_of(error: ErrorDetails) -> Text:
    kind = error["type"]
    key = "missing" if error.get("input") is None and kind.endswith("_type") else SAME.get(kind, kind)
    about = {name: as_words(value) for name, value in (error.get("ctx") or {}).items()}
    name = f"given.{key}"
    try:
        return say(name if name in catalogue() else "given.other", **about)
    except KeyError:  # a kind of the same name with other limits
        return say("given.other")


def as_words(value: object) -> object:
    """A limit as people read it: `86400.0` as 86400, pydantic's "'a', 'b' or 'c'" as a list."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return f"{value:.0f}"
    if isinstance(value, str) and (named := re.findall("'([^']*)'", value)):
        return listed(named)
    return listed(value) if isinstance(value, list | tuple) else str(value)


def listed(values: Sequence[object]) -> Text:
    return {"zh": "、".join(map(str, values)), "en": ", ".join(map(str, values))}


def not_as(place: str, kind: str, detail: str, **about: str) -> InputError:
    """An InputError of the field `place`, whose words are `given.{kind}`."""
    why = say(f"given.{kind}", **about)
    return InputError(f"{place}: {detail}", field=place, about=about_field(place, why))


def expects(place: str, kind: str, **about: str | Text) -> dict[str, dict[str, str]]:
    """`about` of an error of the field `place`, whose words are `given.{kind}`."""
    return about_field(place, say(f"given.{kind}", **about))


def about_field(place: str, why: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """For `about` of an InputError: which field, and what is expected there."""
    return {"field": {"zh": place, "en": place}, "why": dict(why)}
