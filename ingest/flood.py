"""Who floods: speaks too often, or makes up too many names. What they send is held back until a person lets it through.

A subscriber never learns who has published (MQTT 5 section 3.3.2); a topic does. Its *owner* is the account that alone
may write it, else the topic itself for how often, its source for how many names. What is known is never held back for
too many names: only things that nobody has heard of before. The first messages that are held back are dead letters
(`quarantined`), more are counted. Pure: time is an argument; the ingester's two threads share one object, each with its
own half.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Literal, NamedTuple

from core.errors import DecodeError
from ingest.arrived import Arrived

Kind = Literal["rate", "names"]
REASON = "quarantined"
# a rate must stand for so many windows in a row: what a device has kept while it was away comes in a burst
WINDOW_S, WINDOWS = 10.0, 6
NAMES_WITHIN = timedelta(hours=1)
# of each that is held back, so many messages are kept as letters
LETTERS = 1000
OWNERS_AT_MOST = 100_000


@dataclass(frozen=True, slots=True)
class Limits:
    """Messages a second of one owner, kept up for a minute; new names an hour. 0: no bound."""

    rate: float
    names: int


@dataclass(frozen=True, slots=True)
class Held:
    """What is held back or let through just now, as the database says: owners by kind."""

    held: frozenset[tuple[str, Kind]] = frozenset()
    allowed: Mapping[tuple[str, Kind], datetime] = field(default_factory=dict)

    def is_allowed(self, owner: str, kind: Kind, now: datetime) -> bool:
        until = self.allowed.get((owner, kind))
        return until is not None and now < until


class Named(NamedTuple):
    """A name that nobody had heard of before `at`."""

    source: str
    topic: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Caught:
    """An owner that has gone too far: `figure` is the messages a second, or the names."""

    owner: str
    kind: Kind
    figure: float


class Flood:
    """`owners`: accounts by the topic that only they may write."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.owners: Mapping[str, str] = {}
        self.told = Held()
        # found here, for the watch to write down; and how much was held back since it last looked
        self.caught: deque[Caught] = deque()
        self._counts: Counter[tuple[str, Kind]] = Counter()
        self._counting = Lock()
        self._letters: Counter[tuple[str, Kind]] = Counter()
        self._topics: Counter[str] = Counter()
        self._window_at: float | None = None
        self._strikes: dict[str, int] = {}
        self._names: dict[str, deque[tuple[datetime, int]]] = {}
        # caught here and not written down yet
        self._new: set[tuple[str, Kind]] = set()
        # ingesters that share the stream, of which each sees its part; names within the hour by whomever of them
        self._sharers = 1
        self._by_all: Mapping[str, int] = {}

    def tell(self, owners: Mapping[str, str], held: Held) -> None:
        """From the watch: what the database knows now. Who was let through begins anew."""
        let_go = self.told.held - held.held
        for key in let_go:
            self._letters.pop(key, None)
            self._names.pop(key[0], None)
        self.owners, self.told = owners, held
        self._new -= held.held | let_go

    def remember(self, named: Iterable[Named]) -> None:
        """From the database, at the start: who has named what within the hour, so that a restart gives no room."""
        for one in sorted(named, key=lambda one: one.at):
            self._names.setdefault(self._namer_of(one), deque()).append((one.at, 1))

    def _namer_of(self, named: Named) -> str:
        account = self.owners.get(named.topic)
        return f"account:{account}" if account is not None else f"source:{named.source}"

    def share(self, sharers: int, named: Iterable[Named]) -> None:
        """From the watch, again and again: how many share the stream, and what all of them have let in within the
        hour. Each takes its part of the bounds, so that together they hold."""
        self._by_all = Counter(map(self._namer_of, named))
        self._sharers = max(1, sharers)

    def is_held(self, owner: str, kind: Kind) -> bool:
        return (owner, kind) in self.told.held or (owner, kind) in self._new

    # --- how often: the thread of the sockets ---------------------------------------------------------------------

    def owner_of(self, topic: str) -> str:
        account = self.owners.get(topic)
        return f"account:{account}" if account is not None else f"topic:{topic}"

    def count(self, arrived: Sequence[Arrived], monotonic_s: float, now: datetime) -> None:
        """With every read; judged once a window."""
        if not self._limits.rate:
            return
        self._topics.update([message.topic for message in arrived])
        if self._window_at is None:
            self._window_at = monotonic_s
        passed = monotonic_s - self._window_at
        if passed >= WINDOW_S:
            self._judge(passed, now)
            self._topics.clear()
            self._window_at = monotonic_s

    def _judge(self, passed_s: float, now: datetime) -> None:
        rates: Counter[str] = Counter()
        for topic, count in self._topics.items():
            rates[self.owner_of(topic)] += count
        sharers = self._sharers
        seen = {owner: n * sharers / passed_s for owner, n in rates.items()}
        over = {owner: rate for owner, rate in seen.items() if rate > self._limits.rate}
        # windows that nobody spoke in are not seen: a longer one breaks the row
        row = self._strikes if passed_s < 2 * WINDOW_S else {}
        self._strikes = {owner: row.get(owner, 0) + 1 for owner in over}
        for owner, strikes in self._strikes.items():
            if strikes >= WINDOWS and not self.told.is_allowed(owner, "rate", now) and not self.is_held(owner, "rate"):
                self._catch(Caught(owner, "rate", over[owner]))

    def hold(self, message: Arrived) -> bool:
        """Whether this message is held back; it is then a letter, or counted alone. Asked before it is decoded."""
        if not self.told.held and not self._new:
            return False
        owner = self.owner_of(message.topic)
        if not self.is_held(owner, "rate"):
            return False
        if self._keeps(owner, "rate"):
            message.refuse(held_back(owner, "rate"))
        else:
            message.pass_over()
        return True

    # --- how many names: the thread of the database ---------------------------------------------------------------

    def admit(self, names: Mapping[str, Arrived], now: datetime, what: str = "sensor") -> set[str]:
        """Of sensors (or `what` else) that nobody has heard of and the messages that name them: those that may be
        registered. The others are named in letters of their messages."""
        if not self._limits.names:
            return set(names)
        fine: set[str] = set()
        by_owner: dict[str, list[str]] = {}
        for name, message in names.items():
            by_owner.setdefault(self._namer(message), []).append(name)
        for owner, own in by_owner.items():
            if self.told.is_allowed(owner, "names", now):
                fine.update(own)
                continue
            left = max(0, self._limits.names - self._named(owner, now))
            room = 0 if self.is_held(owner, "names") else math.ceil(left / self._sharers)
            fine.update(own[:room])
            if own[:room]:
                self._names.setdefault(owner, deque()).append((now, len(own[:room])))
            if len(own) > room:
                if not self.is_held(owner, "names"):
                    self._catch(Caught(owner, "names", self._named(owner, now) + len(own) - room))
                self._refuse(owner, own[room:], names, what)
        return fine

    def _namer(self, message: Arrived) -> str:
        account = self.owners.get(message.topic)
        return f"account:{account}" if account is not None else f"source:{message.source_id or ''}"

    def _named(self, owner: str, now: datetime) -> int:
        told = self._names.get(owner)
        while told and told[0][0] < now - NAMES_WITHIN:
            told.popleft()
        return max(sum(count for _, count in told or ()), self._by_all.get(owner, 0))

    def _refuse(self, owner: str, names: Iterable[str], messages: Mapping[str, Arrived], what: str) -> None:
        for name in names:
            message = messages[name]
            if any(fault.reason == REASON for fault in message.faults):
                continue  # one letter a message, also where its batch is written again
            if self._keeps(owner, "names"):
                message.faults = [*message.faults, held_back(owner, "names", name, what)]

    def _keeps(self, owner: str, kind: Kind) -> bool:
        key = (owner, kind)
        with self._counting:
            self._counts[key] += 1
        self._letters[key] += 1
        return self._letters[key] <= LETTERS

    def take_counts(self) -> Counter[tuple[str, Kind]]:
        """How much was held back since this was asked last."""
        with self._counting:
            counts, self._counts = self._counts, Counter()
        return counts

    def give_back(self, counts: Counter[tuple[str, Kind]]) -> None:
        """They could not be written down."""
        with self._counting:
            self._counts += counts

    def _catch(self, caught: Caught) -> None:
        if len(self._new) < OWNERS_AT_MOST:
            self._new.add((caught.owner, caught.kind))
            self.caught.append(caught)


def held_back(owner: str, kind: Kind, name: str = "", what: str = "sensor") -> DecodeError:
    who = owner.partition(":")[2]
    if kind == "rate":
        told = f"topic: held back: {who} speaks too often; an administrator can let it through"
        return DecodeError(told, reason=REASON, field="topic")
    told = f"{name}: held back: {who} has named too many new {what}s; an administrator can let them through"
    return DecodeError(told, reason=REASON, field=what)
