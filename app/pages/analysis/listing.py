"""The table of groups."""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict

from app.analysis.asking import analyse
from app.analysis.figures import rounded
from app.asking import Asking
from app.pages import tables
from app.pages.analysis.state import SUBJECT, asked_of, read_state
from app.pages.tables import Cell, Column, Filter, Found, Table, Wanted, cells
from app.pages.tables.drawing import column_def
from core.analysis import AnalysisObject, GroupObject
from core.analysis.asked import COUNT
from core.viewer import Permission
from core.vocabulary import Text

# what the page asks stands in this filter, as its address has it
QUESTION = "question"


class Line(TypedDict):
    """A group as a line; `rank` its place in the order of the answer."""

    rank: int
    first: Text
    second: Text
    first_key: str
    second_key: str
    count: int
    value: float | None
    share: float | None
    km2: float | None
    per_km2: float | None


def told(value: float) -> str:
    """A count in full, what is divided to some figures."""
    return f"{int(value):,}" if value == int(value) else rounded(value)


def number(name: str, words: str, *, width: int, rank: int = 1) -> Column[Any]:
    def cell(row: Any) -> list[Cell]:
        value = row[name]
        return [] if value is None else [cells.plain(told(value), "figure")]

    return Column(name, words, cell, width=width, rank=rank)


TABLE: Table[Any] = Table(
    "analysis",
    "analysis",
    (
        Column(
            "first", "analysis.first", lambda row: [cells.pair(row["first"])], lambda row: row["first"]["zh"], flex=3
        ),
        Column(
            "second",
            "analysis.second",
            lambda row: [cells.pair(row["second"])],
            lambda row: row["second"]["zh"],
            flex=2,
        ),
        number("count", "analysis.count", width=120),
        number("value", "analysis.value", width=150),
        Column(
            "share",
            "analysis.share",
            lambda row: [] if row["share"] is None else [cells.plain(f"{row['share']:.1%}", "figure")],
            width=100,
            rank=2,
        ),
        number("per_km2", "analysis.per_km2", width=130, rank=2),
        Column("first_key", "analysis.first_key", rank=4),
        Column("second_key", "analysis.second_key", rank=4),
        number("km2", "analysis.km2", width=130, rank=4),
    ),
    filters=(Filter("q", "analysis.search"), Filter(QUESTION, hidden=True)),
    row_id="rank",
    exports=False,
)


def columns_for(found: AnalysisObject) -> list[dict[str, object]]:
    """As the grid takes them: headed by what is grouped and measured, without those that an answer has not."""
    heads = {"first": found["by"][0]["title"], "value": found["measure"]["title"]}
    without = {"value"} if found["measure"]["id"] == COUNT else set()
    if len(found["by"]) > 1:
        heads["second"] = found["by"][1]["title"]
    else:
        without.add("second")
    without |= {name for name in ("share", "per_km2") if all(one[name] is None for one in found["groups"])}
    drawn = []
    for column in TABLE.columns:
        if column.name in without:
            continue
        one = column_def(column)
        if column.name in heads:
            words = heads[column.name]
            one["headerName"] = f"{words['zh']} {words['en']}"
            one["headerComponentParams"] = {"innerHeaderComponent": "BothWords", "words": words}
        drawn.append(one)
    return drawn


def line_of(rank: int, one: GroupObject) -> Line:
    keys = one["keys"]
    nothing: Text = {"zh": "", "en": ""}
    return {
        "rank": rank,
        "first": keys[0]["words"],
        "second": keys[1]["words"] if len(keys) > 1 else nothing,
        "first_key": keys[0]["key"] or "",
        "second_key": (keys[1]["key"] if len(keys) > 1 else None) or "",
        "count": one["count"],
        "value": one["value"],
        "share": one["share"],
        "km2": one["km2"],
        "per_km2": one["per_km2"],
    }


def read_groups(asking: Asking, wanted: Wanted) -> Found[Any]:
    asking.viewer.require(Permission.CITY_READ)
    state = read_state(wanted.asks(QUESTION))
    if SUBJECT not in state:
        return Found([], 0)
    found, _ = analyse(asking.conn, asking.viewer.scope, state[SUBJECT], asked_of(state), asking.now)
    lines = [line_of(rank, one) for rank, one in enumerate(found["groups"])]
    return tables.choose(lines, wanted, TABLE, lambda row: " ".join([*row["first"].values(), *row["second"].values()]))
