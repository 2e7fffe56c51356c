"""What is wrong at the broker's doors: changes it was not told of, accounts nobody uses, two clients on one account."""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from paho.mqtt.reasoncodes import ReasonCode
from sqlalchemy import Connection, text

from app.health.remark import Remark, count_of, named
from core.mqtt import connect, make_client, parse_mqtt_url
from core.settings import Settings
from ingest.cover import overlap
from ingest.doors.accounts import find_unheard, read_accounts, read_active, read_door
from ingest.doors.acl import GATEWAY, PROBE, PROCESS, Account, rights
from ingest.doors.keeper import read_filters

# a change is told within a moment; a device is given time to be put up
UNHEARD = timedelta(hours=1)
SILENT = timedelta(days=1)
# a device that comes back before the broker has noticed that it was gone takes over from itself now and then
TAKEN_OVER_AT_MOST = 3
ASK_S = 5.0
LOG_TAIL_BYTES = 1_000_000
# what happened longer ago is over, or is told by what goes on
TAKEN_OVER_WITHIN = timedelta(hours=1)
# seconds since 1970, as Mosquitto writes them
_TAKEN_OVER = re.compile(r"(\d+): Client (\S+) already connected, closing old connection")
# what our own client ids carry: whoever reads it could come with them
_SECRET = re.compile(r"-[0-9a-f]{16}-")


def check_doors(conn: Connection, now: datetime) -> Iterator[Remark]:
    """Nothing where others manage the broker: no account was ever made here, no change ever told."""
    state = read_door(conn)
    is_ours = state["applied_at"] is not None or bool(read_accounts(conn, None, 1))
    if is_ours and not state["open"]:
        why = f" ({state['error']})" if state["error"] else ""
        yield Remark(
            f"the broker has not been told of the newest change of accounts or sources{why}: is ./onemap doors running "
            "beside it, with ONEMAP_BROKER_FOLDER? New devices and topics are refused until then"
        )
    never, silent = find_unheard(conn, now - UNHEARD, now - SILENT)
    if never:
        yield Remark(
            f"{count_of(len(never), 'account')} of devices never heard: {named(never)}. Does the device have its "
            "password, and does it speak on its own topics? (The broker refuses others, to MQTT 3.1.1 clients without "
            "a word)",
            wrong=False,
        )
    if silent:
        yield Remark(
            f"{count_of(len(silent), 'account')} of devices silent for a day or longer: {named(silent)}. If one is "
            "gone for good: ./onemap devices revoke NAME",
            wrong=False,
        )


def check_filters(conn: Connection, prefix: str) -> Iterator[Remark]:
    """Topics that sources read and no account may write; nothing where others manage the broker."""
    accounts = [one for one in read_active(conn) if one.name != PROBE]
    if not accounts:
        return
    filters = read_filters(conn, prefix)
    on = set(conn.scalars(text("SELECT id FROM source WHERE enabled")))
    foreign = sorted({f for own in filters.values() for f in own if not f.startswith(f"{prefix}/")})
    writers = [(one.kind, rights(one, filters, foreign, prefix)[0]) for one in (*accounts, Account(GATEWAY, "gateway"))]
    for source in sorted(on & set(filters)):
        closed = []
        for topic_filter in filters[source]:
            kinds = {kind for kind, topics in writers if any(overlap(topic, topic_filter) for topic in topics)}
            if kinds <= {"gateway"} and topic_filter in foreign:
                closed.append(topic_filter)
        if closed:
            yield Remark(
                f"source {source}: on {named(closed)} no device's account may publish, gateways only. What another "
                "says there the broker drops, and to an MQTT 3.1.1 client it acknowledges it as a success. Open it: "
                f"./onemap devices add NAME --source {source}",
                wrong=False,
            )


def probe_filters(conn: Connection, settings: Settings) -> Iterator[Remark]:
    """Ask the broker itself, as whoever our URL logs in as: an empty message, which no decoder reads, on one topic of
    each filter. MQTT 5 says what MQTT 3.1.1 does not (section 3.4.2.1, 0x87: not authorized)."""
    if not settings.mqtt_url:
        return
    if parse_mqtt_url(settings.mqtt_url).username == PROCESS:  # our processes hear and do not speak for devices
        if read_active(conn):
            yield Remark(
                f"whether the broker takes what devices say was not tried: ONEMAP_MQTT_URL logs in as {PROCESS}, which "
                "may say nothing of theirs. ./onemap doctor --as-device tries it with an account of its own",
                wrong=False,
            )
        return
    filters = read_filters(conn, settings.topic_prefix)
    on = set(conn.scalars(text("SELECT id FROM source WHERE enabled")))
    asked = {sample_of(f): f for source in sorted(on & set(filters)) for f in filters[source]}
    try:
        refused = ask_broker(settings, list(asked))
    except OSError:
        return  # told elsewhere
    if refused:
        who = parse_mqtt_url(settings.mqtt_url).username or "nobody"
        yield Remark(
            f"the broker refuses what {who} publishes on {named([asked[topic] for topic in refused])}, which sources "
            "read: has it read the newest accounts? (An MQTT 3.1.1 client is told of success all the same)"
        )


def sample_of(topic_filter: str) -> str:
    """A topic that fits, of a device that is none."""
    return "/".join("onemap-doctor" if level in ("+", "#") else level for level in topic_filter.split("/"))


def ask_broker(settings: Settings, topics: Sequence[str]) -> list[str]:
    """Those of the topics that the broker refuses to take a message on. OSError where it is away."""
    client = make_client(settings.need_mqtt(), f"onemap-doctor-{secrets.token_hex(8)}", settings.mqtt_ca)
    answers: dict[int, ReasonCode] = {}
    connected = threading.Event()
    client.on_connect = lambda *_: connected.set()
    client.on_publish = lambda _, __, mid, reason, ___: answers.__setitem__(mid, reason)
    connect(client, settings.need_mqtt())
    client.loop_start()
    try:
        if not connected.wait(ASK_S):
            return []
        sent = {topic: client.publish(topic, b"", qos=1) for topic in topics}
        deadline = time.monotonic() + ASK_S
        while len(answers) < len(sent) and time.monotonic() < deadline:
            time.sleep(0.01)
        return [topic for topic, one in sent.items() if one.mid in answers and answers[one.mid].is_failure]
    finally:
        client.disconnect()
        client.loop_stop()


def check_take_overs(log: Path, now: datetime) -> Iterator[Remark]:
    """Of the last hour, from the end of the broker's log, where it is at hand."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - LOG_TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return
    found = count_take_overs(lines, now - TAKEN_OVER_WITHIN)
    often = [f"{_SECRET.sub('-…-', name)} ({n} times)" for name, n in found.most_common() if n > TAKEN_OVER_AT_MOST]
    if often:
        yield Remark(
            f"two clients take each other's connection: {named(often)}. Each device needs an account of its own "
            "(./onemap devices add), each copy of a program its own client id"
        )


def count_take_overs(lines: Iterable[str], since: datetime) -> Counter[str]:
    """How often each client id was taken over since then, by Mosquitto's own words."""
    found = (match for line in lines if (match := _TAKEN_OVER.search(line)))
    return Counter(match[2] for match in found if int(match[1]) >= since.timestamp())
