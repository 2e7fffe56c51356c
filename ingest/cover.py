"""Topic filters that overlap, widened until none does: a broker may deliver one message once for every filter of ours
that matches it (MQTT 5 section 3.3.4), and one message must be one row.
"""

from __future__ import annotations

from collections.abc import Iterable


def cover(filters: Iterable[str]) -> list[str]:
    """The fewest widenings of these filters of which no two match the same topic, and that together match all they
    did."""
    kept: list[str] = []
    for one in sorted(set(filters)):
        held = one
        # what it is widened to may overlap others in turn
        while (other := next((f for f in kept if overlap(f, held)), None)) is not None:
            kept.remove(other)
            held = widen(other, held)
        kept.append(held)
    return sorted(kept)


def overlap(one: str, other: str) -> bool:
    """Whether some topic matches both; of a shared subscription (`$share/GROUP/…`) its filter counts."""
    ours, theirs = levels_of(one), levels_of(other)
    # a wildcard at the beginning matches no topic that begins with `$` (MQTT 5 section 4.7.2)
    if {ours[0], theirs[0]} & {"+", "#"} and (ours[0].startswith("$") or theirs[0].startswith("$")):
        return False
    for i in range(max(len(ours), len(theirs))):
        # `#` matches its parent too: a filter that ends one level above meets it
        mine = ours[i] if i < len(ours) else None
        yours = theirs[i] if i < len(theirs) else None
        if mine == "#" or yours == "#":
            return True
        if mine is None or yours is None or (mine != yours and "+" not in (mine, yours)):
            return False
    return True


def levels_of(topic_filter: str) -> list[str]:
    levels = topic_filter.split("/")
    return levels[2:] if is_shared(topic_filter) else levels


def is_shared(topic_filter: str) -> bool:
    return topic_filter.startswith("$share/")


def widen(one: str, other: str) -> str:
    """The narrowest filter that covers both of two that overlap."""
    if covers(one, other):
        return one
    if covers(other, one):
        return other
    levels: list[str] = []
    ours, theirs = one.split("/"), other.split("/")
    for mine, yours in zip(ours, theirs, strict=False):
        if "#" in (mine, yours):
            return "/".join([*levels, "#"])
        levels.append(mine if mine == yours else "+")
    return "/".join(levels if len(ours) == len(theirs) else [*levels, "#"])


def covers(wide: str, narrow: str) -> bool:
    """Whether every topic that the filter `narrow` matches is matched by `wide` too."""
    theirs = narrow.split("/")
    if wide[0] in "+#" and narrow.startswith("$"):  # no wildcard stands for a `$` (MQTT 5 section 4.7.2)
        return False
    for i, level in enumerate(wide.split("/")):
        if level == "#":
            return True  # its parent too
        if i >= len(theirs) or theirs[i] == "#" or (level != "+" and level != theirs[i]):
            return False
    return len(wide.split("/")) == len(theirs)
