"""What the chart looks like, as values; the browser fills in the series and the colours of the theme."""

from core.types import JsonObject

HEIGHT_PX = 190


def chart_template() -> JsonObject:
    """Plotly figure without data. Colours are names of CSS variables: ``assets/js/chart.mjs`` resolves them."""
    return {"layout": _layout(), "config": {"displayModeBar": False, "responsive": True}, "series": _series()}


def _series() -> JsonObject:
    line: JsonObject = {"color": "--accent", "width": 1.8, "shape": "linear"}
    return {"type": "scatter", "mode": "lines", "line": line, "hovertemplate": "%{x|%H:%M:%S}  %{y}<extra></extra>"}


def _layout() -> JsonObject:
    axis: JsonObject = {
        "gridcolor": "--line",
        "linecolor": "--line",
        "zeroline": False,
        "tickfont": {"size": 11},
        "fixedrange": True,
    }
    return {
        "height": HEIGHT_PX,
        "margin": {"l": 44, "r": 34, "t": 8, "b": 26},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "showlegend": False,
        "font": {"color": "--muted", "family": "--figures"},
        "hoverlabel": {"bgcolor": "--panel-solid", "bordercolor": "--line", "font": {"color": "--text"}},
        "xaxis": {**axis, "type": "date", "nticks": 6, "tickformat": "%H:%M", "showgrid": False},
        "yaxis": {**axis, "nticks": 5},
    }
