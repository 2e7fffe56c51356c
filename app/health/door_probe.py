"""The broker asked as a device asks it: with an account of the doctor's own, what it may say and what not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from urllib.parse import quote, urlsplit, urlunsplit

from sqlalchemy import Connection, text

from app.health.doors import ask_broker, sample_of
from app.health.remark import Remark, named
from core.clock import utc_now
from core.errors import NotFound
from core.settings import Settings
from ingest.cover import overlap
from ingest.doors.accounts import (
    AccountIn,
    Credentials,
    add_account,
    change_account,
    read_account,
    read_door,
    rotate_account,
)
from ingest.doors.acl import PROBE
from ingest.doors.keeper import read_filters

Begin = Callable[[], AbstractContextManager[Connection]]
TOLD_S = 20.0
WHO = "doctor"


def probe_as_device(begin: Begin, settings: Settings) -> Iterator[Remark]:
    """Empty messages, which no decoder reads, on topics that the account was given and on one that it was not. Its
    secret is new each time and known to nobody else; `begin` gives a transaction."""
    prefix = settings.topic_prefix
    with begin() as conn:
        filters = read_filters(conn, prefix)
        on = set(conn.scalars(text("SELECT id FROM source WHERE enabled")))
        open_to = {one: [f for f in filters[one] if not overlap(f, f"{prefix}/#")] for one in sorted(on & set(filters))}
        account = AccountIn(name=PROBE, sources=[one for one, own in open_to.items() if own], reports=True)
        told = prepare(conn, account, settings)
    if not wait_open(begin):
        yield Remark(
            "what devices may say was not tried: the broker has not been told of the doctor's account. Is "
            "./onemap doors running beside it?"
        )
        return
    may = {f"{prefix}/incident": f"{prefix}/incident"}
    may |= {sample_of(f): f for own in open_to.values() for f in own}
    may_not = f"{prefix}/observation/onemap-doctor"
    try:
        refused = ask_broker(speaking_as(settings, told), [*may, may_not])
    except OSError:
        return  # told elsewhere
    if closed := [may[topic] for topic in refused if topic in may]:
        yield Remark(f"the broker refuses a device what it may say: {named(closed)}. Is its acl_file ours, and read?")
    if may_not not in refused:
        yield Remark(
            f"the broker lets a device speak for another ({may_not}): its acl_file is not ours, or anybody may publish"
        )


def prepare(conn: Connection, account: AccountIn, settings: Settings) -> Credentials:
    """The doctor's account with a new secret."""
    now = utc_now()
    try:
        read_account(conn, PROBE)
    except NotFound:
        return add_account(conn, account, settings.topic_prefix, WHO, now, own=True)
    change_account(conn, account, settings.topic_prefix, WHO, now, own=True)
    return rotate_account(conn, PROBE, WHO, now, own=True)


def wait_open(begin: Begin) -> bool:
    deadline = time.monotonic() + TOLD_S
    while time.monotonic() < deadline:
        with begin() as conn:
            if read_door(conn)["open"]:
                return True
        time.sleep(0.2)
    return False


def speaking_as(settings: Settings, told: Credentials) -> Settings:
    parts = urlsplit(settings.need_mqtt())
    place = parts.netloc.rpartition("@")[2]
    who = f"{quote(told['username'], safe='')}:{quote(told['password'], safe='')}"
    return settings.model_copy(update={"mqtt_url": urlunsplit(parts._replace(netloc=f"{who}@{place}"))})
