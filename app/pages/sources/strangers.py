"""The tab of units and cameras that have spoken and nobody has registered: what each sent last, and the form that takes
it into use."""

from __future__ import annotations

from typing import Any

from dash import html

from app.api import pending as api
from app.asking import Asking
from app.dashboard import texts
from app.dashboard.card.words import figure
from app.pages import forms, ids, tables
from app.pages.forms import Answer, Form, Kind, Section, Values
from app.pages.ids import SourcesId
from app.pages.parts import class_choices, done, facts, pane_head
from app.pages.sources.devices import FAMILY, pretty
from app.pages.sources.pending import accept_buttons, heard_columns, place_view
from app.pages.tables import TEXT, Cell, Column, ColumnFilter, Filter, Found, Table, Wanted, cells
from core.crs import Datum
from core.scope import Classification
from core.types import JsonObject
from core.viewer import Permission
from core.vocabulary import table
from ingest.admin import pending as book
from ingest.admin.pending import Pending

SENT_SHOWN = 160


def name_cells(row: Pending) -> list[Cell]:
    name = cells.press("open", cells.plain(row["name"]), key=f"stranger-{row['id']}", id=row["id"])
    return cells.stack([name], [cells.quiet(row["source"] or "–")])


def sent_cells(row: Pending) -> list[Cell]:
    return cells.stack([cells.code((row["sent"] or "")[:SENT_SHOWN])], [cells.quiet(row["topic"] or "")])


def place_words(row: Pending) -> str:
    return "" if row["lon"] is None or row["lat"] is None else f"{row['lon']:.5f}, {row['lat']:.5f}"


TABLE: Table[Pending] = Table(
    "strangers",
    "strangers",
    (
        Column("id", "sources.try.device", name_cells, flex=2, filter=TEXT),
        Column(
            "type",
            "devices.field.kind",
            lambda row: [cells.words(f"card.type.{row['type']}")],
            lambda row: row["type"],
            width=110,
            filter=ColumnFilter((("unit", "card.type.unit"), ("camera", "card.type.camera"))),
        ),
        Column("sent", "devices.sent", sent_cells, lambda row: row["sent"], sortable=False, flex=4, rank=2),
        Column(
            "place", "card.where", lambda row: [cells.plain(place_words(row))], place_words, False, width=170, rank=3
        ),
        Column(
            "messages",
            "strangers.messages",
            lambda row: [cells.plain(figure(row["messages"] or 0), "figure")],
            width=96,
            rank=3,
        ),
        *heard_columns(),
    ),
    filters=(Filter("q", "devices.search"),),
    row_height=58,
)
COLUMNS = {
    "id": "concat_ws(' ', name, source_id)",
    "type": "type",
    "messages": "messages",
    "first": "first_seen_at",
    "last": "heard_at",
}


def read_rows(asking: Asking, wanted: Wanted) -> Found[Pending]:
    asking.viewer.require(Permission.SOURCE_READ)
    sql, params = book.find_things(wanted.asks("q"), asking.viewer.scope)
    rows, total = tables.select(asking.conn, sql, params, wanted, COLUMNS, TABLE)
    return Found([book.pending_object(row) for row in rows], total)


def count_pending(asking: Asking) -> int:
    return book.count_things(asking.conn, asking.viewer.scope)


# --- one of them ------------------------------------------------------------------------------------------------------


def unit_form() -> Form:
    kinds = tuple((key, texts.pair(words)) for key, words in table("unit_kinds").items())
    sections = (
        Section(("kind", ("name_zh", "name_en"), "capabilities", "station")),
        Section((("lon", "lat"), "datum"), "strangers.home"),
    )
    return forms.form_of(
        api.UnitIn,
        "unit",
        FAMILY,
        sections,
        kind={"kind": Kind.CHOICE, "choices": kinds, "required": True},
    )


def camera_form() -> Form:
    told = (("name_zh", "name_en"), ("lon", "lat"), "datum", ("heading", "fov"), ("district", "classification"))
    classes = {"kind": Kind.CHOICE, "choices": class_choices(), "required": True}
    return forms.form_of(
        api.CameraIn, "camera", FAMILY, (Section(told),), datum={"required": True}, classification=classes
    )


FORMS = {"unit": unit_form, "camera": camera_form}


def values_of(thing: Pending) -> Values:
    """What the form begins with: nothing is filled in that a person should say."""
    form = FORMS[thing["type"]]()
    asked: dict[str, Any] = {one.name: None for one in form.fields}
    if thing["type"] == "unit":
        asked["capabilities"] = []
    else:
        asked["classification"] = str(int(Classification.OPEN))
    sent = {"id": thing["name"], "sent_lon": thing["lon"], "sent_lat": thing["lat"]}
    return {**asked, **sent, "datum": Datum.WGS84.value}


def pane(thing: Pending, values: Values, *, is_admin: bool) -> html.Div:
    key = thing["type"]
    has_place = thing["lon"] is not None
    place = place_view(key, has_place=has_place)
    told = facts(
        [
            ("devices.field.kind", texts.both(f"card.type.{key}")),
            ("devices.source", thing["source"]),
            ("devices.topic", thing["topic"]),
            ("card.where", place_words(thing)),
            ("strangers.messages", figure(thing["messages"] or 0)),
        ]
    )
    sent = html.Pre(pretty(thing["sent"] or ""), className="payload", tabIndex=0)
    return html.Div(
        [
            pane_head([thing["name"]], ids.press(key, "close")),
            told,
            html.Details([html.Summary(texts.both("strangers.sent")), sent], open=True),
            *([place] if is_admin else [html.P(texts.both("sources.read_only"), className="quiet")]),
            forms.draw(FORMS[key](), values, locked=not is_admin),
            *([accept_buttons(key)] if is_admin else []),
        ],
        className="device",
    )


class StrangerHandler:
    """Taking a unit or a camera into use, by the function behind the API."""

    pane = SourcesId.STRANGER.value
    lines: tuple[str, ...] = ()
    trial: Form | None = None

    def __init__(self, key: str) -> None:
        self.key = key

    def form(self, values: Values) -> Form:
        return FORMS[self.key]()

    def save(self, asking: Asking, base: Values, values: JsonObject) -> Answer:
        asking.viewer.require(Permission.SENSOR_MANAGE)
        name = str(base["id"])
        if self.key == "unit":
            unit, errors = forms.check(unit_form(), api.UnitIn, values)
            if unit is None:
                return Answer(errors)
            api.accept_unit(asking.conn, asking.viewer, asking.now, name, unit)
        else:
            camera, errors = forms.check(camera_form(), api.CameraIn, values)
            if camera is None:
                return Answer(errors)
            api.accept_camera(asking.conn, asking.viewer, asking.now, name, camera)
        return Answer(pane=[], toast=done("strangers.accepted", id=name), changed=True)

    def newer(self, asking: Asking, base: Values) -> Values:
        return values_of(read_thing(asking, self.key, str(base["id"])))

    def draw(self, asking: Asking, base: Values, values: Values) -> html.Div:
        thing = read_thing(asking, self.key, str(base["id"]))
        return pane(thing, values, is_admin=asking.viewer.may(Permission.SENSOR_MANAGE))

    def dry_run(self, asking: Asking, base: Values, values: JsonObject, trial: JsonObject) -> Answer:
        raise NotImplementedError


def read_thing(asking: Asking, kind: str, name: str) -> Pending:
    return api.get_pending(asking.conn, asking.viewer, "unit" if kind == "unit" else "camera", name)


def open_thing(asking: Asking, identity: str) -> html.Div:
    kind, _, name = identity.partition("/")
    thing = read_thing(asking, kind, name)
    return pane(thing, values_of(thing), is_admin=asking.viewer.may(Permission.SENSOR_MANAGE))


def retire(asking: Asking, kind: str, name: str) -> None:
    api.retire(asking.conn, asking.viewer, asking.now, "unit" if kind == "unit" else "camera", name)
