"""The tab of dead letters: groups by reason, a search, one letter whole; replayed or discarded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import html

from app.api import letters as api
from app.asking import Asking
from app.dashboard import texts
from app.dashboard.components import age, clock_time, wild
from app.pages import ids, tables
from app.pages.parts import action, done, facts, pane_head, reason_words
from app.pages.sources.form import Message
from app.pages.tables import TEXT, Cell, Column, ColumnFilter, Filter, Found, Table, Wanted, cells
from core.viewer import Permission
from ingest.admin import letters as book
from ingest.replay import FINAL

KEY = "letter"
NONE = "-"
# between reason and source in the filter that the groups set
SIGN = "|"
HEX_LINE = 16
COLUMNS = {"received": "received_at", "reason": "reason", "topic": "topic", "source": "source_id", "state": "id"}


def letter_cells(row: book.DeadLetter) -> list[Cell]:
    label = cells.known("reason", row["reason"])
    opened = cells.press("open", label, key=f"letter-{row['id']}", id=row["id"])
    often = [cells.chip(cells.words("letters.times", n=f"{row['times']:,}"))] if row["times"] > 1 else []
    return cells.stack([opened, *often, cells.code(row["topic"])], [cells.quiet(row["detail"])])


def state_cell(row: book.DeadLetter) -> list[Cell]:
    return [cells.chip(cells.words(f"letters.state.{row['state']}"))]


TABLE: Table[book.DeadLetter] = Table(
    "letters",
    "letters",
    (
        Column("reason", "letters.reason", letter_cells, flex=4, filter=ColumnFilter(texts.family("reason"))),
        Column("topic", "devices.topic", rank=4, width=160),
        Column("detail", "letters.detail", sortable=False, rank=4, width=160),
        Column(
            "preview",
            "letters.content",
            lambda row: [cells.plain(row["preview"], "code")],
            sortable=False,
            flex=3,
            rank=2,
        ),
        Column(
            "source",
            "devices.source",
            lambda row: [cells.quiet(row["source"] or "–")],
            width=130,
            rank=3,
            filter=TEXT,
        ),
        Column("state", "sources.state", state_cell, sortable=False, width=120, rank=3),
        Column(
            "received",
            "letters.received",
            lambda row: [cells.age(row["received_at"])],
            lambda row: row["received_at"],
            width=120,
        ),
    ),
    # those that wait, unless others are asked for: which book one reads rather than a filter of it
    filters=(
        Filter("q", "letters.search"),
        Filter("state", "sources.state", tuple((one, f"letters.state.{one}") for one in book.STATES)),
        Filter("group", hidden=True),
    ),
    row_height=58,
    order="id DESC",
)


# --- the list ---------------------------------------------------------------------------------------------------------


def read_rows(asking: Asking, wanted: Wanted) -> Found[book.DeadLetter]:
    asking.viewer.require(Permission.LETTER_READ)
    reason, source = split_group(wanted.asks("group"))
    state: book.State = next((one for one in book.STATES if one == wanted.asks("state")), "waiting")
    sql, params = book.find_letters(book.LetterFilter(state, reason, source, wanted.asks("q") or None))
    rows, total = tables.select(asking.conn, sql, params, wanted, COLUMNS, TABLE)
    return Found([book.read_row(row) for row in rows], total)


def group_of(reason: str | None, source: str | None) -> str:
    """The filter for letters of a reason and a source; either may be left open."""
    return f"{reason or ''}{SIGN}{source or ''}"


def split_group(group: str) -> tuple[str | None, str | None]:
    reason, _, source = group.partition(SIGN)
    return reason or None, source or None


def draw_groups(asking: Asking, chosen: str) -> list[Any]:
    """Buttons for what waits, by reason and source."""
    groups = api.get_reasons(asking.conn, asking.viewer)["items"]
    return group_views(groups, chosen, is_admin=asking.viewer.may(Permission.LETTER_DECIDE))


def count_waiting(asking: Asking) -> int:
    return sum(one["count"] for one in api.get_reasons(asking.conn, asking.viewer)["items"])


def group_views(groups: Sequence[book.ReasonCount], chosen: str, *, is_admin: bool) -> list[Any]:
    drawn: list[Any] = [group_view(one, chosen, is_admin=is_admin) for one in groups]
    if split_group(chosen) != (None, None):
        drawn.append(action(ids.part(TABLE.key, "all"), "letters.all", small=True, data_key="all-letters"))
    return drawn


def group_view(one: book.ReasonCount, chosen: str, *, is_admin: bool) -> html.Div:
    group = group_of(one["reason"], one["source"] or NONE)
    pick = html.Button(
        [
            html.B(f"{one['count']:,}"),
            html.Span(reason_words(one["reason"])),
            html.Span(one["source"] or texts.both("letters.no_source"), className="chip"),
            html.Span([*texts.both("letters.newest"), " ", age(one["last_at"])], className="quiet"),
        ],
        id={"letters": "pick", "group": group},
        type="button",
        n_clicks=0,
        className="pick",
        **wild({"aria-pressed": str(chosen == group).lower()}),
    )
    again = action(
        {"letters": "replay", "group": group},
        "letters.replay_all",
        small=True,
        data_key=f"replay-{one['reason']}-{one['source']}",
    )
    return html.Div([pick, *([again] if is_admin and one["reason"] not in FINAL else [])], className="group")


# --- one letter -------------------------------------------------------------------------------------------------------


def open_letter(asking: Asking, letter_id: int) -> html.Div:
    return pane(
        api.get_letter(asking.conn, asking.viewer, letter_id), is_admin=asking.viewer.may(Permission.LETTER_DECIDE)
    )


def pane(letter: book.LetterWhole, *, is_admin: bool) -> html.Div:
    properties = "\n".join(f"{name}: {value}" for name, value in (letter["properties"] or {}).items())
    waits = letter["state"] == "waiting"
    often = [*texts.both("letters.times", n=f"{letter['times']:,}"), " · ", age(letter["first_at"])]
    state = [*texts.both(f"letters.state.{letter['state']}"), f" · {letter['handled_by'] or ''}"]
    listed = facts(
        [
            ("letters.received", [clock_time(letter["received_at"]), " · ", age(letter["received_at"])]),
            ("letters.since", often if letter["times"] > 1 else None),
            ("devices.topic", html.Code(letter["topic"])),
            ("devices.source", letter["source"] or texts.both("letters.no_source")),
            ("letters.field", letter["field"]),
            ("letters.properties", properties),
            ("sources.state", None if waits else state),
        ]
    )
    return html.Div(
        [
            pane_head(reason_words(letter["reason"]), ids.press(KEY, "close")),
            html.P(letter["detail"], className="error"),
            listed,
            payload_view(letter),
            *([fate_view(letter)] if waits and is_admin else []),
        ],
        className="letter",
    )


def payload_view(letter: book.LetterWhole) -> Any:
    """The payload as text where it is some, and its first bytes in hexadecimal."""
    forms = (
        {"hex": dump(letter["hex"])} if letter["text"] is None else {"text": letter["text"], "hex": dump(letter["hex"])}
    )
    tabs = dmc.TabsList(
        [
            dmc.TabsTab(html.Span(texts.both(f"letters.as.{name}")), value=name, **wild({"data-as": name}))
            for name in forms
        ]
    )
    panels = [
        dmc.TabsPanel(
            html.Pre(body, className=f"payload {name}", tabIndex=0, **wild({"data-testid": "letter-payload"})),
            value=name,
        )
        for name, body in forms.items()
    ]
    head = html.H3(texts.both("letters.payload", n=f"{letter['size']:,}"))
    return html.Div([head, dmc.Tabs([tabs, *panels], value=next(iter(forms)), keepMounted=False, variant="pills")])


def dump(digits: str) -> str:
    """Sixteen bytes a line: where, in hexadecimal, as signs."""
    body = bytes.fromhex(digits)
    return "\n".join(dump_line(at, body[at : at + HEX_LINE]) for at in range(0, len(body), HEX_LINE))


def dump_line(at: int, part: bytes) -> str:
    signs = "".join(chr(byte) if 32 <= byte < 127 else "·" for byte in part)
    return f"{at:04x}  {part.hex(' '):<47}  {signs}"


def fate_view(letter: book.LetterWhole) -> html.Div:
    """What an administrator can do with a letter that waits."""
    told = {"letter": letter["id"]}
    mend = action({"letters": "mend", **told}, "letters.mend", data_key="mend") if letter["source"] else None
    again = action({"letters": "again", **told}, "letters.replay", primary=True, data_key="replay")
    why = dmc.Textarea(
        id=ids.field(KEY, "why"),
        label=html.Span(texts.both("letters.why")),
        withAsterisk=True,
        minRows=2,
        autosize=True,
        **wild({"data-field": "why"}),
    )
    discard = action({"letters": "discard", **told}, "letters.discard", data_key="discard")
    return html.Div(
        [
            html.Div([again, mend], className="pair")
            if letter["replayable"]
            else html.P(texts.both(f"letters.final.{letter['reason']}"), className="hint"),
            html.Details(
                [html.Summary(texts.both("letters.discard.title")), html.Div([why, discard], className="fields")]
            ),
        ],
        className="fate",
    )


# --- what is done -----------------------------------------------------------------------------------------------------


def replay(asking: Asking, body: Mapping[str, object]) -> api.Replayed:
    return api.post_replay(asking.viewer, asking.now, asking.parts, api.ReplayIn.model_validate(dict(body)))


def replay_group(asking: Asking, group: str) -> api.Replayed:
    reason, source = split_group(group)
    return replay(asking, {"reason": reason, "source": source})


def discard(asking: Asking, letter_id: int, why: str) -> None:
    api.post_discard(asking.conn, asking.viewer, asking.now, api.DiscardIn(ids=[letter_id], why=why))


def replayed(outcome: api.Replayed) -> html.Div:
    """What became of a replay, with its figures."""
    kept = sum(outcome["still"].values()) + outcome["left"]
    if not kept:
        return done("letters.replayed", read=outcome["read"])
    return done("letters.replayed_some", read=outcome["read"], kept=kept)


def message_of(asking: Asking, letter_id: int) -> tuple[str, Message]:
    """The source of a letter, and its message to try."""
    letter = api.get_letter(asking.conn, asking.viewer, letter_id)
    message: Message = {"topic": letter["topic"], "payload": letter["text"], "payload_base64": letter["base64"]}
    return str(letter["source"]), message
