"""The form of one base map. A key is typed and never shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from dash import html
from pydantic import Field

from app.api import base_maps as api
from app.asking import Asking
from app.dashboard import texts
from app.pages import forms, ids
from app.pages.forms import Answer, Form, Kind, Section, Values
from app.pages.ids import BaseMapsId
from app.pages.parts import action, done, pane_head
from core.errors import NotFound
from core.viewer import Permission
from core.vocabulary import table
from layers.base_maps import BaseMapIn, BaseMapObject, base_map_object, read_base_maps

KEY = "base-map"
FAMILY = "basemaps.field"
SECTIONS = (
    Section((("title_zh", "title_en"), "key", "address", "subdomains", "attribution", "attribution_url")),
    Section((("min_zoom", "max_zoom"), ("position", "datum")), "basemaps.levels", is_open=False),
    Section(("direct", ("tile_size", "zoom_offset")), "basemaps.rare", is_open=False),
)
KNOWN = "known_base_maps"


class NamedBaseMap(BaseMapIn):
    """With the id by which it is added."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,47}$")]


def base_map_form(values: Mapping[str, Any]) -> Form:
    """One that is not there yet has an id to give: what is typed into the form of one that is there has none."""
    sizes = tuple((str(size), [f"{size} px"]) for size in (256, 512))
    datums = tuple((name, [name]) for name in ("WGS84", "CGCS2000"))
    return forms.form_of(
        NamedBaseMap,
        KEY,
        FAMILY,
        (Section(("id",)), *SECTIONS) if "id" in values and not values.get("version") else SECTIONS,
        address={"kind": Kind.LONG},
        datum={"kind": Kind.CHOICE, "choices": datums, "required": True},
        tile_size={"kind": Kind.CHOICE, "choices": sizes, "required": True},
    )


def values_of(one: BaseMapObject) -> dict[str, Any]:
    kept = {name: value for name, value in one.items() if name not in ("title", "changed_at")}
    size = str(one["tile_size"])
    return {**kept, "tile_size": size, "title_zh": one["title"]["zh"], "title_en": one["title"]["en"], "key": None}


def empty() -> dict[str, Any]:
    fields = {name: field.default for name, field in NamedBaseMap.model_fields.items() if not field.is_required()}
    required = dict.fromkeys(name for name, field in NamedBaseMap.model_fields.items() if field.is_required())
    return {**required, **fields, "subdomains": [], "tile_size": "256"}


def pane(base: Values, values: Values) -> html.Div:
    is_new = not base.get("version")
    form = base_map_form(base)
    acts = [action(BaseMapsId.REMOVE.value, "basemaps.remove", data_key="remove-base-map")]
    title = texts.both("basemaps.add") if is_new else texts.pair({"zh": base["title_zh"], "en": base["title_en"]})
    kept = [html.P(texts.both("basemaps.key.kept"), className="quiet")] if base.get("has_key") else []
    return html.Div(
        [
            pane_head(title, ids.press(KEY, "close")),
            *([known_view()] if is_new else []),
            *kept,
            forms.draw(form, values, base=base),
            forms.save_button(form),
            *([] if is_new else [html.Div(acts, className="actions")]),
        ],
        className="account",
    )


def known_view() -> html.Div:
    """Services that are described already: what is left to type is the key."""
    buttons = [
        html.Button(
            texts.pair({"zh": one["zh"], "en": one["en"]}),
            id=ids.known_base_map(name),
            type="button",
            n_clicks=0,
            className="action small",
        )
        for name, one in table(KNOWN).items()
    ]
    return html.Div([html.P(texts.both("basemaps.known"), className="quiet"), html.Div(buttons, className="actions")])


class BaseMapHandler:
    """Adding and changing a base map, by the function behind the API."""

    key = KEY
    pane = BaseMapsId.PANE.value
    lines: tuple[str, ...] = ()
    trial: Form | None = None

    def form(self, values: Mapping[str, Any]) -> Form:
        return base_map_form(values)

    def save(self, asking: Asking, base: Values, values: dict[str, Any]) -> Answer:
        asking.viewer.require(Permission.SOURCE_MANAGE)
        whole = {name: base.get(name) for name in NamedBaseMap.model_fields} | values
        size = str(whole["tile_size"])
        whole["tile_size"] = int(size) if size.isdigit() else size
        given, errors = forms.check(base_map_form(base), NamedBaseMap, whole)
        if given is None:
            return Answer(errors)
        said = BaseMapIn.model_validate(given.model_dump(exclude={"id"}))
        saved = values_of(api.put_base_map(asking.conn, asking.viewer, asking.now, given.id, said))
        return Answer(pane=pane(saved, saved), toast=done("basemaps.saved"), changed=True)

    def newer(self, asking: Asking, base: Values) -> Values:
        return read_one(asking, str(base["id"]))

    def draw(self, asking: Asking, base: Values, values: Values) -> html.Div:
        return pane(base, values)

    def dry_run(self, asking: Asking, base: Values, values: dict[str, Any], trial: dict[str, Any]) -> Answer:
        raise NotImplementedError


def read_one(asking: Asking, name: str) -> dict[str, Any]:
    asking.viewer.require(Permission.SOURCE_MANAGE)
    found = next((one for one in read_base_maps(asking.conn) if one.id == name), None)
    if found is None:
        raise NotFound(f"id: there is no base map {name!r}", field="id")
    return values_of(base_map_object(found))


def open_one(asking: Asking, name: str) -> html.Div:
    found = read_one(asking, name)
    return pane(found, found)


def open_new(asking: Asking, known: str | None = None) -> html.Div:
    asking.viewer.require(Permission.SOURCE_MANAGE)
    base = empty()
    if known is None:
        return pane(base, base)
    told = {name: value for name, value in table(KNOWN)[known].items() if name in base}
    return pane(base, {**base, **told, "id": known})
