"""Administration of routes, inhibitions and silences: checked before they are kept, kept in every version, audited.

Plain functions on the caller's transaction.
"""

from alerts.routing.inhibitions import (
    Inhibition,
    InhibitionChange,
    InhibitionIn,
    add_inhibition,
    change_inhibition,
    list_inhibitions,
    read_inhibition,
)
from alerts.routing.kept import Why
from alerts.routing.routes import (
    ROOT_ID,
    Route,
    RouteChange,
    RouteIn,
    add_route,
    change_route,
    list_receivers,
    list_routes,
    read_route,
    remove_route,
)
from alerts.routing.silences import (
    Silence,
    SilenceChange,
    SilenceIn,
    add_silence,
    change_silence,
    end_silence,
    list_silences,
    read_silence,
)

__all__ = [
    "ROOT_ID",
    "Inhibition",
    "InhibitionChange",
    "InhibitionIn",
    "Route",
    "RouteChange",
    "RouteIn",
    "Silence",
    "SilenceChange",
    "SilenceIn",
    "Why",
    "add_inhibition",
    "add_route",
    "add_silence",
    "change_inhibition",
    "change_route",
    "change_silence",
    "end_silence",
    "list_inhibitions",
    "list_receivers",
    "list_routes",
    "list_silences",
    "read_inhibition",
    "read_route",
    "read_silence",
    "remove_route",
]
