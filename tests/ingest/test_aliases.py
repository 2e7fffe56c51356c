"""Sparkplug B aliases in the database: any ingester can read DATA whose BIRTH another one got."""

from __future__ import annotations

import json
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from core.errors import DecodeError
from core.pgarray import to_pg_us
from ingest.admin.letters import LetterFilter, list_letters, read_reasons
from ingest.arrived import Arrived
from ingest.decoders import native
from ingest.decoders.base import Incoming
from ingest.decoders.native import NativeOptions
from ingest.letters import EACH
from ingest.records import BirthRow, BornValue, DeathRow, Reading
from ingest.writer import Writer
from tests.ingest.test_sources import source
from tests.ingest.test_writer import letters, message
from tests.support import now

NOW = to_pg_us(now()) - 60_000_000
NODE, METER = "water/pump-1", "water:pump-1:meter"


def write(conn: Connection, slot: int, *messages: list[Any]) -> None:
    made = source(decoder="sparkplug", options={}, topic_filters=["spBv1.0/#"], metrics={"Level": "water_level"})
    batch = [message(*records, topic="spBv1.0/water/DDATA/pump-1/meter") for records in messages]
    for one in batch:
        one.source = made
    Writer(1, slot).write(conn, batch, now())


def state(conn: Connection) -> dict[tuple[str, str], float]:
    return {
        (r.sensor_id, r.metric): r.value
        for r in conn.execute(text("SELECT * FROM sensor_state WHERE sensor_id LIKE 'water%'"))
    }


def birth(*aliases: tuple[int, str, int], device: str = "meter", time: int = NOW) -> BirthRow:
    return BirthRow(NODE, device, time, aliases)


def value(alias: int | None, number: float, seconds: int = 1, bits: int = 0, **more: Any) -> BornValue:
    told = BornValue(NODE, "meter", METER, alias, "", NOW + seconds * 1_000_000, number, bits, None)
    return told._replace(**more)


def test_data_is_named_by_the_birth_that_another_ingester_wrote(conn: Connection) -> None:
    write(conn, 1, [birth((1, "Level", 9), (2, "Count", 7), (3, "", 12))])
    write(conn, 2, [value(1, 3.5), value(2, -5.0, bits=32), value(3, 9.0)])
    assert state(conn) == {(METER, "online"): 1.0, (METER, "water_level"): 3.5, (METER, "Count"): 2.0**32 - 5}
    assert letters(conn) == []


def test_birth_and_data_of_one_batch_go_together(conn: Connection) -> None:
    write(conn, 1, [value(1, 3.5)], [birth((1, "Level", 9))])
    assert state(conn)[METER, "water_level"] == 3.5


def test_new_birth_changes_what_aliases_mean_and_an_older_one_does_not(conn: Connection) -> None:
    write(conn, 1, [birth((1, "Level", 9))])
    write(conn, 1, [birth((1, "Flow", 9), time=NOW + 5_000_000)])
    write(conn, 2, [birth((1, "Level", 9))])
    write(conn, 2, [value(1, 7.0, 6)])
    assert state(conn)[METER, "Flow"] == 7.0


def test_alias_nobody_has_explained_is_a_dead_letter_and_costs_no_other_value(conn: Connection) -> None:
    write(conn, 1, [birth((1, "Level", 9))])
    named = Reading(METER, "named", NOW, 1.0, None, "good", None, None)
    write(conn, 1, [value(1, 3.5), value(99, 1.0), named], [value(1, 4.5, 2)])
    assert letters(conn) == [("spBv1.0/water/DDATA/pump-1/meter", "unknown_alias")]
    assert state(conn) == {(METER, "online"): 1.0, (METER, "water_level"): 4.5, (METER, "named"): 1.0}
    assert conn.scalar(text("SELECT count(*) FROM observation WHERE value = 3.5")) == 1


def test_alias_nobody_has_explained_is_counted_once_however_often_it_comes(conn: Connection) -> None:
    write(conn, 1, [birth((1, "Level", 9))])
    for n in range(7):
        write(conn, 1, [value(99, float(n), n)])
    assert len(letters(conn)) == 7, "each is kept: its birth explains them all"
    [told] = [one for one in read_reasons(conn) if one["reason"] == "unknown_alias"]
    assert told["count"] == 1
    write(conn, 1, [value(98, 1.0, 9)])
    [told] = [one for one in read_reasons(conn) if one["reason"] == "unknown_alias"]
    assert told["count"] == 2


def test_alias_that_stays_unexplained_is_one_letter_that_grows(conn: Connection) -> None:
    """A plant that says it once a second made 86,400 letters a day."""
    write(conn, 1, [birth((1, "Level", 9))])
    write(conn, 1, *([value(99, float(n), n)] for n in range(50)))
    for n in range(50, 100):
        write(conn, 1, [value(99, float(n), n)])
    write(conn, 1, [value(98, 1.0)])
    found = list_letters(conn, LetterFilter(), None, 500)
    each = EACH["unknown_alias"]
    assert len(found) == each + 2
    assert sum(one["times"] for one in found) == 101
    [grown] = [one for one in found if one["times"] > 1]
    assert grown["times"] == 100 - each
    assert grown["first_at"] < grown["received_at"]
    write(conn, 1, [birth((1, "Level", 9), time=NOW + 1)])
    write(conn, 1, [value(99, 7.0)])
    assert len(list_letters(conn, LetterFilter(), None, 500)) == each + 3, "a rebirth begins anew"


def test_two_writers_of_the_same_alias_add_up(fresh_engine: Engine) -> None:
    def speak(slot: int) -> None:
        for n in range(20):
            with fresh_engine.begin() as conn:
                write(conn, slot, *([value(alias, float(n), n)] for alias in (97, 98, 99)))

    threads = [Thread(target=speak, args=(slot,)) for slot in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with fresh_engine.connect() as conn:
        found = list_letters(conn, LetterFilter(), None, 500)
    assert sum(one["times"] for one in found) == 120


def test_what_a_gateway_refuses_of_one_sender_is_one_letter(conn: Connection) -> None:
    """A port that anybody may knock at must not fill the table."""
    options = NativeOptions(prefix="onemap")
    for n in range(40):
        told = {
            "sender": "10.0.0.9" if n else "10.0.0.8",
            "field": "checksum",
            "detail": f"bad {n}",
            "body": f"{n:02x}",
        }
        one = Arrived("onemap/gateway/jt808/refused", json.dumps(told).encode(), 1, 1)
        with pytest.raises(DecodeError) as caught:
            native.DECODER.decode(Incoming(one.topic, one.payload, {}, NOW, options))
        one.refuse(caught.value)
        Writer(1).write(conn, [one], now())
    found = list_letters(conn, LetterFilter(), None, 100)
    assert sorted(letter["times"] for letter in found) == [1, 39]
    assert '"27"' in found[0]["preview"], "the newest bytes"


def test_death_of_a_node_is_the_death_of_its_devices(conn: Connection) -> None:
    write(conn, 1, [birth(device="")], [birth((1, "Level", 9))])
    write(conn, 2, [DeathRow(NODE, "", NOW + 9_000_000)])
    assert state(conn) == {("water:pump-1", "online"): 0.0, (METER, "online"): 0.0}


def test_death_of_a_device_is_its_own(conn: Connection) -> None:
    write(conn, 1, [birth(device="")], [birth((1, "Level", 9))])
    write(conn, 2, [DeathRow(NODE, "meter", NOW + 9_000_000)])
    assert state(conn) == {("water:pump-1", "online"): 1.0, (METER, "online"): 0.0}


def test_node_whose_clock_ran_ahead_is_born_again_when_it_is_right(conn: Connection) -> None:
    write(conn, 1, [birth((1, "Level", 9), time=to_pg_us(now()) + 72_000_000_000)])
    write(conn, 1, [birth((1, "Flow", 9), time=to_pg_us(now()))])
    write(conn, 2, [value(1, 7.0)])
    assert state(conn)[METER, "Flow"] == 7.0


def test_unit_that_the_birth_states_is_converted(conn: Connection) -> None:
    """It was dropped: 320 cm became 320 m."""
    write(conn, 1, [birth((1, "Level", 9))._replace(units=(("Level", "cm"), ("Depth", "ft")))])
    write(conn, 2, [value(1, 320.0), value(None, 5.0, name="Depth"), value(None, 2.0, name="Plain")])
    assert state(conn)[METER, "water_level"] == 3.2
    units = {r.metric: r.unit for r in conn.execute(text("SELECT metric, unit FROM sensor_state"))}
    assert units == {"online": None, "water_level": "m", "Depth": "ft", "Plain": None}


def test_unit_of_the_data_itself_goes_before_the_births(conn: Connection) -> None:
    write(conn, 1, [birth((1, "Level", 9))._replace(units=(("Level", "cm"),))])
    write(conn, 2, [value(1, 3200.0, unit="mm")])
    assert state(conn)[METER, "water_level"] == 3.2


def test_unit_that_does_not_fit_is_named_and_costs_no_other_value(conn: Connection) -> None:
    write(conn, 1, [birth((1, "Level", 9))._replace(units=(("Level", "hPa"),))])
    write(conn, 2, [value(1, 3.2), value(None, 2.0, name="Plain")])
    assert state(conn) == {(METER, "online"): 1.0, (METER, "Plain"): 2.0}
    [letter] = conn.execute(text("SELECT reason, detail FROM dead_letter"))
    assert letter.reason == "unit"
    assert "'hPa'" in letter.detail
    assert letter.detail.endswith("the other values of the message were kept")


def test_message_of_which_no_unit_fits_is_a_letter(conn: Connection) -> None:
    write(conn, 1, [birth((1, "Level", 9))._replace(units=(("Level", "hPa"),))])
    write(conn, 2, [value(1, 3.2)])
    assert [reason for _, reason in letters(conn)] == ["unit"]
    assert state(conn) == {(METER, "online"): 1.0}
