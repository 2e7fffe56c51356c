"""Chores, threads under supervision, the pulse, the lease and its fence."""

from __future__ import annotations

import os
import threading
from collections import Counter
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, Engine, text

from core.db import connect_direct
from core.errors import Unavailable
from core.process import BEAT_FD, Chore, Chores, Crew, Fence, Lease, Pulse, is_of_connection, take_lease
from core.settings import Settings
from tests.support import PATIENCE_S, wait_for

MOMENT = datetime(2026, 5, 4, 8, tzinfo=UTC)


class Desk:
    """Chores on a clock that the test moves."""

    def __init__(self, *chores: Chore) -> None:
        self.seconds = 0.0
        self.figures: Counter[str] = Counter()
        self.stop = threading.Event()
        self.chores = Chores("desk", chores, self.figures, clock=lambda: MOMENT, seconds=lambda: self.seconds)

    def turn(self, seconds: float = 0.0) -> float:
        self.seconds += seconds
        return self.chores.turn(self.stop)


def doing(done: list[str], name: str, more: int = 0) -> Chore:
    left = [more]

    def work(now: datetime) -> bool:
        assert now == MOMENT
        done.append(name)
        left[0] -= 1
        return left[0] >= 0

    return Chore(name, 10.0, work, ("rain",))


def test_chore_is_done_at_once_and_then_in_its_rhythm() -> None:
    done: list[str] = []
    desk = Desk(doing(done, "a"))
    assert desk.turn() == 5.0, "a thread comes round every five seconds at least"
    assert desk.turn(9.9) == pytest.approx(0.1)
    assert done == ["a"]
    desk.turn(0.1)
    assert done == ["a", "a"]


def test_sign_wakes_the_chores_that_wait_for_it_but_not_sooner_than_their_rest() -> None:
    done: list[str] = []
    calm = doing(done, "calm")
    calm.rest_s = 5.0
    desk = Desk(doing(done, "quick"), calm)
    desk.turn()
    desk.chores.sign("rain")
    desk.turn(1)
    assert done == ["quick", "calm", "quick"]
    desk.turn(4)
    assert done[3:] == ["calm"], "the sign is not forgotten while the chore rests"
    desk.chores.sign("snow")
    desk.turn(1)
    assert len(done) == 4


def test_chore_with_more_to_do_takes_turns_with_the_others() -> None:
    done: list[str] = []
    desk = Desk(doing(done, "much", more=2), doing(done, "little"))
    assert desk.turn() == 0.0
    desk.turn()
    desk.turn()
    assert done == ["much", "little", "much", "much"]


def test_chore_that_fails_waits_longer_each_time_and_the_others_go_on() -> None:
    done: list[str] = []

    def fail(_: datetime) -> bool:
        done.append("bad")
        raise ZeroDivisionError

    desk = Desk(Chore("bad", 60.0, fail, ("rain",)), doing(done, "good"))
    desk.turn()
    desk.chores.sign("rain")
    desk.turn(0.4)
    assert done.count("bad") == 1, "a sign does not shorten the wait after a failure"
    desk.turn(0.2)
    desk.turn(0.6)
    assert done.count("bad") == 2
    desk.turn(0.5)
    assert (done.count("bad"), desk.figures["failed_bad"]) == (3, 3)
    assert done.count("good") >= 1


def test_thread_that_fails_is_started_again_and_said() -> None:
    came = threading.Semaphore(0)
    tries = [0]

    def work(stop: threading.Event, pulse: Pulse) -> None:
        tries[0] += 1
        if tries[0] == 1:
            raise RuntimeError("a broken thing")
        came.release()
        stop.wait()

    crew = Crew(threading.Event(), Pulse())
    crew.start("worker", work)
    assert came.acquire(timeout=PATIENCE_S)
    figures = crew.figures()["threads_failed"]
    assert isinstance(figures, dict)
    assert (figures["worker"]["restarts"], figures["worker"]["error"]) == (1, "a broken thing")
    crew.stop.set()
    crew.join()
    assert not crew.is_alive("worker")


def test_vital_thread_takes_the_life_with_it() -> None:
    crew = Crew(threading.Event(), Pulse())
    crew.start("lease", lambda stop, pulse: None, vital=True)
    assert crew.stop.wait(PATIENCE_S)


def test_pulse_stops_while_a_thread_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = os.pipe()
    monkeypatch.setenv(BEAT_FD, str(theirs))
    clock = [0.0]
    pulse = Pulse(clock=lambda: clock[0], hung_s=100)
    pulse.turned("writer")
    assert pulse.beat()
    assert os.read(ours, 10) == b"."
    clock[0] = 101
    assert (pulse.beat(), pulse.hanging()) == (False, ["writer"])
    pulse.turned("writer")
    assert pulse.beat()
    clock[0] = 500
    pulse.ended("writer")
    assert pulse.beat(), "who has ended in good order is not waited for"
    os.close(ours)
    os.close(theirs)


def test_lock_is_free_again_once_its_connection_is_lost(settings: Settings) -> None:
    with take_lease(settings, "first") as first, take_lease(settings, "second") as second:
        assert first.take("lease-test")
        assert first.take("lease-test"), "a second time it is ours still"
        assert not second.take("lease-test")
        end_backend(settings, first)
        wait_for(lambda: second.take("lease-test"), what="the lock is free")


def test_listening_ends_when_the_connection_is_lost(settings: Settings) -> None:
    ended: list[BaseException] = []
    with take_lease(settings, "lost") as lease:

        def listen() -> None:
            try:
                lease.listen(["lease_test"], lambda notes: None, lambda: None, threading.Event(), Pulse(), 0.2)
            except Exception as exc:
                ended.append(exc)
                raise

        thread = threading.Thread(target=lambda: suppress_all(listen))
        thread.start()
        end_backend(settings, lease)
        thread.join(20)
        assert not thread.is_alive()
    assert is_of_connection(ended[0])


def suppress_all(work: object) -> None:
    try:
        work()  # type: ignore[operator]
    except Exception:  # noqa: BLE001 - kept by the caller
        return


def end_backend(settings: Settings, lease: Lease) -> None:
    with connect_direct(settings) as conn:
        conn.execute("SELECT pg_terminate_backend(%s)", (lease.pid,))


def test_who_has_lost_the_lease_is_refused_at_the_fence(settings: Settings, engine: Engine) -> None:
    with take_lease(settings, "old") as old, take_lease(settings, "new") as new:
        assert old.take("fence-test")
        fence = Fence(old)
        with engine.begin() as conn:
            fence.enter(conn, ["fence-test"])
        end_backend(settings, old)
        wait_for(lambda: new.take("fence-test"))
        with pytest.raises(Unavailable) as refused, engine.begin() as conn:
            fence.enter(conn, ["fence-test"])
        assert refused.value.reason == "lease_lost"
        with engine.begin() as conn:
            Fence(new).enter(conn, ["fence-test"])


def test_new_owner_waits_for_what_the_old_one_has_begun(settings: Settings, engine: Engine) -> None:
    with take_lease(settings, "old") as old, take_lease(settings, "new") as new, engine.connect() as writing:
        assert old.take("fence-wait")
        transaction = writing.begin()
        Fence(old).enter(writing, ["fence-wait"])
        end_backend(settings, old)
        wait_for(lambda: new.take("fence-wait"))
        passed = threading.Event()

        def take_over() -> None:
            with engine.begin() as conn:
                Fence(new).pass_through(conn, ["fence-wait"])
            passed.set()

        thread = threading.Thread(target=take_over)
        thread.start()
        wait_for(lambda: waits_for_fence(writing), what="the new owner waits")
        assert not passed.is_set()
        transaction.commit()
        thread.join(20)
        assert passed.is_set()


def waits_for_fence(conn: Connection) -> bool:
    return bool(conn.scalar(text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")))
