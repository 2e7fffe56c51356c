"""The tables of the page: subscriptions, and what was told."""

from __future__ import annotations

from uuid import UUID

from alerts.deliveries.kept import STATES, Delivery, list_deliveries
from alerts.present import read_alarms
from alerts.subscriptions import Subscription, list_subscriptions
from app.asking import Asking
from app.dashboard import texts
from app.pages import tables
from app.pages.subscriptions.words import wanted_words
from app.pages.tables import TEXT, Cell, Column, Filter, Found, Table, Wanted, cells
from app.seeing import only_seen
from core.viewer import Permission
from core.vocabulary import Text, label
from layers.registers import all_district_names

# of the newest deliveries, so many are looked through
LOOKED_AT = 2000
LAMPS = {
    "waiting": "old",
    "retrying": "old",
    "sent": "fresh",
    "seen": "fresh",
    "refused": "dead",
    "failed": "dead",
}


class Listed(Subscription):
    """`wanted`: its filter in words."""

    wanted: Text


def name_cells(row: Listed) -> list[Cell]:
    name = cells.press("open", cells.pair(row["names"]), key=f"subscription-{row['id']}", id=row["id"])
    whose = cells.quiet(row["owner"]) if row["owner"] else {**cells.words("subs.citys"), "look": "quiet"}
    return cells.stack([name], [whose])


def state_of(row: Subscription) -> str:
    if row["stopped_why"]:
        return "stopped"
    if not row["enabled"]:
        return "off"
    return "failing" if row["failed"] or (row["waiting"] and row["last_error"]) else "on"


STATE_LAMPS = {"on": "fresh", "failing": "old", "stopped": "dead", "off": "dead"}


def state_cells(row: Listed) -> list[Cell]:
    state = state_of(row)
    return [cells.lamp(STATE_LAMPS[state], f"subs.state.{state}")]


TABLE: Table[Listed] = Table(
    "subscriptions",
    "subs",
    (
        Column("names", "subs.name", name_cells, lambda row: row["names"]["zh"], flex=3, filter=TEXT),
        Column(
            "sender",
            "subs.sender",
            lambda row: [cells.pair(label("senders", row["sender"]))],
            lambda row: label("senders", row["sender"])["zh"],
            flex=2,
        ),
        Column(
            "wanted",
            "subs.wanted",
            lambda row: [cells.pair(row["wanted"])],
            lambda row: row["wanted"]["zh"],
            sortable=False,
            flex=3,
            rank=3,
        ),
        Column("state", "subs.state", state_cells, state_of, width=150),
        Column(
            "last_sent_at",
            "subs.last",
            lambda row: [cells.age(row["last_sent_at"]) if row["last_sent_at"] else cells.words("subs.last.never")],
            lambda row: row["last_sent_at"] or "",
            width=130,
            rank=2,
        ),
    ),
    filters=(Filter("q", "subs.search"),),
    row_height=54,
)


def read_rows(asking: Asking, wanted: Wanted) -> Found[Listed]:
    """Who manages them sees all, others their own."""
    viewer = asking.viewer
    if not viewer.may(Permission.SUBSCRIPTION_MANAGE):
        viewer.require(Permission.SUBSCRIPTION_OWN)
    owner = None if viewer.may(Permission.SUBSCRIPTION_MANAGE) else viewer.username
    names = all_district_names(asking.conn)
    rows: list[Listed] = [
        {**one, "wanted": wanted_words(one["filter"], names)}
        for one in list_subscriptions(asking.conn, asking.now, owner)
    ]
    return tables.choose(
        rows, wanted, TABLE, lambda row: f"{row['id']} {row['names']['zh']} {row['names']['en']} {row['owner'] or ''}"
    )


# --- deliveries -------------------------------------------------------------------------------------------------------


class ListedDelivery(Delivery):
    """`about`: what it told of, in words."""

    about: Text


def receiver_cells(row: ListedDelivery) -> list[Cell]:
    channel = {**cells.pair(label("senders", row["sender"])), "look": "quiet"}
    return cells.stack([cells.pair(row["names"])], [channel])  # type: ignore[list-item]


def delivery_cells(row: ListedDelivery) -> list[Cell]:
    lamp = cells.lamp(LAMPS[row["state"]], f"subs.delivery.{row['state']}")
    if row["state"] in ("retrying", "refused", "failed"):
        again = cells.press(
            "retry", cells.words("subs.retry"), key=f"retry-{row['id']}", look="action small", id=row["id"]
        )
        return [lamp, again]
    return [lamp]


DELIVERIES: Table[ListedDelivery] = Table(
    "deliveries",
    "subs.deliveries",
    (
        Column("created_at", "subs.when", lambda row: [cells.age(row["created_at"])], width=120, sortable=False),
        Column("names", "subs.receiver", receiver_cells, lambda row: row["names"]["zh"], flex=2, sortable=False),
        Column(
            "about",
            "subs.about",
            lambda row: [cells.pair(row["about"])],
            lambda row: row["about"]["zh"],
            flex=3,
            sortable=False,
            rank=2,
        ),
        Column("state", "subs.state", delivery_cells, lambda row: row["state"], width=210, sortable=False),
        Column("error", "subs.error", plain=lambda row: row["error"] or "", flex=3, sortable=False, rank=3),
    ),
    filters=(
        Filter("q", "subs.deliveries.search"),
        Filter("state", "subs.state", choices=(("", "subs.any"), *((one, f"subs.delivery.{one}") for one in STATES))),
    ),
    row_height=54,
)


def read_deliveries(asking: Asking, wanted: Wanted) -> Found[ListedDelivery]:
    """The newest; who manages subscriptions sees all, others those of their own."""
    viewer = asking.viewer
    if not viewer.may(Permission.SUBSCRIPTION_MANAGE):
        viewer.require(Permission.SUBSCRIPTION_OWN)
    owner = None if viewer.may(Permission.SUBSCRIPTION_MANAGE) else viewer.username
    state = wanted.asks("state") or None
    found = list_deliveries(asking.conn, owner=owner, state=state, limit=LOOKED_AT)
    names = alarm_names(asking, [one["subject"] for one in found if one["kind"] == "alarm"])
    rows: list[ListedDelivery] = [{**one, "about": about(one, names)} for one in found]
    return tables.choose(
        rows, wanted, DELIVERIES, lambda row: f"{row['names']['zh']} {row['names']['en']} {row['about']['zh']}"
    )


def about(row: Delivery, names: dict[str, Text]) -> Text:
    if row["kind"] == "test":
        return texts.entry("subs.test")
    if row["kind"] != "alarm":
        return {"zh": row["subject"], "en": row["subject"]}
    what = f"subs.what.{row['what']}"
    said = texts.entry(what if what in texts.catalogue() else "subs.what.other")
    name = names.get(row["subject"])
    if name is None:
        return said
    return {"zh": f"{name['zh']} · {said['zh']}", "en": f"{name['en']} · {said['en']}"}


def alarm_names(asking: Asking, ids: list[str]) -> dict[str, Text]:
    """What alarms are called; those that this person may not see are not among them."""
    wanted = [UUID(one) for one in dict.fromkeys(ids)]
    return {one["id"]: one["names"] for one in only_seen(asking.viewer, "alarm", read_alarms(asking.conn, wanted))}
