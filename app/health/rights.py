"""Whether our processes may do more than they need: as the database's role, as the machine's account."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from sqlalchemy import Connection, text

from app.health.remark import Remark, named

ROLE = text("""
SELECT current_user AS name, r.rolsuper, has_table_privilege('audit', 'UPDATE, DELETE, TRUNCATE, TRIGGER') AS too_much
FROM pg_roles r WHERE r.rolname = current_user
""")
# the servers have accounts of their own
SERVERS = ("postgres", "mosquitto")


def check_role(conn: Connection) -> Iterator[Remark]:
    """One login that owns everything works; what happened is then kept by triggers only, which an owner can disable."""
    row = conn.execute(ROLE).one()
    if row.rolsuper or row.too_much:
        what = "is a superuser" if row.rolsuper else "owns the tables"
        yield Remark(
            f"the processes' role in the database ({row.name}) {what}: a fault of theirs could change what happened. "
            "Give them a role of their own in ONEMAP_DATABASE_URL, put this one in ONEMAP_MIGRATE_DATABASE_URL and run "
            "./onemap migrate",
            wrong=bool(row.rolsuper),
        )


def check_accounts(pids: object) -> Iterator[Remark]:
    """`pids` of run.json; nothing where nothing runs here."""
    if not isinstance(pids, Mapping):
        return
    rooted = sorted(name for name, pid in pids.items() if name not in SERVERS and runs_as_root(pid))
    if rooted:
        yield Remark(
            f"these run as root: {named(rooted)}. ./onemap up gives them to the account onemap where it can read the "
            "checkout and the Python environment: put both outside of /root",
            wrong=False,
        )


def check_programs(pids: object) -> Iterator[Remark]:
    """Programs whose files were replaced below them, by an upgrade: what they load from now on may not fit."""
    if not isinstance(pids, Mapping):
        return
    replaced = sorted(name for name, pid in pids.items() if is_replaced(pid))
    if replaced:
        yield Remark(
            f"these still run what an upgrade has replaced on the disk: {named(replaced)}. Stop ./onemap up (Ctrl-C) "
            "and start it again"
        )


def is_replaced(pid: object) -> bool:
    """Linux names a file that is gone from its place so."""
    try:
        return os.readlink(f"/proc/{int(str(pid))}/exe").endswith(" (deleted)")
    except (OSError, ValueError):
        return False


def runs_as_root(pid: object) -> bool:
    try:
        return Path(f"/proc/{int(str(pid))}").stat().st_uid == 0
    except (OSError, ValueError):
        return False
