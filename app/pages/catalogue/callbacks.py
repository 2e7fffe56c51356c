"""Callbacks of the page: open an entry, say something of it, ask for it; decide; open data on and off."""

from __future__ import annotations

from typing import Any

from dash import Dash, html

from app.api import catalogue as api
from app.asking import Asking, Door
from app.dashboard import texts
from app.pages import forms, tables
from app.pages.acts import Act, Acts, Press, fills
from app.pages.catalogue import entry, layout, listing, request
from app.pages.ids import CatalogueId
from app.pages.parts import done
from core.catalogue import opened, requests
from core.catalogue.nouns import Kind, Name
from core.errors import NotFound


def register(app: Dash, door: Door) -> None:
    tables.register(app, door, listing.ENTRIES, listing.read_entries)
    tables.register(app, door, listing.REQUESTS, listing.read_requests)
    tables.register(app, door, listing.SCORES, listing.read_month)
    for handler in (entry.EntryHandler(), entry.RequestHandler(), request.DecisionHandler()):
        forms.register(app, door, handler)
    acts = Acts(app, door)
    acts.cells(listing.ENTRIES.key, open=show_entry)
    acts.cells(listing.REQUESTS.key, open=show_request)
    acts.closes(entry.KEY, CatalogueId.PANE)
    acts.closes(request.KEY, CatalogueId.REQUEST_PANE)
    acts.asked_twice(CatalogueId.OPEN, layout.SWITCHING, ask, switch)


def show_entry(asking: Asking, press: Press) -> Act:
    name = Name(Kind(str(press.what["kind"])), str(press.what["id"]))
    return Act([fills(CatalogueId.PANE, entry.open_entry(asking, name))])


def show_request(asking: Asking, press: Press) -> Act:
    wanted = int(press.what["id"])
    found = [one for one in api.seen_requests(asking.conn, asking.viewer, None, wanted + 1, 1) if one["id"] == wanted]
    if not found:
        raise NotFound(f"request: there is no request {wanted}", field="request")
    requests.mark_seen(asking.conn, wanted, asking.viewer.username, asking.now)
    return Act([fills(CatalogueId.REQUEST_PANE, request.pane(asking, dict(found[0]), {}))])


def ask(_: Press) -> Any:
    return html.Span(texts.both("open.ask"))


def switch(asking: Asking, _: Press) -> Act:
    on = not opened.is_on(asking.conn)
    api.put_open_data(asking.conn, asking.viewer, asking.now, api.OpenDataIn(enabled=on))
    state = fills(CatalogueId.OPEN_STATE, layout.open_state(asking))
    return Act([state], done("open.turned_on" if on else "open.turned_off"))
