"""Callback of the chart: a sensor and a metric become a graph, in the browser (one series request, no round trip
more)."""

from dash import ClientsideFunction, Dash, Input, Output, State

from app.dashboard.ids import Id


def register(app: Dash) -> None:
    """Bind the chart's place in the card to the request that the selection makes."""
    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction(namespace="onemap", function_name="draw_chart"),
        Output(Id.CHART_SLOT.value, "children"),
        Input(Id.CHART_REQUEST.value, "data"),
        State(Id.CHART_TEMPLATE.value, "data"),
        prevent_initial_call=True,
    )
