"""Grid cells: what is asked for, how far it is, what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dash import dcc, html

from app.dashboard import texts
from app.dashboard.components import wild
from app.files.line import error_of
from app.grid_cells.work import GridCellsWork
from app.pages import forms, ids
from app.pages.forms import Form, Kind, Section
from app.pages.ids import LayersId
from app.pages.own_layers.detail import map_link
from app.pages.parts import action, error_words, pane_head
from core.types import JsonObject
from core.vocabulary import Text
from layers.grid_cells.nouns import DistrictCells, GridCellsIn, GridCellsMade

KEY = "cells"
# stands for no district that is named
ALL = "all"
FAMILY = "cells.field"
# how often the work is looked after
WATCH_MS = 600
COUNTED = ("added", "changed", "same", "removed")
SECTIONS = (Section(("district", ("size_m2", "layer"), "assets")),)


def cells_form(districts: Mapping[str, Text]) -> Form:
    each = tuple((code, texts.pair(dict(names))) for code, names in districts.items())
    return forms.form_of(
        GridCellsIn,
        KEY,
        FAMILY,
        SECTIONS,
        district={
            "kind": Kind.CHOICE,
            "choices": ((ALL, texts.both("cells.all")), *each),
            "default": ALL,
            "required": True,
        },
        size_m2={"unit": "unit.word.m2", "required": True},
        layer={"required": True},
    )


def given_of(values: Mapping[str, Any]) -> JsonObject:
    """What was typed, as `GridCellsIn` takes it."""
    return {name: value for name, value in values.items() if (name, value) != ("district", ALL)}


def pane(districts: Mapping[str, Text], work: GridCellsWork | None) -> html.Div:
    """What is asked for; where something is being made already, how far that is."""
    form = cells_form(districts)
    acts = [
        action(LayersId.CELLS_TRY.value, "cells.try", data_key="cells-try"),
        action(LayersId.CELLS_MAKE.value, "cells.make", primary=True, data_key="cells-make"),
    ]
    working = work is not None and work["state"] == "working"
    return html.Div(
        [
            pane_head(texts.both("cells.title"), ids.press(KEY, "close")),
            html.P(texts.both("cells.explain"), className="quiet"),
            forms.draw(form, {one.name: one.default for one in form.fields}, base={"work": work and work["id"]}),
            html.Div(acts, className="actions"),
            html.Div(
                state_view(work) if work else [], id=LayersId.CELLS_STATE.value, className="progress", role="status"
            ),
            html.Div(outcome_view(work), id=LayersId.CELLS_MADE.value),
            dcc.Interval(id=LayersId.CELLS_WATCH.value, interval=WATCH_MS, disabled=not working),
        ],
        className="account bring wide",
    )


def state_view(work: GridCellsWork) -> list[Any]:
    """How far it is, or how it ended."""
    if work["state"] == "working":
        whole = work["whole"]
        bar: dict[str, Any] = {"value": str(work["done"]), "max": str(whole)} if whole else {}
        count = texts.both("cells.progress", done=f"{work['done']:,}", whole=f"{whole:,}") if whole else []
        return [
            html.Progress(**bar),
            html.Span([html.Span(texts.both("bring.working")), " ", html.Span(count, className="figure")]),
            action(LayersId.CELLS_STOP.value, "bring.stop", small=True, data_key="cells-stop"),
        ]
    if work["state"] == "stopped":
        return [html.P(texts.both("bring.stopped"), className="warn")]
    if work["failure"]:
        return [html.P(error_words(error_of(work["failure"])), className="error", role="alert")]
    if work["dry_run"] or not work["answer"]:
        return [html.P(texts.both("cells.tried"), className="done")]
    return [html.P([html.Span(texts.both("cells.made")), " ", map_link(work["answer"]["layer"])], className="done")]


def outcome_view(work: GridCellsWork | None) -> list[Any]:
    """How many of which, and each district as it was measured."""
    made = None if work is None else work["answer"]
    if made is None:
        return []
    counted = {"added": made["added"], "changed": made["changed"], "same": made["same"], "removed": made["removed"]}
    tallies = [tally(counted[name], f"cells.figure.{name}") for name in COUNTED if counted[name] or name == "added"]
    assets = [tally(made["assets"], "cells.figure.assets")] if made["assets"] else []
    return [
        html.Ul([*tallies, *assets], className="tallies", **wild({"data-testid": "cells-figures"})),
        measured_view(made),
    ]


def tally(count: int, key: str) -> html.Li:
    return html.Li([html.B(f"{count:,}"), html.Span(texts.both(key))], className="tally")


HEADS = ("district", "cells", "median", "between", "uncovered", "overlapping", "cut", "at_border")


def measured_view(made: GridCellsMade) -> html.Section:
    head = html.Tr([html.Th(texts.both(f"cells.column.{name}"), scope="col") for name in HEADS])
    listed = html.Table([html.Thead(head), html.Tbody([measured_row(one) for one in made["districts"]])])
    return html.Section(
        [
            html.H3(texts.both("cells.measured")),
            html.Div(listed, className="result scroll", tabIndex=0, **wild({"data-testid": "cells-measured"})),
            html.P(texts.both("cells.measured.help"), className="hint"),
        ]
    )


def measured_row(one: DistrictCells) -> html.Tr:
    figures = (
        f"{one['cells']:,}",
        f"{one['median_m2']:,.0f}",
        f"{one['p5_m2']:,.0f}–{one['p95_m2']:,.0f}",
        f"{one['uncovered_m2']:,.2f}",
        f"{one['overlapping_m2']:,.2f}",
        f"{one['cut']:,} / {one['buildings']:,}",
        f"{one['at_border']:,}",
    )
    return html.Tr([html.Td(texts.pair(dict(one["names"]))), *(html.Td(said, className="figure") for said in figures)])
