"""The doctor: each thing that can be wrong is said in a sentence with what to do, and nothing is said where all is
well."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, text

from app.cli import main
from app.health.doctor import (
    BACKLOG_MARKS,
    Remark,
    check_broker,
    check_clocks,
    check_dropped,
    check_frozen,
    check_health,
    check_letters,
    check_tables,
    find_folder,
    read_dropped,
    words,
)
from app.health.read import read_health
from app.services.mosquitto import Broker
from app.services.private import private_broker
from core.pgarray import to_pg_us
from core.settings import Settings, load_settings
from ingest.admin.letters import read_reasons
from ingest.arrived import Arrived
from ingest.doors.acl import Account
from ingest.doors.files import doors_text, reload_broker, write_doors
from ingest.doors.secret import hash_secret
from ingest.partitions import days_ahead, make_partitions, partition_name
from ingest.records import Reading
from ingest.sources import read_sources
from ingest.writer import Writer
from tests.support import STATE, WORKER, System, mailbox, now, wait_for

Json = dict[str, Any]
SENSOR = "wl-spare"


def told(conn: Connection, settings: Settings, at: datetime | None = None) -> list[str]:
    health = read_health(conn, at or now(), settings.topic_prefix)
    return [f.words for f in [*check_health(health, settings), *check_letters(read_reasons(conn))]]


def beat(conn: Connection, name: str, figures: str = "{}") -> None:
    row = """
INSERT INTO process_state (name, pid, alive_since, seen_at, figures)
VALUES (:name, 1, :now, :now, CAST(:figures AS jsonb))
"""
    conn.execute(text(row), {"name": name, "now": now(), "figures": figures})


def all_run(conn: Connection) -> None:
    for name in ("ingest-0", "alerts-1", "dispatch-1"):
        beat(conn, name)


def read(conn: Connection, sensor: str, at: datetime, value: float = 1.0, metric: str = "water_level") -> None:
    """One reading, written now."""
    reading = Reading(sensor, metric, to_pg_us(at), value, "m", "good", None, None)
    Writer(1).write(conn, [Arrived("t", b"", 1, 1, records=[reading])], now())


def arrive(conn: Connection, topic: str, payload: bytes) -> None:
    message = Arrived(topic, payload, 1, 1)
    sources = read_sources(conn, "onemap")
    sources.decode(message, to_pg_us(now()))
    Writer(1).write(conn, [message], now(), sources.extent)


# --- processes and sources --------------------------------------------------------------------------------------------


def test_nothing_is_said_where_all_is_well(conn: Connection, settings: Settings) -> None:
    all_run(conn)
    make_partitions(conn, days_ahead(now()))
    read(conn, SENSOR, now())
    assert told(conn, settings) == []
    assert list(check_tables(conn, now())) == []


def test_sensors_that_fell_silent_are_said_and_quiet_telephones_are_not(conn: Connection, settings: Settings) -> None:
    read(conn, SENSOR, now())
    conn.execute(
        text(
            """
INSERT INTO video_event (camera_id, event_id, time, kind, received_at)
VALUES ('c', 'e', :now, 'smoke', :now)
"""
        ),
        {"now": now()},
    )

    def silent(after: timedelta) -> list[str]:
        return [said for said in told(conn, settings, now() + after) if "nothing heard" in said]

    assert silent(timedelta(minutes=4)) == []
    assert silent(timedelta(minutes=10)) == ["Water level station: nothing heard for 10 min"]


def test_process_that_does_not_run_is_named_with_its_verb(conn: Connection, settings: Settings) -> None:
    beat(conn, "alerts-1")
    missing = told(conn, settings)
    assert ["ingest" in missing[0], "dispatch" in missing[1], len(missing)] == [True, True, 2]
    assert "./onemap ingest" in missing[0]


def test_ingester_that_lags_says_how_much_waits(conn: Connection, settings: Settings) -> None:
    all_run(conn)
    beat(conn, "ingest-1", '{"waiting": 9000, "faults": {"a": "b"}}')
    [remark] = told(conn, settings)
    assert "ingest-1 lags: 9000 readings" in remark
    assert "ONEMAP_INGEST_SHARED_GROUP" in remark


def test_change_of_filters_that_was_not_made_alone_is_told(conn: Connection, settings: Settings) -> None:
    all_run(conn)
    beat(conn, "ingest-1", '{"changes_not_alone": 2}')
    [finding] = told(conn, settings)
    assert "ingest-1: 2 times other ingesters did not let go" in finding


def test_doctor_tells_of_a_broker_that_lets_devices_in_where_we_are(conn: Connection, settings: Settings) -> None:
    all_run(conn)
    assert told(conn, settings) == []
    beat(conn, "doors-1", '{"devices_let_in": true}')
    [finding] = told(conn, settings)
    assert "lets accounts of devices in at the listener of our processes" in finding


def test_messages_that_lie_in_files_are_told_with_their_folder(conn: Connection, settings: Settings) -> None:
    all_run(conn)
    beat(conn, "ingest-1", '{"messages_in_files": 2}')
    [finding] = told(conn, settings)
    assert "takes 2 messages neither as rows nor as dead letters" in finding
    assert str(settings.state_dir / "unwritten") in finding


def test_source_that_cannot_be_used_says_why_and_where_to_mend_it(conn: Connection, settings: Settings) -> None:
    all_run(conn)
    conn.execute(text("""UPDATE source SET enabled = true, options = '{"radar": 1}' WHERE id = 'ttn'"""))
    [remark] = told(conn, settings)
    assert remark.startswith("source ttn cannot be used: options.radar: ")
    assert "./onemap sources set ttn" in remark


def test_source_that_is_silent_says_for_how_long(conn: Connection, settings: Settings) -> None:
    all_run(conn)
    since = now() - timedelta(minutes=50)
    conn.execute(
        text("UPDATE source SET enabled = true, interval_s = 600, changed_at = :at WHERE id = 'senml'"), {"at": since}
    )
    [remark] = told(conn, settings)
    assert "source senml is silent for 50 min" in remark
    assert "never heard" in remark
    assert told(conn, settings, since + timedelta(minutes=29)) == []


def test_pending_devices_are_told_and_are_no_fault(conn: Connection, settings: Settings) -> None:
    all_run(conn)
    conn.execute(text("UPDATE source SET enabled = true WHERE id = 'tasmota'"))
    arrive(conn, "tele/unheard-of/SENSOR", b'{"Temperature": 20}')
    [remark] = check_health(read_health(conn, now()), settings)
    assert "source tasmota: 1 device waits" in remark.words
    assert "/sources" in remark.words
    assert not remark.wrong


def test_dead_letters_say_why_how_many_and_what_to_do(conn: Connection, settings: Settings) -> None:
    all_run(conn)
    arrive(conn, "nowhere/1", b"x")
    arrive(conn, "nowhere/2", b"x")
    arrive(conn, "onemap/observation/d", b"{")
    first, second = told(conn, settings)
    assert first.startswith("2 messages could not be read: no_source (no source), newest 20")
    assert "./onemap replay --dead-letters --source - --reason no_source" in first
    assert "1 message could not be read: not_json (native)" in second
    assert "decoder" in second


# --- the database -----------------------------------------------------------------------------------------------------


def test_missing_partition_of_tomorrow_is_said(admin_conn: Connection) -> None:
    make_partitions(admin_conn, days_ahead(now()))
    admin_conn.execute(text(f"DROP TABLE {partition_name((now() + timedelta(days=1)).date())}"))
    [remark] = check_tables(admin_conn, now())
    assert f"{(now() + timedelta(days=1)).date()}" in remark.words


def test_hourly_history_that_is_behind_is_said(conn: Connection) -> None:
    make_partitions(conn, days_ahead(now()))
    marks = text(
        """
INSERT INTO rollup_due
SELECT 's' || n, 'gas', date_trunc('hour', CAST(:at AS timestamptz)) FROM generate_series(1, :n) n
"""
    )
    conn.execute(marks, {"at": now() - timedelta(hours=5), "n": BACKLOG_MARKS})
    assert list(check_tables(conn, now())) == []
    conn.execute(marks, {"at": now() - timedelta(hours=6), "n": 1})
    [remark] = check_tables(conn, now())
    assert f"{BACKLOG_MARKS + 1} hours wait" in remark.words


def test_clock_that_is_off_is_said_with_by_how_much(conn: Connection) -> None:
    make_partitions(conn, days_ahead(now()))
    read(conn, SENSOR, now() + timedelta(hours=8))
    [ahead] = check_clocks(conn, now())
    assert re.search(rf"1 sensor with a clock ahead: {SENSOR} by 8 h\.", ahead.words)
    read(conn, "slow-1", now() - timedelta(hours=3))
    [_, behind] = check_clocks(conn, now())
    assert "1 sensor with readings that come late: slow-1 by 3 h." in behind.words
    assert list(check_clocks(conn, now() + timedelta(minutes=11))) == []


def test_value_that_does_not_change_is_said(conn: Connection) -> None:
    make_partitions(conn, [(now() - timedelta(days=n)).date() for n in range(9)])
    for days in (8, 0):
        read(conn, SENSOR, now() - timedelta(days=days), 3.25)
    [remark] = check_frozen(conn)
    assert f"1 value that does not change any more: {SENSOR} water_level since 20" in remark.words


def test_full_disk_is_said_with_what_is_left(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    make_partitions(conn, days_ahead(now()))
    assert find_folder(conn) is not None
    full = type("Usage", (), {"free": 100 * 2**20})
    monkeypatch.setattr("app.health.doctor.shutil.disk_usage", lambda folder: full)
    [remark] = check_tables(conn, now())
    assert "0.1 GiB free" in remark.words
    assert "ONEMAP_RETENTION_DAYS" in remark.words


# --- the broker -------------------------------------------------------------------------------------------------------


def test_broker_says_how_many_messages_it_dropped(broker: Broker) -> None:
    with mailbox(broker.url("gateway")) as box:  # a broker that was never spoken to has nothing to tell yet
        box.publish("onemap/observation/doctor-1", 1)
    assert isinstance(wait_for(lambda: [n for n in [read_dropped(broker.url())] if n is not None])[0], int)


def test_account_that_may_not_ask_the_broker_gets_no_number() -> None:
    with private_broker(STATE / f"deaf{WORKER}") as broker:
        deaf = Account("deaf", "device", hash_secret("word"))
        write_doors(broker.folder, doors_text(broker.folder, [deaf], {}, "onemap"))
        reload_broker(broker.folder)
        url = f"mqtt://deaf:word@127.0.0.1:{broker.port}"
        assert read_dropped(url, 1.0) is None


@pytest.mark.parametrize(
    ("dropped", "wanted", "wrong"),
    [(0, None, False), (17, "dropped 17 messages", True), (None, "does not tell", False)],
)
def test_dropped_messages_are_a_fault(dropped: int | None, wanted: str | None, wrong: bool) -> None:
    remarks = list(check_dropped(dropped))
    assert [f.wrong for f in remarks] == ([] if wanted is None else [wrong])
    assert all(str(wanted) in f.words for f in remarks)


@pytest.mark.parametrize(
    ("url", "wanted"), [("mqtt://x:x@127.0.0.1:9", "does not answer"), ("", "ONEMAP_MQTT_URL is not set")]
)
def test_broker_that_is_away_is_said(url: str, wanted: str, settings: Settings) -> None:
    [remark] = check_broker(settings.model_copy(update={"mqtt_url": url}))
    assert wanted in remark.words


# --- the whole --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "wanted"), [(0, "0 s"), (119, "119 s"), (300, "5 min"), (7200, "2 h"), (200_000, "2 d")]
)
def test_lengths_of_time_are_words(seconds: float, wanted: str) -> None:
    assert words(seconds) == wanted


def doctor(capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    load_settings.cache_clear()
    code = main(["doctor"])
    load_settings.cache_clear()
    return code, capsys.readouterr().out


@pytest.fixture
def ask_doctor(
    processes: System, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[], tuple[int, str]]:
    monkeypatch.setenv("ONEMAP_DATABASE_URL", processes.settings.database_url)
    monkeypatch.setenv("ONEMAP_MQTT_URL", processes.settings.mqtt_url)
    # the broker is shared with tests that make it drop messages on purpose
    monkeypatch.setattr("app.health.doctor.read_dropped", lambda url, ca: 0)
    return lambda: doctor(capsys)


def test_exit_code_tells_whether_something_is_wrong(
    processes: System, ask_doctor: Callable[[], tuple[int, str]]
) -> None:
    tomorrow = partition_name((now() + timedelta(days=1)).date())
    wait_for(lambda: processes.one("SELECT to_regclass(%s)", tomorrow))
    wait_for(lambda: len(processes.rows("SELECT 1 FROM process_state")) >= 3)
    code, said = ask_doctor()
    assert (code, said.strip()) == (0, "✓ database, broker, processes, sources and feeds are well")
    processes.rows(
        "UPDATE source SET enabled = true, datum = 'BD-09', timezone = 'Nowhere' WHERE id = 'ttn' RETURNING id"
    )
    code, said = ask_doctor()
    assert code == 1
    assert "✗ source ttn cannot be used: timezone: " in said
    processes.rows("UPDATE source SET enabled = false WHERE id = 'ttn' RETURNING id")
    processes.rows(
        """
INSERT INTO sensor (id, kind, name_zh, name_en, status, metrics, thresholds, attributes, district, first_seen_at,
  source_id)
VALUES ('new-1', 'unknown', 'x', 'x', 'pending', '{}', '{}', '{}', '000000', now(), 'native')
RETURNING id
"""
    )
    code, said = ask_doctor()
    assert code == 0
    assert "· source native: 1 device waits" in said
    assert Remark("x").wrong
