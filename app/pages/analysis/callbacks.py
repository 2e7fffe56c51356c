"""Callbacks of the page: another subject, another question, values of a column, a span of days."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from dash import ALL, ClientsideFunction, Dash, Input, Output, State, ctx
from dash.exceptions import PreventUpdate

from app.analysis.asking import analyse, find_subject, places_of, read_places, subject_object
from app.analysis.drawing import draw_chart, draw_map, look
from app.analysis.figures import Drawn, empty
from app.asking import Asking, Door
from app.catalogue.listing import today_of
from app.pages import ids, tables
from app.pages.acts import Act, Acts, Press
from app.pages.analysis import controls, layout, listing, view
from app.pages.analysis.state import asked_of, write_state
from app.pages.ids import AnalysisId
from app.pages.parts import error_words
from app.pages.tables.drawing import column_def
from core.analysis import Asked
from core.analysis.answering import grouping_object
from core.errors import InputError, NotFound
from core.viewer import Permission

KEY = controls.KEY
# values of a column that one may choose from: the commonest
VALUES = 200
SPANS = {"week": 6, "month": 29}


def register(app: Dash, door: Door) -> None:
    tables.register(app, door, listing.TABLE, listing.read_groups)
    register_subject(app, door)
    register_question(app, door)
    register_values(app, door)
    acts = Acts(app, door)
    for name in ("week", "month", "year", "all"):
        acts.button(ids.press(KEY, name), span(name))
    for graph, figure in (
        (AnalysisId.MAP, AnalysisId.MAP_FIGURE),
        (AnalysisId.CHART, AnalysisId.CHART_FIGURE),
    ):
        app.clientside_callback(  # type: ignore[no-untyped-call]
            ClientsideFunction(namespace="figures", function_name="speak"),
            Output(graph.value, "figure"),
            Input(figure.value, "data"),
            Input(AnalysisId.SEEN.value, "data"),
            prevent_initial_call=True,
        )
    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction(namespace="figures", function_name="address"),
        Input(AnalysisId.ADDRESS.value, "data"),
        prevent_initial_call=True,
    )


def register_subject(app: Dash, door: Door) -> None:
    @app.callback(
        Output(AnalysisId.FIELDS.value, "children"),
        Output(AnalysisId.BEGUN.value, "data"),
        Input(AnalysisId.SUBJECT.value, "value"),
        prevent_initial_call=True,
    )
    async def change(subject: str | None) -> tuple[Any, Any]:
        if not subject:
            raise PreventUpdate
        return await door.ask(fields_of, subject), {}


def fields_of(asking: Asking, name: str) -> Any:
    asking.viewer.require(Permission.CITY_READ)
    scope = asking.viewer.scope
    subject = find_subject(asking.conn, scope, name)
    described = subject_object(subject, places_of(subject, read_places(asking.conn, scope)))
    return controls.fields_view(described, {}, layout.district_choices(asking, scope))


def register_question(app: Dash, door: Door) -> None:
    @app.callback(
        Output(AnalysisId.TOLD.value, "children"),
        Output(AnalysisId.MAP_FIGURE.value, "data"),
        Output(AnalysisId.CHART_FIGURE.value, "data"),
        Output(AnalysisId.MAP_STATE.value, "children"),
        Output(AnalysisId.CHART_STATE.value, "children"),
        Output(AnalysisId.LEGEND.value, "children"),
        Output(AnalysisId.NOTE.value, "children"),
        Output(ids.grid(listing.TABLE.key), "columnDefs"),
        Output(ids.narrow(listing.TABLE.key, listing.QUESTION), "value"),
        Output(AnalysisId.ADDRESS.value, "data"),
        Output(AnalysisId.TABLE_OUT.value, "children"),
        Output(AnalysisId.MAP_OUT.value, "children"),
        Output(AnalysisId.CHART_OUT.value, "children"),
        Input(ids.field(KEY, ALL), "value"),
        State(AnalysisId.SUBJECT.value, "value"),
        State(AnalysisId.BEGUN.value, "data"),
    )
    async def ask(_: Any, subject: str | None, begun: Mapping[str, str] | None) -> tuple[Any, ...]:
        state = state_of(ctx.inputs_list, begun or {})
        if not subject or "by" not in state:
            raise PreventUpdate
        return await door.ask(answered, subject, asked_of(state))


def state_of(inputs: Any, begun: Mapping[str, str]) -> dict[str, str]:
    """The fields that have something in them; the value that an address had, until it stands in a field."""
    [fields] = [part for part in inputs if isinstance(part, list)]
    given = {str(one["id"]["field"]): one.get("value") for one in fields}
    state = {name: str(value).strip() for name, value in given.items() if value not in (None, "")}
    if "value" not in given and state.get("column") == begun.get("column") and "value" in begun:
        state["value"] = begun["value"]
    if state.get("value") == controls.NOT_GIVEN:
        state["value"] = ""
    return state


def answered(asking: Asking, subject: str, asked: Asked) -> tuple[Any, ...]:
    """All that the page shows of an answer, in the order of the callback's outputs."""
    asking.viewer.require(Permission.CITY_READ)
    scope = asking.viewer.scope
    try:
        looked = look(asking.conn, scope, subject, asked, asking.now)
    except (InputError, NotFound) as exc:
        return refused(exc)
    on_map, chart = draw_map(asking.conn, scope, looked), draw_chart(looked)
    mapped = grouping_object(looked.place) if looked.place else None
    out = view.links(subject, asked, mapped)
    state = write_state(subject, asked)
    why = "analysis.nothing" if looked.place else "analysis.no_places"
    return (
        view.heading(looked.answer),
        figure_of(on_map),
        figure_of(chart),
        [] if on_map else view.nothing(why),
        [] if chart else view.nothing("analysis.nothing"),
        view.legend_view(on_map.classes if on_map else (), looked.mapped),
        view.note(chart.note if chart else None),
        listing.columns_for(looked.answer),
        state,
        state,
        *(out[one.value] for one in (AnalysisId.TABLE_OUT, AnalysisId.MAP_OUT, AnalysisId.CHART_OUT)),
    )


def figure_of(drawn: Drawn | None) -> Any:
    return drawn.figure if drawn else empty()


def refused(exc: InputError | NotFound) -> tuple[Any, ...]:
    """What is wrong with the question in place of an answer."""
    nothing = view.nothing("analysis.not_counted", "failed")
    columns = [column_def(one) for one in listing.TABLE.columns]
    return (
        view.wrong(error_words(exc)),
        empty(),
        empty(),
        nothing,
        nothing,
        [],
        [],
        columns,
        "",
        None,
        [],
        [],
        [],
    )


def register_values(app: Dash, door: Door) -> None:
    @app.callback(
        Output(AnalysisId.VALUE.value, "children"),
        Input(ids.field(KEY, "column"), "value"),
        State(AnalysisId.SUBJECT.value, "value"),
        State(AnalysisId.BEGUN.value, "data"),
    )
    async def change(column: str | None, subject: str | None, begun: Mapping[str, str] | None) -> Any:
        if not column or not subject:
            return []
        chosen = begun.get("value") if begun and begun.get("column") == column else None
        return await door.ask(values_of, subject, column, chosen)


def values_of(asking: Asking, subject: str, column: str, chosen: str | None) -> Any:
    """What stands in a column, the commonest first."""
    asking.viewer.require(Permission.CITY_READ)
    asked = Asked(by=f"column:{column}")
    found, _ = analyse(asking.conn, asking.viewer.scope, subject, asked, asking.now, VALUES)
    values = [(one["keys"][0]["key"] or controls.NOT_GIVEN, one["keys"][0]["words"]) for one in found["groups"]]
    return controls.value_choice(column, values, controls.NOT_GIVEN if chosen == "" else chosen)


def span(name: str) -> Any:
    """Fills in the days from and to, today in the city the last of them."""

    def fill(asking: Asking, _: Press) -> Act:
        today = today_of(asking.conn, asking.now)
        first = {"year": today.replace(month=1, day=1), "all": None}.get(name, today)
        if name in SPANS:
            first = today - timedelta(days=SPANS[name])
        days = {"from": first.isoformat() if first else "", "to": today.isoformat() if first else ""}
        return Act([(ids.field(KEY, field), {"value": value}) for field, value in days.items()])

    return fill
