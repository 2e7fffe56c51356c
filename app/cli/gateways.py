"""Verbs of the gateways: `gateway jt808` for vehicle terminals, `gateway gb28181` for cameras and video platforms."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.errors import InputError, SetupError
from core.log import get_log, setup_log
from core.settings import Settings, load_settings
from core.types import check_device_id
from core.vocabulary import table
from ingest.gateways import gb28181, gb28181_notes, jt808
from ingest.gateways.gb28181_sockets import Sockets
from ingest.gateways.process import listen, run_until_stopped
from ingest.gateways.publisher import WAIT_S, Publisher

log = get_log("gateway")
JT808_SECRET = "ONEMAP_JT808_SECRET"  # noqa: S105 - the name of the variable
GB28181_PASSWORD = "ONEMAP_GB28181_PASSWORD"  # noqa: S105
PREFIX = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*")
SERVER = re.compile("[0-9]{20}")
KIND_KEY = re.compile(r"[1-7](/[1-9][0-9]{0,2})?")


def add_verbs(verbs: Any) -> None:
    gateway = verbs.add_parser("gateway", help="a gateway from a national protocol into our MQTT topics")
    kinds = gateway.add_subparsers(dest="gateway", required=True, metavar="PROTOCOL")
    terminal = kinds.add_parser("jt808", help="vehicle terminals, JT/T 808-2013 and 2019, over TCP")
    _add_common(terminal, 6808)
    terminal.add_argument("--units", type=Path, metavar="FILE", help="JSON {phone: unit}; else the phone is the unit")
    terminal.add_argument("--allow", type=Path, metavar="FILE", help="phones that may come in, one a line; else all")
    terminal.add_argument("--emergency-kind", default="rescue", help="incident kind of the emergency button (rescue)")
    terminal.set_defaults(run=run_jt808)
    video = kinds.add_parser("gb28181", help="cameras and platforms, GB/T 28181-2016 and 2022, SIP over UDP and TCP")
    _add_common(video, 5060)
    video.add_argument("--id", required=True, help="our own 20 digits, the SIP server id that devices are given")
    video.add_argument("--realm", help="SIP domain (default: the first 10 digits of the id)")
    video.add_argument("--passwords", type=Path, metavar="FILE", help="JSON {device: password}")
    video.add_argument("--ids", type=Path, metavar="FILE", help="JSON {device: our camera or unit}; else the 20 digits")
    video.add_argument(
        "--kinds", type=Path, metavar="FILE", help='JSON {"AlarmMethod/AlarmType": kind}, over our table'
    )
    video.set_defaults(run=run_gb28181)


def _add_common(parser: argparse.ArgumentParser, port: int) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, default=port, help=f"port to listen on ({port}; 0: any free one)")
    parser.add_argument("--topic-prefix", help="publish below this prefix, bound to a source with the devices' datum")
    parser.add_argument("--no-auth", action="store_true", help="a private network: nobody authenticates")
    parser.add_argument("--wait", type=float, default=WAIT_S, help=f"seconds to wait for the broker ({WAIT_S:g})")
    parser.add_argument("--max-connections", type=int, default=5000, help="TCP connections at once (5000)")
    parser.add_argument("--idle", type=float, default=300.0, help="seconds of silence before a connection ends (300)")


def run_jt808(options: argparse.Namespace) -> int:
    settings = load_settings()
    setup_log("gateway-jt808", settings.log_level)
    chosen = make_jt808_options(options, settings, os.environ)
    asyncio.run(_serve_jt808(chosen, options, settings))
    return 0


async def _serve_jt808(chosen: jt808.TerminalOptions, options: argparse.Namespace, settings: Settings) -> None:
    async with Publisher(settings.need_mqtt(), "jt808", settings.mqtt_ca, wait_s=options.wait) as publisher:
        gateway = jt808.Gateway(chosen, publisher)
        server = await listen(gateway.listen(options.host, options.port), options.host, options.port)
        log.info("listening", host=options.host, port=server.sockets[0].getsockname()[1])
        await run_until_stopped(gateway.figures)
        await gateway.close(server)


def run_gb28181(options: argparse.Namespace) -> int:
    settings = load_settings()
    setup_log("gateway-gb28181", settings.log_level)
    chosen = make_gb28181_options(options, settings, os.environ)
    asyncio.run(_serve_gb28181(chosen, options, settings))
    return 0


async def _serve_gb28181(chosen: gb28181.PlatformOptions, options: argparse.Namespace, settings: Settings) -> None:
    async with Publisher(settings.need_mqtt(), "gb28181", settings.mqtt_ca, wait_s=options.wait) as publisher:
        gateway = gb28181.Gateway(chosen, publisher)
        sockets = Sockets(gateway)
        port = await listen(sockets.open(options.host, options.port), options.host, options.port)
        log.info("listening", host=options.host, port=port)
        await run_until_stopped(gateway.figures)
        await sockets.close()


def make_jt808_options(
    options: argparse.Namespace, settings: Settings, environ: Mapping[str, str]
) -> jt808.TerminalOptions:
    """What the command line and the environment say, checked. InputError or SetupError that names what is off."""
    secret = environ.get(JT808_SECRET, "")
    if not secret and not options.no_auth:
        raise SetupError(
            f"{JT808_SECRET} is not set: give a secret for the terminals' codes, or --no-auth", field=JT808_SECRET
        )
    if options.emergency_kind not in table("incident_kinds"):
        raise _unknown_kind("--emergency-kind", options.emergency_kind)
    return jt808.TerminalOptions(
        prefix=_prefix(options, settings),
        secret=None if options.no_auth else secret.encode(),
        allowed=read_phones(options.allow) if options.allow else None,
        units=_check_ids(read_names(options.units, "--units"), "--units"),
        emergency_kind=options.emergency_kind,
        idle_s=options.idle,
        max_connections=options.max_connections,
    )


def make_gb28181_options(
    options: argparse.Namespace, settings: Settings, environ: Mapping[str, str]
) -> gb28181.PlatformOptions:
    """What the command line and the environment say, checked. InputError or SetupError that names what is off."""
    if not SERVER.fullmatch(options.id):
        raise InputError(f"--id: expected 20 digits, got {options.id[:40]!r}", field="--id")
    password = environ.get(GB28181_PASSWORD) or None
    if not (password or options.passwords or options.no_auth):
        raise SetupError(
            f"{GB28181_PASSWORD} is not set: give the devices' password, --passwords FILE or --no-auth",
            field=GB28181_PASSWORD,
        )
    return gb28181.PlatformOptions(
        server=options.id,
        realm=_realm(options.realm or options.id[:10]),
        prefix=_prefix(options, settings),
        authenticate=not options.no_auth,
        password=password,
        passwords=read_names(options.passwords, "--passwords"),
        ids=_check_ids(read_names(options.ids, "--ids"), "--ids"),
        kinds={**gb28181_notes.KINDS, **_check_kinds(read_names(options.kinds, "--kinds"))},
        idle_s=options.idle,
        max_connections=options.max_connections,
    )


def _prefix(options: argparse.Namespace, settings: Settings) -> str:
    prefix: str = options.topic_prefix or settings.topic_prefix
    if not PREFIX.fullmatch(prefix):
        raise InputError(
            f"--topic-prefix: expected parts of A-Z a-z 0-9 _ . -, got {prefix[:80]!r}", field="--topic-prefix"
        )
    return prefix


def _realm(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9.-]{1,64}", value):
        raise InputError(f"--realm: expected a SIP domain, got {value[:80]!r}", field="--realm")
    return value


def read_phones(path: Path) -> frozenset[str]:
    """The phones of a file, one a line, without the zeros before them."""
    phones = [line.strip().lstrip("0") for line in _read(path, "--allow").splitlines() if line.strip()]
    wrong = next((phone for phone in phones if not re.fullmatch("[0-9]{1,20}", phone)), None)
    if wrong is not None:
        raise InputError(f"--allow: expected phone numbers, one a line, got {wrong[:40]!r}", field="--allow")
    return frozenset(phones)


def read_names(path: Path | None, option: str) -> dict[str, str]:
    """A JSON object of texts; empty without a file."""
    if path is None:
        return {}
    try:
        found = json.loads(_read(path, option))
    except ValueError as exc:
        raise InputError(f"{option}: {path}: not JSON: {exc}", field=option) from exc
    if not isinstance(found, dict) or not all(isinstance(value, str) and value for value in found.values()):
        raise InputError(f"{option}: {path}: expected an object of texts", field=option)
    return found


def _read(path: Path, option: str) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise InputError(f"{option}: {path} cannot be read: {exc}", field=option) from exc


def _check_ids(names: dict[str, str], option: str) -> dict[str, str]:
    return {
        key.lstrip("0") if option == "--units" else key: check_device_id(name, option) for key, name in names.items()
    }


def _check_kinds(kinds: dict[str, str]) -> dict[str, str]:
    for key, kind in kinds.items():
        if not KIND_KEY.fullmatch(key):
            raise InputError(f"--kinds: expected METHOD or METHOD/TYPE as in 5/6, got {key[:40]!r}", field="--kinds")
        if key[0] == gb28181_notes.VIDEO:
            check_device_id(kind, "--kinds")
        elif kind not in table("incident_kinds"):
            raise _unknown_kind("--kinds", kind)
    return kinds


def _unknown_kind(option: str, kind: str) -> InputError:
    known = ", ".join(sorted(table("incident_kinds")))
    return InputError(f"{option}: expected one of {known}; got {kind[:40]!r}", field=option)
