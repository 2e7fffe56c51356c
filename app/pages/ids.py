"""Component ids that all pages share, and the ids of the kits' parts: the only place where they are spelled."""

from enum import StrEnum

from app.dashboard.ids import Name


class Id(StrEnum):
    """Ids of single components of the shell. `theme-provider`, the switches and `top-bar` are known to
    `assets/js/look.mjs`."""

    THEME_PROVIDER = "theme-provider"
    TOP_BAR = "top-bar"
    LANGUAGE = "language-switch"
    THEME = "theme-switch"
    PLACE = "place"
    PAGE = "page"
    TOASTS = "toasts"
    # said after a change: tables and counts read anew
    CHANGED = "changed"
    TICK = "tick"
    DOWNLOAD = "download"


class SourcesId(StrEnum):
    TABS = "sources-tabs"
    DETAIL = "source-detail"
    ADD = "source-add"
    DEVICE = "device-detail"
    LETTER = "letter-detail"
    GROUPS = "letter-groups"
    COUNT_SOURCES = "count-sources"
    STRANGER = "stranger-detail"
    COUNT_STRANGERS = "count-strangers"
    COUNT_DEVICES = "count-devices"
    COUNT_LETTERS = "count-letters"


class AsideId(StrEnum):
    COUNTS = "aside-counts"
    RETRY = "aside-retry"
    DROP = "aside-drop"


class QuarantineId(StrEnum):
    LIFT = "quarantine-lift"


class AccountsId(StrEnum):
    PANE = "account-pane"
    DOOR = "account-door"
    ADD = "account-add"
    MANY = "account-many"
    ROTATE = "account-rotate"
    REVOKE = "account-revoke"
    UPLOAD = "account-upload"
    CSV = "account-csv"
    IMPORT = "account-import"
    IMPORTED = "account-imported"


class BaseMapsId(StrEnum):
    PANE = "base-map-pane"
    ADD = "base-map-add"
    REMOVE = "base-map-remove"


class SubscriptionsId(StrEnum):
    TABS = "subscription-tabs"
    PANE = "subscription-pane"
    ADD = "subscription-add"
    TEST = "subscription-test"
    REMOVE = "subscription-remove"


class RoutingId(StrEnum):
    TABS = "routing-tabs"
    WAY = "way-pane"
    SILENCE = "silence-pane"
    INHIBITION = "inhibition-pane"
    ROUTE = "route-pane"
    ADD_SILENCE = "silence-add"
    ADD_INHIBITION = "inhibition-add"
    ADD_ROUTE = "route-add"
    REMOVED = "routes-removed"


class RulesId(StrEnum):
    PANE = "rule-pane"
    ADD = "rule-add"
    # what a trial came to in time: the figure as the server makes it, language and theme it was last drawn in
    CHART = "rule-chart"
    FIGURE = "rule-figure"
    SEEN = "rule-seen"
    # the trial on the map: as drawn, and as the server makes it
    MAP = "rule-map"
    MAP_FIGURE = "rule-map-figure"


class AlarmLoadId(StrEnum):
    PERIOD = "load-period"
    OPERATOR = "load-operator"
    FIGURES = "load-figures"


class LayersId(StrEnum):
    PANE = "layer-pane"
    ADD = "layer-add"
    RENEW = "layer-renew"
    REMOVE = "layer-remove"
    # where it stands in its group
    ORDER = "layer-order"
    UP = "layer-up"
    DOWN = "layer-down"
    # a file that is dropped: where, and which one came of it (`assets/js/pages/upload.mjs`)
    DROP = "layer-drop"
    FILE = "layer-file"
    TARGET = "layer-target"
    WRONG = "layer-wrong"
    # the work on it
    BROUGHT = "layer-brought"
    WATCH = "layer-watch"
    PROGRESS = "layer-progress"
    LOOK = "layer-look"
    CHECK = "layer-check"
    LOAD = "layer-load"
    STOP = "layer-stop"
    TAKE_AWAY = "layer-take-away"
    # grid cells that are made
    CELLS = "layer-cells"
    CELLS_TRY = "layer-cells-try"
    CELLS_MAKE = "layer-cells-make"
    CELLS_STOP = "layer-cells-stop"
    CELLS_WATCH = "layer-cells-watch"
    CELLS_STATE = "layer-cells-state"
    CELLS_MADE = "layer-cells-made"


class CatalogueId(StrEnum):
    TABS = "catalogue-tabs"
    PANE = "entry-pane"
    REQUEST_PANE = "request-pane"
    OPEN = "open-data"
    OPEN_STATE = "open-data-state"


class AnalysisId(StrEnum):
    SUBJECT = "analysis-subject"
    FIELDS = "analysis-fields"
    VALUE = "analysis-value"
    TOLD = "analysis-told"
    MAP = "analysis-map"
    MAP_STATE = "analysis-map-state"
    LEGEND = "analysis-legend"
    CHART = "analysis-chart"
    CHART_STATE = "analysis-chart-state"
    NOTE = "analysis-note"
    TABLE_OUT = "analysis-table-out"
    MAP_OUT = "analysis-map-out"
    CHART_OUT = "analysis-chart-out"
    # figures as the server makes them; language and theme they were last drawn in (`assets/js/pages/figures.js`)
    MAP_FIGURE = "analysis-map-figure"
    CHART_FIGURE = "analysis-chart-figure"
    SEEN = "analysis-seen"
    # what is asked, as the address has it; what it said at first of a value
    ADDRESS = "analysis-address"
    BEGUN = "analysis-begun"


class PeopleId(StrEnum):
    TABS = "people-tabs"
    PANE = "person-pane"
    ADD = "person-add"
    PASSWORD = "person-password"  # noqa: S105
    END = "person-end"
    ROLE_PANE = "role-pane"
    ROLE_ADD = "role-add"
    ROLE_REMOVE = "role-remove"


class MeId(StrEnum):
    OLD = "me-old"
    NEW = "me-new"
    CHANGE = "me-change"
    PASSWORD = "me-password"  # noqa: S105
    LANG = "me-lang"
    ACCESS = "me-access"


Key = dict[str, Name]


def token(owner: str, name: str) -> Key:
    """What a token is made with (name, days, kind, layers), and the button that makes it; `owner` is the page."""
    return {"owner": owner, "token": name}


def end_access(owner: str, session: Name) -> Key:
    """The button that ends a session or token."""
    return {"owner": owner, "end": session}


def field(form: str, name: Name) -> Key:
    """An input whose `value` is read."""
    return {"form": form, "field": name}


def tick(form: str, name: Name) -> Key:
    """A checkbox or switch, whose `checked` is read."""
    return {"form": form, "tick": name}


def said(form: str, name: Name) -> Key:
    """Where what is wrong with a field stands that cannot say so itself; "" is the whole form's."""
    return {"form": form, "said": name}


def press(form: str, name: Name) -> Key:
    """A button of a form: save, keep, newer, try, close."""
    return {"form": form, "press": name}


def held(form: str) -> Key:
    """What the form was opened with."""
    return {"form": form, "held": "base"}


def known_base_map(name: Name) -> Key:
    """A service that is known, to begin with."""
    return {"base-map": name}


def sender(name: Name) -> Key:
    """A sender, to begin a new subscription with."""
    return {"subscription": "sender", "sender": name}


def rule_kind(name: Name) -> Key:
    """A kind of rule, to begin a new one with."""
    return {"rule": "kind", "kind": name}


def switch_rule(rule: Name, to: Name) -> Key:
    """The button that arms or disarms a rule (`to` is on or off)."""
    return {"rule": "switch", "id": rule, "to": to}


def take_back(version: Name) -> Key:
    """The button that puts a rule back to what it was."""
    return {"rule": "take-back", "version": version}


def asked_about(asked: str, name: Name) -> Key:
    """What a dialog asks once more about: which thing, in which version."""
    return {"asked": name, "dialog": asked}


def switch_routed(noun: Name, name: Name, to: Name) -> Key:
    """The button that turns a route or an inhibition on or off (`to`)."""
    return {"routed": noun, "switch": name, "to": to}


def remove_routed(noun: Name, name: Name) -> Key:
    return {"routed": noun, "remove": name}


def put_back(name: Name, version: Name) -> Key:
    """The button that puts a route back that was removed in a version."""
    return {"put-back": name, "version": version}


def take_back_routed(noun: Name, version: Name) -> Key:
    """The button that puts a route or an inhibition back to what it was."""
    return {"routed": noun, "version": version}


def values_of(form: str, name: str, row: Name) -> Key:
    """Where the input of a line's values stands that follows its other columns."""
    return {"form": form, "values": undotted(name), "row": row}


def icon(name: Name) -> Key:
    """A pictogram that can be chosen for a layer."""
    return {"icon": name}


def result(form: str) -> Key:
    """What trying it showed."""
    return {"form": form, "result": "try"}


def group(form: str, name: str) -> Key:
    return {"form": form, "group": name}


def undotted(name: str) -> str:
    """A name as the id of a callback's output may have it: Dash escapes a dot there and its client cannot read it."""
    return name.replace(".", ":")


def dotted(name: str) -> str:
    return name.replace(":", ".")


def lines(form: str, name: str) -> Key:
    return {"form": form, "lines": undotted(name)}


def add_line(form: str, name: str) -> Key:
    return {"form": form, "add": undotted(name)}


def line(form: str, name: str, row: Name) -> Key:
    return {"form": form, "line": undotted(name), "row": row}


def drop_line(form: str, name: str, row: Name) -> Key:
    return {"form": form, "drop": undotted(name), "row": row}


def cell(form: str, name: Name, row: Name, column: Name) -> Key:
    """One input of a line."""
    return {"form": form, "cells": undotted(name) if isinstance(name, str) else name, "row": row, "column": column}


def grid(table: str) -> str:
    return f"grid-{table}"


def narrow(table: str, name: Name) -> Key:
    """A filter of a table."""
    return {"table": table, "filter": name}


def part(table: str, name: str) -> Key:
    """Other parts of a table: count, state, export."""
    return {"table": table, "part": name}


def dialog(key: str) -> str:
    """A dialog that asks once more."""
    return f"dialog-{key}"


def dialog_part(key: str, name: str) -> Key:
    """Its words, and its buttons: stay, go."""
    return {"dialog": key, "part": name}
