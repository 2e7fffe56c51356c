"""While one filter takes another's place the broker delivers each publish twice: one of the two is written, whatever
was said and wherever the change was cut off. Shown on a broker of a few lines that does what MQTT 5 says."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from ingest.arrived import Arrived
from ingest.copies import Copies, Marks, subscription_of

NARROW, WIDE = "narrow", "wide"


def delivered(payload: bytes, mark: int, *, topic: str = "t", qos: int = 1, retained: bool = False) -> Arrived:
    properties = b""
    if mark:
        packed = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        packed.SubscriptionIdentifier = mark
        properties = bytes(packed.pack())  # type: ignore[no-untyped-call]
    return Arrived(topic, payload, 1, qos, properties, retained=retained)


class OneSession:
    """A session's subscriptions and the identifier of each; what it is sent."""

    def __init__(self, turned: bool) -> None:
        self.marks = {NARROW: 0}
        self.sent: list[Arrived] = []
        self.said = 0
        self._turned = turned

    def publish(self, payload: bytes) -> None:
        self.said += 1
        for mark in sorted((self.marks[name] for name in sorted(self.marks)), reverse=self._turned):
            self.sent.append(delivered(payload, mark))

    def steps(self, gone: str, new: str, marks: Marks) -> list[Callable[[], object]]:
        """The packets of one change."""
        return [
            lambda: self.marks.update({new: marks.both, gone: marks.both}),
            lambda: self.marks.update({new: marks.alone}),
            lambda: self.marks.pop(gone, None),
            lambda: self.marks.update({new: 0}),
        ]


# what is said before each packet: often the same again
SAYINGS = st.lists(st.sampled_from([b"a", b"a", b"b"]), max_size=4)
CHANGE = st.tuples(st.lists(SAYINGS, min_size=4, max_size=4), st.integers(1, 4))


@given(changes=st.lists(CHANGE, min_size=1, max_size=4), last=SAYINGS, turned=st.booleans())
def test_of_two_deliveries_one_is_kept_wherever_a_change_is_cut_off(
    changes: list[tuple[list[list[bytes]], int]], last: list[bytes], turned: bool
) -> None:
    session, copies = OneSession(turned), Copies()
    gone, new = NARROW, WIDE
    for sayings, steps_done in changes:
        for payloads, step in list(zip(sayings, session.steps(gone, new, copies.begin()), strict=True))[:steps_done]:
            for payload in payloads:
                session.publish(payload)
            step()
        if steps_done == 4:  # else it is begun anew
            gone, new = new, gone
    for payload in last:
        session.publish(payload)
    kept = [message.payload for message in session.sent if not copies.is_copy(message)]
    assert len(kept) == session.said


def test_same_message_again_is_no_copy_before_and_after_a_change() -> None:
    copies = Copies()
    marks = copies.begin()
    told = [delivered(b"1", 0), delivered(b"1", 0), delivered(b"1", marks.alone), delivered(b"1", marks.alone)]
    assert [copies.is_copy(message) for message in [*told, delivered(b"1", 0)]] == [False] * 5


def test_what_was_retained_comes_for_the_new_filter_alone() -> None:
    copies = Copies()
    both = copies.begin().both
    told = [delivered(b"1", both, retained=True), delivered(b"1", both), delivered(b"1", both)]
    assert [copies.is_copy(message) for message in told] == [False, False, True]


def test_first_half_is_known_to_await_the_second() -> None:
    copies = Copies()
    both, alone = copies.begin()
    first, second, later = delivered(b"1", both), delivered(b"1", both), delivered(b"1", alone)
    assert (copies.is_copy(first), copies.awaits(first)) == (False, True)
    assert (copies.is_copy(second), copies.awaits(second)) == (True, False)
    assert (copies.is_copy(later), copies.awaits(later)) == (False, False)


def test_halves_of_an_older_connection_are_forgotten() -> None:
    copies = Copies()
    both = copies.begin().both
    assert not copies.is_copy(delivered(b"1", both))
    copies.forget()
    assert [copies.is_copy(delivered(b"1", both)) for _ in range(2)] == [False, True]


def test_each_change_has_identifiers_of_its_own() -> None:
    copies = Copies()
    assert copies.begin() != copies.begin()


def test_identifier_is_read_among_other_properties() -> None:
    packed = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    packed.UserProperty = [("event", "\x0b")]
    assert subscription_of(bytes(packed.pack())) == 0  # type: ignore[no-untyped-call]
    packed.SubscriptionIdentifier = 2**28 - 1
    assert subscription_of(bytes(packed.pack())) == 2**28 - 1  # type: ignore[no-untyped-call]
    assert subscription_of(b"\x03\x0b") == 0
