"""Callbacks of the page: retry and drop what is selected, keep the counts current."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dash import Dash, State

from app.asking import Asking, Door
from app.pages import ids, tables
from app.pages.acts import Act, Acts, Press, fills
from app.pages.ids import AsideId
from app.pages.parts import done
from app.pages.set_aside import view
from core import audit, set_aside
from core.errors import NotFound
from core.viewer import Permission

ACTS = {"retry": set_aside.retry, "drop": set_aside.drop}
GRID = ids.grid(view.TABLE.key)
SELECTED = State(GRID, "selectedRows")


def register(app: Dash, door: Door) -> None:
    tables.register(app, door, view.TABLE, view.read_rows)
    acts = Acts(app, door)
    acts.follows(view.TABLE.key, count)
    acts.selection(view.TABLE.key, AsideId.RETRY, AsideId.DROP)
    acts.button(AsideId.RETRY, retry, SELECTED)
    acts.asked_twice(AsideId.DROP, view.DROPPING, lambda press: view.ask_words(keys_of(press)), drop, SELECTED)


def count(asking: Asking, _: Press) -> Act:
    asking.viewer.require(Permission.ASIDE_READ)
    return Act([fills(AsideId.COUNTS, view.count_views(set_aside.count_asides(asking.conn)))])


def retry(asking: Asking, press: Press) -> Act:
    return decided("aside.retried", decide(asking, "retry", keys_of(press)))


def drop(asking: Asking, press: Press) -> Act:
    return decided("aside.dropped", decide(asking, "drop", keys_of(press)))


def decided(key: str, count: int) -> Act:
    return Act([(GRID, {"selectedRows": []})], done(key, n=count), changed=True)


def decide(asking: Asking, act: str, keys: Sequence[str]) -> int:
    """Retry or drop rows by their keys (`what:id`); returns how many there still were."""
    asking.viewer.require(Permission.ASIDE_DECIDE)
    count = 0
    for key in keys:
        what, _, identity = key.partition(":")
        try:
            ACTS[act](asking.conn, what, identity, asking.viewer.username, asking.now)
        except NotFound:  # worked through, or decided on by somebody else meanwhile
            continue
        audit.write(asking.conn, asking.viewer, f"set_aside.{act}", asking.now, {"what": what, "id": identity})
        count += 1
    return count


def keys_of(press: Press) -> list[str]:
    """The rows that are selected."""
    rows: Sequence[Mapping[str, Any]] = press.given[0] or ()
    return [str(row[tables.ROW_KEY]) for row in rows]
