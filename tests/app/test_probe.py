"""What counts as an answer of a server, and what `up` does with one that is not its own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.services.logs import Logs
from app.services.mosquitto import Broker
from app.services.postgres import Cluster
from app.services.probe import BrokerQuestion, DatabaseQuestion, Probe
from app.services.supervisor import FIRST_ANSWER_S, Outsider, Service, Supervisor
from tests.support import PATIENCE_S, ROOT, wait_for

Speech = Callable[[socket.socket], None]


@contextmanager
def server(speech: Speech) -> Iterator[int]:
    """A server on a port of its own that does `speech` on every connection."""
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.1)

        def serve() -> None:
            kept = []  # open as long as we live: who says nothing hangs up neither
            while not ended.is_set():
                try:
                    conn, _ = listener.accept()
                except TimeoutError:
                    continue
                conn.settimeout(PATIENCE_S)
                kept.append(conn)
                speech(conn)
            for conn in kept:
                conn.close()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            ended.set()
            thread.join()


def refusal(state: str, words: str) -> Speech:
    """No TLS, then the error, as PostgreSQL says it (protocol, ErrorResponse)."""
    body = f"SFATAL\0VFATAL\0C{state}\0M{words}\0\0".encode()

    def speech(conn: socket.socket) -> None:
        conn.recv(8)
        conn.sendall(b"N")
        conn.recv(1000)
        conn.sendall(b"E" + (len(body) + 4).to_bytes(4, "big") + body)
        conn.shutdown(socket.SHUT_WR)

    return speech


def silence(conn: socket.socket) -> None:
    """It has taken the connection (the kernel does that for a stopped process too), and that is all."""


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("57P03", "the database system is starting up"),
        ("57P03", "the database system is not yet accepting connections"),
        ("53300", "sorry, too many clients already"),
        ("28P01", "password authentication failed"),
    ],
)
def test_refusal_of_the_database_is_an_answer(state: str, words: str) -> None:
    with server(refusal(state, words)) as port:
        assert DatabaseQuestion(f"postgresql://onemap:x@127.0.0.1:{port}/postgres").ask(PATIENCE_S)


def test_silent_database_and_one_that_is_away_have_not_answered() -> None:
    with server(silence) as port:
        url = f"postgresql://onemap:x@127.0.0.1:{port}/postgres"
        assert not DatabaseQuestion(url).ask(2)
    assert not DatabaseQuestion(url).ask(2)


def test_database_and_broker_that_run_answer(cluster: Cluster, broker: Broker) -> None:
    assert DatabaseQuestion(cluster.admin_url("postgres")).ask(PATIENCE_S)
    question = BrokerQuestion(broker.url())
    try:
        assert question.ask(PATIENCE_S), "CONNECT"
        assert question.ask(PATIENCE_S), "SUBSCRIBE over the same connection"
    finally:
        question.close()


def test_broker_that_refuses_the_account_has_answered_and_a_silent_one_has_not(broker: Broker) -> None:
    refused = BrokerQuestion(broker.url().replace("onemap:", "stranger:"))
    with server(silence) as port:
        silent = BrokerQuestion(f"mqtt://onemap:x@127.0.0.1:{port}")
        try:
            assert refused.ask(PATIENCE_S)
            assert not silent.ask(1)
        finally:
            refused.close()
            silent.close()


class Scripted:
    """Answers as the test says; an exception is raised."""

    def __init__(self) -> None:
        self.answer: bool | Exception = True

    def ask(self, within_s: float) -> bool:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def close(self) -> None: ...


def test_silence_counts_from_the_first_question_without_an_answer() -> None:
    now = [100.0]
    question = Scripted()
    probe = Probe(question, 30, clock=lambda: now[0])
    question.answer = False
    probe.ask_once()
    now[0] += 20
    probe.ask_once()
    now[0] += 20
    assert (probe.silent_s(), probe.heard) == (40, False)
    probe.forgive()
    assert probe.silent_s() == 0, "we slept ourselves"
    now[0] += 5
    assert probe.silent_s() == 5
    question.answer = True
    probe.ask_once()
    now[0] += 50
    assert (probe.silent_s(), probe.heard) == (0, True)


def test_fault_of_ours_is_no_silence_of_the_server() -> None:
    now = [0.0]
    question = Scripted()
    question.answer = RuntimeError("can't start new thread")
    probe = Probe(question, 30, clock=lambda: now[0])
    probe.ask_once()
    now[0] += 100
    assert probe.silent_s() == 0


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[tuple[Supervisor, list[str]]]:
    told: list[str] = []
    made = Supervisor(tmp_path / "run.json", Logs(tmp_path, 1_000_000, ["x"], ROOT), told.append)
    try:
        yield made, told
    finally:
        made.close_logs()


def a_probe(now: list[float], question: Scripted) -> Probe:
    probe = Probe(question, 30, clock=lambda: now[0])
    probe.ask_once()
    return probe


def test_server_that_is_not_ours_is_told_about_once_and_when_it_is_back(
    supervisor: tuple[Supervisor, list[str]], tmp_path: Path
) -> None:
    watcher, told = supervisor
    now, question = [0.0], Scripted()
    question.answer = False
    watcher.outsiders.append(Outsider("the database", a_probe(now, question)))
    watcher.watch_once()
    assert told == []
    now[0] += 31
    watcher.watch_once()
    watcher.watch_once()
    question.answer = True
    watcher.outsiders[0].probe.ask_once()
    watcher.watch_once()
    assert told == [
        "the database has not answered for 31 s; it is not ours and is left alone",
        "the database answers again",
    ]
    wait_for(lambda: (tmp_path / "up.log").exists() and "answers again" in (tmp_path / "up.log").read_text())


def a_service(now: list[float], question: Scripted, done: list[str], *, dies_at: str) -> Service:
    return Service(
        "postgres",
        start=lambda: done.append("start") or 2,  # type: ignore[func-returns-value]
        alive=lambda pid: dies_at not in done,
        end=lambda pid: done.append("end"),
        kill=lambda pid: done.append("kill"),
        probe=a_probe(now, question),
        pid=1,
    )


def test_server_of_ours_that_hangs_is_asked_to_end_then_killed_then_started(
    supervisor: tuple[Supervisor, list[str]],
) -> None:
    watcher, told = supervisor
    now, question, done = [0.0], Scripted(), list[str]()
    watcher.services.append(service := a_service(now, question, done, dies_at="kill"))
    question.answer = False
    service.probe.ask_once()
    now[0] += 31
    watcher.watch_once()
    watcher.watch_once()
    assert done == ["end"], "it has a while to end by itself"
    service.kill_at = 0.0
    watcher.watch_once()
    assert done == ["end", "kill"]
    watcher.watch_once()
    assert (done, service.pid) == (["end", "kill", "start"], 2)
    assert told == ["postgres hangs (no answer for 31 s); it is ended", "postgres ended; starting it again"]
    assert service.kill_at is None
    assert service.probe.silent_s() == 0


def test_server_just_started_has_longer_to_its_first_answer(supervisor: tuple[Supervisor, list[str]]) -> None:
    watcher, _ = supervisor
    now, question, done = [0.0], Scripted(), list[str]()
    question.answer = False
    watcher.services.append(a_service(now, question, done, dies_at="never"))
    now[0] += FIRST_ANSWER_S - 1
    watcher.watch_once()
    assert done == []
    now[0] += 2
    watcher.watch_once()
    assert done == ["end"]


def test_server_that_cannot_be_started_is_tried_again_and_ends_nothing(
    supervisor: tuple[Supervisor, list[str]],
) -> None:
    watcher, told = supervisor
    now, question, done = [0.0], Scripted(), list[str]()
    service = a_service(now, question, done, dies_at="gone")
    start, service.start = service.start, lambda: (_ for _ in ()).throw(OSError("no room"))
    watcher.services.append(service)
    done.append("gone")
    watcher.watch_once()
    assert told[-1] == "postgres cannot be started: no room"
    assert "postgres" not in watcher.pids()
    service.start, service.retry_at = start, 0.0
    watcher.watch_once()
    assert watcher.pids()["postgres"] == 2


def test_after_a_pause_of_our_own_nobody_is_blamed(supervisor: tuple[Supervisor, list[str]]) -> None:
    watcher, _ = supervisor
    now, question, done = [0.0], Scripted(), list[str]()
    watcher.services.append(service := a_service(now, question, done, dies_at="never"))
    question.answer = False
    service.probe.ask_once()
    now[0] += 600
    watcher._watched_at -= 600  # Ctrl-Z, a laptop that slept
    watcher.watch_once()
    assert done == []
