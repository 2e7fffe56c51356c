"""Faults on a live system under load: after each, sent = stored + dead letters, nothing twice, and nobody lent a
hand."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from app.services.mosquitto import Broker, start_broker, stop_broker
from app.services.postgres import Cluster, ensure_database, make_cluster, start_cluster, stop_cluster
from app.services.private import BROKER_PID, Private, private_services
from core.db import make_engine
from core.migrate import migrate
from core.seed import seed
from core.settings import Settings
from tests.flow.load import Load, account, all_well, settle, stored
from tests.support import LOGS, PATIENCE_S, ROOT, STATE, WORKER, System, free_settings, mailbox, now, wait_for

OWN = STATE / "faults" / WORKER
# stated in docs/operators.md: what Mosquitto has confirmed and not yet saved when it is killed
BROKER_LOSS = 2000


@pytest.fixture(scope="module")
def own() -> Iterator[Private]:
    """A cluster and a broker that these tests may hurt."""
    with private_services(OWN) as private:
        yield private


@pytest.fixture
def system(own: Private, request: pytest.FixtureRequest) -> Iterator[System]:
    settings = fresh_database(own.cluster, "faults", own.broker)
    with System(settings, own.broker, LOGS / request.node.name, passed=("flood_names",)) as system:
        yield system.start("ingest")


def fresh_database(cluster: Cluster, name: str, broker: Broker) -> Settings:
    with psycopg.connect(cluster.admin_url("postgres"), autocommit=True) as conn:
        row = conn.execute("SHOW data_directory").fetchone()
        assert row is not None
        assert Path(row[0]).resolve() == cluster.data.resolve()
        conn.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
    ensure_database(cluster, name)
    # thousands of devices that nobody has registered are no flood here
    more = {"migrate_database_url": cluster.admin_url(name), "flood_names": 0}
    settings = free_settings(cluster.url(name), broker.url(), **more)
    migrate(settings)
    engine = make_engine(settings, pool_size=1)
    with engine.begin() as conn:
        seed(conn, now())
    engine.dispose()
    return settings


def broker_pid() -> int:
    return int((OWN / BROKER_PID).read_text())


def restart_broker(own: Private) -> None:
    (OWN / BROKER_PID).write_text(str(start_broker(own.broker, OWN / "mosquitto.log")))


def kill_broker() -> None:
    """kill -9, and reap it: it is our child."""
    pid = broker_pid()
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def test_ingester_killed_twenty_times_at_random(system: System) -> None:
    dice = random.Random(20)
    load = Load(system.gateway_url, 500_000, rate=900, step=timedelta(milliseconds=1)).start()
    at_kill = []
    for _ in range(20):
        threading.Event().wait(dice.uniform(0.1, 1.2))
        system.kill("ingest")
        at_kill.append(stored(system))
        system.start("ingest")
    load.enough()
    load.join()
    assert load.count < 500_000, "the kills came while messages did"
    settle(system, load.count)
    assert len(set(at_kill)) > 10, "work was done between the kills"
    assert account(system) == all_well(load.count)


def test_broker_restarts(own: Private, system: System) -> None:
    load = Load(system.gateway_url, 20_000).start()
    load.until(0.3)
    stop_broker(broker_pid())
    restart_broker(own)
    load.join()
    settle(system, load.count)
    assert account(system) == all_well(load.count)


@pytest.mark.parametrize("ingester", ["at work", "away"])
def test_broker_is_killed_and_loses_no_more_than_is_stated(ingester: str, own: Private, system: System) -> None:
    """With the ingester away everything waits in the broker: what it has not saved when it falls is gone."""
    if ingester == "away":
        system.stop("ingest")
    load = Load(system.gateway_url, 20_000).start()
    load.until(0.5)
    kill_broker()
    restart_broker(own)
    if ingester == "away":
        system.start("ingest")
    load.join()
    with mailbox(system.gateway_url) as box:
        box.publish("onemap/observation/after-1", {"time": now().isoformat(), "metric": "flow", "value": 1})
    wait_for(lambda: stored(system, "after"), what="what is sent afterwards comes through")
    wait_for(lambda: stored(system) >= load.count - BROKER_LOSS, what="all but what the broker lost")
    found = account(system)
    print(f"\nbroker kill -9, ingester {ingester}: {load.count - found['rows']} of {load.count} lost")
    assert found["rows"] == found["different"]
    assert found["handed"] == found["handed_different"] == found["rows"] + 1
    assert found["letters"] == 0


def test_database_restarts(own: Private, system: System) -> None:
    load = Load(system.gateway_url, 20_000).start()
    load.until(0.4)
    stop_cluster(own.cluster)
    start_cluster(own.cluster, OWN / "postgres.log")
    load.join()
    settle(system, load.count)
    assert account(system) == all_well(load.count)


def test_database_is_away_for_a_minute(own: Private, system: System) -> None:
    load = Load(system.gateway_url, 40_000, rate=600).start()
    load.until(0.05)
    stop_cluster(own.cluster)
    away_since = time.monotonic()
    wait_for(lambda: time.monotonic() - away_since > 60, 90)
    memory = memory_mib(system)
    start_cluster(own.cluster, OWN / "postgres.log")
    load.join()
    settle(system, load.count)
    assert account(system) == all_well(load.count)
    assert memory < 400, "what waits does not wait in the ingester"
    assert system.running["ingest"].poll() is None, "it waited; nobody had to start it again"


def memory_mib(system: System) -> float:
    status = Path(f"/proc/{system.running['ingest'].pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


@pytest.fixture
def small_volume(own: Private) -> Iterator[Path]:
    """A volume of its own for a cluster, so small that it can be filled."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small volume needs root")
    volume = OWN / "small"
    volume.mkdir(exist_ok=True)
    subprocess.run(["umount", volume], check=False, capture_output=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=700m", "tmpfs", volume], check=False, capture_output=True
    )
    if done.returncode:
        pytest.skip("this machine lets nobody mount a volume (a container without CAP_SYS_ADMIN)")
    own.cluster.run_as.own(volume)
    yield volume
    subprocess.run(["umount", "-l", volume], check=True)


def test_disk_of_the_database_is_full(own: Private, small_volume: Path) -> None:
    cluster = make_cluster(small_volume, own.cluster.run_as)
    log = OWN / "small.log"
    start_cluster(cluster, log)
    try:
        settings = fresh_database(cluster, "faults", own.broker)
        with System(settings, own.broker, LOGS / "test_disk_full") as system:
            system.start("ingest")
            load = Load(system.gateway_url, 500_000, rate=3000, step=timedelta(milliseconds=1)).start()
            wait_for(lambda: load.sent >= 6000)
            filler = small_volume / "filler"
            with pytest.raises(OSError, match="No space"):
                fill(filler)
            wait_for(lambda: '"write_failed"' in system.log("ingest") or '"database_lost"' in system.log("ingest"))
            so_far = load.sent
            wait_for(lambda: load.sent >= so_far + 6000, what="devices speak while the disk is full")
            filler.unlink()
            keep_up(cluster, log)
            load.enough()
            load.join()
            settle(system, load.count)
            assert account(system) == all_well(load.count)
    finally:
        stop_cluster(cluster)


def fill(filler: Path) -> None:
    with filler.open("wb", buffering=0) as out:
        while out.write(bytes(1 << 20)):
            continue


def keep_up(cluster: Cluster, log: Path) -> None:
    """What `up` does: start the server again if it has died of its full disk."""
    try:
        with psycopg.connect(cluster.admin_url("postgres"), connect_timeout=5):
            return
    except psycopg.OperationalError:
        start_cluster(cluster, log)


POISON = [
    b" ",
    b"{",
    b"\x00\xff" * 50,
    b"[" * 5000,
    b'{"time": "never"}',
    b'{"time": "2026-01-01T00:00:00Z", "metric": "a", "value": "x"}',
    b"null",
    b'"\\ud800"',
]


def test_storm_of_poison(system: System) -> None:
    storm = 10_000
    load = Load(system.gateway_url, 10_000).start()
    with mailbox(system.gateway_url) as box:
        topics = [
            "onemap/observation/bad",
            "onemap/incident",
            "onemap/warning",
            "onemap/position/u-1",
            "onemap/video/c-1/snapshot",
        ]
        sent = [box.client.publish(topics[i % 5], POISON[i % len(POISON)], qos=1) for i in range(storm)]
        for message in sent:
            message.wait_for_publish(PATIENCE_S)
    load.join()
    settle(system, load.count)
    wait_for(lambda: system.one("SELECT count(*) FROM dead_letter") >= storm)
    assert account(system) == all_well(load.count, letters=storm)
    [state] = system.rows(
        "SELECT sum(messages) AS messages, sum(dead_letters) AS dead, sum(decode_errors) AS errors FROM source_state"
    )
    assert state == {"messages": load.count + storm, "dead": storm, "errors": storm}


def test_clocks_are_a_day_ahead_and_a_day_behind(system: System) -> None:
    day = timedelta(days=1)
    loads = [
        Load(system.gateway_url, 3000, shift=shift, name=name).start()
        for name, shift in (("right", timedelta(0)), ("ahead", day), ("behind", -day))
    ]
    for load in loads:
        load.join()
        settle(system, load.count, what=lambda s, name=load.name: stored(s, name))
    qualities = system.rows(
        """
SELECT split_part(sensor_id, '-', 1) AS clock, quality, count(*) AS n FROM observation GROUP BY 1, 2
ORDER BY 1, 2
"""
    )
    assert qualities == [
        {"clock": "ahead", "quality": "future", "n": 3000},
        {"clock": "behind", "quality": "late", "n": 3000},
        {"clock": "right", "quality": "good", "n": 3000},
    ]
    assert system.one("SELECT count(*) FROM sensor_state WHERE sensor_id LIKE 'ahead-%%'") == 0
    assert system.one("SELECT count(*) FROM dead_letter") == 0
    assert account(system, "right") == {**all_well(3000), "handed": 6000, "handed_different": 6000}


DEVICES = 10_000
# Mosquitto accepts from a queue of 100: whoever finds it full tries again a second later, so that they come in waves
CROWD = """
import socket, sys
from bench.publish import length, text
from core.mqtt import parse_mqtt_url
url, count, body = sys.argv[1], int(sys.argv[2]), sys.argv[3]
address = parse_mqtt_url(url)
crowd = []
def wave(numbers):
    for i in numbers:
        sock = socket.create_connection((address.host, address.port))
        named = text(f"crowd-{i}") + text(address.username) + text(address.password)
        hello = text("MQTT") + b"\\x04\\xc2\\x00\\x3c" + named
        say = text(f"onemap/observation/load-{i}") + b"\\x00\\x01" + body.replace("VALUE", str(i)).encode()
        sock.sendall(b"\\x10" + length(len(hello)) + hello + b"\\x32" + length(len(say)) + say)
        crowd.append(sock)
    for sock in crowd[numbers[0]:]:
        got = 0
        while got < 8:  # CONNACK and PUBACK
            part = len(sock.recv(8 - got))
            assert part, "the broker hung up"
            got += part
for first in range(0, count, 80):
    wave(range(first, min(first + 80, count)))
print("confirmed", count)
sys.stdin.read()
"""


@pytest.mark.alone
def test_ten_thousand_devices_come_back_at_once(own: Private, system: System) -> None:
    """All sessions are open at the same time, each says something in the moment it is back; then the broker falls and
    all come again."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard < DEVICES + 200:
        pytest.skip(f"a process may open {hard} files here; {DEVICES} devices need as many at the broker")
    crowd = start_crowd(system, 0)
    settle(system, DEVICES)
    stop_broker(broker_pid())
    restart_broker(own)
    crowd.communicate(b"")
    again = start_crowd(system, 1)
    settle(system, 2 * DEVICES)
    again.communicate(b"")
    found = account(system)
    assert (found["rows"], found["handed"], found["handed_different"], found["letters"]) == (2 * DEVICES,) * 3 + (0,)


def start_crowd(system: System, round_: int) -> subprocess.Popen[bytes]:
    """All devices of the crowd connected and confirmed; they stay until told to go."""
    moment = (now() + timedelta(seconds=round_)).isoformat()
    body = json.dumps({"time": moment, "metric": "flow", "value": 0}).replace('"value": 0', '"value": VALUE')
    crowd = subprocess.Popen(
        [sys.executable, "-c", CROWD, system.gateway_url, str(DEVICES), body],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        preexec_fn=open_many,
    )
    assert crowd.stdout is not None
    assert crowd.stdout.readline().split()[:1] == [b"confirmed"]
    return crowd


def open_many() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
