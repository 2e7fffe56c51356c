"""Batches to rows on the real store: once however often they come, the first wins, nothing unknown is judged or
lost."""

from __future__ import annotations

import base64
import json
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from core.db import make_engine
from core.pgarray import to_pg_us
from core.settings import Settings
from ingest import partitions, retention
from ingest.arrived import Arrived
from ingest.records import (
    IncidentReportRow,
    PositionRow,
    Reading,
    Record,
    SnapshotRow,
    TaskReplyRow,
    UnitReportRow,
    VideoEventRow,
    WarningRow,
)
from ingest.runner import KEPT_FOLDER, Ingester
from ingest.sources import Sources
from ingest.writer import Writer, Written
from tests.ingest.test_sources import source
from tests.support import Administer, handed_on, now

T = now().replace(microsecond=0) - timedelta(hours=1)


def at(seconds: float) -> int:
    return to_pg_us(T + timedelta(seconds=seconds))


def reading(value: float, seconds: float = 0, sensor: str = "wl-spare", **more: Any) -> Reading:
    plain = Reading(sensor, "water_level", at(seconds), value, "m", "good", None, None)
    return plain._replace(**more)


def message(*records: Record, topic: str = "t") -> Arrived:
    return Arrived(topic, b"{}", 1, 1, records=list(records))


def write(conn: Connection, *records: Record, writer: Writer | None = None) -> Written:
    return (writer or Writer(1)).write(conn, [message(record) for record in records], now())


def state(conn: Connection, sensor: str = "wl-spare") -> tuple[float, datetime] | None:
    row = conn.execute(text("SELECT value, time FROM sensor_state WHERE sensor_id = :id"), {"id": sensor}).one_or_none()
    return (row.value, row.time) if row else None


def batched(conn: Connection) -> list[float]:
    return handed_on(conn)[2]


def letters(conn: Connection) -> list[tuple[str, str]]:
    return [(r.topic, r.reason) for r in conn.execute(text("SELECT topic, reason FROM dead_letter ORDER BY id"))]


# --- clocks that count whole seconds ----------------------------------------------------------------------------------


def told(conn: Connection, *values: float, writer: Writer | None = None) -> Written:
    """Messages of one second, in one batch, from a source whose clock counts whole ones."""
    coarse = source(coarse=True)
    messages = [Arrived("t", b"{}", 1, 1, records=[reading(value)], source=coarse) for value in values]
    return (writer or Writer(1)).write(conn, messages, now())


def stored(conn: Connection) -> list[tuple[float, datetime]]:
    rows = conn.execute(text("SELECT value, time FROM observation WHERE sensor_id = 'wl-spare' ORDER BY time"))
    return [(row.value, row.time) for row in rows]


def test_messages_of_one_second_keep_the_newest_and_are_no_conflict(conn: Connection) -> None:
    """Three of a device whose clock counts seconds, the third differs: it was a dead letter, and the value stayed
    old."""
    done = told(conn, 3.2, 3.2, 9.9)
    assert (done.inserted, done.repeats, done.dead) == (2, 1, 0)
    assert stored(conn) == [(3.2, T), (9.9, T + timedelta(microseconds=1))]
    assert state(conn) == (9.9, T + timedelta(microseconds=1))
    assert batched(conn) == [3.2, 9.9]


def test_messages_of_one_second_in_batches_of_their_own(conn: Connection) -> None:
    told(conn, 1.0)
    done = told(conn, 2.0, 3.0)
    assert (done.inserted, done.dead) == (2, 0)
    assert [value for value, _ in stored(conn)] == [1.0, 2.0, 3.0]
    assert state(conn) == (3.0, T + timedelta(microseconds=2))


def test_message_of_a_second_that_truly_comes_again_is_written_once(conn: Connection) -> None:
    for _ in range(3):
        done = told(conn, 1.0, 2.0, 3.0)
    assert (done.inserted, done.repeats, done.dead) == (0, 3, 0)
    assert [value for value, _ in stored(conn)] == [1.0, 2.0, 3.0]


def test_clock_that_is_finer_contradicts_itself_as_before(conn: Connection) -> None:
    fine = source(coarse=False)
    messages = [Arrived("t", b"{}", 1, 1, records=[reading(value)], source=fine) for value in (1.0, 2.0)]
    done = Writer(1).write(conn, messages, now())
    assert (done.inserted, done.conflicts) == (1, 1)


def fixes(conn: Connection, *lons: float, coarse: bool = True) -> Written:
    """Positions of one unit in one second."""
    origin = source(coarse=coarse)
    records = [PositionRow("fire-01", at(0), lon, 33.0, None, None, None, None) for lon in lons]
    messages = [Arrived("t", b"{}", 1, 1, records=[one], source=origin) for one in records]
    return Writer(1).write(conn, messages, now())


def track(conn: Connection) -> list[float]:
    return list(conn.scalars(text("SELECT lon FROM unit_position WHERE unit_id = 'fire-01' ORDER BY time")))


def test_positions_of_one_second_keep_the_newest_and_are_no_conflict(conn: Connection) -> None:
    done = fixes(conn, 119.0, 119.0, 119.5)
    assert (done.inserted, done.repeats, done.dead) == (2, 1, 0)
    assert track(conn) == [119.0, 119.5]
    assert conn.scalar(text("SELECT lon FROM unit_state WHERE unit_id = 'fire-01'")) == 119.5
    later = fixes(conn, 119.7)
    assert (later.inserted, later.dead) == (1, 0)
    assert track(conn) == [119.0, 119.5, 119.7]


def test_positions_of_a_second_that_truly_come_again_are_written_once(conn: Connection) -> None:
    for _ in range(3):
        done = fixes(conn, 119.0, 119.5)
    assert (done.inserted, done.repeats, done.dead) == (0, 2, 0)
    assert track(conn) == [119.0, 119.5]


def test_finer_clock_of_a_unit_contradicts_itself_as_before(conn: Connection) -> None:
    done = fixes(conn, 119.0, 119.5, coarse=False)
    assert (done.inserted, done.conflicts) == (1, 1)


# --- one batch --------------------------------------------------------------------------------------------------------


def test_reading_is_a_row_the_newest_value_and_work_for_the_engine(conn: Connection) -> None:
    done = write(conn, reading(3.2))
    assert (done.inserted, done.repeats, done.dead) == (1, 0, 0)
    assert conn.scalar(text("SELECT value FROM observation WHERE sensor_id = 'wl-spare'")) == 3.2
    assert state(conn) == (3.2, T)
    assert batched(conn) == [3.2]


def test_repeat_changes_nothing(conn: Connection) -> None:
    writer = Writer(1)
    write(conn, reading(3.2), writer=writer)
    done = write(conn, reading(3.2), writer=writer)
    assert (done.inserted, done.repeats, done.conflicts) == (0, 1, 0)
    assert batched(conn) == [3.2]
    assert letters(conn) == []


def test_repeat_from_another_ingester_changes_nothing(conn: Connection) -> None:
    write(conn, reading(3.2))
    assert write(conn, reading(3.2)).repeats == 1
    assert batched(conn) == [3.2]


@pytest.mark.parametrize("change", [{"value": 9.9}, {"unit": "cm"}])
def test_repeat_that_differs_is_a_conflict_and_the_first_wins(change: dict[str, Any], conn: Connection) -> None:
    write(conn, reading(3.2))
    done = write(conn, replace_reading(change))
    assert (done.inserted, done.conflicts, done.dead) == (0, 1, 1)
    assert letters(conn) == [("t", "conflict")]
    assert conn.execute(text("SELECT value, unit FROM observation WHERE sensor_id = 'wl-spare'")).one() == (3.2, "m")


def replace_reading(change: dict[str, Any]) -> Reading:
    return reading(3.2)._replace(**change)


def test_conflict_within_one_batch_is_seen_too(conn: Connection) -> None:
    done = write(conn, reading(3.2), reading(9.9), reading(3.2))
    assert (done.inserted, done.repeats, done.conflicts) == (1, 2, 1)
    assert batched(conn) == [3.2]


def test_source_counts_a_conflict_within_one_batch(conn: Connection) -> None:
    write(conn, reading(3.2), reading(9.9))
    [row] = conn.execute(
        text("SELECT messages, records, dead_letters, decode_errors FROM source_state WHERE source_id = ''")
    ).all()
    assert tuple(row) == (2, 1, 1, 0)


def test_message_of_several_conflicts_is_one_letter(conn: Connection) -> None:
    write(conn, reading(1, 0), reading(2, 1))
    done = Writer(1).write(conn, [message(reading(5, 0), reading(6, 1))], now())
    assert (done.conflicts, done.dead) == (2, 1)


def test_late_reading_is_kept_and_does_not_move_the_newest_value(conn: Connection) -> None:
    write(conn, reading(3.2, 60))
    assert write(conn, reading(9.9, 0)).inserted == 1
    assert state(conn) == (3.2, T + timedelta(seconds=60))


def test_order_within_a_batch_does_not_matter_for_the_newest_value(conn: Connection) -> None:
    write(conn, reading(2, 20), reading(3, 30), reading(1, 10))
    assert state(conn) == (3, T + timedelta(seconds=30))


def test_reading_from_the_future_is_kept_and_neither_shown_nor_judged(conn: Connection) -> None:
    write(conn, reading(3.2))
    assert write(conn, reading(9.9, 7200)).inserted == 1
    assert conn.scalars(text("SELECT quality FROM observation WHERE value = 9.9")).all() == ["future"]
    assert state(conn) == (3.2, T)
    assert batched(conn) == [3.2]


def test_unknown_sensor_is_registered_as_pending_where_it_said_it_is(conn: Connection) -> None:
    write(conn, reading(1, sensor="new-1", lon=119.0, lat=33.5), reading(2, sensor="new-1", metric="flow"))
    row = conn.execute(
        text("SELECT status, kind, metrics, ST_X(geom) AS lon, ST_Y(geom) AS lat FROM sensor WHERE id = 'new-1'")
    ).one()
    assert (row.status, row.kind, row.metrics) == ("pending", "unknown", ["flow", "water_level"])
    assert (row.lon, row.lat) == (119.0, 33.5)


def test_day_without_a_partition_gets_one(conn: Connection) -> None:
    day = now() - timedelta(days=60)
    write(conn, reading(1)._replace(time=to_pg_us(day)))
    name = partitions.partition_name(day.date())
    assert conn.scalar(text("SELECT to_regclass(:name)"), {"name": name}) == name


def test_whole_days_beyond_the_retention_are_dropped_and_no_others(conn: Connection) -> None:
    today = now()
    days = [(today - timedelta(days=n)).date() for n in (95, 92, 91, 89)]
    partitions.make_partitions(conn, days)
    assert sorted(retention.drop_expired(conn, today, 90)) == sorted(partitions.partition_name(d) for d in days[:3])


def test_readings_are_split_by_shard_of_the_engine(conn: Connection) -> None:
    write(conn, *(reading(i, sensor=f"s-{i}") for i in range(40)), writer=Writer(4))
    rows = conn.execute(text("SELECT partition, length(packed) / 20 AS n FROM ingest_batch ORDER BY partition")).all()
    assert [r.partition for r in rows] == [0, 1, 2, 3]
    assert sum(r.n for r in rows) == 40


ROWS: list[tuple[str, Any, dict[str, Any]]] = [
    (
        "video_event",
        VideoEventRow("cam-1", "e1", at(0), "smoke", 0.9, "z", "http://c/1", 119.0, 33.0),
        {"kind": "crowd"},
    ),
    (
        "video_event",
        VideoEventRow("cam-1", "e2", at(0), "smoke", None, None, None, None, None),
        {"lon": 119.0, "lat": 33.0},
    ),
    ("unit_position", PositionRow("fire-01", at(0), 119.0, 33.0, 3.0, 90.0, 5.0, 0.5), {"lon": 119.1}),
    ("unit_report", UnitReportRow("fire-01", at(0), "en_route"), {"status": "on_scene"}),
    (
        "incident_report",
        IncidentReportRow("12345", "i1", at(0), "fire", 2, "浓烟", None, None, "王", 119.0, 33.0),
        {"title": "火"},
    ),
    (
        "incident_report",
        IncidentReportRow("12345", "i2", at(0), "fire", 2, "浓烟", None, None, "王", 119.0, 33.0, 2),
        {"in_danger": 3},
    ),
    ("task_reply", TaskReplyRow("fire-01", "t1", at(0), "accepted", None), {"text": "later"}),
    (
        "warning",
        WarningRow("s", "w1", at(0), "Alert", "Actual", "h", "Severe", at(9), "<alert/>"),
        {"severity": "Minor"},
    ),
]


@pytest.mark.parametrize(("table", "row", "change"), ROWS, ids=[f"{t}-{i}" for i, (t, _, _) in enumerate(ROWS)])
def test_every_kind_of_row_is_written_once_and_the_first_wins(
    table: str, row: Any, change: dict[str, Any], conn: Connection
) -> None:
    assert write(conn, row).inserted == 1
    assert write(conn, row).repeats == 1
    assert letters(conn) == []
    again = write(conn, row._replace(**change))
    assert (again.inserted, again.conflicts, again.dead) == (0, 1, 1)
    assert conn.scalar(text(f"SELECT count(*) FROM {table}")) == 1


def test_same_picture_again_is_a_repeat(conn: Connection) -> None:
    row = SnapshotRow("cam-1", "ab" * 32, "e1", None, b"\xff\xd8\xff")
    assert write(conn, row).inserted == 1
    assert write(conn, row).repeats == 1
    assert conn.scalar(text("SELECT body FROM snapshot")) == b"\xff\xd8\xff"


def test_unit_stands_where_its_newest_position_says(conn: Connection) -> None:
    rows = [PositionRow("fire-01", at(s), 119.0 + s, 33.0, None, None, None, None) for s in (2, 3, 1)]
    write(conn, *rows)
    write(conn, PositionRow("fire-01", at(0), 100.0, 33.0, None, None, None, None))
    ahead = to_pg_us(now() + timedelta(hours=1))
    write(conn, PositionRow("fire-01", ahead, 101.0, 33.0, None, None, None, None))
    assert conn.scalar(text("SELECT lon FROM unit_state WHERE unit_id = 'fire-01'")) == 122.0


def test_undecodable_message_is_kept_with_bytes_topic_reason_and_properties(conn: Connection) -> None:
    bad = Arrived("on\x00emap/x", b"\x00\xff", 1, 1, reason="not_json", detail="payload: \x00", fault="payload")
    done = Writer(1).write(conn, [bad, message(reading(1))], now())
    assert (done.inserted, done.dead) == (1, 1)
    row = conn.execute(text("SELECT topic, payload, reason, field FROM dead_letter")).one()
    assert (row.topic, row.payload, row.reason, row.field) == ("on\ufffdemap/x", b"\x00\xff", "not_json", "payload")


@pytest.fixture
def ingester(own_settings: Settings) -> Iterator[Ingester]:
    made = Ingester(own_settings, 0, threading.Event())
    yield made
    made.close()


def test_message_that_the_database_refuses_is_buried_alone(ingester: Ingester, own_engine: Engine) -> None:
    """A lone surrogate passes no decoder of ours; one that slipped through must not hold up its neighbours."""
    good = [message(reading(i, sensor=f"g-{i}")) for i in range(7)]
    poison = message(UnitReportRow("fire-01", at(0), "a\x00b"), topic="poison")
    assert ingester._try_batch([*good[:4], poison, *good[4:]])
    with own_engine.connect() as conn:
        assert conn.scalar(text("SELECT count(*) FROM observation WHERE sensor_id LIKE 'g-%'")) == 7
        assert letters(conn) == [("poison", "refused_by_database")]


def test_reading_that_the_database_refuses_is_buried_alone_and_the_connection_kept(
    ingester: Ingester, own_engine: Engine
) -> None:
    good = [message(reading(i, sensor=f"k-{i}")) for i in range(7)]
    poison = message(reading(1, sensor="poison", unit="a\x00b"), topic="nul")
    assert ingester._try_batch(good[:1])
    kept = ingester._conn
    assert ingester._try_batch([*good[:4], poison, *good[4:]])
    assert ingester._conn is kept
    with own_engine.connect() as conn:
        assert conn.scalar(text("SELECT count(*) FROM observation WHERE sensor_id LIKE 'k-%'")) == 7
        assert ("nul", "refused_by_database") in letters(conn)


def test_decoder_that_fails_costs_one_message_and_not_the_stream(
    ingester: Ingester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A decoder of another package may raise what it should not."""
    honest = Sources.decode

    def sometimes(sources: Sources, arrived: Arrived, moment: int) -> None:
        if arrived.payload == b"boom":
            raise ZeroDivisionError
        honest(sources, arrived, moment)

    monkeypatch.setattr(Sources, "decode", sometimes)
    body = f'{{"time": "{now().isoformat()}", "metric": "a", "value": 1}}'.encode()
    ingester.take(ingester.main, [Arrived("onemap/observation/s", b, 1, 1) for b in (body, b"boom", body)])
    batch = ingester.waiting.take(10, 0)
    assert batch is not None
    assert [m.reason for m in batch.messages] == [None, "decoder_failed", None]


def test_record_that_the_writer_cannot_handle_is_buried_alone(ingester: Ingester, own_engine: Engine) -> None:
    good = [message(reading(i, sensor=f"h-{i}")) for i in range(5)]
    odd = message(UnitReportRow("fire-01", "not a time", "en_route"), topic="odd")  # type: ignore[arg-type]
    assert ingester._try_batch([*good[:2], odd, *good[2:]])
    with own_engine.connect() as conn:
        assert conn.scalar(text("SELECT count(*) FROM observation WHERE sensor_id LIKE 'h-%'")) == 5
        assert ("odd", "refused_by_database") in letters(conn)


def refused(topic: str, **more: Any) -> Arrived:
    told = {"reason": "not_json", "detail": "payload: expected JSON", "fault": "payload", **more}
    return Arrived(topic, b"\x00\xff" + topic.encode("utf-8", "replace"), 1, 1, **told)


@contextmanager
def letters_refused(administer: Administer, engine: Engine, when: str) -> Iterator[None]:
    """The database takes no dead letter for which this SQL holds of its `NEW` row."""
    with administer(engine) as conn:
        conn.execute(
            text(
                "CREATE FUNCTION no_letter() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no such letter'; END "
                "$$"
            )
        )
        conn.execute(
            text(
                f"CREATE TRIGGER no_letter BEFORE INSERT ON dead_letter FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION "
                "no_letter()"
            )
        )
    try:
        yield
    finally:
        with administer(engine) as conn:
            conn.execute(text("DROP FUNCTION no_letter() CASCADE"))


def test_letter_is_written_whatever_a_decoder_says_of_its_reason(ingester: Ingester, own_engine: Engine) -> None:
    odd = refused("odd-reason", reason="a\x00\ud800b", detail="\ud800", fault="\x00" * 300)
    assert ingester._try_batch([message(reading(1, sensor="r-1")), odd])
    with own_engine.connect() as conn:
        assert ("odd-reason", "a\ufffd?b") in letters(conn)
        assert conn.scalar(text("SELECT count(*) FROM observation WHERE sensor_id = 'r-1'")) == 1


def test_message_whose_letter_is_refused_is_kept_by_its_bytes_and_holds_up_nobody(
    ingester: Ingester, own_engine: Engine, administer: Administer
) -> None:
    good = [message(reading(i, sensor=f"b-{i}")) for i in range(3)]
    with letters_refused(
        administer, own_engine, "NEW.topic = 'hated' AND NEW.source_id IS NULL AND NEW.reason <> 'letter_refused'"
    ):
        assert ingester._try_batch([*good[:2], refused("hated"), *good[2:]])
    with own_engine.connect() as conn:
        assert conn.scalar(text("SELECT count(*) FROM observation WHERE sensor_id LIKE 'b-%'")) == 3
        row = conn.execute(text("SELECT payload, reason, detail FROM dead_letter WHERE topic = 'hated'")).one()
    assert (bytes(row.payload), row.reason) == (b"\x00\xffhated", "letter_refused")
    assert "not_json" in row.detail
    assert "no such letter" in row.detail


def test_message_that_the_database_takes_in_no_form_is_kept_in_a_private_file(
    ingester: Ingester, own_engine: Engine, administer: Administer, tmp_path: Path
) -> None:
    ingester.settings = ingester.settings.model_copy(update={"state_dir": tmp_path})
    good = message(reading(1, sensor="f-1"))
    with letters_refused(administer, own_engine, "true"):
        assert ingester._try_batch([refused("hated"), good])
        assert ingester._try_batch([refused("hated")]), "sent again it is the same file"
    with own_engine.connect() as conn:
        assert conn.scalar(text("SELECT count(*) FROM observation WHERE sensor_id = 'f-1'")) == 1
    [path] = (tmp_path / KEPT_FOLDER).iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    kept = json.loads(path.read_text())
    assert (kept["topic"], base64.b64decode(kept["payload_base64"])) == ("hated", b"\x00\xffhated")
    assert "not_json" in kept["detail"]
    assert ingester.figures["messages_in_files"] == 2


def test_message_that_neither_database_nor_disk_takes_waits(
    ingester: Ingester, own_engine: Engine, administer: Administer, tmp_path: Path
) -> None:
    (tmp_path / "full").write_text("no folder")
    ingester.settings = ingester.settings.model_copy(update={"state_dir": tmp_path / "full"})
    with letters_refused(administer, own_engine, "true"):
        assert not ingester._try_batch([refused("hated")])


def test_database_that_is_away_is_no_reason_to_bury_anything(own_settings: Settings) -> None:
    ingester = Ingester(own_settings, 0, threading.Event())
    ingester.engine.dispose()
    ingester.engine = make_engine(
        own_settings.model_copy(update={"database_url": "postgresql://x:x@127.0.0.1:9/none"}), pool_size=1
    )
    held = message(reading(1))
    assert not ingester._try_batch([held])
    assert held.reason is None
    assert held.records
    ingester.close()


def test_batches_are_bounded_by_readings_and_acknowledged_by_connection(own_settings: Settings) -> None:
    ingester = Ingester(own_settings, 0, threading.Event())
    now_s = now().isoformat()
    body = b'[{"time": "%s", "metric": "a", "value": 1}, {"time": "%s", "metric": "b", "value": 2}]' % (
        (now_s.encode(),) * 2
    )
    for mid in (1, 2, 3):
        ingester.main.client.generation = 1 + mid // 3
        ingester.take(ingester.main, [Arrived("onemap/observation/s", body, mid, 1)])
    first, second = ingester.waiting.take(5, 0), ingester.waiting.take(5, 0)
    assert first is not None
    assert second is not None
    assert [(p.generation, [m.mid for m in p.messages]) for p in first.parcels] == [(1, [1]), (1, [2])]
    assert [(p.generation, [m.mid for m in p.messages]) for p in second.parcels] == [(2, [3])]
    assert (first.readings, second.readings, ingester.waiting.readings) == (4, 2, 6)
    ingester._release(first)
    assert ingester.waiting.readings == 2
    ingester.close()


def test_one_message_larger_than_a_batch_still_goes(own_settings: Settings) -> None:
    ingester = Ingester(own_settings, 0, threading.Event())
    body = f'{{"time": "{now().isoformat()}", "values": {{"a": 1, "b": 2, "c": 3}}}}'.encode()
    ingester.take(ingester.main, [Arrived("onemap/observation/s", body, 1, 1)])
    batch = ingester.waiting.take(1, 0)
    assert batch is not None
    assert len(batch.messages[0].records) == 3
    ingester.close()


def test_sockets_are_left_alone_while_too_much_waits(own_settings: Settings) -> None:
    ingester = Ingester(own_settings.model_copy(update={"ingest_waiting": 100}), 0, threading.Event())
    assert not ingester.waiting.full
    for _ in range(100):
        ingester.take(ingester.main, [Arrived("onemap/nowhere", b"", 1, 1)])
    assert ingester.waiting.full
    batch = ingester.waiting.take(1000, 0)
    assert batch is not None
    assert ingester.waiting.full, "what is being written counts until it is written"
    ingester._release(batch)
    assert not ingester.waiting.full
    ingester.close()


def test_pictures_weigh_what_they_are_while_they_wait(own_settings: Settings) -> None:
    """Counted as one reading each, a thousand pictures would be gigabytes, and one batch."""
    ingester = Ingester(own_settings, 0, threading.Event())
    picture = b"\xff\xd8\xff" + bytes(8_000_000)
    for mid in range(1, 5):
        ingester.take(ingester.main, [Arrived("onemap/video/c-1/snapshot", picture + bytes([mid]), mid, 1)])
    assert ingester.waiting.full
    batch = ingester.waiting.take(own_settings.ingest_batch, 0)
    assert batch is not None
    assert len(batch.messages) == 1
    ingester.close()


def test_messages_without_a_time_are_readings_of_their_own_even_in_one_read(
    own_settings: Settings, conn: Connection
) -> None:
    ingester = Ingester(own_settings, 0, threading.Event())
    ingester.sources = Sources([source(decoder="zigbee2mqtt", options={}, topic_filters=["zigbee2mqtt/#"])])
    for _ in range(2):
        ingester.take(ingester.main, [Arrived("zigbee2mqtt/lamp", b'{"power": %d}' % i, 1, 1) for i in range(3)])
    batch = ingester.waiting.take(100, 0)
    assert batch is not None
    done = Writer(1).write(conn, batch.messages, now())
    assert (done.inserted, done.conflicts, done.repeats) == (6, 0, 0)
    again = [Arrived(m.topic, m.payload, 1, 1, again=True) for m in batch.messages[-1:]]
    for one in again:
        ingester.sources.read(one, to_pg_us(now()))
    done = Writer(1, 3).write(conn, again, now())
    assert (done.inserted, done.repeats) == (0, 1), "written and not acknowledged: sent again it is no new reading"
    ingester.close()


def test_letter_that_is_sent_again_is_not_kept_twice(conn: Connection) -> None:
    def bad(again: bool) -> Arrived:
        return Arrived("t", b"{", 1, 1, reason="not_json", detail="payload", fault="payload", again=again)

    for slot, again in ((1, False), (2, True), (3, False)):
        Writer(1, slot).write(conn, [bad(again)], now())
    assert letters(conn) == [("t", "not_json")] * 2


def test_what_the_broker_retains_is_one_letter_however_often_we_subscribe(conn: Connection) -> None:
    def bad(payload: bytes = b"{", *, retained: bool = True) -> Arrived:
        return Arrived("t", payload, 1, 1, reason="not_json", detail="payload", fault="payload", retained=retained)

    long_ago = now() - timedelta(days=60)
    assert Writer(1, 1).write(conn, [bad(retained=False)], long_ago).dead == 1
    assert Writer(1, 2).write(conn, [bad(), bad()], now()).dead == 0, "a letter that is not written is not counted"
    assert Writer(1, 3).write(conn, [bad(b"["), bad(b"["), bad()], now()).dead == 1, "something else was retained"
    conn.execute(text("UPDATE dead_letter SET discarded_at = now()"))
    assert Writer(1, 4).write(conn, [bad(), bad(b"[")], now()).dead == 0, "somebody has decided about it"
    conn.execute(text("UPDATE dead_letter SET replayed_at = now()"))
    assert Writer(1, 5).write(conn, [bad()], now()).dead == 1, "it could be read once, and now it cannot"
    assert letters(conn) == [("t", "not_json")] * 3


def test_clock_that_jumped_ahead_and_back_does_not_spoil_quality(conn: Connection) -> None:
    writer = Writer(1)
    writer.write(conn, [message(reading(1.0))], now() + timedelta(days=1))
    far = message(reading(2.0, sensor="other")._replace(time=to_pg_us(now() + timedelta(hours=20))))
    plain = message(reading(3.0, sensor="third")._replace(time=to_pg_us(now())))
    writer.write(conn, [far, plain], now())
    found = dict(conn.execute(text("SELECT sensor_id, quality FROM observation")).all())  # type: ignore[arg-type]
    assert (found["other"], found["third"]) == ("future", "good")
