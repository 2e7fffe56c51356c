"""`./onemap up --tls`: both doors of one running system over TLS, for those who have been given the authority."""

from __future__ import annotations

import gc
import json
import os
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from app.front.connections import HANDSHAKE_S
from app.services.account import service_account, service_folder
from app.services.authority import Authority, make_authority, write_pair
from app.services.names import sort_names
from core.clock import rfc3339, utc_now
from core.mqtt import connect, make_client
from core.tls import trust_authority
from tests.support import PATIENCE_S, ROOT, STATE, Listener, connect_socket, mailbox, wait_for

FOLDER = STATE / "up-tls"
COMMAND = [sys.executable, "-m", "app.cli"]
UP = [*COMMAND, "up", "--tls", "--port", "0", "--city", "none", "--no-devices", "--fresh"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "ONEMAP_STATE_DIR": str(FOLDER)}
AUTHORITY = Authority(FOLDER / "tls")
COOKIE = "__Host-onemap_session"
# what an earlier `up --tls` made: its authority is kept, its certificate has little time left
MADE = utc_now() - timedelta(days=380)


def facts() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / "run.json").read_text())
    return found


def log() -> str:
    return (FOLDER / "up.log").read_text()


@pytest.fixture(scope="module")
def old() -> bytes:
    """The authority of before."""
    shutil.rmtree(AUTHORITY.folder, ignore_errors=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    AUTHORITY.keep("vm", sort_names(["localhost", "127.0.0.1"]), MADE)
    return AUTHORITY.certificate.read_bytes()


@pytest.fixture(scope="module")
def up(old: bytes) -> Iterator[dict[str, Any]]:
    with (FOLDER / "up.log").open("w") as out:
        process = subprocess.Popen(UP, cwd=ROOT, env=ENVIRONMENT, stdout=out, stderr=out, text=True)
    try:
        wait_for(lambda: "is up" in log() or process.poll() is not None, 2 * PATIENCE_S, "the address is printed")
        assert process.poll() is None, log()
        yield facts()
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0


@pytest.fixture(scope="module")
def trust(up: dict[str, Any]) -> ssl.SSLContext:
    """A client that was given the authority, and is strict (as Python 3.13 is by itself)."""
    context = trust_authority(AUTHORITY.certificate)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


@pytest.fixture
def visitor(up: dict[str, Any], trust: ssl.SSLContext) -> Iterator[httpx.Client]:
    """A browser that has not logged in yet."""
    with httpx.Client(base_url=up["http"], verify=trust, trust_env=False, timeout=PATIENCE_S) as client:
        yield client


def log_in(visitor: httpx.Client, up: dict[str, Any], origin: str) -> httpx.Response:
    return visitor.post("/login", data=up["logins"]["viewer"], headers={"Origin": origin})


def port_of_devices() -> int:
    [told] = [line for line in log().splitlines() if "Devices" in line]
    return urlsplit(told.split()[1]).port or 0


@pytest.fixture(scope="module")
def device(up: dict[str, Any]) -> str:
    """The address of a device, with its account."""
    made = subprocess.run(
        [*COMMAND, "devices", "add", "gauge-tls", "--json"],
        cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=PATIENCE_S, check=True,
    )  # fmt: skip
    account = json.loads(made.stdout)
    return f"mqtts://{account['username']}:{account['password']}@127.0.0.1:{port_of_devices()}"


def shown_at(port: int, trust: ssl.SSLContext) -> bytes:
    """The certificate that a server shows there."""
    plain = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
    with trust.wrap_socket(plain, server_hostname="127.0.0.1") as stream:
        return stream.getpeercert(binary_form=True) or b""


# --- what was there, and what is made ---------------------------------------------------------------------------------


def test_authority_is_kept_and_the_certificate_that_ends_soon_renewed(up: dict[str, Any], old: bytes) -> None:
    assert AUTHORITY.certificate.read_bytes() == old
    assert "a new certificate is made (the last one ends at" in log()
    assert "a new local authority" not in log()
    assert AUTHORITY.fingerprint() in log()
    assert up["tls"] == {
        "cert": str(AUTHORITY.server_certificate),
        "key": str(AUTHORITY.server_key),
        "authority": str(AUTHORITY.certificate),
    }


def test_keys_are_their_owners_only(up: dict[str, Any]) -> None:
    theirs = service_folder(FOLDER, service_account()) / "mosquitto"
    for path in (*AUTHORITY.folder.iterdir(), theirs / "server.key", theirs / "server.crt"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert (theirs / "server.key").stat().st_uid == theirs.stat().st_uid


# --- the page ---------------------------------------------------------------------------------------------------------


def test_page_is_there_over_tls_and_not_without(up: dict[str, Any], visitor: httpx.Client) -> None:
    assert up["http"].startswith("https://127.0.0.1:")
    assert visitor.get("/login").status_code == 200
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{up['http'].replace('https', 'http')}/login", trust_env=False, timeout=PATIENCE_S)


def test_handshake_that_does_not_end_is_closed(up: dict[str, Any]) -> None:
    with socket.create_connection(("127.0.0.1", urlsplit(up["http"]).port or 0), timeout=4 * HANDSHAKE_S) as line:
        assert line.recv(1) == b""


def test_who_was_not_given_the_authority_does_not_believe_it(up: dict[str, Any], tmp_path: Path) -> None:
    write_pair(make_authority("vm", utc_now()), tmp_path / "ca.crt", tmp_path / "ca.key")
    for strange in (ssl.create_default_context(), trust_authority(tmp_path / "ca.crt")):
        with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
            httpx.get(f"{up['http']}/login", verify=strange, trust_env=False, timeout=PATIENCE_S)


def test_phone_gets_the_authority_at_the_page(visitor: httpx.Client, old: bytes) -> None:
    answer = visitor.get("/ca.crt")
    assert answer.content == old
    assert answer.headers["content-type"] == "application/x-x509-ca-cert"


def test_session_is_a_cookie_of_this_host_over_tls_only(up: dict[str, Any], visitor: httpx.Client) -> None:
    answer = log_in(visitor, up, up["http"])
    assert answer.status_code == 303
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert {"Secure", "HttpOnly", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "Domain" not in cookie
    # with an authority of our own a browser must stay able to come without TLS
    assert "strict-transport-security" not in answer.headers
    assert visitor.get("/api/me").json()["role"] == "viewer"
    secret = visitor.cookies[COOKIE]
    visitor.cookies.clear()
    assert visitor.get("/api/me", headers={"Cookie": f"onemap_session={secret}"}).status_code == 401


def test_page_without_tls_is_not_ours(up: dict[str, Any], visitor: httpx.Client) -> None:
    """Whoever is on the way can show a page under http://our-host."""
    assert log_in(visitor, up, up["http"].replace("https", "http")).status_code == 403


@contextmanager
def channel(up: dict[str, Any], visitor: httpx.Client, trust: ssl.SSLContext) -> Iterator[ClientConnection]:
    headers = {"Cookie": f"{COOKIE}={visitor.cookies[COOKIE]}"}
    address = up["http"].replace("https", "wss", 1) + "/push"
    with connect_socket(address, additional_headers=headers, origin=up["http"], ssl=trust) as line:
        yield line


def test_log_out_ends_the_live_channel(up: dict[str, Any], visitor: httpx.Client, trust: ssl.SSLContext) -> None:
    log_in(visitor, up, up["http"])
    with channel(up, visitor, trust) as line:
        # a change of another kind may come before the first snapshot
        while json.loads(line.recv(timeout=PATIENCE_S))["op"] != "snapshot":
            pass
        answer = visitor.post("/logout", headers={"Origin": up["http"]})
        assert answer.headers["set-cookie"].startswith(f'{COOKIE}=""')
        assert "Secure" in answer.headers["set-cookie"]
        with suppress(ConnectionClosed):
            while True:
                line.recv(timeout=PATIENCE_S)
        assert line.close_code == 4401


# --- devices ----------------------------------------------------------------------------------------------------------


def reading(value: float) -> dict[str, object]:
    return {"time": rfc3339(utc_now()), "metric": "water_level", "value": value, "unit": "m"}


def test_device_speaks_over_tls_and_the_live_channel_tells_of_it(
    up: dict[str, Any], device: str, visitor: httpx.Client, trust: ssl.SSLContext
) -> None:
    log_in(visitor, up, up["http"])
    with channel(up, visitor, trust) as line:
        listener = Listener(line)
        with mailbox(device, ca=AUTHORITY.certificate) as mouth:
            mouth.publish("onemap/observation/gauge-tls", reading(2.5))
        listener.until(lambda told: told["kind"] == "sensor" and "gauge-tls" in json.dumps(told["items"]))
    with psycopg.connect(up["database_url"]) as conn:
        row = conn.execute("SELECT value FROM observation WHERE sensor_id = 'gauge-tls'").fetchone()
    assert row == (2.5,)


def test_device_without_tls_is_refused(device: str) -> None:
    heard: list[str] = []
    client = make_client(device.replace("mqtts://", "mqtt://"), "plain")
    client.on_connect = lambda *_: heard.append("connected")
    client.on_disconnect = lambda *_: heard.append("put out")
    connect(client, device.replace("mqtts://", "mqtt://"))
    client.loop_start()
    try:
        wait_for(lambda: heard)
        assert "connected" not in heard
    finally:
        client.disconnect()
        client.loop_stop()


@pytest.mark.filterwarnings("ignore:Exception ignored in. <ssl.SSLSocket")  # paho leaves it open
def test_device_with_another_authority_does_not_speak(device: str, tmp_path: Path) -> None:
    write_pair(make_authority("vm", utc_now()), tmp_path / "ca.crt", tmp_path / "ca.key")
    for ca in (tmp_path / "ca.crt", None):
        with pytest.raises(ssl.SSLCertVerificationError), mailbox(device, ca=ca):
            pass
    gc.collect()


# --- renewed while everything runs ------------------------------------------------------------------------------------


def test_renewed_certificate_is_shown_at_both_doors_and_nobody_is_put_out(
    up: dict[str, Any], device: str, visitor: httpx.Client, trust: ssl.SSLContext
) -> None:
    ports = [urlsplit(up["http"]).port or 0, port_of_devices()]
    pids = facts()["pids"]
    before = [shown_at(port, trust) for port in ports]
    assert before[0] == before[1]
    log_in(visitor, up, up["http"])
    with channel(up, visitor, trust) as line, mailbox(device, ca=AUTHORITY.certificate) as mouth:
        lost: list[str] = []
        mouth.client.on_disconnect = lambda *_: lost.append("put out")
        assert AUTHORITY.keep("vm", sort_names(["127.0.0.1", "renewed.example"]), utc_now())
        for port, old in zip(ports, before, strict=True):
            wait_for(lambda port=port, old=old: shown_at(port, trust) != old, what=f"the new one at {port}")  # type: ignore[misc]
        mouth.publish("onemap/observation/gauge-tls", reading(time.time() % 10))
        assert line.recv(timeout=PATIENCE_S)
        assert lost == []
    assert facts()["pids"] == pids


def test_doctor_finds_the_certificate_by_itself(up: dict[str, Any]) -> None:
    """Last of all: it ends soon from here on."""

    def told() -> str:
        late = utc_now() - timedelta(days=385)
        AUTHORITY.server_certificate.unlink()
        AUTHORITY.keep("vm", sort_names(["127.0.0.1", "localhost"]), late)
        said = subprocess.run(
            [*COMMAND, "doctor"],
            cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
        )  # fmt: skip
        return said.stdout + said.stderr

    # `up` looks once a minute, and may have renewed it before the doctor came
    wait_for(
        lambda: f"the certificate {AUTHORITY.server_certificate} ends in 11 d" in told(), what="the doctor says it ends"
    )
