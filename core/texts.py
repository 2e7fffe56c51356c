"""Texts from outside: what can be stored and seen as it is."""

from __future__ import annotations

import re

from core.errors import InputError
from core.faults import expects

# what no text column of PostgreSQL takes: NUL, and halves of surrogate pairs
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
# and what nobody should see: the other control characters but tab and line ends; directional overrides and isolates
# (Unicode 15.0, section 23.2), which make a title read otherwise than it is
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")


def find_unstorable(value: str) -> str | None:
    """The first character of `value` that cannot be stored."""
    found = _UNSTORABLE.search(value)
    return found[0] if found else None


def fit(value: str, instead: str = " ") -> str:
    """`value` with `instead` for each character that cannot be stored or should not be seen."""
    return value if value.isprintable() else _UNFIT.sub(instead, value)


def check_text(value: str, field: str) -> None:
    """Raises InputError for text with NUL, other control characters (but tab and line ends), lone surrogates or
    directional overrides."""
    found = None if value.isprintable() else _UNFIT.search(value)
    if found:
        raise InputError(
            f"{field}: expected text without the character U+{ord(found[0]):04X}",
            field=field,
            about=expects(field, "character", name=f"U+{ord(found[0]):04X}"),
        )


def check_texts(value: object, field: str) -> None:
    """The same for every text in a JSON value."""
    if isinstance(value, str):
        check_text(value, field)
    elif isinstance(value, dict):
        for name, one in value.items():
            check_text(str(name), field)
            check_texts(one, f"{field}.{name}" if field != "body" else str(name))
    elif isinstance(value, list):
        for one in value:
            check_texts(one, field)


def visible(value: str) -> str:
    """`value` with a replacement character for what no column or terminal takes: for logs and the audit."""
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in value)


# what a spreadsheet takes for the begin of a formula
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def no_formula(words: str) -> str:
    """Text that no spreadsheet takes for a formula (OWASP: CSV injection)."""
    return f"'{words}" if words.startswith(FORMULA) else words
