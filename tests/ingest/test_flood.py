"""Who floods is held back, who is known goes on, and a person lets them through."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, text

from app.health.doctor import check_held
from core.clock import rfc3339
from core.errors import NotFound
from core.pgarray import to_pg_us
from ingest.admin import quarantine
from ingest.arrived import Arrived
from ingest.doors.accounts import AccountIn, add_account
from ingest.flood import LETTERS, WINDOW_S, WINDOWS, Caught, Flood, Held, Limits
from ingest.sources import Sources, read_sources
from ingest.writer import Writer
from tests.support import now

PREFIX = "onemap"
T = now() - timedelta(minutes=5)
OWN = {"onemap/observation/a-1": "logger", "onemap/observation/a-2": "logger"}


def flood(rate: float = 10, names: int = 5) -> Flood:
    made = Flood(Limits(rate, names))
    made.tell(OWN, Held())
    return made


def speak(what: Flood, topics: list[str], windows: int, each: int) -> None:
    """`each` messages a second on every topic, for so many windows."""
    begun = (what._window_at or 0.0) + WINDOW_S
    for n in range(windows + 1):
        arrived = [Arrived(topic, b"{}", 1, 1) for topic in topics for _ in range(int(each * WINDOW_S))]
        what.count(arrived, begun + n * WINDOW_S, now())


@pytest.mark.parametrize(
    ("topics", "each", "caught"),
    [
        (["z2m/x"], 30, {"topic:z2m/x"}),
        (["z2m/x"], 9, set()),
        (["onemap/observation/a-1", "onemap/observation/a-2"], 8, {"account:logger"}),
        (["onemap/observation/b-1", "onemap/observation/b-2"], 8, set()),
    ],
)
def test_too_often_is_by_whose_topic_it_is(topics: list[str], each: int, caught: set[str]) -> None:
    what = flood()
    speak(what, topics, WINDOWS, each)
    assert {one.owner for one in what.caught} == caught
    assert all(one.kind == "rate" for one in what.caught)
    assert what.hold(Arrived(topics[0], b"{}", 1, 1)) is bool(caught)


def test_a_burst_is_no_flood() -> None:
    """What a device has kept while it was away, all at once; or six bursts with silence between."""
    what = flood()
    speak(what, ["z2m/x"], WINDOWS - 2, 900)
    assert not what.caught
    for n in range(10):
        what.count([Arrived("z2m/x", b"", 1, 1)] * 5000, 1000 + n * 60, now())
    assert not what.caught


def test_what_is_held_back_is_a_letter_at_first_and_then_counted() -> None:
    what = flood()
    speak(what, ["z2m/x"], WINDOWS, 30)
    held = [Arrived("z2m/x", b"%d" % n, 1, 1) for n in range(LETTERS + 50)]
    assert all(what.hold(message) for message in held)
    assert Counter(message.reason for message in held) == {"quarantined": LETTERS, None: 50}
    assert all(not message.records for message in held)
    assert what.take_counts() == {("topic:z2m/x", "rate"): LETTERS + 50}
    assert not what.take_counts()
    assert not what.hold(Arrived("z2m/y", b"", 1, 1))


def test_nobody_is_caught_twice_and_who_is_let_through_begins_anew() -> None:
    what = flood()
    speak(what, ["z2m/x"], 3 * WINDOWS, 30)
    assert len(what.caught) == 1
    key = ("topic:z2m/x", "rate")
    what.tell(OWN, Held(frozenset([key])))
    assert what.hold(Arrived("z2m/x", b"", 1, 1))
    what.tell(OWN, Held(frozenset(), {key: now() + timedelta(hours=1)}))
    assert not what.hold(Arrived("z2m/x", b"", 1, 1))
    speak(what, ["z2m/x"], 2 * WINDOWS, 30)
    assert len(what.caught) == 1, "let through is let through"
    what.tell(OWN, Held(frozenset(), {key: now() - timedelta(hours=1)}))
    speak(what, ["z2m/x"], 2 * WINDOWS, 30)
    assert len(what.caught) == 2, "until its time is over"


def test_no_bound_is_no_bound() -> None:
    what = flood(rate=0, names=0)
    speak(what, ["z2m/x"], WINDOWS, 300)
    assert not what.caught
    names = {f"s-{n}": Arrived("t", b"", 1, 1) for n in range(100)}
    assert what.admit(names, now()) == set(names)


def test_of_those_who_share_a_stream_each_takes_its_part_of_the_rate() -> None:
    three = [flood(rate=10) for _ in range(3)]
    for what in three:
        what.share(3, [])
        speak(what, ["z2m/x"], WINDOWS, 4)  # 12 a second of one topic, dealt to three
    assert [[(one.owner, one.figure) for one in what.caught] for what in three] == [[("topic:z2m/x", 12.0)]] * 3
    calm = flood(rate=10)
    calm.share(3, [])
    speak(calm, ["z2m/x"], WINDOWS, 3)
    assert not calm.caught


# --- names ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def sources(conn: Connection) -> Sources:
    return read_sources(conn, PREFIX)


def reading(sensor: str, sources: Sources, value: float = 1.0) -> Arrived:
    body = {"time": rfc3339(T + timedelta(seconds=value)), "metric": "flow", "value": value}
    message = Arrived(f"onemap/observation/{sensor}", json.dumps(body).encode(), 1, 1)
    sources.read(message, to_pg_us(now()))
    assert message.records, message.detail
    return message


def pending(conn: Connection, like: str) -> int:
    return int(conn.scalar(text("SELECT count(*) FROM sensor WHERE id LIKE :like"), {"like": like}) or 0)


def test_too_many_names_stop_where_known_sensors_go_on(conn: Connection, sources: Sources) -> None:
    what = flood(names=50)
    writer = Writer(1, 0, what)
    first = writer.write(conn, [reading("f-0", sources)], now())
    assert first.inserted == 1
    done = writer.write(conn, [reading(f"f-{n}", sources, 2) for n in range(2000)], now())
    assert pending(conn, "f-%") == 50
    assert done.inserted == 50
    assert Counter(letter[1] for letter in done.letters) == {"quarantined": LETTERS}
    assert what.caught[0].owner == "source:native" or what.caught[0].owner.startswith("source:")
    assert "f-" in done.letters[0][2]
    again = writer.write(conn, [reading(f"f-{n}", sources, 3) for n in (0, 1, 1999)], now())
    assert again.inserted == 2, "who is known is heard"
    assert pending(conn, "f-%") == 50


def test_three_who_share_a_stream_let_in_no_more_than_one(conn: Connection, sources: Sources) -> None:
    three = [flood(names=60) for _ in range(3)]
    writers = [Writer(1, slot, what) for slot, what in enumerate(three)]
    since = now() - timedelta(hours=1)
    for turn in range(6):
        for what in three:
            what.share(3, quarantine.read_named(conn, since))
        for slot, writer in enumerate(writers):  # none has heard what the others let in since the last look
            names = [f"many-{turn}-{slot}-{n}" for n in range(200)]
            writer.write(conn, [reading(name, sources) for name in names], now())
    assert pending(conn, "many-%") == 60


def test_names_that_come_a_few_at_a_time_are_let_in_up_to_the_bound(conn: Connection, sources: Sources) -> None:
    what = flood(names=9)
    writer = Writer(1, 0, what)
    for n in range(9):
        what.share(3, quarantine.read_named(conn, now() - timedelta(hours=1)))
        writer.write(conn, [reading(f"few-{n}", sources)], now())
    assert pending(conn, "few-%") == 9
    assert not what.caught


def test_names_of_an_account_are_its_own_affair(conn: Connection, sources: Sources) -> None:
    what = flood(names=3)
    what.tell({f"onemap/observation/mine-{n}": "mine" for n in range(9)}, Held())
    writer = Writer(1, 0, what)
    writer.write(conn, [reading(f"mine-{n}", sources) for n in range(9)], now())
    assert pending(conn, "mine-%") == 3
    assert [(one.owner, one.kind) for one in what.caught] == [("account:mine", "names")]
    writer.write(conn, [reading(f"other-{n}", sources) for n in range(3)], now())
    assert pending(conn, "other-%") == 3


def test_a_batch_that_is_written_again_tells_it_once(conn: Connection, sources: Sources) -> None:
    what = flood(names=1)
    batch = [reading(f"g-{n}", sources) for n in range(3)]
    for _ in range(2):
        nested = conn.begin_nested()
        Writer(1, 0, what).write(conn, batch, now())
        nested.rollback()
    assert all(len(message.faults) <= 1 for message in batch)
    assert any(message.faults for message in batch)


# --- written down -----------------------------------------------------------------------------------------------------


@pytest.fixture
def caught(conn: Connection) -> dict[str, Any]:
    quarantine.write_caught(conn, [Caught("source:senml", "names", 812.0)], now())
    return dict(conn.execute(text("SELECT * FROM quarantine")).mappings().one())


def test_it_is_written_down_once_counted_and_said(conn: Connection, caught: dict[str, Any]) -> None:
    assert quarantine.write_caught(conn, [Caught("source:senml", "names", 900.0)], now()) == 0
    quarantine.write_counts(conn, Counter({("source:senml", "names"): 7, ("topic:x", "rate"): 3}), now())
    [one] = quarantine.read_open(conn, None, 10)
    assert (one["owner"], one["kind"], one["figure"], one["held"]) == ("source:senml", "names", 812.0, 7)
    assert quarantine.read_held(conn, now()) == Held(frozenset([("source:senml", "names")]))
    [remark] = check_held(one)
    assert "the source senml floods (812 new sensors)" in remark.words
    assert remark.wrong
    what = conn.scalar(text("SELECT what FROM audit ORDER BY time DESC LIMIT 1"))
    assert what == "quarantine.begin"


def test_let_through_it_may_do_as_it_likes_for_a_while(conn: Connection, caught: dict[str, Any]) -> None:
    quarantine.lift(conn, "source:senml", "names", 2, "me", now())
    assert quarantine.read_open(conn, None, 10) == []
    held = quarantine.read_held(conn, now())
    assert held.is_allowed("source:senml", "names", now() + timedelta(hours=1))
    assert not held.is_allowed("source:senml", "names", now() + timedelta(hours=3))
    with pytest.raises(NotFound):
        quarantine.lift(conn, "source:senml", "names", 2, "me", now())
    assert quarantine.write_caught(conn, [Caught("source:senml", "names", 9.0)], now()) == 0
    assert quarantine.write_caught(conn, [Caught("source:senml", "names", 9.0)], now() + timedelta(hours=3)) == 1


def test_topics_that_only_one_may_write_are_theirs(conn: Connection) -> None:
    given = AccountIn(kind="device", name="logger-9", sensors=["x-1"], cameras=["c-1"], reports=True)
    add_account(conn, given, PREFIX, "me", now())
    owners = quarantine.read_owners(conn, PREFIX)
    assert owners["onemap/observation/x-1"] == "logger-9"
    assert owners["onemap/video/c-1/event"] == "logger-9"
    assert "onemap/incident" not in owners, "many may report"
