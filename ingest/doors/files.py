"""The files that Mosquitto reads its doors and its certificate from, and the signal that makes it read them anew
(mosquitto(8), SIGHUP; one that has been connected stays so).

`passwd.base` beside them holds the accounts that are the installation's own; whoever sets up the broker writes it.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from core.errors import SetupError, Unavailable
from core.tls import check_pair
from ingest.doors.acl import GATEWAY, INSIDE, PROCESS, Account, acl_text, password_text

BASE, PASSWORDS, ACL, PID = "passwd.base", "passwd", "acl", "mosquitto.pid"
# of our own listener: nobody of the others is known there
OWN_PASSWORDS, OWN_ACL = "passwd.own", "acl.own"
# of the devices' listener
CERTIFICATE, KEY = "server.crt", "server.key"


def read_base(folder: Path) -> list[Account]:
    """Our own accounts. SetupError where the broker's folder is not one of ours."""
    try:
        lines = (folder / BASE).read_text().splitlines()
    except OSError as exc:
        raise SetupError(
            f"{folder / BASE} cannot be read ({exc.strerror}): ONEMAP_BROKER_FOLDER names the folder where the "
            "broker's passwd and acl lie",
            field="ONEMAP_BROKER_FOLDER",
        ) from exc
    pairs = [line.split(":", 1) for line in lines if ":" in line]
    return [
        Account(name, "process" if name == PROCESS else "gateway", password)
        for name, password in pairs
        if name in (PROCESS, GATEWAY)
    ]


def doors_text(
    folder: Path, accounts: Iterable[Account], filters: Mapping[str, Sequence[str]], prefix: str
) -> dict[str, str]:
    """The files as they should be: our own accounts and these; at our own listener none but ours."""
    everybody = [*read_base(folder), *accounts]
    inside = [account for account in everybody if account.name in INSIDE]
    return {
        PASSWORDS: password_text(everybody),
        ACL: acl_text(everybody, filters, prefix),
        OWN_PASSWORDS: password_text(inside),
        OWN_ACL: acl_text(inside, filters, prefix),
    }


def write_doors(folder: Path, texts: Mapping[str, str]) -> None:
    """Replace them, each in one step."""
    for name, body in texts.items():
        replace(folder / name, body)


def is_written(folder: Path, texts: Mapping[str, str]) -> bool:
    return all(has(folder / name, body) for name, body in texts.items())


def write_certificate(folder: Path, cert: Path, key: Path) -> bool:
    """Give the broker a copy that it may read; whether it was different. SetupError where the two cannot be used: a
    broker that was started with them would end at once."""
    check_pair(cert, key)
    changed = [replace(folder / KEY, key.read_text()), replace(folder / CERTIFICATE, cert.read_text())]
    return any(changed)


def replace(path: Path, body: str) -> bool:
    """The file with this text, readable by the folder's owner only; False where it has it already."""
    if has(path, body):
        return False
    temporary = path.with_name(f"{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(body)
        out.flush()
        os.fsync(out.fileno())
    owner = path.parent.stat()
    if os.geteuid() == 0:
        os.chown(temporary, owner.st_uid, owner.st_gid)
    temporary.replace(path)
    return True


def has(path: Path, body: str) -> bool:
    try:
        return path.read_text() == body
    except (OSError, UnicodeDecodeError):
        return False


def reload_broker(folder: Path) -> int:
    """Make the broker read its files; its pid. Unavailable where there is none just now: it reads them when it
    starts."""
    try:
        pid = int((folder / PID).read_text().strip())
        if b"mosquitto" not in Path(f"/proc/{pid}/cmdline").read_bytes():
            raise Unavailable(f"the process {pid} of {folder / PID} is no broker", reason="broker_away")
        os.kill(pid, signal.SIGHUP)
    except (OSError, ValueError) as exc:
        raise Unavailable(f"the broker of {folder} does not run: {exc}", reason="broker_away") from exc
    return pid
