"""Callbacks of the page: the way of an alarm, a silence added and ended, an inhibition turned on and off."""

from __future__ import annotations

from uuid import UUID

from dash import Dash

from alerts.present import read_alarms
from alerts.routing import InhibitionChange
from app.api import routing as api
from app.asking import Asking, Door
from app.pages import forms, tables
from app.pages.acts import Act, Acts, Press, fills
from app.pages.ids import RoutingId
from app.pages.parts import done
from app.pages.routing import form, listing, view
from app.seeing import need_seen


def register(app: Dash, door: Door) -> None:
    tables.register(app, door, listing.ALARMS, listing.read_alarms)
    tables.register(app, door, listing.SILENCES, listing.read_silences)
    tables.register(app, door, listing.INHIBITIONS, listing.read_inhibitions)
    tables.register(app, door, listing.ROUTES, listing.read_routes)
    forms.register(app, door, form.SilenceHandler())
    acts = Acts(app, door)
    acts.cells(listing.ALARMS.key, way=show_way)
    acts.cells(listing.SILENCES.key, end=end_silence)
    acts.cells(listing.INHIBITIONS.key, switch=switch)
    acts.button(RoutingId.ADD, lambda asking, press: Act([fills(RoutingId.PANE, form.open_new(asking))]))
    acts.closes(form.KEY, RoutingId.PANE)
    acts.closes(view.KEY, RoutingId.WAY)


def show_way(asking: Asking, press: Press) -> Act:
    alarm_id = UUID(str(press.what["id"]))
    alarm = need_seen(asking.viewer, "alarm", read_alarms(asking.conn, [alarm_id]), alarm_id)
    way = api.get_way(asking.conn, asking.viewer, asking.now, alarm_id)
    return Act([fills(RoutingId.WAY, view.way_view(alarm, way))])


def end_silence(asking: Asking, press: Press) -> Act:
    api.end_silence(asking.conn, asking.viewer, asking.now, str(press.what["id"]))
    return Act([], done("routing.silences.ended"), changed=True)


def switch(asking: Asking, press: Press) -> Act:
    on = not press.what["on_now"]
    change = InhibitionChange(version=int(press.what["version"]), enabled=on)
    api.patch_inhibition(asking.conn, asking.viewer, asking.now, str(press.what["id"]), change)
    return Act([], done("routing.inhibitions.on" if on else "routing.inhibitions.off"), changed=True)
