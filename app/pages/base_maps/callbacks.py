"""Callbacks of the page: open, add, begin with a service that is known, remove."""

from __future__ import annotations

from dash import ALL, Dash, State, html

from app.api import base_maps as api
from app.asking import Asking, Door
from app.dashboard import texts
from app.pages import forms, ids, tables
from app.pages.acts import Act, Acts, Press, empties, fills
from app.pages.base_maps import form, layout, listing
from app.pages.ids import BaseMapsId
from app.pages.parts import done

HELD = State(ids.held(form.KEY), "data")


def register(app: Dash, door: Door) -> None:
    tables.register(app, door, listing.TABLE, listing.read_rows)
    forms.register(app, door, form.BaseMapHandler())
    acts = Acts(app, door)
    acts.cells(listing.TABLE.key, open=lambda asking, press: shown(form.open_one(asking, str(press.what["id"]))))
    acts.button(BaseMapsId.ADD, lambda asking, press: shown(form.open_new(asking)))
    acts.button(
        ids.known_base_map(ALL), lambda asking, press: shown(form.open_new(asking, str(press.what["base-map"])))
    )
    acts.asked_twice(BaseMapsId.REMOVE, layout.REMOVING, ask_remove, remove, HELD)
    acts.closes(form.KEY, BaseMapsId.PANE)


def shown(pane: html.Div) -> Act:
    return Act([fills(BaseMapsId.PANE, pane)])


def ask_remove(press: Press) -> html.Span:
    [held] = press.given
    return html.Span(texts.both("basemaps.remove.ask", name=held["title_zh"]))


def remove(asking: Asking, press: Press) -> Act:
    name = str(press.given[0]["id"])
    api.delete_base_map(asking.conn, asking.viewer, asking.now, name)
    return Act([empties(BaseMapsId.PANE)], done("basemaps.removed", name=name), changed=True)
