"""Dead letters read once more: after the cause is mended they are rows, else they stay with the reason of today."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from core.clock import rfc3339
from core.installation import Installation
from core.pgarray import to_pg_us
from core.settings import Settings
from ingest.arrived import Arrived
from ingest.records import BirthRow
from ingest.replay import find_waiting, replay
from ingest.sources import read_sources
from ingest.upkeep import Upkeep
from ingest.writer import Writer
from tests.ingest.test_aliases import METER, NODE
from tests.ingest.test_writer import message
from tests.support import now

SETTINGS = Settings()


def arrive(engine: Engine, topic: str, payload: Any, **user: str) -> None:
    """A message as the ingester would take it, with the sources of now."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    with engine.begin() as conn:
        sources = read_sources(conn, "onemap")
        one = Arrived(topic, body, 1, 1, kept_properties=user)
        sources.decode(one, to_pg_us(now()))
        Writer(1, 5).write(conn, [one], now(), sources.extent)


def change(engine: Engine, query: str) -> None:
    with engine.begin() as conn:
        conn.execute(text(query))


def letters(engine: Engine) -> list[dict[str, Any]]:
    with engine.connect() as conn:
        return [dict(r._mapping) for r in conn.execute(text("SELECT * FROM dead_letter ORDER BY id"))]


def waiting(engine: Engine, **about: Any) -> list[int]:
    with engine.connect() as conn:
        return find_waiting(conn, **about)


def value(engine: Engine, sensor: str) -> float | None:
    with engine.connect() as conn:
        return conn.scalar(text("SELECT value FROM observation WHERE sensor_id = :id"), {"id": sensor})  # type: ignore[no-any-return]


def test_letter_is_a_row_once_its_source_is_mended(fresh_engine: Engine) -> None:
    change(fresh_engine, "UPDATE source SET enabled = true WHERE id = 'senml'")
    arrive(fresh_engine, "senml/gauge", [{"n": "water_level", "u": "Pa", "v": 31000}])
    arrive(fresh_engine, "senml/gauge", [{"n": "flow", "u": "m3/s", "v": 2}])
    [letter] = letters(fresh_engine)
    assert (letter["source_id"], letter["reason"], letter["field"]) == ("senml", "unit", "unit")
    assert replay(fresh_engine, SETTINGS, [letter["id"]], "me").reasons == {"unit": 1}
    assert (letters(fresh_engine)[0]["handled_by"], waiting(fresh_engine)) == ("me", [letter["id"]])
    # metres of water column above the sensor: 1 m is 9,806.65 Pa
    change(fresh_engine, """UPDATE source SET units = '{"water_level": {"unit": "m", "scale": 0.000101972}}'
      WHERE id = 'senml'""")  # fmt: skip
    assert replay(fresh_engine, SETTINGS, [letter["id"]], "me").read == 1
    with fresh_engine.connect() as conn:
        found = dict(conn.execute(text("SELECT metric, value FROM observation WHERE sensor_id = 'gauge'")).all())  # type: ignore[arg-type]
    assert found == {"flow": pytest.approx(2000.0), "water_level": pytest.approx(3.161, abs=1e-3)}


def test_topic_without_a_source_is_read_after_one_was_switched_on(fresh_engine: Engine) -> None:
    arrive(fresh_engine, "tele/pump/SENSOR", {"DS18B20": {"Temperature": 20.5}})
    [letter] = letters(fresh_engine)
    assert (letter["reason"], letter["source_id"]) == ("no_source", None)
    assert waiting(fresh_engine, source="-") == waiting(fresh_engine, reason="no_source") == [letter["id"]]
    change(fresh_engine, "UPDATE source SET enabled = true WHERE id = 'tasmota'")
    assert replay(fresh_engine, SETTINGS, [letter["id"]], "me").read == 1
    assert value(fresh_engine, "pump") == 20.5
    [letter] = letters(fresh_engine)
    assert letter["replayed_at"] is not None
    assert letter["source_id"] == "tasmota"
    assert waiting(fresh_engine) == []
    assert replay(fresh_engine, SETTINGS, [letter["id"]], "me").read == 0, "what was replayed is not replayed again"


def test_times_are_judged_as_of_the_moment_it_came(fresh_engine: Engine) -> None:
    """A letter that has lain for months is as good as on its first day."""
    moment = now() - timedelta(days=100)
    arrive(fresh_engine, "tele/old/SENSOR", {"Time": rfc3339(moment), "A": {"Temperature": 1}})
    with fresh_engine.begin() as conn:
        conn.execute(text("UPDATE dead_letter SET received_at = :m"), {"m": moment + timedelta(minutes=1)})
    change(fresh_engine, "UPDATE source SET enabled = true WHERE id = 'tasmota'")
    assert replay(fresh_engine, SETTINGS, waiting(fresh_engine), "me").read == 1
    assert value(fresh_engine, "old") == 1


def test_contradiction_stays_a_letter_and_a_repeat_is_done(fresh_engine: Engine) -> None:
    body = {"time": rfc3339(now()), "metric": "flow", "value": 1}
    arrive(fresh_engine, "elsewhere/observation/a", body)
    arrive(fresh_engine, "elsewhere/observation/a", {**body, "value": 2})
    change(fresh_engine, """UPDATE source SET topic_filters = topic_filters || '{elsewhere/observation/+}',
      options = '{"prefix": "elsewhere"}' WHERE id = 'native'""")  # fmt: skip
    done = replay(fresh_engine, SETTINGS, waiting(fresh_engine), "me")
    assert (done.read, done.reasons) == (1, {"conflict": 1})
    assert value(fresh_engine, "a") == 1
    assert [x["reason"] for x in letters(fresh_engine)] == ["no_source", "conflict"]


def test_user_properties_are_kept_with_the_letter(fresh_engine: Engine) -> None:
    arrive(fresh_engine, "elsewhere/video/c1/snapshot", b"\xff\xd8\xff\xe0", event="e7")
    change(fresh_engine, """UPDATE source SET topic_filters = '{elsewhere/video/+/snapshot}',
      options = '{"prefix": "elsewhere"}' WHERE id = 'native'""")  # fmt: skip
    assert replay(fresh_engine, SETTINGS, waiting(fresh_engine), "me").read == 1
    with fresh_engine.connect() as conn:
        assert conn.scalar(text("SELECT event_id FROM snapshot")) == "e7"


def test_value_that_came_before_its_birth_is_read_by_itself_after_it(fresh_engine: Engine, tmp_path: Any) -> None:
    """The stored bytes are a Sparkplug DDATA by alias; the birth is written by another ingester."""
    from tests.ingest.decoders.support import double, metric, sparkplug

    change(fresh_engine, "UPDATE source SET enabled = true WHERE id = 'sparkplug'")
    body = sparkplug(int(now().timestamp() * 1000), metric(None, 4, None, None, double(13, 7.25)))
    arrive(fresh_engine, "spBv1.0/water/DDATA/pump-1/meter", body)
    upkeep = Upkeep(SETTINGS.model_copy(update={"state_dir": tmp_path}), fresh_engine, Counter(), Installation("s"))
    upkeep._explain_aliases(now())
    assert [x["reason"] for x in letters(fresh_engine)] == ["unknown_alias"]
    with fresh_engine.begin() as conn:
        birth = BirthRow(NODE, "meter", to_pg_us(now()), ((4, "level", 10),))
        Writer(1, 6).write(conn, [message(birth)], now())
    upkeep._explain_aliases(now())
    assert waiting(fresh_engine) == []
    with fresh_engine.connect() as conn:
        assert (
            conn.scalar(text("SELECT value FROM observation WHERE sensor_id = :id AND metric = 'level'"), {"id": METER})
            == 7.25
        )
