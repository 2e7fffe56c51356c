"""The page's frame: what is asked at the left; map and chart side by side, the table below them."""

from __future__ import annotations

from typing import Any

from dash import dcc, html

from app.analysis.asking import describe_subjects
from app.analysis.figures import empty, spoken
from app.asking import Asking
from app.dashboard import texts
from app.dashboard.components import notice, wild
from app.pages import shell, tables
from app.pages.analysis import controls, listing
from app.pages.analysis.state import FIRST, SUBJECT, read_state
from app.pages.analysis.view import zoom_buttons
from app.pages.ids import AnalysisId
from core.scope import Scope
from core.viewer import Permission
from layers.analysed import district_codes, name_districts


def draw(asking: Asking, wanted: str) -> list[Any]:
    """The page for who asks; `wanted` is the question to begin with, as an address has it."""
    near = ("/catalogue", "/layers")
    viewer = asking.viewer
    if not viewer.may(Permission.CITY_READ):
        return shell.page("analysis.title", viewer, near, [notice("own.forbidden", "empty")])
    subjects = describe_subjects(asking.conn, viewer.scope)
    state = read_state(wanted)
    known = {one["id"]: one for one in subjects}
    chosen = known.get(state.get(SUBJECT, ""))
    if chosen is None:
        chosen, state = known[FIRST], {}
    left = html.Aside(
        [
            html.P(texts.both("analysis.explain"), className="quiet"),
            controls.subject_choice(subjects, chosen["id"]),
            html.Div(
                controls.fields_view(chosen, state, district_choices(asking, viewer.scope)),
                id=AnalysisId.FIELDS.value,
            ),
        ],
        className="asked scroll form",
        **wild({"aria-label": texts.named("analysis.asked")}),
    )
    content = html.Div([left, html.Div(shown(), className="shown scroll")], className="analysis")
    # what an address says of a value is put in once its column has values to choose from
    stores = [
        dcc.Store(id=AnalysisId.BEGUN.value, data={name: state[name] for name in ("column", "value") if name in state}),
        dcc.Store(id=AnalysisId.ADDRESS.value),
        dcc.Store(id=AnalysisId.MAP_FIGURE.value),
        dcc.Store(id=AnalysisId.CHART_FIGURE.value),
        dcc.Store(id=AnalysisId.SEEN.value),
    ]
    return shell.page("analysis.title", viewer, near, [content, *stores])


def district_choices(asking: Asking, scope: Scope) -> list[controls.Choice]:
    codes = district_codes(asking.conn, scope)
    named = name_districts(asking.conn, scope, codes)
    return [(code, named[code].words) for code in codes if code in named]


def shown() -> list[Any]:
    told = html.Header(id=AnalysisId.TOLD.value, role="status")
    graphs = html.Div(
        [
            card("map", AnalysisId.MAP, AnalysisId.MAP_STATE, AnalysisId.MAP_OUT, AnalysisId.LEGEND, [zoom_buttons()]),
            card("chart", AnalysisId.CHART, AnalysisId.CHART_STATE, AnalysisId.CHART_OUT, AnalysisId.NOTE),
        ],
        className="graphs",
    )
    out = html.Div(id=AnalysisId.TABLE_OUT.value, className="actions")
    table = html.Section(
        [html.H3(texts.both("analysis.table")), tables.view(listing.TABLE, [out])], className="groups-table"
    )
    return [told, graphs, table]


def card(
    name: str, graph: AnalysisId, state: AnalysisId, out: AnalysisId, below: AnalysisId, more: list[Any] | None = None
) -> html.Section:
    """A figure under its heading, with what can be taken along; what it shows stands in the table too."""
    drawn = dcc.Graph(
        id=graph.value,
        figure=spoken(empty(), "zh", {}),
        config={"displayModeBar": False},
        responsive=True,
        className="drawn",
    )
    return html.Section(
        [
            html.Header([html.H3(texts.both(f"analysis.{name}")), html.Div(id=out.value, className="actions")]),
            html.Div(
                [
                    html.Div(
                        drawn,
                        className="frame",
                        role="img",
                        **wild({"aria-label": texts.named(f"analysis.{name}.named")}),
                    ),
                    html.Div(notice("lists.loading", "loading"), id=state.value, className="figure-state"),
                    *(more or []),
                ],
                className="plot",
            ),
            html.Div(id=below.value, className="below"),
        ],
        className="figure-card",
        **wild({"data-card": name}),
    )
