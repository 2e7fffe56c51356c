"""The form of one source: what the schema cannot say of its fields, and what its buttons do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dash import html
from pydantic import JsonValue
from typing_extensions import TypedDict

from app.api import sources as api
from app.asking import Asking
from app.dashboard import texts
from app.dashboard.components import clock_time
from app.pages import forms, ids
from app.pages.forms import Answer, Form, Kind, Lines, Section, Values
from app.pages.ids import SourcesId
from app.pages.parts import action, done, pane_head
from app.pages.sources.trial import outcome
from core.crs import Datum
from core.types import JsonObject
from core.viewer import Permission
from core.vocabulary import table
from ingest.admin.sources.examples import find_example
from ingest.admin.sources.nouns import SourceChange, SourceIn, SourceObject, TryIn
from ingest.admin.sources.read import list_decoders
from ingest.source import UnitRule

KEY = "source"
FAMILY = "sources.field"
NEW = Section(("id",))
SECTIONS = (
    Section((("name_zh", "name_en"), ("decoder", "enabled"), "topic_filters")),
    Section(("metrics", "only_mapped"), "sources.metrics"),
    Section(("units",), "sources.units"),
    Section(
        (("datum", "timezone"), ("id_prefix", "owner"), ("interval_s", "district"), "coarse"),
        "sources.place",
        is_open=False,
    ),
    Section(("options",), "sources.options", is_open=False),
)
EMPTY: Mapping[str, JsonValue] = {
    "id": "",
    "name_zh": "",
    "name_en": "",
    "topic_filters": [],
    "decoder": "native",
    "options": {},
    "datum": "WGS84",
    "timezone": None,
    "units": {},
    "metrics": {},
    "only_mapped": False,
    "coarse": None,
    "id_prefix": "",
    "owner": None,
    "interval_s": None,
    "district": None,
    "enabled": False,
}


class Message(TypedDict):
    """A message to try: text, or any bytes in base64."""

    topic: str
    payload: str | None
    payload_base64: str | None


# whether the clock of its devices counts whole seconds; nothing said: as the decoder's makers do
CLOCKS = ("true", "false")


# --- units: a unit, or what the value is multiplied by and added to before --------------------------------------------


def split_units(units: Mapping[str, UnitRule]) -> list[Sequence[Any]]:
    return [
        (metric, rule) if isinstance(rule, str) else (metric, rule.get("unit"), rule.get("scale"), rule.get("offset"))
        for metric, rule in units.items()
    ]


def join_units(rows: list[list[str]]) -> JsonObject:
    return {metric: unit_rule(unit, scale, offset) for metric, unit, scale, offset in rows}


def unit_rule(unit: str, scale: str, offset: str) -> JsonValue:
    if not scale and not offset:
        return unit
    given: JsonObject = {"unit": unit, "scale": numeric(scale), "offset": numeric(offset)}
    return {name: value for name, value in given.items() if value != ""}


def numeric(words: str) -> float | str:
    """A number where it is one; the server names what is none."""
    try:
        return float(words)
    except ValueError:
        return words


def our_metrics() -> tuple[str, ...]:
    return tuple(sorted(table("metrics")))


# --- the form ---------------------------------------------------------------------------------------------------------


def source_form(values: Values) -> Form:
    """For what is chosen so far: the options are those of its decoder. A source that is not there yet has an id to
    give."""
    decoders = {one["key"]: one for one in list_decoders()}
    chosen = decoders.get(str(values.get("decoder") or "native"))
    is_new = "id" in values and values.get("version") is None
    offered = our_metrics()
    units = Lines(("metric", "unit", "scale", "offset"), split_units, join_units, {"metric": offered})
    return forms.form_of(
        SourceIn,
        KEY,
        FAMILY,
        (NEW, *SECTIONS) if is_new else SECTIONS,
        decoder={
            "kind": Kind.CHOICE,
            "choices": tuple((key, texts.pair(one["names"])) for key, one in decoders.items()),
        },
        datum={"kind": Kind.CHOICE, "choices": tuple((one.value, [one.value]) for one in Datum), "required": True},
        interval_s={"unit": "unit.word.s"},
        coarse={"kind": Kind.CHOICE, "choices": tuple((one, texts.both(f"sources.coarse.{one}")) for one in CLOCKS)},
        metrics={"lines": Lines(("theirs", "ours"), offered={"ours": offered})},
        units={"kind": Kind.LINES, "lines": units},
        options={"kind": Kind.GROUP, "fields": forms.fields_of(chosen["options"] if chosen else {})},
    )


TRIAL = forms.form_of(
    TryIn,
    "source-try",
    "sources.try",
    (Section(("topic", "payload", "payload_base64")),),
    payload={"kind": Kind.LONG},
    payload_base64={"kind": Kind.LONG},
)
SHORT_TRIAL = forms.form_of(
    TryIn, "source-try", "sources.try", (Section(("topic", "payload")),), payload={"kind": Kind.LONG}
)


def values_of(source: SourceObject) -> Values:
    """What the form holds of a source as the API shows it."""
    shown = (*EMPTY, "version", "changed_at", "changed_by")
    coarse = None if source["coarse"] is None else str(source["coarse"]).lower()
    return {**{name: value for name, value in source.items() if name in shown}, "coarse": coarse}


def new_values() -> JsonObject:
    return dict(EMPTY)


def pane(base: Values, values: Values, message: Message | None, *, is_admin: bool) -> html.Div:
    """The pane of a source, or of a new one. `message` is {topic, payload, payload_base64} to try."""
    form = source_form(values)
    is_new = values.get("version") is None
    title = texts.both("sources.add") if is_new else texts.pair({"zh": values["name_zh"], "en": values["name_en"]})
    below = [forms.save_button(form), trial_box(form, message)] if is_admin else []
    return html.Div(
        [
            pane_head(title, ids.press(KEY, "close")),
            *([] if is_new else [changed_line(base)]),
            *([] if is_admin else [html.P(texts.both("sources.read_only"), className="quiet")]),
            forms.draw(form, values, locked=not is_admin, base=base),
            *below,
        ],
        className="source",
    )


def changed_line(base: Values) -> Any:
    if not base.get("changed_by"):
        return None
    when = clock_time(base.get("changed_at"))
    return html.P([*texts.both("sources.changed_by", who=base["changed_by"]), " · ", when], className="quiet")


def trial_box(form: Form, message: Message | None) -> Any:
    given: Message = message or {"topic": "", "payload": None, "payload_base64": None}
    box = forms.try_box(form, TRIAL if given["payload_base64"] else SHORT_TRIAL, given)
    return html.Div([box, action(ids.press(KEY, "example"), "sources.try.example", small=True, data_key="example")])


def take_example(asking: Asking, filters: str) -> Message | None:
    """The newest message that has come on these topics, to be tried."""
    asking.viewer.require(Permission.SOURCE_MANAGE)
    wanted = [line.strip() for line in filters.splitlines() if line.strip()]
    found = find_example(asking.conn, wanted, asking.parts.settings.topic_prefix)
    return None if found is None else {"topic": found["topic"], "payload": found["payload"], "payload_base64": None}


def options_view(decoder: str, base: Values) -> list[Any]:
    """The options of another decoder; those that were set where it is the one the form was opened with."""
    form = source_form({"decoder": decoder})
    held = base.get("options") if base.get("decoder") == decoder else {}
    return forms.draw_group(form, form.field("options"), held or {})


def filters_of(decoder: str) -> str:
    """Topic filters such devices usually speak on, one a line."""
    return next(("\n".join(one["filters"]) for one in list_decoders() if one["key"] == decoder), "")


class SourceHandler:
    """Save, try and conflict of the form, each by the function behind the API."""

    key = KEY
    pane = SourcesId.DETAIL.value
    lines: tuple[str, ...] = ("metrics", "units", "options.values", "options.units")
    trial: Form | None = TRIAL

    def form(self, values: Values) -> Form:
        return source_form(values)

    def save(self, asking: Asking, base: Values, values: JsonObject) -> Answer:
        asking.viewer.require(Permission.SOURCE_MANAGE)
        form = source_form(values)
        whole = {name: base.get(name) for name in EMPTY} | values
        given, errors = forms.check(form, SourceIn, whole)
        if given is None:
            return Answer(errors)
        if base.get("version") is None:
            saved = api.post_source(asking.conn, asking.viewer, asking.now, asking.parts, given)
        else:
            asked = {name: value for name, value in values.items() if value != base.get(name)}
            change = SourceChange.model_validate({"version": base["version"], **asked})
            saved = api.patch_source(asking.conn, asking.viewer, asking.now, asking.parts, str(base["id"]), change)
        now = values_of(saved)
        return Answer(pane=self.draw(asking, now, now), toast=done("sources.saved"), changed=True)

    def newer(self, asking: Asking, base: Values) -> Values:
        return values_of(api.get_source(asking.conn, asking.viewer, asking.now, asking.parts, str(base["id"])))

    def draw(self, asking: Asking, base: Values, values: Values) -> html.Div:
        return pane(base, values, None, is_admin=asking.viewer.may(Permission.SOURCE_MANAGE))

    def dry_run(self, asking: Asking, base: Values, values: JsonObject, trial: JsonObject) -> Answer:
        asking.viewer.require(Permission.SOURCE_MANAGE)
        message = {name: value for name, value in trial.items() if value is not None}
        if "payload_base64" not in message:
            message["payload"] = trial.get("payload") or ""
        named = {"id": base.get("id") or "try", "name_zh": "-", "name_en": "-"}
        given, errors = forms.check(TRIAL_AND_SOURCE, TryIn, {**values, **named, **message})
        if given is None:
            return Answer(errors, result=[])
        told = api.post_try(asking.conn, asking.viewer, asking.now, asking.parts, given)
        return Answer(result=outcome(told))


# names of both forms, to find the place of what is wrong
TRIAL_AND_SOURCE = forms.form_of(TryIn, KEY, FAMILY)


def open_source(asking: Asking, source_id: str, message: Message | None = None) -> html.Div:
    found = values_of(api.get_source(asking.conn, asking.viewer, asking.now, asking.parts, source_id))
    return pane(found, found, message, is_admin=asking.viewer.may(Permission.SOURCE_MANAGE))


def open_new(asking: Asking) -> html.Div:
    asking.viewer.require(Permission.SOURCE_MANAGE)
    return pane(new_values(), new_values(), None, is_admin=True)
