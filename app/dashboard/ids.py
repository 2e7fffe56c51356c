"""Component ids of the One Map page: the only place where they are spelled.

The browser modules under ``assets/js`` address the same ids; ``tests/dashboard`` checks that they agree.
"""

from enum import StrEnum

from dash.dependencies import Wildcard

# part of an id that is made of several: ALL and MATCH stand for many
Name = str | int | Wildcard


class Id(StrEnum):
    """Ids of single components."""

    ROOT = "root"
    THEME_PROVIDER = "theme-provider"
    # Stores: state handed from the browser modules to Dash. State only, never events.
    LAYERS = "layers-data"
    CHART_REQUEST = "chart-request"
    CHART_TEMPLATE = "chart-template"
    SELECTION = "selection"
    CARD_DRAWN = "card-drawn"
    # Top bar
    TOP_BAR = "top-bar"
    CITY_NAME = "city-name"
    CLOCK = "clock"
    DATE = "clock-date"
    LIVE = "live-state"
    USER_NAME = "user-name"
    USER_ROLE = "user-role"
    LANGUAGE = "language-switch"
    THEME = "theme-switch"
    KEYS = "keys-open"
    LOGOUT = "logout"
    # Panels
    LEFT = "left-panel"
    LEFT_FOLD = "left-fold"
    LAYER_TREE = "layer-tree"
    SEARCH = "search"
    SEARCH_RESULTS = "search-results"
    RIGHT = "right-panel"
    RIGHT_FOLD = "right-fold"
    TABS = "list-tabs"
    GRID_INCIDENTS = "grid-incidents"
    GRID_ALARMS = "grid-alarms"
    GRID_SHELVED = "grid-shelved"
    GRID_UNITS = "grid-units"
    GRID_WARNINGS = "grid-warnings"
    CARD = "card"
    CARD_HEAD = "card-head"
    CARD_MAIN = "card-main"
    CARD_REST = "card-rest"
    CARD_FOOT = "card-foot"
    CARD_CLOSE = "card-close"
    CARD_RETRY = "card-retry"
    CHART = "chart"
    CHART_SLOT = "chart-slot"
    HELP = "keys-help"
    HELP_CLOSE = "keys-close"
    PHONE_TABS = "phone-tabs"
    TOASTS = "toasts"
    BANNER = "banner"
    SILENCE = "silence"
    MAP_LOST = "map-lost"


class Kind(StrEnum):
    """``type`` of pattern-matching ids, one component per layer."""

    LAYER = "layer-visible"
    OPACITY = "layer-opacity"


def layer_switch(layer: str) -> dict[str, str]:
    """Id of the visibility switch of one layer."""
    return {"type": Kind.LAYER.value, "id": layer}


def layer_opacity(layer: str) -> dict[str, str]:
    """Id of the opacity slider of one layer."""
    return {"type": Kind.OPACITY.value, "id": layer}
