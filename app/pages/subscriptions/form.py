"""The form of one subscription: its own fields, and those of its sender. What opens a receiver is typed and never
shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeVar

from dash import html
from pydantic import BaseModel, Field, ValidationError, create_model

from alerts.senders import SENDERS
from alerts.subscriptions import PreviewIn, Subscription, SubscriptionChange, SubscriptionIn, read_subscription
from alerts.subscriptions.given import Lang, Title
from app.api import subscriptions as api
from app.asking import Asking
from app.dashboard import texts
from app.dashboard.components import clock_time, wild
from app.pages import forms, ids
from app.pages.areas import KEPT, draw_tool, drawn_words, is_drawn, kept_words, read_areas, shape_of
from app.pages.forms import Answer, Form, Kind, Section, Values
from app.pages.ids import SubscriptionsId
from app.pages.parts import action, done, facts, lamp, pane_head
from app.pages.subscriptions.listing import STATE_LAMPS, state_of
from app.pages.subscriptions.shown import made_view, preview_view
from core.errors import InputError
from core.given import Given, as_input_error
from core.types import JsonObject
from core.viewer import Permission
from core.vocabulary import label, table
from layers.own import read_layers
from layers.registers import all_district_names

T = TypeVar("T")
KEY = "subscription"
FAMILY = "subs.field"
# its key is made and shown once
SIGNED = "webhook"
MINUTES = {
    0: "subs.never",
    300: "subs.min5",
    900: "subs.min15",
    1800: "subs.min30",
    3600: "subs.hour",
    14400: "subs.hour4",
}
FILTER = ("level", "families", "districts", "mine", "area")
TRIED = "subs.try"


class SubscriptionFields(Given):
    """What every subscription has, flat as a form is."""

    sender: str
    name_zh: Title
    name_en: str | None = Field(None, max_length=200)
    citys: bool = False
    enabled: bool = True
    level: int | None = Field(None, ge=1, le=4)
    families: list[str] = Field(default_factory=list)
    districts: list[str] = Field(default_factory=list)
    mine: bool = False
    area: str | None = None
    lang: Lang = "zh"
    quiet_begins: str | None = Field(None, max_length=5)
    quiet_ends: str | None = Field(None, max_length=5)
    digest_s: int = 0
    repeat_s: int = 0


class PreviewDays(Given):
    days: int = Field(30, ge=1, le=90)


@cache
def model_of(sender: str) -> type[BaseModel]:
    """With the options of a sender. Secrets are not asked for again: what is not typed stays as it was."""
    kind = SENDERS[sender]
    secret = kind.options.secret_names()
    fields: dict[str, Any] = {}
    for name, one in kind.options.model_fields.items():
        if sender == SIGNED and name in secret:
            continue
        fields[name] = (str | None, Field(None, max_length=1000)) if name in secret else (one.annotation, one)
    return create_model(f"{sender.title()}Subscription", __base__=SubscriptionFields, **fields)


def option_names(sender: str) -> tuple[str, ...]:
    return tuple(name for name in model_of(sender).model_fields if name not in SubscriptionFields.model_fields)


def subscription_form(values: Mapping[str, Any], *, every: bool = False) -> Form:
    """For what is open or typed; `every`: with what only some see, for what was typed says nothing of that."""
    sender = str(values["sender"])
    options = option_names(sender)
    manages = bool(values.get("manages"))
    levels = tuple((str(one), texts.pair(label("levels", str(one)))) for one in (1, 2, 3, 4))
    families = tuple(
        (key, texts.pair({"zh": row["zh"], "en": row["en"]})) for key, row in table("alarm_families").items()
    )
    districts = tuple((code, texts.pair(names)) for code, names in dict(values.get("known_districts") or {}).items())
    seconds = tuple((str(one), texts.both(key)) for one, key in MINUTES.items())
    who: tuple[str | tuple[str, ...], ...] = (
        ("name_zh", "name_en"),
        "sender",
        *(("citys",) if every or (manages and not values.get("version")) else ()),
        *(("enabled",) if every or values.get("version") else ()),
    )
    return forms.form_of(
        model_of(sender),
        KEY,
        FAMILY,
        (
            Section(who),
            *((Section(options, f"subs.options.{sender}"),) if options else ()),
            Section(("level", "families", "districts", "mine"), "subs.what"),
            Section((("quiet_begins", "quiet_ends"), ("digest_s", "repeat_s"), "lang"), "subs.times"),
            Section(("area",), "subs.area", is_open=bool(values.get("area"))),
        ),
        sender={"kind": Kind.CHOICE, "choices": ((sender, texts.pair(label("senders", sender))),), "required": True},
        level={"kind": Kind.CHOICE, "choices": levels, "is_number": True},
        area={
            "kind": Kind.CHOICE,
            "choices": areas_of(values),
            "below": draw_tool((values.get("filter") or {}).get("area")),
        },
        families={"kind": Kind.CHOICES, "choices": families},
        districts={"kind": Kind.CHOICES, "choices": districts},
        lang={
            "kind": Kind.CHOICE,
            "choices": tuple((one, texts.both(f"me.language.{one}")) for one in ("zh", "en")),
            "required": True,
        },
        digest_s={"kind": Kind.CHOICE, "choices": seconds, "is_number": True, "required": True},
        repeat_s={"kind": Kind.CHOICE, "choices": seconds, "is_number": True, "required": True},
        **({"address": {"kind": Kind.LONG}} if "address" in options else {}),
    )


def areas_of(values: Mapping[str, Any]) -> tuple[tuple[str, list[Any]], ...]:
    """The area that is there, one that was drawn, areas of layers."""
    shape, chosen = (values.get("filter") or {}).get("area"), values.get("area")
    held = kept_words(shape)
    drawn = {chosen: drawn_words(chosen)} if isinstance(chosen, str) and is_drawn(chosen) else {}
    found = {**({KEPT: held} if held else {}), **drawn, **dict(values.get("known_areas") or {})}
    return tuple((key, texts.pair(words)) for key, words in found.items())


def values_of(asking: Asking, one: Subscription) -> dict[str, Any]:
    """The whole as the form has it."""
    quiet, wanted = one["quiet"] or {}, one["filter"]
    return {
        **blank(asking, one["sender"]),
        **{name: one[name] for name in ("id", "sender", "owner", "enabled", "lang", "version")},
        "name_zh": one["names"]["zh"],
        "name_en": one["names"]["en"],
        "level": None if not wanted.get("level") else str(wanted["level"]),
        "families": wanted.get("families") or [],
        "districts": wanted.get("districts") or [],
        "mine": bool(wanted.get("mine")),
        "area": KEPT if wanted.get("area") else None,
        "quiet_begins": quiet.get("begins"),
        "quiet_ends": quiet.get("ends"),
        "digest_s": str(one["digest_s"]),
        "repeat_s": str(one["repeat_s"]),
        **{name: value for name, value in one["options"].items() if name in option_names(one["sender"])},
        "secrets": one["secrets"],
        # what the form does not show stays
        "filter": wanted,
    }


def blank(asking: Asking, sender: str) -> dict[str, Any]:
    """An empty form; who sees some districts only is offered those."""
    limit = asking.viewer.scope.districts
    known = {code: names for code, names in all_district_names(asking.conn).items() if limit is None or code in limit}
    fields = model_of(sender).model_fields
    layers = [one for one in read_layers(asking.conn, asking.viewer.scope) if one.geometry == "polygon"]
    return {
        **{
            name: one.get_default(call_default_factory=True) if not one.is_required() else None
            for name, one in fields.items()
        },
        "digest_s": "0",
        "repeat_s": "0",
        "sender": sender,
        "manages": asking.viewer.may(Permission.SUBSCRIPTION_MANAGE),
        "known_districts": known,
        "known_areas": read_areas(asking, layers),
    }


def pane(asking: Asking, base: Values, values: Values, made: Mapping[str, str] | None = None) -> html.Div:
    is_new = not base.get("version")
    form = subscription_form({**base, "area": values.get("area")})
    channel = texts.pair(label("senders", str(base["sender"])))
    title = (
        [*texts.both("subs.add"), " · ", *channel]
        if is_new
        else texts.pair({"zh": base["name_zh"], "en": base["name_en"]})
    )
    return html.Div(
        [
            pane_head(title, ids.press(KEY, "close")),
            *([] if is_new else [about(asking, str(base["id"]))]),
            *(made_view(made) if made else []),
            *([html.P(texts.both("subs.secrets.kept"), className="quiet")] if base.get("secrets") else []),
            forms.draw(form, values, base=base),
            forms.save_button(form),
            *([] if is_new else [html.Div(buttons(), className="actions")]),
            forms.try_box(form, preview_form(), {"days": 30}),
        ],
        className="account",
    )


def buttons() -> list[Any]:
    return [
        action(SubscriptionsId.TEST.value, "subs.test.send", data_key="test-subscription"),
        action(SubscriptionsId.REMOVE.value, "subs.remove", data_key="remove-subscription"),
    ]


def about(asking: Asking, identity: str) -> html.Div:
    """How it does."""
    one = read_subscription(asking.conn, identity, asking.now)
    state = state_of(one)
    return html.Div(
        facts(
            [
                ("subs.sender", html.Span(texts.pair(label("senders", one["sender"])))),
                ("subs.owner", html.Code(one["owner"]) if one["owner"] else html.Span(texts.both("subs.citys"))),
                ("subs.state", lamp(STATE_LAMPS[state], f"subs.state.{state}")),
                ("subs.stopped_why", one["stopped_why"]),
                ("subs.waiting", str(one["waiting"]) if one["waiting"] else None),
                ("subs.failed", str(one["failed"]) if one["failed"] else None),
                ("subs.last", [clock_time(one["last_sent_at"])] if one["last_sent_at"] else None),
                ("subs.error", one["last_error"]),
            ]
        )
    )


def preview_form() -> Form:
    return forms.form_of(
        PreviewDays, "subscription-preview", TRIED, (Section(("days",)),), days={"unit": "unit.word.day"}
    )


class SubscriptionHandler:
    """Adding and changing, by the functions behind the API."""

    key = KEY
    pane = SubscriptionsId.PANE.value
    lines: tuple[str, ...] = ("headers",)
    trial: Form | None = preview_form()

    def form(self, values: Values) -> Form:
        return subscription_form(values, every=True)

    def save(self, asking: Asking, base: Values, values: JsonObject) -> Answer:
        form = subscription_form(base, every=True)
        given, errors = forms.check(form, model_of(str(base["sender"])), values)
        if given is None:
            return Answer(errors)
        saved, made = at_its_field(lambda: save(asking, base, given))
        now = values_of(asking, saved)
        return Answer(pane=pane(asking, now, now, made), toast=done("subs.saved"), changed=True)

    def newer(self, asking: Asking, base: Values) -> Values:
        return values_of(asking, api.get_subscription(asking.conn, asking.viewer, asking.now, str(base["id"])))

    def draw(self, asking: Asking, base: Values, values: Values) -> html.Div:
        return pane(asking, base, values)

    def dry_run(self, asking: Asking, base: Values, values: JsonObject, trial: JsonObject) -> Answer:
        days, errors = forms.check(preview_form(), PreviewDays, trial)
        if days is None:
            return Answer(errors)
        asked: dict[str, Any] = {"filter": filter_of(asking, base, values), "days": days.days}
        if base.get("version"):
            asked["owner"] = base.get("owner")
        elif values.get("citys"):
            asked["owner"] = None
        found = at_its_field(
            lambda: api.post_preview(asking.conn, asking.viewer, asking.now, PreviewIn.model_validate(asked))
        )
        return Answer(result=preview_view(found))


def filter_of(asking: Asking, base: Values, values: Mapping[str, Any]) -> JsonObject:
    """What the form shows over what it does not. InputError where the area is none."""
    held = dict(base.get("filter") or {})
    kept = {name: value for name, value in held.items() if name not in FILTER}
    chosen = values.get("area")
    values = {**values, "area": shape_of(asking, str(chosen), held.get("area"), "area") if chosen else None}
    return {**kept, **{name: values[name] for name in FILTER if values.get(name) not in (None, [], False)}}


def save(asking: Asking, base: Values, given: BaseModel) -> tuple[Subscription, Mapping[str, str]]:
    """As it is kept, and secrets that were made for it."""
    said = given.model_dump(mode="json")
    sender = str(base["sender"])
    options = {name: said[name] for name in option_names(sender) if said[name] not in (None, "")}
    quiet: dict[str, str] | None = None
    if said["quiet_begins"] or said["quiet_ends"]:
        quiet = {"begins": said["quiet_begins"] or "", "ends": said["quiet_ends"] or ""}
    common = {
        "name_zh": said["name_zh"],
        "name_en": said["name_en"] or said["name_zh"],
        "filter": filter_of(asking, base, said),
        "options": options,
        "lang": said["lang"],
        "quiet": quiet,
        "digest_s": said["digest_s"],
        "repeat_s": said["repeat_s"],
    }
    conn, viewer, now = asking.conn, asking.viewer, asking.now
    if base.get("version"):
        change = SubscriptionChange.model_validate({**common, "version": base["version"], "enabled": said["enabled"]})
        return api.patch_subscription(conn, viewer, now, str(base["id"]), change), {}
    whose = {"owner": None} if said["citys"] else {}
    created = api.post_subscription(
        conn, viewer, now, SubscriptionIn.model_validate({**common, **whose, "sender": sender})
    )
    return created, created["made"]


def at_its_field(work: Callable[[], T]) -> T:
    """The form is flat: what is wrong with `options.to.0` stands at `to`, with `quiet.ends` at `quiet_ends`."""
    try:
        return work()
    except ValidationError as exc:
        wrong = as_input_error(exc)
    except InputError as exc:
        wrong = exc
    parts = (wrong.field or "").split(".")
    if parts[0] == "quiet" and len(parts) > 1:
        parts = [f"quiet_{parts[1]}"]
    elif parts[0] in ("options", "filter") and len(parts) > 1:
        parts = parts[1:]
    raise InputError(wrong.message, reason=wrong.reason, field=parts[0] or None, about=wrong.about)


def open_one(asking: Asking, identity: str) -> html.Div:
    found = values_of(asking, api.get_subscription(asking.conn, asking.viewer, asking.now, identity))
    return pane(asking, found, found)


def open_new(asking: Asking, sender: str) -> html.Div:
    base = blank(asking, sender)
    return pane(asking, base, base)


def open_senders(asking: Asking) -> html.Div:
    """By what to be told: the first choice of a new one."""
    found = api.get_senders(asking.viewer)["items"]
    rows = [
        html.Li(
            [
                html.Button(
                    texts.pair(one["names"]),
                    id=ids.sender(one["key"]),
                    type="button",
                    n_clicks=0,
                    className="action",
                    **wild({"data-key": f"sender-{one['key']}"}),
                ),
                html.Span(texts.both(f"subs.sender.{one['key']}.help"), className="quiet"),
            ]
        )
        for one in found
        if one["mine"]
    ]
    return html.Div(
        [
            pane_head(texts.both("subs.add"), ids.press(KEY, "close")),
            html.P(texts.both("subs.sender.choose")),
            html.Ul(rows, className="kinds"),
        ],
        className="account",
    )
