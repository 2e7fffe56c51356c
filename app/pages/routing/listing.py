"""The tables of the page: open alarms, silences, inhibitions, routes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from app.dashboard import texts
from app.pages import tables
from app.pages.tables import TEXT, Cell, Column, ColumnFilter, Filter, Found, Table, Wanted, cells
from app.seeing import only_seen
from core.viewer import Permission
from core.vocabulary import label

# the words of labels whose values are of a table
TABLES = {
    "kind": "alarm_kinds",
    "family": "alarm_families",
    "level": "levels",
    "peak_level": "levels",
    "thing_kind": "sensor_kinds",
}


def said(matchers: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Conditions in words: each label, and the values that it is or is not."""
    told: dict[str, str] = {}
    for lang, comma, end, colon in (("zh", "、", "；", "："), ("en", ", ", "; ", ": ")):
        parts = []
        for one in matchers:
            values = one.get("is") or one.get("is_not") or []
            words = comma.join(
                label(TABLES.get(one["label"], ""), value)[lang] if one["label"] in TABLES else value
                for value in values
            )
            name = texts.entry(f"routing.label.{one['label']}")[lang]
            negated = texts.entry("routing.not")[lang] if one.get("is_not") else ""
            parts.append(f"{name}{colon}{negated}{words}")
        told[lang] = end.join(parts) or texts.entry("routing.everything")[lang]
    return told


def label_words(names: Sequence[str]) -> dict[str, str]:
    between = {"zh": "、", "en": ", "}
    return {
        lang: sep.join(texts.entry(f"routing.label.{name}")[lang] for name in names) for lang, sep in between.items()
    }


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
    return cells.stack([cells.press("way", cells.pair(row["names"]), key=f"way-{row['id']}", id=row["id"])], [kind])  # type: ignore[list-item]


def told_cells(row: Alarm) -> list[Cell]:
    if row["chattering_since"]:
        return [cells.lamp("stale", "lists.chattering")]
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
LAMPS = {"active": "stale", "coming": "fresh", "over": "dead"}


def what_cells(row: Silence) -> list[Cell]:
    return cells.stack([cells.pair(said(row["matchers"]))], [{**cells.plain(row["why"]), "look": "quiet"}])


def end_cells(row: Silence) -> list[Cell]:
    if row["state"] == "over":
        return []
    return [cells.press("end", cells.words("routing.end"), key=f"end-{row['id']}", id=row["id"])]


SILENCES: Table[Silence] = Table(
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


def read_silences(asking: Asking, wanted: Wanted) -> Found[Silence]:
    asking.viewer.require(Permission.METRICS_READ)
    rows = list_silences(asking.conn, asking.now, over=True)
    return tables.choose(rows, wanted, SILENCES, lambda row: f"{row['why']} {row['created_by']} {row['matchers']}")


# --- inhibitions ------------------------------------------------------------------------------------------------------


def names_cells(row: Inhibition) -> list[Cell]:
    return cells.stack([cells.pair(row["names"])], [cells.quiet(row["id"])])


def switch_cells(row: Inhibition) -> list[Cell]:
    return [
        cells.switch(
            "switch",
            on=row["enabled"],
            label=cells.pair(row["names"]),
            key=f"inhibition-{row['id']}",
            locked=False,
            id=row["id"],
            version=row["version"],
            on_now=row["enabled"],
        )
    ]


INHIBITIONS: Table[Inhibition] = Table(
    "inhibitions",
    "routing.inhibitions",
    (
        Column("enabled", "routing.on", switch_cells, lambda row: row["enabled"], width=90),
        Column("names", "routing.name", names_cells, lambda row: row["names"]["zh"], flex=4, filter=TEXT),
        conditions("source", "routing.source", rank=2),
        conditions("target", "routing.target", rank=2),
        label_column("equal", rank=3),
        Column("mutes", "routing.mutes", width=100),
    ),
    row_height=54,
)


def read_inhibitions(asking: Asking, wanted: Wanted) -> Found[Inhibition]:
    asking.viewer.require(Permission.METRICS_READ)
    return tables.choose(list_inhibitions(asking.conn), wanted, INHIBITIONS, lambda row: row["id"])


# --- routes -----------------------------------------------------------------------------------------------------------


def receivers_of(row: Route) -> dict[str, str]:
    rest = texts.entry("routing.rest")
    return {
        lang: sep.join(rest[lang] if one == "*" else one for one in row["receivers"])
        for lang, sep in (("zh", "、"), ("en", ", "))
    }


def waits_cells(row: Route) -> list[Cell]:
    if not (row["group_wait_s"] or row["group_interval_s"]):
        return [cells.words("routing.at_once")]
    return [cells.words("routing.waits", wait=f"{row['group_wait_s']:g}", interval=f"{row['group_interval_s']:g}")]


ROUTES: Table[Route] = Table(
    "routes",
    "routing.routes",
    (
        Column(
            "names",
            "routing.name",
            lambda row: cells.stack([cells.pair(row["names"])], [cells.quiet(row["id"])]),
            lambda row: row["names"]["zh"],
            flex=3,
        ),
        Column("parent", "routing.parent", width=120, rank=2),
        conditions("matchers", "routing.what"),
        label_column("group_by", rank=2),
        Column("waits", "routing.wait", waits_cells, lambda row: row["group_wait_s"], sortable=False, flex=2, rank=2),
        Column(
            "receivers",
            "routing.receivers",
            lambda row: [cells.pair(receivers_of(row))],
            lambda row: ", ".join(row["receivers"]),
            sortable=False,
            flex=3,
        ),
    ),
    row_height=54,
)


def read_routes(asking: Asking, wanted: Wanted) -> Found[Route]:
    asking.viewer.require(Permission.METRICS_READ)
    return tables.choose(list_routes(asking.conn), wanted, ROUTES, lambda row: row["id"])
