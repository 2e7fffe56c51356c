"""Verb sources: where messages come from, shown, added, changed, switched on and off."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection

from app.cli.context import find_system, shell_user, transaction
from core.clock import utc_now
from core.errors import InputError, NotFound
from core.given import as_input_error
from core.settings import Settings
from core.types import JsonObject, Params
from ingest.admin.sources.edit import add_source, change_source, check_fields
from ingest.admin.sources.nouns import COLUMNS, SourceChange
from ingest.admin.sources.read import read_source, read_source_states, read_version


def add_verbs(verbs: Any) -> None:
    sources = verbs.add_parser("sources", help="show, add and change sources, switch them on and off")
    acts = sources.add_subparsers(dest="act", required=True, metavar="ACT")
    acts.add_parser("list", help="all sources with what came through them").set_defaults(run=list_)
    show = acts.add_parser("show", help="one source as JSON")
    show.add_argument("source")
    show.set_defaults(run=show_)
    add = acts.add_parser("add", help="a new source: JSON on standard input, checked before it is saved")
    add.set_defaults(run=add_)
    change = acts.add_parser("set", help="change some of a source: JSON on standard input, checked before it is saved")
    change.add_argument("source")
    change.set_defaults(run=set_)
    for name, on in (("on", True), ("off", False)):
        verb = acts.add_parser(name, help=f"switch a source {name}")
        verb.add_argument("source")
        verb.set_defaults(run=switch, on=on)


@contextmanager
def system() -> Iterator[tuple[Connection, Settings]]:
    settings = find_system()
    with transaction(settings) as conn:
        yield conn, settings


def list_(_: argparse.Namespace) -> int:
    with system() as (conn, settings):
        found = read_source_states(conn, settings.topic_prefix, utc_now())
    for source in found:
        state = source["state"]
        mode = ("broken" if state["fault"] else "on") if source["enabled"] else "off"
        heard = state["last_at"] or "never heard"
        letters = state["dead_letters"]["waiting"]
        told = f"{state['rate']:.2f}/s, {letters} dead letters, {state['pending']} pending, {heard}"
        print(f"{source['id']:<16} {mode:<7} {source['decoder']:<13} {told}  {source['name_zh']} / {source['name_en']}")
    return 0


def show_(options: argparse.Namespace) -> int:
    with system() as (conn, settings):
        found = read_source(conn, options.source, settings.topic_prefix, utc_now())
    print(json.dumps(found, ensure_ascii=False, indent=2))
    return 0


def read_input() -> JsonObject:
    try:
        given = json.load(sys.stdin)
    except ValueError as exc:
        raise InputError(f"source: expected JSON: {exc}", field="source") from exc
    if not isinstance(given, dict):
        raise InputError("source: expected a JSON object", field="source")
    return given


def add_(_: argparse.Namespace) -> int:
    given = check_fields(read_input())
    with system() as (conn, settings):
        add_source(conn, given, settings.topic_prefix, shell_user(), utc_now())
    print(f"{given.id} added; the ingesters take it up at once")
    return 0


def set_(options: argparse.Namespace) -> int:
    """What `show` prints may be given back: what cannot be set is left out, and `version` guards against another's
    change."""
    given = {
        name: value
        for name, value in read_input().items()
        if name not in ("names", "state", "changed_at", "changed_by")
    }
    if given.pop("id", options.source) != options.source:
        raise InputError(f"id: expected {options.source!r}; the id of a source cannot be changed", field="id")
    change(options.source, given)
    print("saved; the ingesters take it up at once")
    return 0


def change(source: str, given: Params) -> None:
    unknown = next((name for name in given if name not in (*COLUMNS, "version")), None)
    if unknown is not None:
        raise InputError(f"{unknown}: there is no such field; there are {', '.join(COLUMNS)}", field=unknown)
    with system() as (conn, settings):
        version = read_version(conn, source)
        if version is None:
            raise NotFound(f"source: there is no source {source!r}", field="source")
        try:
            asked = SourceChange.model_validate({"version": version, **given})
        except ValidationError as exc:
            raise as_input_error(exc) from exc
        change_source(conn, source, asked, settings.topic_prefix, shell_user(), utc_now())


def switch(options: argparse.Namespace) -> int:
    change(options.source, {"enabled": options.on})
    print("on" if options.on else "off")
    return 0
