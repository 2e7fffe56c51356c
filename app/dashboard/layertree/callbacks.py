"""Callbacks of the layer tree: the tree from the store, and the map following switches and sliders."""

from typing import Any

import msgspec
from dash import ALL, ClientsideFunction, Dash, Input, Output, State

from app.dashboard.ids import Id, Kind
from app.dashboard.layertree.view import layer_tree
from app.dashboard.models import LayerState
from core.types import JsonObject


def register(app: Dash) -> None:
    """Bind the layer tree to its store and to the map."""

    @app.callback(Output(Id.LAYER_TREE.value, "children"), Input(Id.LAYERS.value, "data"), prevent_initial_call=True)
    async def draw_tree(data: JsonObject | None) -> list[Any]:
        return layer_tree(msgspec.convert(data or {}, LayerState))

    _to_map(app, "show_layers", Kind.LAYER, "checked")
    _to_map(app, "fade_layers", Kind.OPACITY, "value")


def _to_map(app: Dash, function: str, kind: Kind, prop: str) -> None:
    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction(namespace="onemap", function_name=function),
        Input({"type": kind.value, "id": ALL}, prop),
        State({"type": kind.value, "id": ALL}, "id"),
        prevent_initial_call=True,
    )
