"""What is wrong with the running system, in plain words, each with what to do. Plain functions of figures or of a
connection.

A remark that is `wrong` makes `./onemap doctor` fail; the others are told because somebody should know.
"""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.reasoncodes import ReasonCode
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from app.health.read import Health, ProcessHealth, SourceHealth
from app.health.remark import Remark, count_of, named, words
from core.clock import rfc3339
from core.mqtt import connect, make_client
from core.set_aside import AsideCount
from core.settings import Settings
from ingest.admin.letters import ReasonCount
from ingest.admin.quarantine import Quarantined
from ingest.partitions import partition_name
from ingest.replay import FINAL

OLD_FEED_S = 300.0
# these speak when something happens, or are not registered with us: their silence is no fault
ON_OCCASION = ("reports", "video", "unknown")
UNJUDGED_AT_MOST = 100
PROCESSES = ("ingest", "alerts", "dispatch")
PUBLISHED = "$SYS/broker/publish/messages"
DROPPED = f"{PUBLISHED}/dropped"
REST_S = 0.3
# always told
COUNTED = {f"{PUBLISHED}/received", f"{PUBLISHED}/sent"}
DROPPED_WAIT_S = 6.0  # Mosquitto sends its figures on subscribing, else every sys_interval seconds
CLOCK_WINDOW = timedelta(minutes=10)
BACKLOG = timedelta(hours=3)
# a late reading marks its old hour again: some marks are no backlog
BACKLOG_MARKS = 200
FREE_BYTES = 2**30
# a look at the readings of a whole day is given up after so long
LOOK_MS = 5000


# --- what the processes and sources say -------------------------------------------------------------------------------


def check_health(health: Health, settings: Settings) -> Iterator[Remark]:
    """From the figures of `app.health.read_health`."""
    running = {p["name"].split("-")[0] for p in health["processes"]}
    for name in PROCESSES:
        if name not in running:
            yield Remark(f"no {name} process has been heard for 30 s: start it with ./onemap {name} (or ./onemap up)")
    for process in health["processes"]:
        yield from check_process(process, settings)
    for source in health["sources"]:
        yield from check_source(source)
    for feed in health["feeds"]:
        if feed["id"] not in ON_OCCASION and feed["age_s"] and feed["age_s"] > OLD_FEED_S:
            yield Remark(f"{feed['names']['en']}: nothing heard for {words(feed['age_s'])}")
    for fault in health["faults"]:
        yield Remark(f"health cannot tell of {fault['part']}: {fault['error']}")
    for group in health["set_aside"]:
        yield from check_aside(group)
    for held in health["quarantine"]:
        yield from check_held(held)
    if (health["unjudged"] or 0) > UNJUDGED_AT_MOST:
        yield Remark(f"{health['unjudged']} batches wait for judgement: is an alerts process running?")


def check_process(process: ProcessHealth, settings: Settings) -> Iterator[Remark]:
    waiting = process["figures"].get("waiting", 0)
    if waiting >= settings.ingest_waiting / 2:
        yield Remark(
            f"{process['name']} lags: {waiting} readings wait to be written (it stops reading at "
            f"{settings.ingest_waiting}). Is the database slow? Start a second ingester (ONEMAP_INGEST_SHARED_GROUP)"
        )
    others = process["figures"].get("other_installations", [])
    if others:
        yield Remark(
            f"{process['name']}: {count_of(len(others), 'other installation')} ({named(others)}) on the same broker "
            f"under the same prefix {settings.topic_prefix}/: each takes the other's readings for its own. Give "
            "one of them another ONEMAP_TOPIC_PREFIX"
        )
    for thread, told in process["figures"].get("threads_failed", {}).items():
        yield Remark(
            f"{process['name']}: its thread {thread} has failed {told['restarts']} times (last at {told['at']}: "
            f"{told['error']}) and was started again; its log has more",
            wrong=False,
        )
    stale: Any = process["figures"].get("hotspots_failed")
    if stale:
        yield Remark(
            f"{process['name']}: the layer of expected incidents could not be renewed (last at {stale['at']}: "
            f"{stale['error']}); the old one stays and says its age. Try ./onemap hotspots make",
            wrong=False,
        )
    hurried = process["figures"].get("changes_not_alone", 0)
    if hurried:
        yield Remark(
            f"{process['name']}: {hurried} times other ingesters did not let go of filters that were changed; messages "
            "without a time of their own that came just then may be two rows. Does one of them hang?",
            wrong=False,
        )
    if process["figures"].get("devices_let_in"):
        yield Remark(
            "the broker lets accounts of devices in at the listener of our processes (ONEMAP_MQTT_URL), where they may "
            "take an ingester's session and what waits in it: the password_file of that listener is passwd.own, its "
            "acl_file acl.own (per_listener_settings true, as in deploy/mosquitto.conf)"
        )
    kept = process["figures"].get("messages_in_files", 0)
    if kept:
        yield Remark(
            f"{process['name']}: the database takes {kept} messages neither as rows nor as dead letters; their bytes "
            f"lie in {settings.state_dir / 'unwritten'}, a file each that says why"
        )
    errors = process["figures"].get("database_errors", 0)
    if errors:
        yield Remark(
            f"{process['name']}: the database did not take {errors} batches at first (they were tried again)",
            wrong=False,
        )


def check_held(held: Quarantined) -> Iterator[Remark]:
    sort, _, name = held["owner"].partition(":")
    why = f"{held['figure']:,.0f} messages a second" if held["kind"] == "rate" else f"{held['figure']:,.0f} new sensors"
    yield Remark(
        f"the {sort} {name} floods ({why}) and is held back since {held['since']}, {held['held']:,} messages so far. "
        "Is it broken, or has somebody its password? Let it through on the page /quarantine"
    )


def check_aside(group: AsideCount) -> Iterator[Remark]:
    if group["aside"]:
        yield Remark(
            f"{group['aside']} x {group['what']} could not be worked through and were put aside, newest error: "
            f"{group['error']}. Mend the cause, then retry or drop them on the page /set-aside"
        )
    if group["waiting"]:
        yield Remark(
            f"{group['waiting']} x {group['what']} failed and are tried again by themselves: {group['error']}",
            wrong=False,
        )


def check_source(source: SourceHealth) -> Iterator[Remark]:
    name = source["id"]
    if source["enabled"] and source["fault"]:
        yield Remark(
            f"source {name} cannot be used: {source['fault']}. Mend it on the page /sources or with ./onemap sources "
            f"set {name}"
        )
    if source["unread_since"]:
        yield Remark(
            f"source {name} speaks, and nothing of it can be read since {source['unread_since']} (last message "
            f"{source['last_at']}): see why on the page /sources, Rejected messages; is it the right decoder?"
        )
    elif source["overdue"]:
        heard = f"last message {source['last_at']}" if source["last_at"] else "it was never heard"
        yield Remark(
            f"source {name} is silent for {words(source['silent_s'] or 0.0)}, "
            f"longer than three of its intervals ({heard}): is the device or "
            f"gateway on, and may it publish? If it is gone for good: ./onemap sources off {name}"
        )
    if source["pending"]:
        count = source["pending"]
        yield Remark(
            f"source {name}: {count} {'device waits' if count == 1 else 'devices wait'} to be registered, stored and "
            "not judged; accept them on the page /sources, Pending devices",
            wrong=False,
        )


def check_letters(groups: Sequence[ReasonCount]) -> Iterator[Remark]:
    """From `ingest.admin.letters.read_reasons`."""
    for group in groups:
        source = group["source"] or "no source"
        yield Remark(
            f"{group['count']} {'message' if group['count'] == 1 else 'messages'} could not be read: {group['reason']} "
            f"({source}), newest {group['last_at']}. {ADVICE.get(group['reason'], MEND)}{then(group)}"
        )


MEND = "See why on the page /sources, Rejected messages; fix the device or the source."
ADVICE = {
    "no_source": "No source that is on reads this topic: switch one on or add one on the page /sources.",
    "unit": "The device's unit does not fit the metric: set the source's units.",
    "not_json": "The device sends no JSON: choose the decoder it needs, or mend the device.",
    "time_out_of_range": "The device's clock is wrong: set it; such messages can only be discarded.",
    "conflict": "The device sent two different values for one moment: see which is right, discard the other.",
    "refused_by_database": "PostgreSQL refused it: the detail says why.",
    "unknown_alias": "A Sparkplug node spoke before its birth: ask it for a rebirth.",
}


def then(group: ReasonCount) -> str:
    """What to do once the cause is mended; nothing where reading again is no help."""
    return "" if group["reason"] in FINAL else f" Then replay: {replay_command(group)}"


def replay_command(group: ReasonCount) -> str:
    source = f" --source {group['source'] or '-'}"
    return f"./onemap replay --dead-letters{source} --reason {group['reason']}"


# --- what the database says -------------------------------------------------------------------------------------------


def check_tables(conn: Connection, now: datetime) -> Iterator[Remark]:
    """Partitions, hourly history, disk, and what the quality flags tell of devices."""
    day = (now + timedelta(days=1)).date()
    if conn.scalar(text("SELECT to_regclass(:name)"), {"name": partition_name(day)}) is None:
        yield Remark(
            f"there is no partition for the readings of {day}: an ingest process makes it within the hour; is one "
            "running?"
        )
    yield from check_backlog(conn, now)
    yield from check_disk(conn)
    yield from check_clocks(conn, now)
    yield from check_frozen(conn)
    unnamed = conn.scalar(text("SELECT count(*) FROM sensor WHERE status = 'pending' AND source_id IS NULL"))
    if unnamed:
        yield Remark(f"{unnamed} pending devices of no source: accept them on the page /sources", wrong=False)


def check_backlog(conn: Connection, now: datetime) -> Iterator[Remark]:
    row = conn.execute(
        text("SELECT count(*) AS marks, min(hour) AS oldest FROM rollup_due WHERE hour < :before"),
        {"before": now - BACKLOG},
    ).one()
    if row.marks > BACKLOG_MARKS:
        yield Remark(
            f"the hourly history is behind: {row.marks} hours wait, the oldest since {rfc3339(row.oldest)}. An ingest "
            "process counts them; is one running, and is the database slow?"
        )


def check_disk(conn: Connection) -> Iterator[Remark]:
    """Free space only where the database's folder is on this machine and may be looked at."""
    size = int(conn.scalar(text("SELECT pg_database_size(current_database())")) or 0)
    folder = find_folder(conn)
    if folder is None:
        return
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return
    if free < max(FREE_BYTES, size / 10):
        yield Remark(
            f"the disk of the database is nearly full: {free / 2**30:.1f} GiB free, the database has "
            f"{size / 2**30:.1f} GiB. Make room, or keep less (ONEMAP_RETENTION_DAYS)"
        )


def find_folder(conn: Connection) -> Path | None:
    row = conn.execute(
        text(
            """
SELECT setting, inet_server_addr() IS NULL OR inet_server_addr() <<= '127.0.0.0/8' OR inet_server_addr() = '::1' AS here
FROM pg_settings WHERE name = 'data_directory'
"""
        )
    ).one_or_none()
    return Path(row.setting) if row is not None and row.here and Path(row.setting).parent.exists() else None


def check_clocks(conn: Connection, now: datetime) -> Iterator[Remark]:
    """Sensors whose readings of the last minutes were flagged `future` or `late`, and by how much."""
    given = {"now": now, "since": now - CLOCK_WINDOW}
    try:
        with conn.begin_nested():
            conn.execute(text(f"SET LOCAL statement_timeout = {LOOK_MS}"))
            ahead = conn.execute(text(_AHEAD), given).all()
            conn.execute(text("SET LOCAL statement_timeout = 0"))
    except DBAPIError:  # too many readings to look through, or no right to: the other checks still count
        ahead = []
    if ahead:
        told = named([f"{r.sensor_id} by {words(r.off_s)}" for r in ahead])
        yield Remark(
            f"{count_of(len(ahead), 'sensor')} with a clock ahead: {told}. Set the clock, or the source's time zone"
        )
    behind = conn.execute(text(_BEHIND), given).all()
    if behind:
        told = named([f"{r.sensor_id} by {words(r.off_s)}" for r in behind])
        yield Remark(
            f"{count_of(len(behind), 'sensor')} with readings that come late: {told}. "
            f"The clock is behind, the source's time zone is wrong, "
            "or the device sends what it had kept"
        )


_AHEAD = """
SELECT sensor_id, extract(epoch FROM max(time - received_at))::float8 AS off_s FROM observation
WHERE quality = 'future' AND time > :since AND received_at > :since GROUP BY sensor_id ORDER BY off_s DESC
"""
_BEHIND = """
SELECT sensor_id, extract(epoch FROM max(received_at - time))::float8 AS off_s FROM sensor_state
WHERE quality = 'late' AND received_at > :since AND received_at <= CAST(:now AS timestamptz) + interval '1 minute'
GROUP BY sensor_id ORDER BY off_s DESC
"""


def check_frozen(conn: Connection) -> Iterator[Remark]:
    rows = conn.execute(
        text(
            "SELECT t.sensor_id, t.metric, t.same_since FROM sensor_state t JOIN sensor s ON s.id = t.sensor_id "
            "WHERE t.quality = 'frozen' AND s.status = 'active' ORDER BY t.same_since, t.sensor_id"
        )
    ).all()
    if rows:
        told = named(
            [f"{r.sensor_id} {r.metric}" + (f" since {rfc3339(r.same_since)}" if r.same_since else "") for r in rows]
        )
        yield Remark(f"{count_of(len(rows), 'value')} that does not change any more: {told}. Have the sensor looked at")


# --- the broker -------------------------------------------------------------------------------------------------------


def check_broker(settings: Settings) -> Iterator[Remark]:
    if not settings.mqtt_url:
        yield Remark("ONEMAP_MQTT_URL is not set: give mqtt://user:password@host:port")
        return
    try:
        dropped = read_dropped(settings.mqtt_url, ca=settings.mqtt_ca)
    except OSError as exc:
        yield Remark(f"the broker does not answer: {exc}. Is it running, and is ONEMAP_MQTT_URL right?")
        return
    yield from check_dropped(dropped)


def check_dropped(dropped: int | None) -> Iterator[Remark]:
    if dropped is None:
        yield Remark(
            f"the broker does not tell how many messages it dropped ({DROPPED}): allow our account to read $SYS/#",
            wrong=False,
        )
    elif dropped:
        yield Remark(
            f"the broker has dropped {dropped} messages since it started: a subscriber was too slow or away too long "
            "for its queue. Set max_queued_messages and max_inflight_messages as docs/operators.md says, then start "
            "the broker again"
        )


def read_dropped(url: str, wait_s: float = DROPPED_WAIT_S, ca: Path | None = None) -> int | None:
    """Messages that the broker threw away since it started; None where it does not say. OSError where it is away.

    Mosquitto tells of drops only once there was one: a broker that tells of the others and not of these has dropped
    none.
    """
    told: dict[str, int] = {}
    heard = threading.Event()

    def hear(_: Client, __: object, message: MQTTMessage) -> None:
        if message.payload.isdigit():
            told[message.topic] = int(message.payload)
        if DROPPED in told or set(told) >= COUNTED:
            heard.set()

    client = make_client(url, f"onemap-doctor-{secrets.token_hex(8)}", ca)

    def ask(*_: object) -> None:
        client.subscribe(f"{PUBLISHED}/+")

    def give_up(_: Client, __: object, ___: int, reasons: list[ReasonCode], ____: object) -> None:
        if reasons[0].is_failure:
            heard.set()

    client.on_connect = ask
    client.on_subscribe = give_up
    client.on_message = hear
    connect(client, url)
    client.loop_start()
    try:
        heard.wait(wait_s)
        time.sleep(REST_S)  # what is kept comes in no particular order, and at once
    finally:
        client.disconnect()
        client.loop_stop()
    return told.get(DROPPED, 0) if told else None
