"""The tab of pending devices: what each has sent, and the form that takes it into use."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from dash import html
from pydantic import JsonValue

from alerts.rules.offers import Offer
from app.api import sensors as api
from app.asking import Asking
from app.dashboard import texts
from app.dashboard.card.words import figure
from app.pages import forms, ids, tables
from app.pages.forms import Answer, Form, Kind, Lines, Section, Values
from app.pages.ids import SourcesId
from app.pages.parts import class_choices, done, facts, pane_head
from app.pages.sources.form import numeric
from app.pages.sources.pending import accept_buttons, heard_columns, place_view
from app.pages.tables import TEXT, Cell, Column, Filter, Found, Table, Wanted, cells
from core.crs import Datum
from core.types import JsonObject
from core.viewer import Permission
from core.vocabulary import Text, roman, table
from ingest.admin import devices as book
from layers.sensors import Measured, Sensor, read_sensors

KEY = "device"
FAMILY = "devices.field"
UNKNOWN = "unknown"
READINGS_SHOWN = 4
SECTIONS = (
    Section(("kind", ("name_zh", "name_en"), ("lon", "lat"))),
    Section((("datum", "interval_s"), ("district", "classification"))),
    Section(("thresholds",), "devices.limits"),
)


# --- the list ---------------------------------------------------------------------------------------------------------


def name_of(metric: str, read: Measured) -> Text:
    """What people call a metric: ours by its name, another as its device writes it."""
    title = read.get("title", metric)
    known = table("metrics").get(metric, {"zh": title, "en": title})
    return {"zh": known["zh"], "en": known["en"]}


def reading_cells(row: Sensor) -> list[Cell]:
    shown: list[Cell] = []
    for metric, read in list(row["values"].items())[:READINGS_SHOWN]:
        shown += [
            {**cells.pair(name_of(metric, read)), "look": "quiet"},
            cells.plain(f"{figure(read['value'])} {read['unit'] or ''}".strip(), "figure"),
        ]
    topic = row["attributes"].get("topic")
    return cells.stack(shown, [cells.code(topic)] if topic else [])


def name_cells(row: Sensor) -> list[Cell]:
    """What people call it, before its id where that says something else."""
    name = cells.press("open", cells.plain(row["name"]), key=f"device-{row['id']}", id=row["id"])
    own = [] if row["name"] == row["id"] else [cells.code(row["id"])]
    return cells.stack([name], [*own, cells.quiet(row["source"] or "–")])


TABLE: Table[Sensor] = Table(
    "devices",
    "devices",
    (
        Column("id", "sources.try.device", name_cells, flex=2, filter=TEXT),
        Column("source", "devices.source", plain=lambda row: row["source"], rank=4, width=140),
        Column(
            "values",
            "card.readings",
            reading_cells,
            lambda row: [f"{metric} {figure(read['value'])}" for metric, read in row["values"].items()],
            sortable=False,
            flex=4,
            rank=2,
            filter=TEXT,
        ),
        *heard_columns(),
    ),
    filters=(Filter("q", "devices.search"),),
    row_height=58,
)
COLUMNS = {"id": "concat_ws(' ', id, source_id)", "values": "metrics", "first": "first_seen_at", "last": "heard_at"}


def read_rows(asking: Asking, wanted: Wanted) -> Found[Sensor]:
    """Which ones and in which order says ingest; what they are like, the sensors' own code."""
    asking.viewer.require(Permission.SOURCE_READ)
    sql, params = book.find_pending(wanted.asks("q"), asking.viewer.scope)
    rows, total = tables.select(asking.conn, sql, params, wanted, COLUMNS, TABLE)
    ids = [row.id for row in rows]
    found = {one["id"]: one for one in read_sensors(asking.conn, {}, ids=ids, scope=asking.viewer.scope)}
    return Found([found[one] for one in ids if one in found], total)


def count_pending(asking: Asking) -> int:
    return book.count_pending(asking.conn, asking.viewer.scope)


# --- one device -------------------------------------------------------------------------------------------------------


def split_limits(limits: Mapping[str, Mapping[str, float]]) -> list[Sequence[Any]]:
    return [(metric, level, limit) for metric, levels in limits.items() for level, limit in levels.items()]


def join_limits(rows: list[list[str]]) -> JsonObject:
    limits: dict[str, JsonValue] = {}
    for metric, level, limit in rows:
        levels = limits.setdefault(metric, {})
        assert isinstance(levels, dict)
        levels[level] = numeric(limit)
    return limits


def device_form(heard: Sequence[str] = ()) -> Form:
    """`heard`: the metrics that it has sent, offered for limits."""
    offered = {"metric": tuple(heard), "level": ("1", "2", "3", "4")}
    limits = Lines(("metric", "level", "limit"), split_limits, join_limits, offered)
    kinds = tuple((key, texts.pair(words)) for key, words in table("sensor_kinds").items() if key != UNKNOWN)
    return forms.form_of(
        api.AcceptIn,
        KEY,
        FAMILY,
        SECTIONS,
        kind={"kind": Kind.CHOICE, "choices": kinds, "required": True},
        datum={"required": True},
        interval_s={"unit": "unit.word.s"},
        classification={"kind": Kind.CHOICE, "choices": class_choices(), "nullable": True},
        thresholds={"kind": Kind.LINES, "lines": limits},
    )


def values_of(device: Sensor) -> Values:
    """What the form begins with: nothing is filled in that a person should say."""
    known = {"id": device["id"], "interval_s": device["interval_s"], "thresholds": dict[str, dict[str, float]]()}
    sent = {"sent_lon": device["lon"], "sent_lat": device["lat"]}
    asked = dict.fromkeys(("name_zh", "name_en", "lon", "lat", "district", "classification"))
    return {**known, **sent, **asked, "kind": api.guess_kind(device["values"]), "datum": Datum.WGS84.value}


def rules_view(offered: api.Offered) -> list[Any]:
    """Which rules would watch it as what is chosen, and which of its values."""
    if not offered["kind"]:
        return []
    if not offered["rules"]:
        return [html.P(texts.both("devices.rules.none"), className="quiet")]
    listed = [
        html.Li([html.B(texts.pair(rule["names"])), " ", html.Span(rule_words(rule), className="quiet")])
        for rule in offered["rules"]
    ]
    return [html.P(texts.both("devices.rules")), html.Ul(listed)]


def rule_words(rule: Offer) -> list[Any]:
    if rule["per_site"]:
        return texts.both("devices.rules.own")
    limits = ", ".join(f"{roman(int(level))} {figure(limit)}" for level, limit in sorted(rule["limits"].items()))
    return [limits]


def draw_rules(asking: Asking, device_id: str, kind: str) -> list[Any]:
    return rules_view(api.get_offer(asking.conn, asking.viewer, device_id, kind))


def pane(device: Sensor, values: Values, offered: api.Offered, *, is_admin: bool) -> html.Div:
    has_place = device["lon"] is not None
    place = place_view(KEY, has_place=has_place)
    return html.Div(
        [
            pane_head([device["name"]], ids.press(KEY, "close")),
            *sent_views(device),
            html.H3(texts.both("card.readings")),
            html.Dl([reading_view(metric, read) for metric, read in device["values"].items()]),
            *([place] if is_admin else [html.P(texts.both("sources.read_only"), className="quiet")]),
            forms.draw(device_form(offered["metrics"]), values, locked=not is_admin),
            html.Div(rules_view(offered), id=ids.group(KEY, "rules"), className="rules"),
            *([accept_buttons(KEY)] if is_admin else []),
        ],
        className="device",
    )


def sent_views(device: Sensor) -> list[Any]:
    told = device["attributes"]
    sent = told.get("sent")
    listed = facts(
        [
            ("devices.source", device["source"]),
            ("devices.owner", told.get("owner")),
            ("devices.topic", told.get("topic")),
        ]
    )
    if not sent:
        return [listed]
    return [
        listed,
        html.Details(
            [html.Summary(texts.both("devices.sent")), html.Pre(pretty(str(sent)), className="payload", tabIndex=0)],
            open=True,
        ),
    ]


def pretty(words: str) -> str:
    """JSON with room between, anything else as it is."""
    try:
        return json.dumps(json.loads(words), ensure_ascii=False, indent=2)
    except ValueError:
        return words


def reading_view(metric: str, read: Measured) -> html.Div:
    quality = (
        [html.Span(texts.pair(table("qualities").get(read["quality"])), className="chip")]
        if read["quality"] != "good"
        else []
    )
    value = [html.B(figure(read["value"])), html.Span(read["unit"] or "", className="unit"), *quality]
    return html.Div([html.Dt(texts.pair(name_of(metric, read))), html.Dd(value)], className="fact")


class DeviceHandler:
    """Accepting a device, by the function behind the API."""

    key = KEY
    pane = SourcesId.DEVICE.value
    lines: tuple[str, ...] = ("thresholds",)
    trial: Form | None = None

    def form(self, values: Values) -> Form:
        return device_form()

    def save(self, asking: Asking, base: Values, values: JsonObject) -> Answer:
        asking.viewer.require(Permission.SENSOR_MANAGE)
        given, errors = forms.check(device_form(), api.AcceptIn, values)
        if given is None:
            return Answer(errors)
        api.post_accept(asking.conn, asking.viewer, asking.now, str(base["id"]), given)
        return Answer(pane=[], toast=done("devices.accepted", id=base["id"]), changed=True)

    def newer(self, asking: Asking, base: Values) -> Values:
        return values_of(api.get_sensor(asking.conn, asking.viewer, str(base["id"])))

    def draw(self, asking: Asking, base: Values, values: Values) -> html.Div:
        device = api.get_sensor(asking.conn, asking.viewer, str(base["id"]))
        offered = api.get_offer(asking.conn, asking.viewer, str(base["id"]), values.get("kind") or None)
        return pane(device, values, offered, is_admin=asking.viewer.may(Permission.SENSOR_MANAGE))

    def dry_run(self, asking: Asking, base: Values, values: JsonObject, trial: JsonObject) -> Answer:
        raise NotImplementedError


def open_device(asking: Asking, device_id: str) -> html.Div:
    device = api.get_sensor(asking.conn, asking.viewer, device_id)
    offered = api.get_offer(asking.conn, asking.viewer, device_id)
    return pane(device, values_of(device), offered, is_admin=asking.viewer.may(Permission.SENSOR_MANAGE))


def retire(asking: Asking, device_id: str) -> None:
    api.post_retire(asking.conn, asking.viewer, asking.now, device_id)
