"""What a level is called: each ladder has its own words (core/data), and a number stands with the noun it is of. What a
sensor or a call says is never given the words of the law."""

from __future__ import annotations

from core.i18n import say
from core.vocabulary import Text, label


def numbered(level: int) -> Text:
    """The bare number: 二级, level II."""
    return in_a_sentence(label("levels", str(level)))


def alarm_level(level: int) -> Text:
    """How urgent an alarm is by its rule: 二级告警（重要）."""
    return _said("level.alarm", "alarm_levels", level)


def urgency(level: int) -> Text:
    """How urgent an incident is, as whoever took it says: 二级（紧急）."""
    return _said("level.urgency", "urgencies", level)


def _said(key: str, ladder: str, level: int) -> Text:
    return say(key, level=numbered(level), word=in_a_sentence(label(ladder, str(level))))


def lowered(words: str) -> str:
    """For the middle of an English sentence; what is no plain word (CO, PM2.5) stays."""
    return words[:1].lower() + words[1:] if words[1:2].islower() else words


def in_a_sentence(words: Text) -> Text:
    return {**words, "en": lowered(words["en"])}


def capital(words: Text) -> Text:
    """For the beginning of a line."""
    return {**words, "en": words["en"][:1].upper() + words["en"][1:]}
