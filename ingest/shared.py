"""One filter takes another's place while several ingesters share them (MQTT 5 section 4.8.2): one does it alone.

A shared subscription deals each publish to one session of its group. While an old filter and a new one that overlaps it
both stand, a publish is dealt twice, to any two sessions, and nothing tells that it is the same. So one ingester, the
changer, holds the old filters while the others give them up; when it is alone with both groups it turns from one to the
other in its own session, where deliveries are paired (ingest.copies); then the others join it. Some session holds each
filter at every moment: nothing is lost.

Everybody reads what all hold in the same table (`broker_subscription`), which never knows less than the broker, so a
snapshot of it that is a moment old errs towards waiting. Whom the changer has waited for in vain (an ingester that
hangs, or one that died just now) it leaves behind after `PATIENCE_S`: then a message that says no time may be two rows,
which the log and the figures say.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from ingest.cover import is_shared, overlap

PATIENCE_S = 10.0
# advisory locks: of who changes, and of its slot, by which the others know it
CHANGER = "ingest-changer"
Filters = frozenset[str]


def changer_of(slot: int) -> str:
    return f"{CHANGER}-{slot}"


@dataclass(frozen=True, slots=True)
class Held:
    """What each session of ours is subscribed to, and which of them is the changer, if any; `steady` is what that one
    has held for a while: the broker knows of it too. `alone`: it has waited long enough for the others."""

    sessions: Mapping[str, Filters]
    changer: str | None = None
    steady: Filters = frozenset()
    alone: bool = False


def given_up(wanted: Iterable[str], sessions: Mapping[str, Filters]) -> Filters:
    """Filters in whose place others are wanted: while somebody holds one, a change is on."""
    asked = set(wanted)
    held = frozenset().union(*sessions.values()) - asked
    return frozenset(old for old in held if any(overlap(old, new) for new in asked))


def may_change(old: Filters, mine: Filters) -> bool:
    """Whether a session that holds `mine` can do it. Of a filter that was never shared every holder is given each
    publish: who holds it turns from it, nobody else may take it up."""
    return all(one in mine for one in old if not is_shared(one))


def without_dead(sessions: Mapping[str, Filters], living: Collection[str]) -> dict[str, Filters]:
    """Nobody waits for a dead session to give up what was never shared: it takes nothing from the others."""
    return {
        name: filters if name in living else frozenset(filter(is_shared, filters)) for name, filters in sessions.items()
    }


def next_filters(wanted: Iterable[str], own: str, mine: Filters, held: Held) -> list[str]:
    """What the session `own`, which holds `mine` at this moment, is to be subscribed to now."""
    asked = frozenset(wanted)
    old = given_up(asked, {**held.sessions, own: mine})
    if not old:
        return sorted(asked)
    new = frozenset(one for one in asked if any(overlap(one, gone) for gone in old))
    turning = old | new
    if own == held.changer:
        if held.alone:
            return sorted(asked)
        others = frozenset().union(*(f for name, f in held.sessions.items() if name != own))
        ready = old <= mine and not others & turning
        return sorted(asked) if ready else sorted((asked - new) | old | (mine & new))
    changers = held.sessions.get(held.changer or "", frozenset())
    if new <= changers and not old & changers:
        return sorted(asked)  # it went on without somebody who still holds what is given up
    return sorted((asked - new) | (mine & turning - held.steady))


def is_held_by_others(session: str, wanted: Iterable[str], held: Held, dead: Iterable[str]) -> bool:
    """Whether what a dead ingester's session is dealt goes to others once it gives its filters up."""
    gone = set(dead) | {session}
    living = [filters for name, filters in held.sessions.items() if name not in gone]
    return all(
        any(new in filters or old in filters for filters in living)
        for old in held.sessions.get(session, frozenset())
        for new in wanted
        if overlap(old, new)
    )
