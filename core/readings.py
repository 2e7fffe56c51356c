"""A reading as people say it in a sentence: the decimals of its metric, the unit in words of each language. Symbols are
for charts, tables and chips."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from core.levels import lowered
from core.vocabulary import Text, label, table

MINUTE_S = 60.0
# what stands at its figure without a space
_CLOSE = ("°",)


def figure(value: float, metric: str | None) -> str:
    """With the decimals of the metric; as short as it can be where it has none."""
    decimals = cast("int | None", table("metrics").get(metric or "", {}).get("decimals"))
    return f"{value:.4g}" if decimals is None else f"{value:.{decimals}f}"


def reading(value: float, metric: str | None, unit: str | None) -> Text:
    """``8.2`` of a water level is 8.20 米, 8.20 m."""
    words = label("unit_words", unit)
    return {lang: _joined(figure(value, metric), words[lang]) for lang in ("zh", "en")}


def _joined(number: str, unit: str) -> str:
    return f"{number}{unit}" if not unit or unit in _CLOSE else f"{number} {unit}"


def metric_words(metric: str | None, attributes: Mapping[str, Any]) -> Text:
    """What a metric is called at a thing: the water level of an underpass is the depth of its water."""
    places = table("metrics").get(metric or "", {}).get("where", {})
    special = next((words for attribute, words in places.items() if attributes.get(attribute)), None)
    return {"zh": special["zh"], "en": special["en"]} if special else label("metrics", metric)


def what_of(names: Text, metric: Text) -> Text:
    """A thing and what it measures, said once where its name says it already: 临江六号站水位."""
    zh, en = metric["zh"], lowered(metric["en"])
    said_zh = any(names["zh"].endswith(zh[:end]) for end in range(2, len(zh) + 1))
    said_en = names["en"].lower().endswith(en.lower())
    return {
        "zh": names["zh"] if said_zh else names["zh"] + zh,
        "en": f"{names['en']}:" if said_en else f"{names['en']}: {en}",
    }


def place_and_what(place: Text, what: Text) -> Text:
    """A title: where, and what is there. What the place's name says already is not said again."""
    overlap = next((n for n in range(len(what["zh"]), 1, -1) if place["zh"].endswith(what["zh"][:n])), 0)
    return {"zh": place["zh"] + what["zh"][overlap:], "en": f"{place['en']}: {lowered(what['en'])}"}


def road_minutes(seconds: float) -> int:
    """Road time is an estimate: whole minutes, none below one."""
    return max(1, round(seconds / MINUTE_S))


def estimate(people: float) -> Text:
    """People that nobody has counted one by one: about 7,100, 约 7100; from ten thousand on 3.8 万, 38,000."""
    shown = rounded(people)
    zh = str(shown) if shown < 10_000 else f"{shown / 10_000:.3g} 万"
    return {"zh": zh, "en": f"{shown:,}"}


def rounded(people: float) -> int:
    """To two figures; what is below a hundred to ten, a handful stays."""
    whole = round(people)
    if whole < 20:
        return whole
    step = 10 if whole < 1000 else 10 ** (len(str(whole)) - 2)
    return round(whole / step) * step
