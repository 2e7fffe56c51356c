"""MQTT topic filters (MQTT 5 section 4.7): what matches, which is the more exact, and which may be a source's. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from core.errors import InputError
from core.faults import expects


def matches(levels: Sequence[str], parts: Sequence[str]) -> bool:
    """Whether a topic's parts match a filter's levels (MQTT 5 section 4.7)."""
    if levels[0] in "+#" and parts[0].startswith("$"):
        return False
    for i, level in enumerate(levels):
        if level == "#":
            return True
        if i >= len(parts) or level not in ("+", parts[i]):
            return False
    return len(levels) == len(parts)


def exactness(topic_filter: str) -> list[int]:
    """Sorts more exact filters first: a name before `+` before `#`, level by level."""
    return [{"+": 1, "#": 2}.get(level, 0) for level in topic_filter.split("/")]


def check_filter(topic_filter: str, prefix: str) -> str:
    """The filter with our prefix filled in; InputError where it is none (MQTT 5 section 4.7) or would bring back our
    own output."""
    full = topic_filter.replace("{prefix}", prefix)
    levels = full.split("/")
    # a line end in it would be a line of its own in the broker's files
    fine = 0 < len(full.encode()) < 1000 and full.isprintable() and full == full.strip() and not full.startswith("$")
    fine = (
        fine and all(level in ("+", "#") or not set("+#") & set(level) for level in levels) and "#" not in levels[:-1]
    )
    if not fine:
        raise InputError(
            f"topic_filters: expected an MQTT topic filter, got {topic_filter[:120]!r}",
            field="topic_filters",
            about=expects("topic_filters", "topic_filter", name=topic_filter[:120]),
        )
    for own in ("alarm", "alert", "task"):
        sample = [*prefix.split("/"), own, "000000", "1"] if own != "task" else [*prefix.split("/"), own, "unit"]
        if matches(levels, sample):
            raise InputError(
                f"topic_filters: {topic_filter!r} would bring in what we send out ({prefix}/{own}/…)",
                field="topic_filters",
                about=expects("topic_filters", "own_filter", name=topic_filter[:120]),
            )
    return full
