"""The tables of the page: open alarms, silences, inhibitions, routes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alerts.present import Alarm, read_open_alarms
from alerts.routing import (
    Inhibition,
    Route,
    Silence,
    list_inhibitions,
    list_routes,
    list_silences,
)
from app.asking import Asking
from app.pages import tables
from app.pages.routing.words import label_words, receiver_words, said
from app.pages.tables import TEXT, Cell, Column, ColumnFilter, Filter, Found, Table, Wanted, cells
from app.seeing import only_seen
from core.viewer import Permission
from core.vocabulary import Text, label


def conditions(name: str, words: str, rank: int = 1) -> Column[Any]:
    """A column of matchers, in words."""

    def told(row: Mapping[str, Any]) -> dict[str, str]:
        return said(row[name])

    return Column(
        name,
        words,
        lambda row: [cells.pair(told(row))],
        lambda row: told(row)["zh"],
        sortable=False,
        flex=3,
        rank=rank,
    )


def label_column(name: str, rank: int) -> Column[Any]:
    """A column of names of labels."""
    return Column(
        name,
        f"routing.{name}",
        lambda row: [cells.pair(label_words(row[name]))],
        lambda row: ", ".join(row[name]),
        sortable=False,
        flex=2,
        rank=rank,
    )


# --- alarms -----------------------------------------------------------------------------------------------------------


def alarm_cells(row: Alarm) -> list[Cell]:
    kind = {**cells.pair(label("alarm_kinds", row["kind"])), "look": "quiet"}
    name = cells.press("way", cells.pair(row["names"]), key=f"way-{row['id']}", id=row["id"])
    return cells.stack([name], [kind])  # type: ignore[list-item]


def told_cells(row: Alarm) -> list[Cell]:
    if row["chattering_since"]:
        return [cells.lamp("old", "lists.chattering")]
    return [cells.lamp("dead", "lists.muted")] if row["muted"] else [cells.lamp("fresh", "routing.told")]


ALARMS: Table[Alarm] = Table(
    "ways",
    "routing.alarms",
    (
        Column("names", "routing.alarm", alarm_cells, lambda row: row["names"]["zh"], flex=4, filter=TEXT),
        Column("level", "routing.label.level", lambda row: [cells.pair(label("levels", str(row["level"])))], width=110),
        Column("told", "routing.is_told", told_cells, lambda row: bool(row["muted"]), width=150, rank=2),
        Column("raised_at", "routing.since", lambda row: [cells.age(row["raised_at"])], width=130, rank=2),
    ),
    filters=(Filter("q", "routing.alarms.search"),),
    row_height=54,
)


def read_alarms(asking: Asking, wanted: Wanted) -> Found[Alarm]:
    asking.viewer.require(Permission.METRICS_READ)
    rows = only_seen(asking.viewer, "alarm", read_open_alarms(asking.conn))
    return tables.choose(
        rows, wanted, ALARMS, lambda row: f"{row['names']['zh']} {row['names']['en']} {row['thing']['id']}"
    )


# --- silences ---------------------------------------------------------------------------------------------------------

STATES = (("active", "routing.state.active"), ("coming", "routing.state.coming"), ("over", "routing.state.over"))
LAMPS = {"active": "old", "coming": "fresh", "over": "dead"}


def what_cells(row: Silence) -> list[Cell]:
    name = cells.press("open", cells.pair(said(row["matchers"])), key=f"silence-{row['id']}", id=row["id"])
    return cells.stack([name], [{**cells.plain(row["why"]), "look": "quiet"}])


class ListedSilence(Silence):
    """`locked` where it is not the asker's to end."""

    locked: bool


def end_cells(row: ListedSilence) -> list[Cell]:
    if row["state"] == "over" or row["locked"]:
        return []
    return [cells.press("end", cells.words("routing.end"), key=f"end-{row['id']}", id=row["id"])]


SILENCES: Table[ListedSilence] = Table(
    "silences",
    "routing.silences",
    (
        Column("what", "routing.what", what_cells, lambda row: said(row["matchers"])["zh"], flex=4, sortable=False),
        Column(
            "state",
            "routing.state",
            lambda row: [cells.lamp(LAMPS[row["state"]], f"routing.state.{row['state']}")],
            width=110,
            filter=ColumnFilter(STATES),
        ),
        Column("end", "routing.act", end_cells, lambda row: "", sortable=False, width=100),
        Column("ends_at", "routing.until", lambda row: [cells.moment(row["ended_at"] or row["ends_at"])], width=150),
        Column("created_by", "routing.who", width=130, rank=2),
        Column("mutes", "routing.mutes", width=100, rank=2),
    ),
    filters=(Filter("q", "routing.silences.search"),),
    row_height=54,
)


def read_silences(asking: Asking, wanted: Wanted) -> Found[ListedSilence]:
    asking.viewer.require(Permission.METRICS_READ)
    locked = not asking.viewer.may(Permission.ALARM_SHELVE)
    rows: list[ListedSilence] = [{**row, "locked": locked} for row in list_silences(asking.conn, asking.now, over=True)]
    return tables.choose(rows, wanted, SILENCES, lambda row: f"{row['why']} {row['created_by']} {row['matchers']}")


# --- inhibitions ------------------------------------------------------------------------------------------------------


class ListedInhibition(Inhibition):
    """`locked` where it is not the asker's to change."""

    locked: bool


class ListedRoute(Route):
    """`locked` where it is not the asker's to change; the root is never off. `above`: what its parent is called."""

    locked: bool
    above: Text | None


def names_cells(row: Inhibition | Route) -> list[Cell]:
    name = cells.press("open", cells.pair(row["names"]), key=f"open-{row['id']}", id=row["id"])
    return cells.stack([name], [cells.quiet(row["id"])])


def switch_cells(noun: str, row: ListedInhibition | ListedRoute) -> list[Cell]:
    return [
        cells.switch(
            "switch",
            on=row["enabled"],
            label=cells.pair(row["names"]),
            key=f"{noun}-{row['id']}",
            locked=row["locked"],
            id=row["id"],
            version=row["version"],
            on_now=row["enabled"],
        )
    ]


INHIBITIONS: Table[ListedInhibition] = Table(
    "inhibitions",
    "routing.inhibitions",
    (
        Column(
            "enabled", "routing.on", lambda row: switch_cells("inhibition", row), lambda row: row["enabled"], width=90
        ),
        Column("names", "routing.name", names_cells, lambda row: row["names"]["zh"], flex=4, filter=TEXT),
        conditions("source", "routing.source", rank=2),
        conditions("target", "routing.target", rank=2),
        label_column("equal", rank=3),
        Column("mutes", "routing.mutes", width=100),
    ),
    row_height=54,
)


def read_inhibitions(asking: Asking, wanted: Wanted) -> Found[ListedInhibition]:
    asking.viewer.require(Permission.METRICS_READ)
    locked = not asking.viewer.may(Permission.RULE_MANAGE)
    rows: list[ListedInhibition] = [{**row, "locked": locked} for row in list_inhibitions(asking.conn)]
    return tables.choose(rows, wanted, INHIBITIONS, lambda row: row["id"])


# --- routes -----------------------------------------------------------------------------------------------------------


def waits_cells(row: Route) -> list[Cell]:
    if not (row["group_wait_s"] or row["group_interval_s"]):
        return [cells.words("routing.at_once")]
    return [cells.words("routing.waits", wait=f"{row['group_wait_s']:g}", interval=f"{row['group_interval_s']:g}")]


ROUTES: Table[ListedRoute] = Table(
    "routes",
    "routing.routes",
    (
        Column("enabled", "routing.on", lambda row: switch_cells("route", row), lambda row: row["enabled"], width=90),
        Column("names", "routing.name", names_cells, lambda row: row["names"]["zh"], flex=3),
        conditions("matchers", "routing.what"),
        Column(
            "parent",
            "routing.parent",
            lambda row: [cells.pair(row["above"])] if row["above"] else [],
            lambda row: row["parent"] or "",
            width=120,
            rank=2,
        ),
        label_column("group_by", rank=2),
        Column("waits", "routing.wait", waits_cells, lambda row: row["group_wait_s"], sortable=False, flex=2, rank=2),
        Column(
            "receivers",
            "routing.receivers",
            lambda row: [cells.pair(receiver_words(row["receivers"]))],
            lambda row: ", ".join(row["receivers"]),
            sortable=False,
            flex=3,
        ),
    ),
    row_height=54,
)


def read_routes(asking: Asking, wanted: Wanted) -> Found[ListedRoute]:
    asking.viewer.require(Permission.METRICS_READ)
    may = asking.viewer.may(Permission.RULE_MANAGE)
    routes = list_routes(asking.conn)
    names = {row["id"]: row["names"] for row in routes}
    rows: list[ListedRoute] = [
        {**row, "locked": not may or row["parent"] is None, "above": names.get(row["parent"] or "")} for row in routes
    ]
    return tables.choose(rows, wanted, ROUTES, lambda row: row["id"])
