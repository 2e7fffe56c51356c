"""Sentences in Chinese and English, from `messages.json`; fields in braces are filled in."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

from core.vocabulary import Text


@cache
def catalogue() -> dict[str, Text]:
    loaded: dict[str, Text] = json.loads((files("core.i18n") / "messages.json").read_text("utf-8"))
    return loaded


def say(key: str, **fields: object) -> Text:
    """The sentence `key` in both languages. A field that is itself a Text is filled in per language."""
    return {lang: template.format(**_in(lang, fields)) for lang, template in catalogue()[key].items()}


def _in(lang: str, fields: dict[str, object]) -> dict[str, object]:
    return {name: value[lang] if isinstance(value, dict) else value for name, value in fields.items()}
