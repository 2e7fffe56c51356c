"""Components of the layer tree from the layer list of the API."""

from typing import Any
from urllib.parse import urlencode

import dash_mantine_components as dmc
from dash import html

from app.dashboard import ids, texts
from app.dashboard.components import age, notice, wild
from app.dashboard.models import Layer, LayerState, LegendEntry
from layers.formats import MEDIA
from layers.ogc.collections import OURS

# ours that go out as files
SERVED = frozenset(one.id for one in OURS)


def layer_tree(state: LayerState) -> list[Any]:
    """The tree in the order of ``groups``; a group without layers is left out."""
    if state.status == "failed":
        return [notice("layers.failed", "failed", state.detail)]
    if state.status == "loading":
        return [notice("lists.loading", "loading")]
    if not state.items:
        return [notice("layers.empty", "empty")]
    by_group = {key: [layer for layer in state.items if layer.group == key] for key in state.groups}
    return [_group(state, key, layers) for key, layers in by_group.items() if layers]


def _group(state: LayerState, key: str, layers: list[Layer]) -> html.Section:
    title = texts.pair(state.groups[key].as_dict())
    return html.Section([html.H3(title), *map(_layer, layers)], className="layer-group")


def _layer(layer: Layer) -> html.Div:
    title = texts.pair(layer.title.as_dict())
    switch = dmc.Switch(id=ids.layer_switch(layer.id), checked=layer.visible, size="xs", label=title)
    figures = [
        html.Span(className="failed-word", children=texts.both("layers.one_failed")),
        html.Span(_count(layer), className="count", **wild({"data-count-of": layer.id})),
    ]
    return html.Div(
        [html.Div([switch, *figures], className="layer-line"), _details(layer, title)],
        className="layer",
        **wild({"data-layer": layer.id}),
    )


def _details(layer: Layer, title: list[Any]) -> html.Details:
    summary = html.Summary(
        [
            html.Span(className="icon icon-more"),
            html.Span([*texts.both("layers.details"), ": ", *title], className="spoken"),
        ]
    )
    icon = layer.style.icon if layer.style else None
    body: list[Any] = (
        [html.Ul([_legend(entry, icon) for entry in layer.legend], className="legend")] if layer.legend else []
    )
    body.append(_opacity(layer))
    if layer.own or layer.id in SERVED:
        body.append(_files(layer))
    if layer.updated_at:
        body.append(html.P([age(layer.updated_at)], className="freshness"))
    return html.Details([summary, *body])


def _files(layer: Layer) -> html.Div:
    """The layer taken along, in every format that there is."""
    links = [
        html.A(
            "SHP" if kind == "zip" else kind.upper(),
            href=f"/api/layers/{layer.id}/export?{urlencode({'format': kind})}",
            className="link",
            download="",
            **wild({"data-take": kind}),
        )
        for kind in MEDIA
    ]
    return html.Div([html.Span(texts.both("layers.take")), *links], className="layer-files")


def _legend(entry: LegendEntry, icon: str | None = None) -> html.Li:
    """A line; where points have an icon, that in the line's colour (`own` of `map/icons.mjs`)."""
    mark = {"data-swatch": f"own-{icon}-{entry.token}"} if icon else {}
    swatch = html.Span(className="swatch", **wild({"data-token": entry.token, "data-legend": entry.key, **mark}))
    return html.Li([swatch, *texts.pair(entry.label.as_dict())])


def _opacity(layer: Layer) -> html.Div:
    name = f"{texts.named('layers.opacity')}: {layer.title.zh} {layer.title.en}"
    slider = dmc.Slider(
        id=ids.layer_opacity(layer.id),
        value=round(layer.opacity * 100),
        min=10,
        max=100,
        step=5,
        size="xs",
        thumbLabel=name,
        label=None,
        updatemode="drag",
    )
    return html.Div(
        [html.Span(texts.both("layers.opacity"), **wild({"aria-hidden": "true"})), slider], className="opacity"
    )


def _count(layer: Layer) -> str:
    """An estimate is shown with three figures and says that it is one."""
    if layer.count is None or layer.delivery == "raster":
        return ""
    if not layer.count_estimated:
        return f"{layer.count:,}"
    return f"≈ {float(f'{layer.count:.3g}'):,.0f}"
