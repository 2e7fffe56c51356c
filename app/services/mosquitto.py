"""A private Mosquitto broker on two free ports, with accounts and rights; TLS on that of the devices where it has a
certificate.

The queue settings matter: Mosquitto's defaults silently drop acknowledged QoS 1 messages once 20 are in flight and
1,000 wait (docs/operators.md, "Broker settings that lose messages").
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from app.services.account import RunAs, find_program, need_program
from app.services.ending import ending_with_parent, is_running
from app.services.net import free_port, reached_at, wait_until
from core.errors import SetupError
from core.vocabulary import table
from ingest.doors.acl import GATEWAY, PROCESS, acl_text
from ingest.doors.files import (
    ACL,
    BASE,
    OWN_ACL,
    OWN_PASSWORDS,
    PASSWORDS,
    read_base,
    write_certificate,
)
from ingest.doors.secret import hash_secret, make_secret

# Two listeners. At the devices' a client's id is its user name, whatever it says: nobody takes another's session. The
# other is for our processes, gateways and tests, whose sessions have names of their own: no device is known there.
CONFIG = """\
per_listener_settings true
pid_file {folder}/mosquitto.pid
persistence true
persistence_location {folder}/
autosave_interval 1000
autosave_on_changes true
max_inflight_messages 1000
max_queued_messages 1000000
max_queued_bytes 0
message_size_limit 16777216
set_tcp_nodelay true
persistent_client_expiration 14d
sys_interval 5
log_dest stderr
log_type error
log_type warning
log_type notice

listener {port} 127.0.0.1
allow_anonymous false
password_file {folder}/passwd.own
acl_file {folder}/acl.own

listener {device_port} {device_host}{tls}
allow_anonymous false
password_file {folder}/passwd
acl_file {folder}/acl
use_username_as_clientid true
"""
TLS = "\ncertfile {folder}/server.crt\nkeyfile {folder}/server.key"
OURS = (PROCESS, GATEWAY)
TESTER = "tester"
ANYBODY = f"\nuser {TESTER}\ntopic readwrite #\ntopic read $SYS/#\n"
# topics of devices of other makers, until the database has been read (core/data/sources.json)
THEIRS = {key: row["filters"] for key, row in table("sources").items()}


# every device is an open file: as many as the machine allows
OPEN_MANY = ("sh", "-c", 'ulimit -n "$(ulimit -Hn)"; exec "$0" "$@"')


@dataclass(frozen=True, slots=True)
class Doors:
    """The devices' listener: where it listens, and its certificate with the key of it (None: plain)."""

    host: str = "127.0.0.1"
    files: tuple[Path, Path] | None = None


PLAIN = Doors()


@dataclass(frozen=True, slots=True)
class Broker:
    folder: Path
    port: int
    device_port: int
    passwords: dict[str, str]
    run_as: RunAs
    doors: Doors = PLAIN

    def url(self, account: str = PROCESS) -> str:
        """The address of our own listener for one of our accounts."""
        return f"mqtt://{account}:{self.passwords[account]}@127.0.0.1:{self.port}"

    def device_url(self, everywhere: str = "127.0.0.1") -> str:
        """The address that devices are told; each has an account of its own. `everywhere`: this machine's name, where
        the listener is on all of its addresses."""
        scheme = "mqtts" if self.doors.files else "mqtt"
        return f"{scheme}://{reached_at(self.doors.host, everywhere)}:{self.device_port}"


def find_mosquitto() -> Path | None:
    return find_program("mosquitto")


def make_broker(
    folder: Path,
    run_as: RunAs,
    port: int = 0,
    device_port: int = 0,
    prefix: str = "onemap",
    *,
    doors: Doors = PLAIN,
    tester: bool = False,
) -> Broker:
    """The broker in `folder`/mosquitto with the accounts of our own, made on first use; `doors` adds those of devices.
    With `tester` there is one more, who may say and hear anything."""
    ours = (*OURS, TESTER) if tester else OURS
    home = folder / "mosquitto"
    home.mkdir(exist_ok=True)
    run_as.own(home)
    home.chmod(0o700)
    secret = folder / "mosquitto.json"
    kept = json.loads(secret.read_text()) if secret.exists() else {}
    passwords = {name: kept.get(name) or make_secret() for name in ours}
    if passwords != kept:
        secret.touch(0o600)
        secret.chmod(0o600)
        secret.write_text(json.dumps(passwords))
    broker = Broker(home, free_port(port), free_port(device_port, doors.host), passwords, run_as, doors)
    _write_accounts(broker, prefix)
    if doors.files:
        write_certificate(home, *doors.files)
    _write(broker, "mosquitto.conf", config_text(broker))
    return broker


def config_text(broker: Broker) -> str:
    return CONFIG.format(
        port=broker.port,
        device_port=broker.device_port,
        device_host=broker.doors.host,
        tls=TLS.format(folder=broker.folder) if broker.doors.files else "",
        folder=broker.folder,
    )


def _write_accounts(broker: Broker, prefix: str) -> None:
    """Our own accounts; those of devices stay as they were told last, so that they can connect before the database has
    been read."""
    base = {name: hash_secret(word) for name, word in broker.passwords.items()}
    ours = "".join(f"{name}:{kept}\n" for name, kept in base.items())
    for file in (BASE, OWN_PASSWORDS):
        _write(broker, file, ours)
    others = [line for line in _lines(broker.folder / PASSWORDS) if line.partition(":")[0] not in base]
    _write(broker, PASSWORDS, "\n".join([*(f"{name}:{kept}" for name, kept in base.items()), *others]) + "\n")
    filters = {key: [f.replace("{prefix}", prefix) for f in found] for key, found in THEIRS.items()}
    anybody = ANYBODY if TESTER in broker.passwords else ""
    for file in (ACL, OWN_ACL):
        if not (broker.folder / file).exists():
            _write(broker, file, acl_text(read_base(broker.folder), filters, prefix) + anybody)


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def forget_sessions(broker: Broker) -> None:
    """Drop what the stopped broker holds for absent clients: after a fresh start yesterday's queue must not come in."""
    (broker.folder / "mosquitto.db").unlink(missing_ok=True)


def _write(broker: Broker, name: str, body: str) -> None:
    path = broker.folder / name
    path.write_text(body)
    path.chmod(0o600)
    broker.run_as.own(path)


def start_broker(broker: Broker, log: Path) -> int:
    """Start Mosquitto and wait until it listens; returns its pid."""
    with log.open("ab") as out:
        pid = launch_broker(broker, out.fileno())
    wait_for_broker(broker, pid, log)
    return pid


def launch_broker(broker: Broker, out: int) -> int:
    """Start Mosquitto, what it says goes to `out`; returns its pid."""
    process = subprocess.Popen(  # type: ignore[call-overload]
        [*OPEN_MANY, need_program("mosquitto", "mosquitto"), "-c", str(broker.folder / "mosquitto.conf")],
        stdout=out,
        stderr=out,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        cwd=str(broker.folder),
        preexec_fn=ending_with_parent(signal.SIGTERM),
        **broker.run_as.popen_args(),
    )
    return int(process.pid)


def wait_for_broker(broker: Broker, pid: int, log: Path) -> None:
    def ready() -> bool:
        if not is_running(pid):
            raise SetupError(f"Mosquitto ended at once; its log is {log}", reason="not_up")
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", broker.port)) == 0

    wait_until(ready, 20, "Mosquitto")


def stop_broker(pid: int) -> None:
    """SIGTERM: Mosquitto writes its queues to disk and ends."""
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return
    wait_until(lambda: not is_running(pid), 20, "the stop of Mosquitto")
