"""What is asked on the page, as its address has it (`#subject=assets&by=h3:8&…`) and as its fields have it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any
from urllib.parse import parse_qsl, urlencode

from core.analysis import Asked
from core.analysis.asked import COUNT

# what each field of a question is called in an address
NAMES = {"since": "from", "until": "to"}
# by which the page begins
FIRST = "incidents"
SUBJECT = "subject"
# a box comes from a program alone
ASKED = tuple(one.name for one in fields(Asked) if one.name != "bbox")
State = Mapping[str, str]


def read_state(words: str) -> dict[str, str]:
    """From the part of an address behind `#`; what it does not know is left out."""
    known = {SUBJECT, *(NAMES.get(name, name) for name in ASKED)}
    return {name: value for name, value in parse_qsl(words[:2000], keep_blank_values=True) if name in known}


def write_state(subject: str, asked: Asked) -> str:
    return urlencode({SUBJECT: subject, **params_of(asked)})


def params_of(asked: Asked) -> dict[str, str]:
    """As the API takes them."""
    given = {NAMES.get(name, name): getattr(asked, name) for name in ASKED}
    return {name: value for name, value in given.items() if value is not None and (name, value) != ("measure", COUNT)}


def asked_of(state: State) -> Asked:
    """A column without a value, and a value without a column, narrow nothing."""
    given: dict[str, Any] = {name: state.get(NAMES.get(name, name)) for name in ASKED}
    if given["column"] is None or given["value"] is None:
        given |= {"column": None, "value": None}
    return Asked(**{name: value for name, value in given.items() if value is not None})
