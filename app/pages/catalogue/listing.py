"""The tables of the page: entries, requests for access, scores of the month."""

from __future__ import annotations

from datetime import date

from app.api.catalogue import count_to_decide, searched, seen_requests
from app.asking import Asking
from app.catalogue.listing import read_catalogue, today_of
from app.catalogue.listing import read_month as of_month
from app.dashboard import texts
from app.pages import tables
from app.pages.tables import TEXT, Cell, Column, ColumnFilter, Filter, Found, Table, Wanted, cells
from core.catalogue.days import ScoreObject
from core.catalogue.nouns import EntryObject
from core.catalogue.requests import RequestObject
from core.viewer import Permission
from core.vocabulary import Text, label

STATES = {"open": "late", "granted": "fresh", "refused": "off"}
# that one may look back, the present one among them
MONTHS = 12
PARTS = ("described", "there", "timely", "used")


class Line(EntryObject):
    """A source and a layer may have the same id."""

    line: str


class Asked(RequestObject):
    """With the title of what is asked for."""

    title: Text


def name_cells(row: Line) -> list[Cell]:
    name = cells.press("open", cells.pair(row["title"]), key=f"entry-{row['line']}", kind=row["kind"], id=row["id"])
    return cells.stack([name], [cells.words(f"catalogue.kind.{row['kind']}"), cells.quiet(row["id"])])


def freshness(in_cycle: bool | None) -> str:
    """As the lamp has it: as promised, overdue, nothing promised."""
    return {True: "fresh", False: "late", None: "off"}[in_cycle]


def fresh_cells(row: Line) -> list[Cell]:
    state = freshness(row["in_cycle"])
    return cells.stack([cells.lamp(state, f"catalogue.fresh.{state}")], [cells.age(row["updated_at"])])


def sharing_cells(row: Line) -> list[Cell]:
    shared = cells.pair(label("sharing_classes", row["sharing"])) if row["sharing"] else cells.words("catalogue.unsaid")
    return [shared, *([cells.chip(cells.words("open.title"))] if row["open"] else [])]


def share(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"


def quality_cells(row: Line) -> list[Cell]:
    if row["refused"] is not None:
        return [cells.words("catalogue.refused_n", n=share(row["refused"]))]
    return [cells.words("catalogue.filled_n", n=share(row["filled"]))] if row["filled"] is not None else []


def lack_cells(row: Line) -> list[Cell]:
    if not row["lacks"]:
        return [cells.lamp("fresh", "catalogue.complete")]
    return [cells.lamp("late", "catalogue.lacking"), cells.plain(len(row["lacks"]), "figure")]


ENTRIES: Table[Line] = Table(
    "entries",
    "catalogue",
    (
        Column("title", "catalogue.name", name_cells, lambda row: row["title"]["zh"], flex=3, filter=TEXT),
        Column("provider", "catalogue.field.provider", flex=2, filter=TEXT),
        Column(
            "sharing",
            "catalogue.field.sharing",
            sharing_cells,
            sortable=False,
            width=150,
            rank=2,
            filter=ColumnFilter(texts.family("catalogue.shared")),
        ),
        Column("updated_at", "catalogue.freshness", fresh_cells, width=140),
        Column("quality", "catalogue.quality", quality_cells, sortable=False, width=120, rank=3),
        Column("uses", "catalogue.uses", lambda row: [cells.plain(f"{row['uses']:,}", "figure")], width=100, rank=2),
        Column("lacks", "catalogue.state", lack_cells, lambda row: len(row["lacks"]), width=130, rank=2),
        Column("summary_zh", "catalogue.field.summary_zh", rank=4),
        Column("contact", "catalogue.field.contact", rank=4),
        Column("cycle", "catalogue.field.cycle", rank=4),
        Column("terms", "catalogue.field.terms", rank=4),
        Column("filled", "catalogue.filled", rank=4),
        Column("refused", "catalogue.refused", rank=4),
        Column("users", "catalogue.users", rank=4),
    ),
    filters=(Filter("q", "catalogue.search"),),
    row_height=54,
    row_id="line",
)


def read_entries(asking: Asking, wanted: Wanted) -> Found[Line]:
    asking.viewer.require(Permission.CITY_READ)
    found = read_catalogue(asking.conn, asking.viewer, asking.now)
    rows: list[Line] = [{**one, "line": f"{one['kind']}/{one['id']}"} for one in found]
    return tables.choose(rows, wanted, ENTRIES, searched)


def asked_cells(row: Asked) -> list[Cell]:
    name = cells.press("open", cells.pair(row["title"]), key=f"request-{row['id']}", id=row["id"])
    return cells.stack([name], [cells.quiet(row["purpose"][:80])])


REQUESTS: Table[Asked] = Table(
    "requests",
    "catalogue.requests",
    (
        Column("title", "catalogue.name", asked_cells, lambda row: row["title"]["zh"], flex=3, filter=TEXT),
        Column("department", "catalogue.request.field.department", lambda row: [cells.code(row["department"])], flex=2),
        Column(
            "state",
            "catalogue.state",
            lambda row: [cells.lamp(STATES[row["state"]], f"catalogue.asked_is.{row['state']}")],
            width=130,
            filter=ColumnFilter(texts.family("catalogue.asked_is")),
        ),
        Column("asked_at", "catalogue.asked", lambda row: [cells.age(row["asked_at"])], width=130, rank=2),
        Column("asked_by", "catalogue.asked_by", width=130, rank=3, filter=TEXT),
        Column("answer", "catalogue.request.field.answer", sortable=False, flex=2, rank=3),
        Column("decided_by", "catalogue.decided_by", rank=4),
        Column("purpose", "catalogue.request.field.purpose", rank=4),
    ),
    row_height=54,
)


def read_requests(asking: Asking, wanted: Wanted) -> Found[Asked]:
    asking.viewer.require(Permission.CITY_READ)
    titles = {(one["kind"], one["id"]): one["title"] for one in read_catalogue(asking.conn, asking.viewer, asking.now)}
    rows: list[Asked] = [
        {**one, "title": titles.get((one["kind"], one["resource"]), {"zh": one["resource"], "en": one["resource"]})}
        for one in seen_requests(asking.conn, asking.viewer, None)
    ]
    return tables.choose(rows, wanted, REQUESTS, lambda row: f"{row['title']['zh']} {row['department']}")


def score_column(part: str) -> Column[ScoreObject]:
    return Column(
        part,
        f"catalogue.score.{part}",
        lambda row: [cells.plain(f"{row['parts'][part]:.1f}", "figure")],
        lambda row: row["parts"][part],
        width=120,
        rank=2,
    )


SCORES: Table[ScoreObject] = Table(
    "scores",
    "catalogue.scores",
    (
        Column("provider", "catalogue.field.provider", flex=3, filter=TEXT),
        Column("score", "catalogue.score", lambda row: [cells.plain(f"{row['score']:.1f}", "figure")], width=110),
        *(score_column(part) for part in PARTS),
        Column(
            "resources", "catalogue.score.resources", lambda row: [cells.plain(row["resources"], "figure")], width=110
        ),
        Column(
            "uses", "catalogue.score.uses", lambda row: [cells.plain(f"{row['uses']:,}", "figure")], width=100, rank=2
        ),
        Column("days", "catalogue.score.days", lambda row: [cells.plain(row["days"], "figure")], width=110, rank=3),
        Column("month", "catalogue.score.month", width=110, rank=2),
    ),
    filters=(Filter("month", "catalogue.score.month", tuple((str(n), f"catalogue.month.{n}") for n in range(MONTHS))),),
    row_id="provider",
)


def months_back(wanted: Wanted) -> int:
    """How many months before the present one are asked for; none where that is not one of the choices."""
    return next((n for n in range(MONTHS) if str(n) == wanted.asks("month")), 0)


def month_before(day: date, months: int) -> date:
    """The first day of the month that lies so many before that of `day`."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, 1)


def waiting(asking: Asking) -> int:
    """How many requests wait for who asks to decide them."""
    return count_to_decide(asking.conn, asking.viewer)


def read_month(asking: Asking, wanted: Wanted) -> Found[ScoreObject]:
    asking.viewer.require(Permission.CITY_READ)
    first = month_before(today_of(asking.conn, asking.now), months_back(wanted))
    return tables.choose(of_month(asking.conn, asking.viewer, first), wanted, SCORES, lambda row: row["provider"])
