"""A file on its way in: where it is dropped, how it is read (the form and its columns), what it would become, how far
the work on it is, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, get_args

import dash_mantine_components as dmc
from dash import html

from app.dashboard import texts
from app.dashboard.components import wild
from app.files.line import error_of
from app.files.nouns import FileObject, ImportObject, MappingIn
from app.pages import forms, ids
from app.pages.forms import Form, Kind, Lines, Section
from app.pages.ids import LayersId
from app.pages.own_layers.detail import group_choices, map_link
from app.pages.parts import action, class_choices, error_words, pane_head
from core.types import JsonObject
from layers.catalogue import LAYERS
from layers.columns import ColumnType
from layers.imports.registers import REGISTERS

KEY = "bring"
FAMILY = "bring.field"
WATCH_MS = 600
SHOWN, KEYS_SHOWN = 100, 20
# of what was looked at, what is compared with what is said
KEPT = ("table", "layer", "datum", "encoding")
# the file becomes a layer of its own
OWN = "own"
ROLES = ("label", "class", "state", "time")
COLUMNS = ("source", "name", "type", "title_zh", "title_en", "role")
FIGURES = ("read", "added", "changed", "same", "gone", "removed", "repaired", "placeless", "refused")


def split_columns(columns: Any) -> list[Sequence[Any]]:
    return [[one.get(name) or "" for name in COLUMNS] for one in columns or ()]


def join_columns(rows: list[list[str]]) -> Any:
    return [{name: value or None for name, value in zip(COLUMNS, row, strict=True)} for row in rows]


def column_lines(layer: str = "") -> Lines:
    types = tuple((name, texts.both(f"bring.type.{name}")) for name in get_args(ColumnType))
    roles = (("", []), *((name, texts.both(f"bring.role.{name}")) for name in ROLES))
    return Lines(
        COLUMNS,
        split_columns,
        join_columns,
        offered={"name": [field.name for field in REGISTERS[layer].fields]} if layer in REGISTERS else {},
        choices={"type": types, "role": roles},
        fixed=frozenset({"source"}),
        grows=False,
    )


def bring_form(tables: Sequence[str] = (), names: Sequence[str] = (), layer: str = "") -> Form:
    """`tables` of the file, `names` of the layer's columns; of a register of ours (`layer`) there is less to say."""
    several = ("table",) if len(tables) > 1 else ()
    ours = layer in REGISTERS
    named: tuple[tuple[str, ...], ...] = () if ours else (("layer", "group"), ("title", "title_en"))
    kept = () if ours else ("classification", "departments")
    sections = (
        Section((*several, *named, ("datum",) if ours else ("datum", "key"))),
        Section(("columns",), "bring.columns"),
        Section((("encoding", "zone"), ("x", "y"), "anywhere", *kept), "bring.more", is_open=False),
    )
    form = forms.form_of(
        MappingIn,
        KEY,
        FAMILY,
        sections,
        table={"kind": Kind.CHOICE, "choices": tuple((name, [name]) for name in tables)},
        layer={"required": True},
        title={"required": True},
        datum={"kind": Kind.TEXT},
        group={"kind": Kind.CHOICE, "choices": group_choices()},
        columns={"kind": Kind.LINES, "lines": column_lines(layer)},
        classification={"kind": Kind.CHOICE, "choices": class_choices()},
        departments={"kind": Kind.LIST},
    )
    return form.changed("key", kind=Kind.CHOICE, choices=tuple((name, [name]) for name in names), nullable=True)


def form_of_plan(answer: ImportObject) -> tuple[Form, dict[str, Any]]:
    """The form with what was found or said."""
    plan = answer["plan"]
    columns: Any = plan["columns"]
    tables = [one["name"] for one in answer["tables"]]
    values = {
        **plan,
        "table": answer["table"],
        "title": plan["title_zh"],
        "encoding": answer["encoding"],
        "classification": str(plan["classification"]),
        "departments": plan["departments"] or [],
    }
    return bring_form(tables, [one["name"] for one in columns], str(plan["layer"])), values


def given_of(values: Mapping[str, Any]) -> JsonObject:
    """What was typed, as `MappingIn` takes it: what was left empty is not said."""
    said = {name: value for name, value in values.items() if value not in (None, "", [])}
    if "classification" in said:
        said["classification"] = int(said["classification"])
    return said


# --- the file itself --------------------------------------------------------------------------------------------------


def drop_pane(layer: str | None = None, wrong: Sequence[Any] = ()) -> html.Div:
    """Where a file is dropped or chosen; `layer` is the one that it renews."""
    told = {"url": "/api/layers/files", "into": LayersId.FILE.value, "layer": layer}
    choose = html.Button(
        texts.both("bring.choose"), type="button", className="action primary", **wild({"data-key": "choose-file"})
    )
    drop = html.Div(
        [
            html.P(texts.both("bring.drop")),
            choose,
            html.P(texts.both("bring.kinds"), className="hint"),
            html.Progress(max="1", value="0", hidden=True),
            html.P(className="upload-told", role="status"),
        ],
        id=LayersId.DROP.value,
        className="drop",
        **wild({"data-upload": json.dumps(told)}),
    )
    into = [] if layer else [target_choice()]
    head = texts.both("bring.renews", layer=layer) if layer else texts.both("own.add")
    error = [html.P(wrong, className="error", role="alert")] if wrong else []
    return html.Div([pane_head(head, ids.press(KEY, "close")), *error, *into, drop], className="account bring")


def known_view(answer: ImportObject) -> list[Any]:
    """What becomes of a layer that is there."""
    if not answer["known"]:
        return []
    layer = str(answer["plan"]["layer"])
    if layer in REGISTERS:
        return [html.P(texts.both("bring.known.ours", layer=LAYERS[layer].title), className="warn")]
    key = "bring.known" if answer["plan"]["key"] else "bring.known.replaced"
    return [html.P(texts.both(key, layer=layer), className="warn")]


def target_choice() -> Any:
    """What the file becomes: a layer of its own, or part of one of our registers."""
    choices = [("", texts.both("bring.target.own")), *((one, texts.pair(dict(LAYERS[one].title))) for one in REGISTERS)]
    told = [{"value": value or OWN, **forms.said_in_both(words)} for value, words in choices]
    return dmc.Select(
        id=LayersId.TARGET.value,
        data=[{"value": one["value"], "label": one["zh"]} for one in told],
        value=OWN,
        allowDeselect=False,
        label=html.Span(texts.both("bring.target")),
        **wild(
            {
                "data-field": "target",
                "data-choices": json.dumps({"id": LayersId.TARGET.value, "choices": told}, ensure_ascii=False),
            }
        ),
    )


def mapping_pane(file: FileObject, answer: ImportObject) -> html.Div:
    """How it is read, and the first rows as they would be kept."""
    form, values = form_of_plan(answer)
    held = {"file": file["id"], "values": {name: values.get(name) for name in KEPT}, "version": answer["version"]}
    acts = [
        action(LayersId.LOOK.value, "bring.look", data_key="look"),
        action(LayersId.CHECK.value, "bring.check", data_key="check"),
        action(LayersId.LOAD.value, "bring.renew" if answer["known"] else "bring.load", primary=True, data_key="load"),
    ]
    return html.Div(
        [
            pane_head([file["name"]], ids.press(KEY, "close")),
            html.P(read_words(answer), className="quiet", **wild({"data-testid": "bring-read"})),
            *known_view(answer),
            forms.draw(form, values, base=held),
            html.Div(acts, className="actions"),
            html.Div(id=LayersId.PROGRESS.value, className="progress", role="status"),
            html.Div(outcome_view(answer, file["id"], shown=True), id=LayersId.BROUGHT.value),
        ],
        className="account bring wide",
    )


def read_words(answer: ImportObject) -> list[Any]:
    """Which table, as what, in which datum and characters."""
    plan = answer["plan"]
    rows = next((one["rows"] for one in answer["tables"] if one["name"] == answer["table"]), None)
    parts: list[Any] = [html.B(answer["table"])]
    if rows is not None:
        parts += [" · ", *texts.both("bring.rows", n=f"{rows:,}")]
    parts += [" · ", *texts.both(f"own.geometry.{plan['geometry']}"), " · ", answer["reference"]]
    if answer["guessed"]:
        parts += [" ", *texts.both("bring.guessed")]
    if answer["encoding"]:
        parts += [" · ", answer["encoding"]]
    return parts


# --- what it became ---------------------------------------------------------------------------------------------------


def outcome_view(answer: ImportObject, file: str, *, shown: bool, loaded: bool = False) -> list[Any]:
    """Figures, what is gone, what is refused, the first rows. Of a file that was only looked at no figures are told."""
    figures = answer["figures"]
    tallies = [
        html.Li([html.B(f"{figures[name]:,}"), html.Span(texts.both(f"bring.figure.{name}"))], className="tally")
        for name in FIGURES
        if figures[name] or name in ("read", "added")
    ]
    parts: list[Any] = []
    if not shown:
        parts.append(html.Ul(tallies, className="tallies", **wild({"data-testid": "bring-figures"})))
    if figures["gone"] and not shown:
        parts.append(gone_view(answer, offered=loaded and not figures["removed"]))
    if answer["refused"]:
        parts.append(refused_view(answer, None if shown else file))
    parts.append(rows_view(answer))
    return parts


def gone_view(answer: ImportObject, *, offered: bool) -> html.Div:
    named = ", ".join(answer["gone_keys"][:KEYS_SHOWN])
    rest = answer["figures"]["gone"] - min(len(answer["gone_keys"]), KEYS_SHOWN)
    told: list[Any] = [html.Span(texts.both("bring.gone", n=answer["figures"]["gone"])), " ", html.Code(named)]
    more: list[Any] = [" ", html.Span(texts.both("sources.more", n=rest))] if rest > 0 else []
    acts: list[Any] = (
        [action(LayersId.TAKE_AWAY.value, "bring.take_away", small=True, data_key="take-away")] if offered else []
    )
    return html.Div([html.P([*told, *more], className="warn"), *acts], className="gone")


def field_words(field: str) -> Any:
    """The column at fault as the file calls it; a place is no column."""
    return texts.both("bring.geometry") if field == "geometry" else html.Code(field) if field else ""


def refused_view(answer: ImportObject, file: str | None) -> html.Details:
    lines = [
        html.Tr([html.Td(str(one["row"])), html.Td(field_words(one["field"])), html.Td(texts.pair(dict(one["why"])))])
        for one in answer["refused"][:SHOWN]
    ]
    heads = ("bring.refused.row", "bring.refused.field", "bring.refused.why")
    head = html.Tr([html.Th(texts.both(key), scope="col") for key in heads])
    listed = html.Div(html.Table([html.Thead(head), html.Tbody(lines)]), className="result")
    address = f"/api/layers/files/{file}/refused"
    link = html.A(
        texts.both("bring.refused.file"), href=address, className="link", **wild({"data-key": "refused-file"})
    )
    return html.Details(
        [
            html.Summary(texts.both("bring.refused", n=f"{answer['figures']['refused']:,}")),
            listed,
            *([link] if file else []),
        ],
        open=True,
    )


def rows_view(answer: ImportObject) -> html.Section:
    """The first rows as they are kept."""
    columns: Any = answer["plan"]["columns"]
    names = [(one["name"], one["title_zh"], one["title_en"]) for one in columns]
    head = html.Tr(
        [html.Th(texts.pair({"zh": zh, "en": en}), scope="col") for _, zh, en in names]
        + [html.Th(texts.both("bring.geometry"), scope="col")]
    )
    rows = [
        html.Tr(
            [*(html.Td(said(row.get(name))) for name, _, _ in names), html.Td(html.Code(said(row["geometry"])[:60]))]
        )
        for row in answer["rows"]
    ]
    listed = html.Div(html.Table([html.Thead(head), html.Tbody(rows)]), className="result scroll", tabIndex=0)
    return html.Section(
        [html.H3(texts.both("bring.first", n=len(rows))), listed], **wild({"data-testid": "bring-rows"})
    )


def said(value: Any) -> str:
    return "" if value is None else str(value)


def progress_view(file: FileObject) -> list[Any]:
    """How far the work is, or how it ended."""
    if file["state"] == "working":
        whole = file["whole"]
        known: dict[str, Any] = {"value": str(file["done"]), "max": str(whole)} if whole else {}
        count = f"{file['done']:,} / {whole:,}" if whole else f"{file['done']:,}"
        return [
            html.Progress(**known),
            html.Span([html.Span(texts.both("bring.working")), " ", html.Span(count, className="figure")]),
            action(LayersId.STOP.value, "bring.stop", small=True, data_key="stop"),
        ]
    if file["state"] == "stopped":
        return [html.P(texts.both("bring.stopped"), className="warn")]
    if file["failure"]:
        return [html.P(error_words(error_of(file["failure"])), className="error", role="alert")]
    if file["state"] == "done" and file["mode"] == "load":
        layer = str(file["answer"]["plan"]["layer"]) if file["answer"] else ""
        return [html.P([html.Span(texts.both("bring.loaded")), " ", map_link(layer)], className="done")]
    return [html.P(texts.both("bring.checked"), className="done")] if file["state"] == "done" else []
