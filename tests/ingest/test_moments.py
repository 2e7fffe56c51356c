"""Moments that say when a message came: no two of one sensor are the same, whichever ingesters take its messages."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from core.pgarray import from_pg_us
from core.settings import Settings
from ingest import runner
from ingest.arrived import Arrived
from ingest.moments import Moments
from ingest.runner import INGESTERS, Ingester
from ingest.writer import SLOTS, Writer
from tests.ingest.test_writer import message, reading
from tests.support import now

READS = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 50)), max_size=20)


@given(apart=st.sampled_from([1, INGESTERS, SLOTS]), slot=st.integers(0, 127), reads=READS)
def test_moments_of_a_slot_go_on_and_none_is_before_its_clock(
    apart: int, slot: int, reads: list[tuple[int, int]]
) -> None:
    moments, given_out = Moments(slot, apart), []
    clock = 1_000_000
    for passed, count in reads:
        clock += passed - 100  # clocks are set back too
        taken = moments.take(clock, count)
        assert len(taken) == count
        assert all(moment >= clock and moment % apart == slot % apart for moment in taken)
        if taken and (not given_out or given_out[-1] < clock - apart):
            assert taken[0] < clock + apart
        given_out += taken
    assert given_out == sorted(set(given_out))


def test_messages_that_ingesters_take_in_one_microsecond_have_each_its_own(
    own_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    same = now()
    monkeypatch.setattr(runner, "utc_now", lambda: same)
    arrived: list[Arrived] = []
    with ExitStack() as stack:
        for slot in range(INGESTERS):
            ingester = Ingester(own_settings, slot, threading.Event())
            stack.callback(ingester.close)
            for mid in (1, 3):
                read = [Arrived("tele/h1/wide/SENSOR", b'{"Level": 1}', mid + n, 1) for n in range(2)]
                ingester.take(ingester.main, read)
                arrived += read
    assert len({message.at for message in arrived}) == len(arrived) == 4 * INGESTERS
    assert all(abs(from_pg_us(message.at) - same) < timedelta(milliseconds=1) for message in arrived)


def test_batches_of_all_writers_have_each_their_own(conn: Connection) -> None:
    same = now()
    for slot in range(8):
        writer = Writer(1, slot)
        for n in range(2):
            writer.write(conn, [message(reading(1, 2 * slot + n))], same)
    assert conn.scalar(text("SELECT count(DISTINCT received_at) FROM observation WHERE sensor_id = 'wl-spare'")) == 16
