"""Conditions and labels in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.dashboard import texts
from core.vocabulary import label

# the words of labels whose values are of a table
TABLES = {
    "kind": "alarm_kinds",
    "family": "alarm_families",
    "level": "levels",
    "peak_level": "levels",
    "thing_kind": "sensor_kinds",
}


def said(matchers: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Conditions in words: each label, and the values that it is or is not."""
    told: dict[str, str] = {}
    for lang, comma, end, colon in (("zh", "、", "；", "："), ("en", ", ", "; ", ": ")):
        parts = []
        for one in matchers:
            values = one.get("is") or one.get("is_not") or one.get("like") or []
            words = comma.join(
                label(TABLES[one["label"]], value)[lang] if one["label"] in TABLES and not one.get("like") else value
                for value in values
            )
            name = texts.entry(f"routing.label.{one['label']}")[lang]
            way = "routing.not" if one.get("is_not") else "routing.like" if one.get("like") else None
            negated = texts.entry(way)[lang] if way else ""
            parts.append(f"{name}{colon}{negated}{words}")
        told[lang] = end.join(parts) or texts.entry("routing.everything")[lang]
    return told


def label_words(names: Sequence[str]) -> dict[str, str]:
    between = {"zh": "、", "en": ", "}
    return {
        lang: sep.join(texts.entry(f"routing.label.{name}")[lang] for name in names) for lang, sep in between.items()
    }


def receiver_words(receivers: Sequence[str]) -> dict[str, str]:
    """Ids of subscriptions, and the rest of them in words."""
    rest = texts.entry("routing.rest")
    return {
        lang: sep.join(rest[lang] if one == "*" else one for one in receivers)
        for lang, sep in (("zh", "、"), ("en", ", "))
    }
