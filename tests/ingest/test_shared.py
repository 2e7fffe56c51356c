"""Several ingesters share filters, and others take their place: each message is dealt to somebody at every moment and
kept once, in whatever order sessions look, pack and are served. Shown on a broker of a few lines that does what MQTT 5
says of shared subscriptions."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.copies import Copies
from ingest.cover import overlap
from ingest.shared import Held, given_up, is_held_by_others, next_filters
from tests.ingest.test_copies import delivered

GROUP = "$share/city/"
OLD, NEW, OTHER, MORE = GROUP + "a/b/+", GROUP + "a/#", GROUP + "x/+", GROUP + "y/+"
TOPIC = GROUP + "a/b/c"


class Broker:
    """Who holds which filter, under which identifier; the book says no less."""

    def __init__(self, dice: random.Random) -> None:
        self.groups: dict[str, dict[str, int]] = {}
        self.book: dict[str, set[str]] = {}
        self.changer: str | None = None
        self._dice = dice

    def publish(self, sessions: dict[str, Session], payload: bytes) -> None:
        """Each group that matches deals it to one of its members, in any order."""
        dealt = [group for filter_, group in self.groups.items() if group and overlap(filter_, TOPIC)]
        self._dice.shuffle(dealt)
        assert dealt, "nobody is there to take it"
        for group in dealt:
            name = self._dice.choice(sorted(group))
            sessions[name].take(payload, group[name])


class Session:
    """An ingester as far as its filters go: looks, decides, sends packets; those are served in their order."""

    def __init__(self, name: str, broker: Broker, wanted: list[str]) -> None:
        self.name, self.broker, self.wanted = name, broker, wanted
        self.copies, self.kept = Copies(), 0
        self.held: Held | None = None
        self.asked: list[str] = list(wanted)
        self.packets: list[Callable[[], object]] = []
        self._before: frozenset[str] = frozenset()
        broker.book[name] = set(wanted)
        for one in wanted:
            broker.groups.setdefault(one, {})[name] = 0

    def take(self, payload: bytes, mark: int) -> None:
        self.kept += not self.copies.is_copy(delivered(payload, mark))

    def reload(self, wanted: list[str]) -> None:
        self.wanted, self.held = wanted, None

    def look(self) -> None:
        broker = self.broker
        book = {name: frozenset(filters) for name, filters in broker.book.items()}
        old = given_up(self.wanted, book)
        if old and broker.changer is None:
            broker.changer = self.name
        elif not old and broker.changer == self.name:
            broker.changer = None
        now = book.get(broker.changer or "", frozenset())
        self.held = Held(book, broker.changer, now & self._before)
        self._before = now

    def decide(self) -> None:
        """As the link does: all packets of a change are written at once."""
        if self.held is None:
            return
        filters = next_filters(self.wanted, self.name, frozenset(self.broker.book[self.name]), self.held)
        if filters == self.asked:
            return
        self.asked = filters
        book, groups = self.broker.book[self.name], self.broker.groups
        gone, new = sorted(book - set(filters)), sorted(set(filters) - book)
        book.update(new)
        pairs = [(a, b) for a in gone for b in filters if overlap(a, b)]

        def subscribe(which: list[str], mark: int) -> Callable[[], object]:
            return lambda: [groups.setdefault(one, {}).update({self.name: mark}) for one in which]

        def leave() -> None:
            for one in gone:
                groups[one].pop(self.name, None)
                # what is asked for again stays in the book
                if one not in self.asked:
                    book.discard(one)

        if pairs:
            marks = self.copies.begin()
            turned = sorted({b for _, b in pairs})
            self.packets.append(subscribe([*turned, *sorted({a for a, _ in pairs})], marks.both))
            self.packets.append(subscribe(turned, marks.alone))
        self.packets.append(leave)
        self.packets.append(subscribe(filters, 0))

    def serve(self) -> None:
        if self.packets:
            self.packets.pop(0)()


@settings(max_examples=500, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    count=st.integers(1, 4),
    changes=st.lists(st.sampled_from([[NEW, OTHER], [OLD, OTHER], [OLD, MORE], [GROUP + "a/b/c", OTHER]]), max_size=4),
)
def test_each_message_is_kept_once_whatever_the_order(seed: int, count: int, changes: list[list[str]]) -> None:
    dice = random.Random(seed)
    broker = Broker(dice)
    sessions = {f"s{n}": Session(f"s{n}", broker, [OLD, OTHER]) for n in range(count)}
    said = 0
    for wanted in [*changes, [NEW, OTHER]]:
        waiting = list(sessions.values())
        for turn in range(2000):
            if waiting and (dice.random() < 0.1 or turn > 500):
                waiting.pop(dice.randrange(len(waiting))).reload(wanted)
            one = dice.choice(list(sessions.values()))
            dice.choice([one.look, one.decide, one.serve, one.serve])()
            if dice.random() < 0.5:
                broker.publish(sessions, dice.choice([b"1", b"1", b"2"]))
                said += 1
            done = all(broker.book[name] == set(wanted) and not s.packets for name, s in sessions.items())
            if not waiting and done and broker.changer is None and dice.random() < 0.2:
                break
        else:
            pytest.fail("it never ends")
        assert {f: set(g) for f, g in broker.groups.items() if g} == {f: set(sessions) for f in wanted}
    assert sum(session.kept for session in sessions.values()) == said


def test_filters_that_are_in_nobodys_way_are_taken_at_once() -> None:
    held = Held({"a": frozenset({OLD, OTHER}), "b": frozenset({OLD, OTHER})}, changer="b")
    assert next_filters([NEW, MORE], "a", held.sessions["a"], held) == [OLD, MORE]


def test_changer_that_is_told_to_wait_no_longer_goes_on_without_the_others() -> None:
    sessions = {"a": frozenset({OLD}), "b": frozenset({OLD})}
    assert next_filters([NEW], "a", sessions["a"], Held(sessions, changer="a")) == [OLD]
    assert next_filters([NEW], "a", sessions["a"], Held(sessions, changer="a", alone=True)) == [NEW]


def test_somebody_who_never_lets_go_keeps_nobody_from_the_new() -> None:
    """A session of a slot that there is no more, or of an ingester that hangs."""
    ghost, turned = frozenset({OLD}), frozenset({NEW})
    sessions = {"a": turned, "b": frozenset[str](), "ghost": ghost}
    assert next_filters([NEW], "a", turned, Held(sessions, changer="a", alone=True)) == [NEW]
    assert next_filters([NEW], "b", frozenset(), Held(sessions, changer="a")) == [NEW]
    assert next_filters([NEW], "ghost", ghost, Held(sessions, changer="a")) == [NEW]


def test_others_let_go_of_what_the_changer_has_held_for_a_while_and_of_nothing_else() -> None:
    sessions = {"a": frozenset({OLD}), "b": frozenset({OLD})}
    assert next_filters([NEW], "b", sessions["b"], Held(sessions, changer="a")) == [OLD]
    assert next_filters([NEW], "b", sessions["b"], Held(sessions, changer="a", steady=frozenset({OLD}))) == []


def test_session_of_the_dead_is_emptied_once_others_hold_what_it_gives_up() -> None:
    def may(*, mine: set[str], dead: tuple[str, ...] = ()) -> bool:
        held = Held({"gone": frozenset({OLD, MORE}), "me": frozenset(mine)})
        return is_held_by_others("gone", [NEW], held, dead)

    assert not may(mine=set())
    assert may(mine={OLD})
    assert may(mine={NEW})
    assert not may(mine={NEW}, dead=("me",))
