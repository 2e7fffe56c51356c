"""The tab of sources: one line each with what comes through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.api import sources as api
from app.asking import Asking
from app.dashboard.card.words import figure
from app.pages import tables
from app.pages.tables import TEXT, Cell, Column, ColumnFilter, Filter, Found, Table, Wanted, cells
from core.viewer import Permission
from ingest.admin.sources.nouns import SourceChange, SourceObject, SourceState

TOPICS_SHOWN = 2


class Listed(SourceObject):
    """A source as the table shows it; `locked` where it is not the asker's to switch."""

    locked: bool


def condition(state: SourceState) -> tuple[str, str]:
    """What is to be thought of a source, the gravest first: look of the lamp and its words."""
    if not state["enabled"]:
        return "off", "sources.is.off"
    if state["fault"]:
        return "dead", "sources.is.unusable"
    if state["unread_since"]:
        return "dead", "sources.is.unread"
    if state["overdue"]:
        return "old", "sources.is.overdue"
    if not state["last_at"]:
        return "off", "sources.is.unheard"
    return ("old", "sources.is.letters") if state["dead_letters"]["waiting"] else ("fresh", "sources.is.well")


def name_cells(row: Listed) -> list[Cell]:
    state = row["state"]
    fault = [cells.plain(state["fault"], "fault")] if state["fault"] and row["enabled"] else []
    name = cells.press("open", cells.pair(row["names"]), key=f"source-{row['id']}", id=row["id"])
    unread = [cells.words("sources.unread"), cells.age(state["unread_since"])] if state["unread_since"] else []
    return cells.stack([name], [cells.quiet(f"{row['id']} · {row['decoder']}")], fault or unread)


def topic_cells(row: Listed) -> list[Cell]:
    filters: Sequence[str] = row["topic_filters"]
    lines = [[cells.code(one)] for one in filters[:TOPICS_SHOWN]]
    if len(filters) > TOPICS_SHOWN:
        lines[-1].append({**cells.words("sources.more", n=len(filters) - TOPICS_SHOWN), "look": "quiet"})
    return cells.stack(*lines)


def device_cells(row: Listed) -> list[Cell]:
    state = row["state"]
    count = cells.plain(figure(state["devices"]), "figure")
    if not state["pending"]:
        return [count]
    label = cells.words("sources.pending_n", n=state["pending"])
    return [count, cells.press("devices", label, key=f"pending-{row['id']}", look="chip", id=row["id"])]


def waiting_letters(row: Listed) -> int:
    return row["state"]["dead_letters"]["waiting"]


def letter_cells(row: Listed) -> list[Cell]:
    waiting = waiting_letters(row)
    if not waiting:
        return [cells.plain("0", "figure")]
    return [
        cells.press("letters", cells.plain(figure(waiting)), key=f"letters-{row['id']}", look="chip warn", id=row["id"])
    ]


def switch_cell(row: Listed) -> list[Cell]:
    return [
        cells.switch(
            "switch",
            on=row["enabled"],
            label=cells.pair(row["names"]),
            key=f"switch-{row['id']}",
            locked=row["locked"],
            id=row["id"],
            version=row["version"],
            enabled=not row["enabled"],
        )
    ]


def rate_cell(row: Listed) -> list[Cell]:
    return [cells.plain(figure(row["state"]["rate"]), "figure")]


def last_cell(row: Listed) -> list[Cell]:
    return [cells.age(row["state"]["last_at"])]


def lag_cell(row: Listed) -> list[Cell]:
    lag = row["state"]["lag_s"]
    return [cells.plain("–", "quiet") if lag is None else cells.words("unit.s", n=round(max(0.0, lag)))]


# what a source can be thought of, by its words
CONDITIONS = ("off", "unusable", "unread", "overdue", "unheard", "letters", "well")
TABLE: Table[Listed] = Table(
    "sources",
    "sources",
    (
        Column(
            "name",
            "sources.name",
            name_cells,
            lambda row: row["names"]["zh"],
            flex=2,
            filter=ColumnFilter(of=lambda row: " ".join((*row["names"].values(), row["id"], row["decoder"]))),
        ),
        Column("id", "sources.field.id", plain=lambda row: row["id"], rank=4, width=120),
        Column(
            "state",
            "sources.state",
            lambda row: [cells.lamp(*condition(row["state"]))],
            lambda row: condition(row["state"])[0],
            width=132,
            filter=ColumnFilter(
                tuple((f"sources.is.{one}", f"sources.is.{one}") for one in CONDITIONS),
                lambda row: condition(row["state"])[1],
            ),
        ),
        Column(
            "topics",
            "sources.topics",
            topic_cells,
            lambda row: row["topic_filters"],
            sortable=False,
            flex=2,
            rank=3,
            filter=TEXT,
        ),
        Column("rate", "sources.rate", rate_cell, lambda row: row["state"]["rate"], width=84, rank=3),
        Column("last", "sources.last", last_cell, lambda row: row["state"]["last_at"], width=108, rank=2),
        Column("lag", "sources.lag", lag_cell, lambda row: row["state"]["lag_s"], width=76, rank=3),
        Column("devices", "sources.devices", device_cells, lambda row: row["state"]["devices"], width=136, rank=2),
        Column("letters", "sources.letters", letter_cells, waiting_letters, width=96, rank=2),
        Column("on", "sources.on", switch_cell, lambda row: row["enabled"], width=76),
    ),
    filters=(Filter("q", "sources.search"),),
    row_height=66,
)


def read_rows(asking: Asking, wanted: Wanted) -> Found[Listed]:
    listed = api.list_sources(asking.conn, asking.viewer, asking.now, asking.parts)["items"]
    locked = not asking.viewer.may(Permission.SOURCE_MANAGE)
    rows: list[Listed] = [
        {**row, "locked": locked} for row in sorted(listed, key=lambda row: (not row["enabled"], row["id"]))
    ]
    return tables.choose(rows, wanted, TABLE, searched)


def searched(row: Listed) -> str:
    return " ".join(
        map(str, (row["id"], row["name_zh"], row["name_en"], row["decoder"], row["owner"] or "", *row["topic_filters"]))
    )


def count_troubled(asking: Asking) -> int:
    """How many that are on cannot be used or are silent too long."""
    listed = api.list_sources(asking.conn, asking.viewer, asking.now, asking.parts)["items"]
    states = [source["state"] for source in listed if source["enabled"]]
    return sum(bool(state["fault"] or state["overdue"] or state["unread_since"]) for state in states)


def set_enabled(asking: Asking, told: Mapping[str, Any]) -> bool:
    """Switch a source on or off in the version that was seen; returns what it is now."""
    change = SourceChange(version=told["version"], enabled=bool(told["enabled"]))
    changed = api.patch_source(asking.conn, asking.viewer, asking.now, asking.parts, str(told["id"]), change)
    return bool(changed["enabled"])
