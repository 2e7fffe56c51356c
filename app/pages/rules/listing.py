"""The table of rules: what each is, whether it is armed, what it has made in seven days."""

from __future__ import annotations

from typing import Literal

from alerts.rules import KINDS, administer
from alerts.rules.administer import RuleObject
from app.asking import Asking
from app.dashboard import texts
from app.dashboard.card.words import figure
from app.pages import tables
from app.pages.rules.fields import kind_words
from app.pages.tables import TEXT, Cell, Column, ColumnFilter, Filter, Found, Table, Wanted, cells
from core.viewer import Permission
from core.vocabulary import label


class Listed(RuleObject):
    """A rule as the table shows it; `locked` where it is not the asker's to arm."""

    locked: bool


def name_cells(row: Listed) -> list[Cell]:
    return [cells.press("open", cells.pair(row["names"]), key=f"rule-{row['id']}", id=row["id"])]


def switch_cells(row: Listed) -> list[Cell]:
    return [
        cells.switch(
            "switch",
            on=row["enabled"],
            label=cells.pair(row["names"]),
            key=f"arm-{row['id']}",
            locked=row["locked"],
            id=row["id"],
            on_now=row["enabled"],
        )
    ]


Loading = Literal["alarms", "per_day", "not_useful", "active"]


def load_column(name: Loading, rank: int = 1) -> Column[Listed]:
    """A figure of the load; what was of no use stands out."""

    def shown(row: Listed) -> list[Cell]:
        count = row["load"][name]
        if name == "not_useful" and count:
            return [cells.chip(cells.plain(figure(count)))]
        return [cells.plain(figure(count), "figure")]

    return Column(name, f"rules.{name}", shown, lambda row: row["load"][name], width=84, rank=rank)


def who_cells(row: Listed) -> list[Cell]:
    who = row["changed_by"]
    return [cells.quiet(who) if who else {**cells.words("rules.system"), "look": "quiet"}]


def kind_choices() -> tuple[tuple[str, str], ...]:
    keys = [(kind.key, f"rules.kind.{kind.key}") for kind in KINDS]
    return tuple((key, name) for key, name in keys if name in texts.catalogue())


STATES = (("True", "rules.armed"), ("False", "rules.disarmed"))
TABLE: Table[Listed] = Table(
    "rules",
    "rules",
    (
        Column("enabled", "rules.on", switch_cells, lambda row: row["enabled"], width=92, filter=ColumnFilter(STATES)),
        Column(
            "names",
            "rules.name",
            name_cells,
            lambda row: row["names"]["zh"],
            flex=3,
            filter=ColumnFilter(of=lambda row: " ".join((*row["names"].values(), row["id"]))),
        ),
        Column("id", "rules.field.id", plain=lambda row: row["id"], rank=4, width=120),
        Column(
            "kind",
            "rules.field.kind",
            lambda row: [cells.pair(kind_words(row["kind"]))],
            lambda row: row["kind"],
            width=140,
            rank=2,
            filter=ColumnFilter(kind_choices()),
        ),
        Column(
            "alarm_kind",
            "rules.field.alarm_kind",
            lambda row: [cells.pair(label("alarm_kinds", row["alarm_kind"]))],
            lambda row: label("alarm_kinds", row["alarm_kind"])["zh"],
            flex=2,
            rank=2,
            filter=TEXT,
        ),
        load_column("alarms"),
        load_column("per_day", rank=2),
        load_column("not_useful", rank=2),
        load_column("active", rank=2),
        Column("version", "rules.version", width=76, rank=3),
        Column(
            "changed",
            "rules.changed",
            lambda row: [cells.age(row["changed_at"])],
            lambda row: row["changed_at"],
            width=112,
            rank=3,
        ),
        Column("changed_by", "rules.by", who_cells, lambda row: row["changed_by"] or "", width=112, rank=3),
    ),
    filters=(Filter("q", "rules.search"),),
    row_height=48,
)


def read_rows(asking: Asking, wanted: Wanted) -> Found[Listed]:
    """Those that judge first."""
    asking.viewer.require(Permission.METRICS_READ)
    locked = not asking.viewer.may(Permission.RULE_MANAGE)
    found = administer.list_rules(asking.conn, asking.now)
    rows: list[Listed] = [{**row, "locked": locked} for row in sorted(found, key=lambda row: not row["enabled"])]
    return tables.choose(rows, wanted, TABLE, searched)


def searched(row: Listed) -> str:
    names = (*row["names"].values(), *kind_words(row["kind"]).values())
    return " ".join(map(str, (row["id"], row["kind"], row["alarm_kind"], *names)))
