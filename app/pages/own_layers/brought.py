"""A file on its way in: where it is dropped, and the pane in which it is looked at and loaded."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import html

from app.dashboard import texts
from app.dashboard.components import wild
from app.files.nouns import FileObject, ImportObject
from app.pages import forms, ids
from app.pages.ids import LayersId
from app.pages.own_layers.mapping import KEY, form_of_plan
from app.pages.own_layers.outcome import outcome_view
from app.pages.parts import action, pane_head
from layers.imports.registers import REGISTERS
from layers.served import LAYERS

# of what was looked at, what is compared with what is said
KEPT = ("table", "layer", "datum", "encoding")
# the file becomes a layer of its own
OWN = "own"


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
