"""Both gateways as processes between real sockets and a real broker: heard on our topics, and silent where it is
away."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from app.services.mosquitto import Broker
from ingest.gateways.jt808_messages import Id, Result
from ingest.gateways.publisher import Publication
from ingest.records import IncidentReportRow, PositionRow, VideoEventRow
from tests.ingest.gateways.cameras import DEVICE, PASSWORD, SERVER, Camera, code, request
from tests.ingest.gateways.support import PAYLOADS, SUQIAN, read_natively, run
from tests.ingest.gateways.terminals import PHONE, Terminal, authentication_body, batch_body, location_body
from tests.support import PATIENCE_S, ROOT, mailbox, now, wait_for

LISTENING = re.compile(r'"port": (\d+).*"event": "listening"|"event": "listening".*"port": (\d+)')
VIDEO = (PAYLOADS / "gb28181" / "alarm_video.xml").read_bytes()
JT808 = ["jt808"]
GB28181 = ["gb28181", "--id", SERVER]


def environment(url: str) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "ONEMAP_MQTT_URL": url,
        "ONEMAP_JT808_SECRET": "a secret of this test",
        "ONEMAP_GB28181_PASSWORD": PASSWORD,
    }


@contextmanager
def gateway(log: Path, url: str, *words: str) -> Iterator[int]:
    """The gateway as a process; gives its port. It must end cleanly when told."""
    with log.open("wb") as out:
        command = [sys.executable, "-m", "app.cli", "gateway", *words, "--port", "0"]
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out, env=environment(url))
    try:
        found = wait_for(lambda: LISTENING.search(log.read_text()) or process.poll() is not None, what="it listens")
        assert isinstance(found, re.Match), log.read_text()
        yield int(found[1] or found[2])
    finally:
        process.terminate()
        ended = process.wait(PATIENCE_S)
    assert ended == 0, log.read_text()


def heard(box: Any, topic: str) -> list[Publication]:
    return [Publication(name, json.loads(body)) for name, body in list(box.heard) if name == topic]


def test_terminal_drives_into_the_picture_and_calls_for_help(broker: Broker, tmp_path: Path) -> None:
    time = now().replace(microsecond=0)

    async def drive(port: int) -> None:
        terminal = await Terminal.connect(port)
        assert await terminal.login() == Result.DONE
        assert await terminal.ask(Id.LOCATION, location_body(time, alarm=1)) == Result.DONE
        assert await terminal.ask(Id.LOCATION, location_body(time, alarm=1)) == Result.DONE
        await terminal.close()

    topics = (f"onemap/position/{PHONE}", "onemap/incident")
    with mailbox(broker.url(), *topics) as box, gateway(tmp_path / "log", broker.url("gateway"), *JT808) as port:
        run(drive(port))
        wait_for(lambda: len(heard(box, topics[0])) == 2 and heard(box, topics[1]))
        positions = [read_natively(publication) for publication in heard(box, topics[0])]
        [report] = [read_natively(publication) for publication in heard(box, topics[1])]
    assert positions[0] == positions[1]
    assert isinstance(positions[0], PositionRow)
    assert (positions[0].lon, positions[0].lat) == (SUQIAN.lon, SUQIAN.lat)
    assert isinstance(report, IncidentReportRow)
    assert report.report_id == f"{PHONE}-{time:%Y%m%d%H%M%S}"


def test_old_terminal_sends_its_blind_area_below_the_prefix_of_its_datum(broker: Broker, tmp_path: Path) -> None:
    async def drive(port: int) -> None:
        terminal = await Terminal.connect(port, version=None)
        batch = batch_body(*(location_body(now()) for _ in range(3)))
        assert await terminal.ask(Id.LOCATION_BATCH, batch) == Result.DONE
        await terminal.close()

    topic = f"vendor/gcj/position/{PHONE}"
    words = [*JT808, "--no-auth", "--topic-prefix", "vendor/gcj"]
    with mailbox(broker.url(), topic) as box, gateway(tmp_path / "log", broker.url("tester"), *words) as port:
        run(drive(port))
        wait_for(lambda: len(box.heard) == 3)


def refused(broker: Broker) -> str:
    return f"mqtt://gateway:wrong@127.0.0.1:{broker.port}"


def test_terminal_hears_nothing_while_the_broker_refuses_us(broker: Broker, tmp_path: Path) -> None:
    async def drive(port: int) -> None:
        terminal = await Terminal.connect(port)
        _, given = await terminal.register()
        assert await terminal.ask(Id.AUTHENTICATE, authentication_body(given, 1)) == Result.DONE
        terminal.send(Id.LOCATION, location_body(now()))
        assert await terminal.is_closed(), "no answer, only the end"
        await terminal.close()

    with gateway(tmp_path / "log", refused(broker), *JT808, "--wait", "1") as port:
        run(drive(port))


def test_terminal_hears_nothing_where_it_may_not_publish(broker: Broker, tmp_path: Path) -> None:
    async def drive(port: int) -> None:
        terminal = await Terminal.connect(port)
        terminal.send(Id.LOCATION, location_body(now()))
        assert await terminal.is_closed(), "no answer, only the end"
        await terminal.close()

    words = [*JT808, "--no-auth", "--topic-prefix", "elsewhere"]
    with gateway(tmp_path / "log", broker.url("gateway"), *words) as port:
        run(drive(port))
    assert f"the broker refused 'elsewhere/position/{PHONE}'" in (tmp_path / "log").read_text()


def test_camera_sees_an_intruder(broker: Broker, tmp_path: Path) -> None:
    document = VIDEO.replace(b"2026-05-04T09:19:12", now().isoformat(timespec="seconds").encode())

    async def watch(port: int) -> None:
        camera = await Camera.connect(port)
        try:
            assert await camera.register() == 200
            assert code(await camera.ask(request("MESSAGE", document))) == 200
            ours = await camera.heard.get()
            assert b"<Result>OK</Result>" in ours.body
            camera.answer(ours)
        finally:
            camera.close()

    topic = f"onemap/video/{DEVICE}/event"
    with mailbox(broker.url(), topic) as box, gateway(tmp_path / "log", broker.url("gateway"), *GB28181) as port:
        run(watch(port))
        [event] = wait_for(lambda: heard(box, topic))
    row = read_natively(event)
    assert isinstance(row, VideoEventRow)
    assert (row.camera_id, row.kind) == (DEVICE, "intrusion")


def test_camera_is_told_that_the_service_is_unavailable_while_the_broker_refuses_us(
    broker: Broker, tmp_path: Path
) -> None:
    async def watch(port: int) -> None:
        camera = await Camera.connect(port)
        try:
            assert await camera.register() == 200
            assert code(await camera.ask(request("MESSAGE", VIDEO))) == 503
            assert camera.heard.empty()
        finally:
            camera.close()

    with gateway(tmp_path / "log", refused(broker), *GB28181, "--wait", "1") as port:
        run(watch(port))


@pytest.mark.parametrize("words", [JT808, GB28181], ids=["jt808", "gb28181"])
def test_taken_port_is_said_in_a_sentence(broker: Broker, tmp_path: Path, words: list[str]) -> None:
    with gateway(tmp_path / "log", broker.url("gateway"), *words) as port:
        command = [sys.executable, "-m", "app.cli", "gateway", *words, "--port", str(port)]
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, env=environment(broker.url())
        )
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr
