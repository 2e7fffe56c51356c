"""Callbacks of the page: let through what is selected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dash import Dash, State

from app.api import quarantine as api
from app.asking import Asking, Door
from app.pages import ids, tables
from app.pages.acts import Act, Acts, Press
from app.pages.ids import QuarantineId
from app.pages.parts import done
from app.pages.quarantine import view
from core.errors import NotFound

GRID = ids.grid(view.TABLE.key)


def register(app: Dash, door: Door) -> None:
    tables.register(app, door, view.TABLE, view.read_rows)
    acts = Acts(app, door)
    acts.selection(view.TABLE.key, QuarantineId.LIFT)
    acts.button(QuarantineId.LIFT, lift, State(GRID, "selectedRows"))


def lift(asking: Asking, press: Press) -> Act:
    rows: Sequence[Mapping[str, Any]] = press.given[0] or ()
    count = 0
    for row in rows:
        kind, _, owner = str(row[tables.ROW_KEY]).partition(view.SIGN)
        body = api.LiftIn.model_validate({"owner": owner, "kind": kind})
        try:
            api.post_lift(asking.conn, asking.viewer, asking.now, body)
        except NotFound:  # somebody else has meanwhile
            continue
        count += 1
    return Act([(GRID, {"selectedRows": []})], done("quarantine.lifted", n=count), changed=True)
