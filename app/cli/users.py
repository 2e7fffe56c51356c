"""Verb user: accounts and tokens."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from app.accounts import add_account, end_sessions, list_accounts, open_session, require_account, set_password
from app.cli.context import shell_user, transaction
from app.dashboard import texts
from app.people.book import PersonChange, as_change, read_person, set_person, stated
from app.people.sessions import read_sessions
from core import audit
from core.clock import rfc3339, utc_now
from core.errors import InputError
from core.scope import Classification
from layers.ogc.collections import collection

LIMITS = ("departments", "districts", "units")


def add_verbs(verbs: Any) -> None:
    user = verbs.add_parser("user", help="accounts and tokens")
    acts = user.add_subparsers(dest="act", required=True, metavar="ACT")
    add = acts.add_parser("add", help="add an account; the password is asked for, or read from standard input")
    add.add_argument("username")
    add.add_argument("--name", help="the person's name")
    add.add_argument("--role", default="viewer", help="viewer, dispatcher, commander, admin … or one of the city's own")
    add.set_defaults(run=add_)
    password = acts.add_parser("password", help="set a new password; ends every session of the account")
    password.add_argument("username")
    password.set_defaults(run=password_)
    acts.add_parser("list", help="all accounts").set_defaults(run=list_)
    token = acts.add_parser("token", help="print a bearer token, or with --feed one that opens feeds and /ogc only")
    token.add_argument("username")
    token.add_argument("--days", type=float, default=30)
    token.add_argument("--feed", action="store_true")
    token.add_argument("--name", help="what it is for")
    token.add_argument("--layers", metavar="ID,ID", help="with --feed: these layers of /ogc and nothing else")
    token.set_defaults(run=token_)
    tokens = acts.add_parser("tokens", help="sessions and tokens of an account that are open now")
    tokens.add_argument("username")
    tokens.set_defaults(run=tokens_)
    role = acts.add_parser("role", help="give an account another role")
    role.add_argument("username")
    role.add_argument("role")
    role.set_defaults(run=role_)
    scope = acts.add_parser("scope", help="how far an account sees, as a whole; what is not given is no limit")
    scope.add_argument("username")
    for name in LIMITS:
        scope.add_argument(f"--{name}", metavar="A,B", help="separated by commas")
    scope.add_argument("--classification", choices=[one.name.lower() for one in Classification])
    scope.set_defaults(run=scope_)
    revoke = acts.add_parser("revoke", help="end every session and token of an account")
    revoke.add_argument("username")
    revoke.set_defaults(run=revoke_)


def ask_password() -> str:
    return getpass.getpass("password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")


@contextmanager
def in_both_languages() -> Iterator[None]:
    """A password that is refused is refused in the words of the page too."""
    try:
        yield
    except InputError as exc:
        words = texts.catalogue().get(f"reason.{exc.reason}")
        if words is None:
            raise
        raise InputError(f"{words['zh']} / {exc.message}", reason=exc.reason, field=exc.field) from exc


def add_(options: argparse.Namespace) -> int:
    with in_both_languages(), transaction() as conn:
        add_account(conn, options.username, options.name or options.username, options.role, ask_password(), utc_now())
        audit.write(conn, shell_user(), "user.add", utc_now(), {"username": options.username, "role": options.role})
    print(f"{options.username} added as {options.role}")
    return 0


def password_(options: argparse.Namespace) -> int:
    with in_both_languages(), transaction() as conn:
        set_password(conn, options.username, ask_password())
        audit.write(conn, shell_user(), "user.password", utc_now(), {"username": options.username})
    print("changed; every session of the account has ended")
    return 0


def list_(_: argparse.Namespace) -> int:
    with transaction() as conn:
        for row in list_accounts(conn):
            print(
                f"{row.username:<24} {row.role:<12} "
                f"{row.name}{' (demo)' if row.demo else ''}{'' if row.enabled else ' (off)'}"
            )
    return 0


def token_(options: argparse.Namespace) -> int:
    with transaction() as conn:
        require_account(conn, options.username)
        kind, layers = "feed" if options.feed else "token", options.layers.split(",") if options.layers else None
        if layers and not options.feed:
            raise InputError("layers: expected with --feed", field="layers", reason="no_feed")
        for layer in layers or ():
            collection(conn, layer)
        secret, expires = open_session(
            conn, options.username, kind, utc_now(), options.days * 24, name=options.name, layers=layers
        )
        given = {"username": options.username, "kind": kind, "layers": layers, "expires_at": rfc3339(expires)}
        audit.write(conn, shell_user(), "user.token", utc_now(), given)
    print(secret)
    print(f"valid until {rfc3339(expires)}", file=sys.stderr)
    return 0


def tokens_(options: argparse.Namespace) -> int:
    with transaction() as conn:
        for one in read_sessions(conn, options.username, utc_now()):
            print(f"{one['kind']:<8} {one['name'] or one['address'] or '-':<24} until {one['expires_at']}")
    return 0


def role_(options: argparse.Namespace) -> int:
    return change(options.username, {"role": options.role})


def scope_(options: argparse.Namespace) -> int:
    limits = {name: (getattr(options, name) or "").split(",") for name in LIMITS}
    level = options.classification and Classification[options.classification.upper()]
    return change(options.username, {**limits, "classification": level})


def change(username: str, changes: dict[str, Any]) -> int:
    """At the shell anything may be given; somebody must be left who manages people."""
    with transaction() as conn:
        held = as_change(read_person(conn, username))
        given = PersonChange.model_validate({**held.model_dump(), **changes})
        set_person(conn, username, given)
        audit.write(conn, shell_user(), "user.change", utc_now(), {"username": username, **stated(given)})
    print(f"{username} changed")
    return 0


def revoke_(options: argparse.Namespace) -> int:
    with transaction() as conn:
        ended = end_sessions(conn, options.username)
        given = {"username": options.username, "ended": ended}
        audit.write(conn, shell_user(), "user.revoke", utc_now(), given)
    print(f"{ended} sessions and tokens ended")
    return 0
