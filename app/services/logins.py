"""The demo logins that `up` prints: made once per installation, good on this machine only."""

from __future__ import annotations

import json
import os
import secrets
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from app.accounts import add_account, list_accounts, set_password
from core.viewer import Role

# by role: user name and password
Logins = dict[str, dict[str, str]]
DEMO_NAMES = {
    Role.VIEWER: "值班观察员",
    Role.DISPATCHER: "调度员",
    Role.COMMANDER: "指挥员",
    Role.ADMIN: "系统管理员",
}


def keep_logins(path: Path) -> Logins:
    """Those of the file; with random passwords where there is none yet."""
    if path.exists():
        kept: Logins = json.loads(path.read_text())
        return kept
    logins = {
        role.value: {"username": f"demo-{role.value}", "password": f"{secrets.token_urlsafe(9)}-Aa1"}
        for role in DEMO_NAMES
    }
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as out:
        json.dump(logins, out, indent=2)
    return logins


def make_accounts(conn: Connection, logins: Logins, now: datetime, *, anew: bool) -> None:
    """Those that are lacking; with `anew` the others get these passwords too."""
    there = {account.username for account in list_accounts(conn)}
    for role, name in DEMO_NAMES.items():
        login = logins[role.value]
        if login["username"] not in there:
            add_account(conn, login["username"], name, role, login["password"], now, demo=True)
        elif anew:
            set_password(conn, login["username"], login["password"])
