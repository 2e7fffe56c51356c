"""What a subscription's filter says, in words of both languages. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.dashboard import texts
from core.levels import numbered
from core.vocabulary import Text, label


def wanted_words(wanted: Mapping[str, Any], districts: Mapping[str, Text]) -> Text:
    """Its level, kinds, places; what limits nothing says so."""
    if wanted.get("kinds") == ["message"]:
        return texts.entry("subs.messages")
    said: list[Text] = []
    level = wanted.get("level") or wanted.get("peak_level")
    if level:
        number = numbered(level)
        worse = {lang: texts.entry("subs.level.or_worse", level=words)[lang] for lang, words in number.items()}
        said.append(number if level == 1 else worse)
    if wanted.get("families"):
        said.append(listed([label("alarm_families", one) for one in wanted["families"]]))
    if wanted.get("alarm_kinds"):
        said.append(listed([label("alarm_kinds", one) for one in wanted["alarm_kinds"]]))
    if wanted.get("districts"):
        said.append(listed([districts.get(one, {"zh": one, "en": one}) for one in wanted["districts"]]))
    if wanted.get("area"):
        said.append(texts.entry("subs.area.drawn"))
    if wanted.get("mine"):
        said.append(texts.entry("subs.mine"))
    if not said:
        return texts.entry("subs.everything")
    return {lang: " · ".join(one[lang] for one in said) for lang in ("zh", "en")}


def listed(names: Sequence[Text]) -> Text:
    return {"zh": "、".join(one["zh"] for one in names), "en": ", ".join(one["en"] for one in names)}
