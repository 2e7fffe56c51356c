"""A private Mosquitto broker on a free loopback port, with accounts and an ACL.

The queue settings matter: Mosquitto's defaults silently drop acknowledged QoS 1 messages once 20 are in flight and
1,000 wait (docs/operators.md, "Broker settings that lose messages").
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from app.services.account import RunAs, find_program, need_program
from app.services.ending import ending_with_parent, is_running
from app.services.net import free_port, wait_until
from core.errors import SetupError
from core.vocabulary import table

CONFIG = """\
per_listener_settings false
listener {port} 127.0.0.1
allow_anonymous false
password_file {folder}/passwd
acl_file {folder}/acl
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
"""

IN_TOPICS = (
    "observation/+",
    "video/+/event",
    "video/+/snapshot",
    "incident",
    "position/+",
    "unit/+/status",
    "task/+/+/reply",
    "warning",
)
OUT_TOPICS = ("alarm/#", "alert/#", "task/+")
# where devices of other makers speak (core/data/sources.json)
THEIR_TOPICS = sorted({f for row in table("sources").values() for f in row["filters"] if not f.startswith("{prefix}")})
THEIRS = [f"topic write {f}" for f in THEIR_TOPICS]
# devices write in-topics only; units hear their tasks; `gateway` may speak for any device and hear what we say
ACCOUNTS = {
    "onemap": ["topic readwrite #", "topic read $SYS/#"],
    "device": [*(f"topic write {{prefix}}/{t}" for t in IN_TOPICS), *THEIRS, "topic read {prefix}/task/+"],
    "gateway": [
        *(f"topic write {{prefix}}/{t}" for t in IN_TOPICS),
        *THEIRS,
        *(f"topic read {{prefix}}/{t}" for t in OUT_TOPICS),
        "topic read $SYS/#",
    ],
}


# every device is an open file: as many as the machine allows
OPEN_MANY = ("sh", "-c", 'ulimit -n "$(ulimit -Hn)"; exec "$0" "$@"')


@dataclass(frozen=True, slots=True)
class Broker:
    folder: Path
    port: int
    passwords: dict[str, str]
    run_as: RunAs

    def url(self, account: str = "onemap") -> str:
        return f"mqtt://{account}:{self.passwords[account]}@127.0.0.1:{self.port}"


def find_mosquitto() -> Path | None:
    return find_program("mosquitto") if find_program("mosquitto_passwd") else None


def make_broker(folder: Path, run_as: RunAs, port: int = 0, prefix: str = "onemap") -> Broker:
    """The broker in `folder`/mosquitto with its accounts, made on first use."""
    home = folder / "mosquitto"
    home.mkdir(exist_ok=True)
    run_as.own(home)
    home.chmod(0o700)
    secret = folder / "mosquitto.json"
    if not secret.exists():
        secret.write_text(json.dumps({name: secrets.token_urlsafe(18) for name in ACCOUNTS}))
        secret.chmod(0o600)
    broker = Broker(home, free_port(port), json.loads(secret.read_text()), run_as)
    _write(broker, "passwd", "".join(f"{name}:{word}\n" for name, word in broker.passwords.items()))
    done = subprocess.run(
        [need_program("mosquitto_passwd", "mosquitto"), "-U", home / "passwd"], check=False, capture_output=True
    )
    if done.returncode != 0:
        raise SetupError(f"mosquitto_passwd failed: {done.stderr.decode()[-300:]}", reason="broker")
    run_as.own(home / "passwd")
    _write(broker, "acl", acl_text(prefix))
    _write(broker, "mosquitto.conf", CONFIG.format(port=broker.port, folder=home))
    return broker


def acl_text(prefix: str) -> str:
    """Who may say and hear what, as Mosquitto reads it; deploy/acl is the same for the containers."""
    blocks = ("\n".join([f"user {name}", *lines]) for name, lines in ACCOUNTS.items())
    return "\n\n".join(blocks).format(prefix=prefix) + "\n"


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
