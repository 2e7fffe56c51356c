"""Callbacks of the page: open, add, try, remove; try again what failed."""

from __future__ import annotations

from dash import ALL, Dash, State, html

from app.api import deliveries as deliveries_api
from app.api import subscriptions as api
from app.asking import Asking, Door
from app.dashboard import texts
from app.pages import forms, ids, tables
from app.pages.acts import Act, Acts, Press, empties, fills
from app.pages.ids import SubscriptionsId
from app.pages.parts import done
from app.pages.subscriptions import form, layout, listing

HELD = State(ids.held(form.KEY), "data")


def register(app: Dash, door: Door) -> None:
    tables.register(app, door, listing.TABLE, listing.read_rows)
    tables.register(app, door, listing.DELIVERIES, listing.read_deliveries)
    forms.register(app, door, form.SubscriptionHandler())
    acts = Acts(app, door)
    acts.cells(listing.TABLE.key, open=lambda asking, press: shown(form.open_one(asking, str(press.what["id"]))))
    acts.cells(listing.DELIVERIES.key, retry=retry)
    acts.button(SubscriptionsId.ADD, lambda asking, press: shown(form.open_senders(asking)))
    acts.button(ids.sender(ALL), lambda asking, press: shown(form.open_new(asking, str(press.what["sender"]))))
    acts.button(SubscriptionsId.TEST, send_test, HELD)
    acts.asked_twice(SubscriptionsId.REMOVE, layout.REMOVING, ask_remove, remove, HELD)
    acts.closes(form.KEY, SubscriptionsId.PANE)


def shown(pane: html.Div) -> Act:
    return Act([fills(SubscriptionsId.PANE, pane)])


def send_test(asking: Asking, press: Press) -> Act:
    api.post_test(asking.conn, asking.viewer, asking.now, str(press.given[0]["id"]))
    return Act([], done("subs.test.sent"), changed=True)


def retry(asking: Asking, press: Press) -> Act:
    deliveries_api.post_retry(asking.conn, asking.viewer, asking.now, int(press.what["id"]))
    return Act([], done("subs.retried"), changed=True)


def ask_remove(press: Press) -> html.Span:
    [held] = press.given
    return html.Span(texts.both("subs.remove.ask", name=held["name_zh"]))


def remove(asking: Asking, press: Press) -> Act:
    [held] = press.given
    api.delete_subscription(asking.conn, asking.viewer, asking.now, str(held["id"]), None, int(held["version"]))
    return Act([empties(SubscriptionsId.PANE)], done("subs.removed"), changed=True)
