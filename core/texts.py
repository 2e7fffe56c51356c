"""Texts from outside: what can be stored and seen as it is."""

from __future__ import annotations

import unicodedata

from core.errors import InputError

# directional overrides and isolates (Unicode 15.0, section 23.2) make a title read otherwise than it is
OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
LINES = frozenset("\t\n\r")


def check_text(value: str, field: str) -> None:
    """Raises InputError for text with NUL, other control characters (but tab and line ends), lone surrogates or directional overrides."""
    for sign in value:
        if sign in OVERRIDES or (sign not in LINES and unicodedata.category(sign) in ("Cc", "Cs")):
            raise InputError(f"{field}: expected text without the character U+{ord(sign):04X}", field=field)


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
