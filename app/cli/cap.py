"""The verb `cap`: say all that is wrong with a CAP 1.2 message, of a file or an address."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from alerts.senders.http import Line, check_address, parse_allowed
from core.cap_check import MOST_BYTES, Found, check, has_errors
from core.errors import InputError
from core.settings import Settings, load_settings


def add_verbs(verbs: Any) -> None:
    cap = verbs.add_parser("cap", help="Common Alerting Protocol 1.2: check a message")
    acts = cap.add_subparsers(dest="act", required=True, metavar="ACT")
    one = acts.add_parser("check", help="all that is wrong with a message; ends with 1 where there are errors")
    one.add_argument("message", metavar="FILE|URL", help="a file, - for standard input, or an http(s) address")
    one.add_argument("--lang", choices=("zh", "en"), default="en")
    one.add_argument("--json", action="store_true", help="as JSON, in both languages")
    one.set_defaults(run=check_)


def check_(options: argparse.Namespace) -> int:
    found = check(read(options.message, load_settings()))
    if options.json:
        print(json.dumps({"items": found}, ensure_ascii=False, indent=2))
    else:
        print("\n".join(line_of(one, options.lang) for one in found) or "nothing is wrong")
    return 1 if has_errors(found) else 0


def line_of(one: Found, lang: str) -> str:
    return f"{one['line']}: {one['grade']}: {one['path']}: {one['words'][lang]} [{one['rule']}; {one['clause']}]"


def read(message: str, settings: Settings) -> bytes:
    """The message as it lies there. InputError where it cannot be read or is too large."""
    if message.startswith(("http://", "https://")):
        return fetch(message, settings)
    try:
        if message == "-":
            body = sys.stdin.buffer.read(MOST_BYTES + 1)
        else:
            with Path(message).open("rb") as file:
                body = file.read(MOST_BYTES + 1)
    except OSError as exc:
        raise InputError(f"{message}: it cannot be read: {exc.strerror or exc}", field="message") from exc
    if len(body) > MOST_BYTES:
        raise InputError(f"{message}: it is larger than {MOST_BYTES} bytes", field="message")
    return body


def fetch(address: str, settings: Settings) -> bytes:
    """By the way that messages go out: an address inside only where ONEMAP_SEND_HOSTS allows it, redirects are not
    followed."""
    try:
        check_address(address)
    except ValueError as exc:
        raise InputError(f"{address}: {exc}", field="message") from exc
    line = Line(address, parse_allowed(settings.send_hosts), most_bytes=MOST_BYTES + 1)
    try:
        answer = line.ask("GET", b"", {"Accept": "application/cap+xml, application/xml"})
    finally:
        line.close()
    if answer.status != 200:
        raise InputError(f"{address}: it answers {answer.status}", field="message")
    if len(answer.body) > MOST_BYTES:
        raise InputError(f"{address}: it is larger than {MOST_BYTES} bytes", field="message")
    return answer.body
