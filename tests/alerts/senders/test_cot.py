"""Cursor on Target over real connections: a TAK endpoint, a pytak client behind it, a group by UDP."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from configparser import ConfigParser
from datetime import datetime, timedelta
from xml.etree import ElementTree as ET

import pytak
import pytest
from sqlalchemy import Engine, text

from alerts.senders import Delivery, Later, Message, Reads, Sent, Target
from alerts.senders.cot import CotSender, make_cot
from core.settings import Settings
from tests.alerts.helpers import change
from tests.alerts.senders.taks import Tak, tak
from tests.support import now, wait_for

SETTINGS = Settings(send_hosts="127.0.0.0/8,239.0.0.0/8")


@pytest.fixture
def endpoint() -> Iterator[Tak]:
    with tak() as found:
        yield found


@pytest.fixture
def sender() -> Iterator[CotSender]:
    made = make_cot(SETTINGS)
    yield made
    made.close()


def raise_one(db: Engine) -> str:
    with db.begin() as conn:
        change(conn, 1, now())
        return str(conn.scalar(text("SELECT id FROM alarm")))


def event_of(db: Engine, sender: CotSender, alarm: str, to: Target, what: str = "raised") -> Message:
    with db.begin() as conn:
        made = sender.render(Reads(conn), Delivery(1, "alarm", alarm, what, None, None, 0, now()), to, now())
    assert made is not None
    return made


def moment(value: str | None) -> datetime:
    assert value
    return datetime.fromisoformat(value)


def test_marker_stands_and_its_end_takes_it_away(fresh_engine: Engine, endpoint: Tak, sender: CotSender) -> None:
    to = Target("t", {"address": endpoint.url}, lang="zh")
    alarm = raise_one(fresh_engine)
    assert sender.send(to, [event_of(fresh_engine, sender, alarm, to)]) == [Sent()]
    with fresh_engine.begin() as conn:
        assert change(conn, None, now() + timedelta(hours=1), 1.0)
        place = conn.execute(text("SELECT ST_X(geom) AS lon, ST_Y(geom) AS lat FROM alarm")).one()
    assert sender.send(to, [event_of(fresh_engine, sender, alarm, to, "returned")]) == [Sent()]
    wait_for(lambda: len(endpoint.heard) == 2)
    begun, ended = (ET.fromstring(one) for one in endpoint.heard)
    assert begun.get("uid") == ended.get("uid") == f"onemap-alarm-{alarm}"
    assert (begun.get("type"), ended.get("type")) == ("b-m-p-s-m", "t-x-d-d")
    for one in (begun, ended):
        assert moment(one.get("stale")) > moment(one.get("start")), "a stale at or before its start is never drawn"
    point = begun.find("point")
    assert point is not None
    assert float(point.get("lat", 0)) == pytest.approx(place.lat, abs=1e-6)
    assert float(point.get("lon", 0)) == pytest.approx(place.lon, abs=1e-6)
    remarks = begun.findtext("detail/remarks")
    assert remarks
    assert "一级告警" in remarks
    assert ended.find("detail/__forcedelete") is not None


def test_who_connects_anew_is_told_of_all_that_stands(fresh_engine: Engine, endpoint: Tak, sender: CotSender) -> None:
    """A server that restarts has forgotten; the event that finds the connection closed is lost to nobody."""
    to = Target("t", {"address": endpoint.url})
    alarm = raise_one(fresh_engine)
    with fresh_engine.begin() as conn:
        other = conn.scalar(
            text(
                "INSERT INTO alarm SELECT (jsonb_populate_record(a, jsonb_build_object('id', gen_random_uuid(), "
                "'thing_id', 'another'))).* FROM alarm a RETURNING id"
            )
        )
        conn.execute(
            text(
                "INSERT INTO told (subscription_id, alarm_id, level, told_at, over) VALUES ('t', :id, 1, now(), false)"
            ),
            {"id": other},
        )
    assert sender.send(to, [event_of(fresh_engine, sender, alarm, to)]) == [Sent()]
    wait_for(lambda: len(endpoint.heard) == 2)
    again = event_of(fresh_engine, sender, alarm, to)
    endpoint.drop_all()
    wait_for(lambda: not endpoint.clients)
    [outcome] = sender.send(to, [again])
    assert isinstance(outcome, Later)
    assert sender.send(to, [event_of(fresh_engine, sender, alarm, to)]) == [Sent()]
    wait_for(lambda: len(endpoint.heard) == 4)
    assert [ET.fromstring(one).get("uid") for one in endpoint.heard] == 2 * [
        f"onemap-alarm-{other}",
        f"onemap-alarm-{alarm}",
    ]


def test_pytak_client_behind_the_server_hears_the_marker(
    fresh_engine: Engine, endpoint: Tak, sender: CotSender
) -> None:
    to = Target("t", {"address": endpoint.url})
    message = event_of(fresh_engine, sender, raise_one(fresh_engine), to)

    async def listen() -> bytes:
        parser = ConfigParser()
        parser["x"] = {"COT_URL": endpoint.url}
        reader, writer = await pytak.protocol_factory(parser["x"])
        await asyncio.to_thread(wait_for, lambda: bool(endpoint.clients))
        heard: asyncio.Queue[bytes] = asyncio.Queue()
        worker = asyncio.create_task(pytak.RXWorker(heard, parser["x"], reader).run())
        outcome = await asyncio.to_thread(sender.send, to, [message])
        assert outcome == [Sent()]
        try:
            return await asyncio.wait_for(heard.get(), 60)
        finally:
            worker.cancel()
            writer.close()

    told = ET.fromstring(asyncio.run(listen()))
    assert told.get("type") == "b-m-p-s-m"
    assert told.find("detail/contact") is not None


def test_group_is_told_by_datagrams_of_one_event_each(fresh_engine: Engine, sender: CotSender) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", 0))
        ear.settimeout(60)
        to = Target("u", {"address": f"udp://127.0.0.1:{ear.getsockname()[1]}"})
        message = event_of(fresh_engine, sender, raise_one(fresh_engine), to)
        twice = Message("", message.payload * 2)
        assert sender.send(to, [twice]) == [Sent()]
        assert [ET.fromstring(ear.recv(65_536)).tag for _ in range(2)] == ["event", "event"]
