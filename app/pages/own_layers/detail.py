"""The pane of one layer: where its rows are from, its columns, what is said of it, its ways out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, get_args
from urllib.parse import urlencode

from dash import html

from app.asking import Asking
from app.dashboard import texts
from app.dashboard.components import clock_time, wild
from app.pages import forms, ids
from app.pages.forms import Answer, Form, Kind, Section, Values
from app.pages.ids import LayersId
from app.pages.parts import action, class_choices, done, facts, made_here, pane_head
from core.viewer import Permission
from layers.columns import ColumnObject
from layers.formats import MEDIA
from layers.own import OwnLayer, OwnLayerObject, layer_object, need_layer, own_groups, read_layers
from layers.own_changes import LayerChange, change_layer
from layers.styles import PALETTE, Icon, Method, StyleIn, said_of

KEY = "layer"
FAMILY = "own.field"
STANDARD = StyleIn().model_dump()
SECTIONS = (
    Section((("title_zh", "title_en"), ("group", "min_zoom"), "visible")),
    Section(("style",), "own.style"),
    Section(("classification", "departments"), "own.who"),
)


def group_choices() -> tuple[tuple[str, list[Any]], ...]:
    return tuple((name, texts.pair(dict(words))) for name, words in own_groups().items())


def layer_form(columns: Sequence[ColumnObject] = (), geometry: str = "point") -> Form:
    """`columns` of the layer, by which it may be coloured; points alone have an icon."""
    form = forms.form_of(
        LayerChange,
        KEY,
        FAMILY,
        SECTIONS,
        title_zh={"required": True, "nullable": False},
        title_en={"required": True, "nullable": False},
        group={"kind": Kind.CHOICE, "choices": group_choices(), "required": True},
        min_zoom={"kind": Kind.NUMBER, "required": True},
        visible={"kind": Kind.TICK},
        classification={"kind": Kind.CHOICE, "choices": class_choices(), "required": True},
        departments={"kind": Kind.LIST},
    )
    by = tuple((one["name"], texts.pair(dict(one["title"]))) for one in columns if one["type"] not in ("date", "time"))
    colours = tuple((token, texts.both(f"own.colour.{token}")) for token in PALETTE)
    icons = tuple((name, texts.both(f"own.icon.{name}")) for name in get_args(Icon))
    methods = tuple((name, texts.both(f"own.method.{name}")) for name in get_args(Method))
    chosen: dict[str, dict[str, Any]] = {
        "colour": {"kind": Kind.CHOICE, "choices": colours, "nullable": True},
        "by": {"kind": Kind.CHOICE, "choices": by, "nullable": True},
        "icon": {"kind": Kind.CHOICE, "choices": icons, "nullable": True},
        "method": {"kind": Kind.CHOICE, "choices": methods, "nullable": True},
    }
    inner = tuple(
        replace(one, **chosen.get(one.name, {}))
        for one in form.field("style").fields
        if one.name != "icon" or geometry == "point"
    )
    return form.changed("style", fields=inner)


def values_of(layer: OwnLayerObject) -> dict[str, Any]:
    return {
        **layer,
        "title_zh": layer["title"]["zh"],
        "title_en": layer["title"]["en"],
        "classification": str(layer["classification"]),
        "departments": layer["departments"] or [],
        "style": {name: value for name, value in said_of(layer["style"]).items() if value != STANDARD[name]},
    }


def pane(asking: Asking, base: Values, values: Values) -> html.Div:
    edits = asking.viewer.may(Permission.LAYER_EDIT)
    form = layer_form(base["columns"], base["geometry"])
    acts = [
        action(LayersId.RENEW.value, "own.renew", data_key="renew-layer"),
        action(LayersId.REMOVE.value, "own.remove", data_key="remove-layer"),
    ]
    return html.Div(
        [
            pane_head(texts.pair(dict(base["title"])), ids.press(KEY, "close")),
            known_view(base),
            out_view(base),
            columns_view(base),
            forms.draw(form, values, locked=not edits, base=base),
            *([icons_view()] if edits and base["geometry"] == "point" else []),
            *([forms.save_button(form), order_section(asking, base)] if edits else []),
            *([html.Div(acts, className="actions")] if edits else []),
        ],
        className="account layer-detail",
    )


def icons_view() -> html.Details:
    """All pictograms; a press puts one into the form."""
    marks = [
        html.Button(
            [
                html.Span(className="swatch", **wild({"data-swatch": f"own-{name}-text", "aria-hidden": "true"})),
                html.Span(texts.both(f"own.icon.{name}")),
            ],
            id=ids.icon(name),
            type="button",
            n_clicks=0,
            className="pick",
            **wild({"data-key": f"icon-{name}"}),
        )
        for name in get_args(Icon)
    ]
    return html.Details([html.Summary(texts.both("own.icons")), html.Div(marks, className="palette")])


def order_section(asking: Asking, base: Values) -> html.Section:
    """The layers of its group as they stand, with two buttons that move this one among them."""
    acts = [
        action(LayersId.UP.value, "own.order.up", small=True, data_key="layer-up"),
        action(LayersId.DOWN.value, "own.order.down", small=True, data_key="layer-down"),
    ]
    return html.Section(
        [
            html.H3(texts.both("own.order")),
            html.P(texts.both("own.order.help"), className="hint"),
            html.Ol(order_view(neighbours(asking, base), str(base["id"])), id=LayersId.ORDER.value, className="order"),
            html.Div(acts, className="actions"),
        ]
    )


def neighbours(asking: Asking, base: Values) -> list[OwnLayer]:
    """The layers of the group of one, as far as who asks may see them, in order."""
    return [layer for layer in read_layers(asking.conn, asking.viewer.scope) if layer.group == base["group"]]


def order_view(layers: Sequence[OwnLayer], here: str) -> list[html.Li]:
    return [
        html.Li(texts.pair(dict(one.title)), **wild({"aria-current": "true" if one.id == here else None}))
        for one in layers
    ]


def moved_above(layers: Sequence[OwnLayer], here: str, step: int) -> str | None:
    """Above which of them one stands once it is a step further up (-1) or down (1); None is below all."""
    order = [layer.id for layer in layers]
    place = order.index(here) + step
    order.remove(here)
    return order[place] if place < len(order) else None


def known_view(base: Values) -> html.Dl:
    lineage: Mapping[str, Any] = base["lineage"]
    from_file = " · ".join(str(lineage[name]) for name in ("file", "table", "datum", "encoding") if lineage.get(name))
    return facts(
        [
            ("own.field.layer", html.Code(base["id"])),
            ("own.geometry", html.Span(texts.both(f"own.geometry.{base['geometry']}"))),
            ("own.rows", f"{base['rows']:,}"),
            ("own.key", html.Code(base["key"]) if base["key"] else None),
            ("own.lineage", made_here(lineage) or from_file),
            ("own.changed", [clock_time(base["changed_at"]), f" · {base['created_by']}"]),
        ]
    )


def out_view(base: Values) -> html.Section:
    """As a file, on the map, for GIS programs."""
    links = [
        html.A(
            kind.upper() if kind != "zip" else "SHP",
            href=f"/api/layers/{base['id']}/export?{urlencode({'format': kind})}",
            className="action small",
            download="",
            **wild({"data-key": f"export-{kind}"}),
        )
        for kind in MEDIA
    ]
    served = html.A(texts.both("own.ogc"), href=f"/ogc/collections/{base['id']}", className="link")
    return html.Section(
        [
            html.H3(texts.both("own.out")),
            html.Div(links, className="actions"),
            html.P([map_link(base["id"]), " · ", served]),
        ]
    )


def map_link(layer: str) -> html.A:
    address = f"/?{urlencode({'layers': layer})}"
    return html.A(texts.both("own.on_map"), href=address, className="link", **wild({"data-key": "on-map"}))


def columns_view(base: Values) -> html.Details:
    rows = [
        html.Tr(
            [
                html.Td(texts.pair(dict(one["title"]))),
                html.Td(html.Code(one["name"])),
                html.Td(texts.both(f"bring.type.{one['type']}")),
                html.Td(texts.both(f"bring.role.{one['role']}") if one["role"] else ""),
            ]
        )
        for one in base["columns"]
    ]
    heads = ("own.column.title", "own.column.name", "own.column.type", "own.column.role")
    head = html.Tr([html.Th(texts.both(key), scope="col") for key in heads])
    listed = html.Div(html.Table([html.Thead(head), html.Tbody(rows)]), className="result")
    return html.Details([html.Summary(texts.both("own.columns_n", n=len(rows))), listed])


class LayerHandler:
    """Changing what is said of a layer."""

    key = KEY
    pane = LayersId.PANE.value
    lines: tuple[str, ...] = ()
    trial: Form | None = None

    def form(self, values: Mapping[str, Any]) -> Form:
        return layer_form(geometry=str(values.get("geometry") or "point"))

    def save(self, asking: Asking, base: Values, values: dict[str, Any]) -> Answer:
        asking.viewer.require(Permission.LAYER_EDIT)
        changed = {name: value for name, value in values.items() if value != base.get(name)}
        if "classification" in changed:
            changed["classification"] = int(changed["classification"])
        if "departments" in changed:
            changed["departments"] = changed["departments"] or None
        given, errors = forms.check(
            layer_form(base["columns"], base["geometry"]), LayerChange, {**changed, "version": base["version"]}
        )
        if given is None:
            return Answer(errors)
        if changed:
            change_layer(asking.conn, str(base["id"]), given, asking.viewer.scope, asking.viewer, asking.now)
        return Answer(pane=open_layer(asking, str(base["id"])), toast=done("accounts.saved"), changed=True)

    def newer(self, asking: Asking, base: Values) -> Values:
        return values_of(layer_object(need_layer(asking.conn, str(base["id"]), asking.viewer.scope)))

    def draw(self, asking: Asking, base: Values, values: Values) -> html.Div:
        return pane(asking, base, values)

    def dry_run(self, asking: Asking, base: Values, values: dict[str, Any], trial: dict[str, Any]) -> Answer:
        raise NotImplementedError


def open_layer(asking: Asking, name: str) -> html.Div:
    found = values_of(layer_object(need_layer(asking.conn, name, asking.viewer.scope)))
    return pane(asking, found, found)
