"""How a collection is drawn, as values that a program of others can be told: what the map shows by the same columns,
tokens and zooms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.vocabulary import Text, label, table
from layers.collection import Collection
from layers.columns import with_role
from layers.own import GATHERED_BELOW, OwnLayer, colour_of
from layers.served import LAYERS
from layers.spec import Geometry
from layers.styles import CATEGORIES, OTHERS, classes_of, legend_of

# zoom at which the names of features begin
LABELS_FROM = 14


@dataclass(frozen=True, slots=True)
class DrawnClass:
    """A value, where None is whatever is no other's; or all beyond `low` up to and with `high`, each None where it is
    open."""

    label: Text
    token: str
    value: str | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Drawing:
    """`by` is what tells the classes: a column, or an expression over columns in double quotes; `ranges`: these are of
    numbers. `names`: the columns that hold what a feature is called, by language. `geometry` is None where there is
    nothing to draw. `size` in pixels; `icon`: the pictogram that stands for a point."""

    group: str
    geometry: Geometry | None
    token: str
    visible: bool = True
    min_zoom: int = 0
    by: str | None = None
    classes: tuple[DrawnClass, ...] = ()
    ranges: bool = False
    names: Text | None = None
    size: float | None = None
    icon: str | None = None


# groups of the legend of facilities, as the map has them (assets/js/map/icons.mjs)
FACILITIES: Mapping[str, tuple[str, ...]] = {
    "rescue": ("hospital", "fire_station", "police_station", "ambulance_station", "shelter"),
    "sensitive": ("school", "kindergarten", "nursing_home"),
    "hazardous": ("hazardous_site", "gas_station"),
}


def _facility() -> str:
    cases = " ".join(
        f"""WHEN "kind" IN ({", ".join(f"'{kind}'" for kind in kinds)}) THEN '{group}'"""
        for group, kinds in FACILITIES.items()
    )
    return f"CASE {cases} ELSE 'other' END"


# what tells the classes of the legend; layers that are not here have one
BY: Mapping[str, str] = {
    "assets": """CASE WHEN "state" <> 'normal' THEN 'fault' ELSE "class" END""",
    "facilities": _facility(),
    "incidents": "level",
    "alarms": "level",
    "units": "kind",
    "streets": "class",
}
# the map gathers their points far out; a program that cannot would fetch every one of them
GATHERED = frozenset({"assets"})
NAMES: Text = {"zh": "name_zh", "en": "name_en"}
CALLED: Mapping[str, Text] = {
    "incidents": {"zh": "number", "en": "number"},
    "alarms": {"zh": "message_zh", "en": "message_zh"},
}


def drawing_of_ours(one: Collection) -> Drawing:
    spec = LAYERS[one.id]
    classes = tuple(DrawnClass(item.label, item.token, item.key) for item in spec.legend)
    if one.id == "streets":
        # of which the legend of the map has three
        classes = tuple(
            DrawnClass(label("street_classes", key), f"map-road-{key}", key) for key in table("street_classes")
        )
    by = BY.get(one.id)
    return Drawing(
        group=spec.group,
        geometry=spec.geometry,
        token=spec.legend[0].token,
        visible=spec.visible,
        min_zoom=max(spec.min_zoom, GATHERED_BELOW) if one.id in GATHERED else spec.min_zoom,
        by=by,
        classes=classes if by else (),
        names=CALLED.get(one.id, NAMES),
    )


def drawing_of_own(layer: OwnLayer) -> Drawing:
    label = with_role(layer.columns, "label") if layer.style.get("label", True) else None
    by = str(layer.style["by"]) if classes_of(layer.style) else None
    size = layer.style.get("size")
    return Drawing(
        group=layer.group,
        geometry=None if layer.geometry == "none" else layer.geometry,
        token=colour_of(layer),
        visible=layer.visible,
        min_zoom=layer.min_zoom if layer.geometry != "point" else max(layer.min_zoom, GATHERED_BELOW),
        by=by,
        classes=_classes(layer) if by else (),
        ranges=bool(by) and layer.style.get("method") != "categories",
        names=None if label is None else {"zh": label.name, "en": label.name},
        size=None if size is None else float(size),
        icon=layer.style.get("icon"),
    )


def _classes(layer: OwnLayer) -> tuple[DrawnClass, ...]:
    """The lines of the legend with what they stand for; of categories the others come last, whether there are some or
    not."""
    kept = classes_of(layer.style)
    words = [label for _, label, _ in legend_of(layer.style)]
    if layer.style.get("method") == "categories":
        found = [DrawnClass(w, one["token"], str(one["value"])) for w, one in zip(words, kept, strict=False)]
        return (*found, DrawnClass(words[-1] if len(kept) == CATEGORIES else {"zh": "", "en": ""}, OTHERS))
    lows = [None, *(one["upto"] for one in kept)]
    return tuple(
        DrawnClass(w, one["token"], low=low, high=one["upto"]) for w, one, low in zip(words, kept, lows, strict=False)
    )
