"""What is wrong at the broker's doors: changes it was not told of, accounts nobody uses, two clients on one account."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection

from app.health.remark import Remark, count_of, named
from ingest.doors.accounts import find_unheard, read_accounts, read_door

# a change is told within a moment; a device is given time to be put up
UNHEARD = timedelta(hours=1)
SILENT = timedelta(days=1)
# a device that comes back before the broker has noticed that it was gone takes over from itself now and then
TAKEN_OVER_AT_MOST = 3
LOG_TAIL_BYTES = 1_000_000
_TAKEN_OVER = re.compile(r"Client (\S+) already connected, closing old connection")


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


def check_take_overs(log: Path) -> Iterator[Remark]:
    """From the end of the broker's log, where it is at hand."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - LOG_TAIL_BYTES))
            found = count_take_overs(file.read().decode("utf-8", "replace").splitlines())
    except OSError:
        return
    often = [f"{name} ({n} times)" for name, n in found.most_common() if n > TAKEN_OVER_AT_MOST]
    if often:
        yield Remark(
            f"two clients take each other's connection: {named(often)}. Each device needs an account of its own "
            "(./onemap devices add), each copy of a program its own client id"
        )


def count_take_overs(lines: Iterable[str]) -> Counter[str]:
    """How often each client id was taken over, by Mosquitto's own words."""
    return Counter(match[1] for line in lines if (match := _TAKEN_OVER.search(line)))
