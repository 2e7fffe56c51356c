"""The pane of one rule: its form, what its buttons do, its trial and its versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from dash import html
from pydantic import Field, JsonValue

from alerts.rules import KINDS, administer
from alerts.rules.administer import RuleChange, RuleIn, RuleObject, RuleVersion
from app.api import rules as api
from app.asking import Asking
from app.dashboard import texts
from app.dashboard.card.words import figure
from app.dashboard.components import clock_time
from app.pages import forms, ids
from app.pages.areas import drawn_words, is_drawn, kept_words, read_areas, shown, with_area
from app.pages.forms import Answer, Form, Kind, Section, Values
from app.pages.history import who_words
from app.pages.ids import RulesId
from app.pages.parts import action, done, error_words, facts, lamp, pane_head, toast
from app.pages.rules.fields import KEY, Known, kept, rule_form, sparse, watched
from app.pages.rules.outcome import outcome
from app.pages.rules.versions import rule_versions
from core.errors import InputError, OneMapError
from core.exposure import city_zone
from core.faults import expects
from core.given import Given
from core.types import JsonObject
from core.viewer import Permission
from core.vocabulary import Text
from layers.analysed import district_codes, draw_districts, name_districts
from layers.own import read_layers

VERSIONS = 1000
DAYS = ("1", "7", "30")
OWN = "own"
# how a moment is typed, in the city's zone
TYPED = "%Y-%m-%d %H:%M"


# --- values -----------------------------------------------------------------------------------------------------------


def values_of(rule: RuleObject) -> Values:
    """What the form holds of a rule as the API shows it; `said` are its parameters as they are kept."""
    return {
        "id": rule["id"],
        "kind": rule["kind"],
        "alarm_kind": rule["alarm_kind"],
        "name_zh": rule["names"]["zh"],
        "name_en": rule["names"]["en"],
        "watches": watched(rule["watches"]),
        "params": shown(sparse(rule["kind"], rule["params"])),
        "said": rule["params"],
        "why": None,
        "version": rule["version"],
    }


def new_values(kind: str) -> Values:
    return {
        "id": "",
        "kind": kind,
        "alarm_kind": None,
        "name_zh": "",
        "name_en": "",
        "watches": {},
        "params": {},
        "said": {},
        "why": None,
    }


def given_of(form: Form, base: Values, values: JsonObject, named: Mapping[str, str] | None = None) -> Any:
    """The rule as it is typed, and what is wrong with it; `named` stands in for what a trial need not have."""
    kind = str(base["kind"])
    whole = {name: base.get(name) for name in RuleIn.model_fields} | values
    whole = {**whole, "kind": kind, **{name: given for name, given in (named or {}).items() if not whole.get(name)}}
    given, errors = forms.check(form, RuleIn, whole)
    params, wrong = forms.check(form, KINDS[kind].params, as_object(values.get("params")), "params")
    if given is None or params is None:
        return None, {**wrong, **errors}
    return given.model_copy(update={"params": kept(kind, given.params, base.get("said") or {})}), {}


def as_object(value: JsonValue) -> JsonObject:
    return value if isinstance(value, dict) else {}


def read_known(asking: Asking, held: Values, values: Values) -> Known:
    """What of the city a rule can name, as far as who asks sees it; `held`: what its form is opened with, `values`:
    what is typed."""
    scope = asking.viewer.scope
    rules: dict[str, Text] = {one["id"]: one["names"] for one in administer.list_rules(asking.conn, asking.now)}
    areas = name_districts(asking.conn, scope, district_codes(asking.conn, scope))
    layers = [one for one in read_layers(asking.conn, scope) if one.geometry == "polygon"]
    titles: dict[str, Text] = {one.id: one.title for one in layers}
    found = Known(rules, {code: area.words for code, area in areas.items()}, titles)
    if "polygon" not in KINDS[str(held["kind"])].params.model_fields:
        return found
    said: Mapping[str, Any] = held.get("said") or {}
    chosen = (values.get("params") or {}).get("polygon")
    drawn = {chosen: drawn_words(chosen)} if isinstance(chosen, str) and is_drawn(chosen) else {}
    shape = said.get("polygon")
    return replace(found, areas={**drawn, **read_areas(asking, layers)}, area=kept_words(shape), shape=shape)


# --- the pane ---------------------------------------------------------------------------------------------------------


def pane(
    base: Values,
    values: Values,
    known: Known,
    rule: RuleObject | None,
    versions: Sequence[RuleVersion],
    *,
    may_change: bool,
) -> html.Div:
    """The pane of a rule, or of a new one (`rule` None)."""
    form = rule_form(values, known)
    title = texts.both("rules.add") if rule is None else texts.pair(rule["names"])
    below = [forms.save_button(form), forms.try_box(form, TRIAL, STANDARD)] if may_change else []
    return html.Div(
        [
            pane_head(title, ids.press(KEY, "close")),
            *([html.P(texts.both("rules.new"), className="quiet")] if rule is None else [state_view(rule, may_change)]),
            *([] if may_change else [html.P(texts.both("rules.read_only"), className="quiet")]),
            forms.draw(form, values, locked=not may_change, base=base),
            *below,
            *([rule_versions(versions, may_change=may_change)] if versions else []),
        ],
        className="rule",
    )


def state_view(rule: RuleObject, may_change: bool) -> html.Div:
    on, load = rule["enabled"], rule["load"]
    words = "rules.disarm" if on else "rules.arm"
    switch = [
        action(
            ids.switch_rule(rule["id"], "off" if on else "on"),
            words,
            small=True,
            primary=not on,
            data_key="switch-rule",
        )
    ]
    return html.Div(
        [
            facts(
                [
                    ("rules.on", lamp("fresh", "rules.armed") if on else lamp("off", "rules.disarmed")),
                    (
                        "rules.load",
                        html.Span(
                            texts.both(
                                "rules.load.words",
                                alarms=figure(load["alarms"]),
                                per_day=figure(load["per_day"]),
                                useless=figure(load["not_useful"]),
                                active=figure(load["active"]),
                            )
                        ),
                    ),
                    (
                        "rules.changed",
                        html.Span([clock_time(rule["changed_at"]), " · ", *who_words(rule["changed_by"])]),
                    ),
                ]
            ),
            html.Div(switch if may_change else [], className="actions"),
        ]
    )


def kinds_view() -> html.Div:
    """What a new rule begins with."""
    listed = [
        html.Li(
            [
                action(ids.rule_kind(kind.key), name, small=True, data_key=f"kind-{kind.key}")
                if (name := f"rules.kind.{kind.key}") in texts.catalogue()
                else html.Button(
                    kind.key, id=ids.rule_kind(kind.key), type="button", n_clicks=0, className="action small"
                ),
                html.Span(
                    texts.both(f"{name}.help") if f"{name}.help" in texts.catalogue() else kind.key, className="hint"
                ),
            ]
        )
        for kind in KINDS
    ]
    return html.Div(
        [
            pane_head(texts.both("rules.add"), ids.press(KEY, "close")),
            html.P(texts.both("rules.choose"), className="quiet"),
            html.Ul(listed, className="kinds"),
        ],
        className="rule",
    )


def open_rule(asking: Asking, rule_id: str, values: Values | None = None) -> html.Div:
    """With what was typed where it is given."""
    rule = api.get_rule(asking.conn, asking.viewer, asking.now, rule_id)
    versions = api.get_versions(asking.conn, asking.viewer, rule_id, None, VERSIONS)["items"]
    may = asking.viewer.may(Permission.RULE_MANAGE)
    held = values_of(rule)
    return pane(held, values or held, read_known(asking, held, values or held), rule, versions, may_change=may)


def open_kinds(asking: Asking) -> html.Div:
    asking.viewer.require(Permission.RULE_MANAGE)
    return kinds_view()


def open_new(asking: Asking, kind: str) -> html.Div:
    asking.viewer.require(Permission.RULE_MANAGE)
    if kind not in KINDS:
        raise InputError("kind: there is no such kind", field="kind", about=expects("kind", "none_such", name=""))
    values = new_values(kind)
    return pane(values, values, read_known(asking, values, values), None, [], may_change=True)


# --- its buttons ------------------------------------------------------------------------------------------------------


class TrialIn(Given):
    """Over which time: so many days until now, or from-to as typed in the city's zone."""

    days: Literal["1", "7", "30", "own"] = "7"
    begin: str | None = Field(None, max_length=40)
    until: str | None = Field(None, max_length=40)
    beside: bool = Field(True)


STANDARD: Values = {"days": "7", "begin": None, "until": None, "beside": True}
TRIAL = forms.form_of(
    TrialIn,
    "rule-try",
    "rules.try",
    (Section(("days", ("begin", "until"), "beside")),),
    days={
        "kind": Kind.CHOICE,
        "choices": tuple((one, texts.both(f"rules.try.days.{one}")) for one in (*DAYS, OWN)),
        "required": True,
    },
)


def period_of(trial: TrialIn, now: datetime, zone: str) -> tuple[datetime, datetime]:
    """InputError names the field at fault."""
    if trial.days != OWN:
        until = now.replace(second=0, microsecond=0)
        return until - timedelta(days=int(trial.days)), until
    begin, until = moment_of("begin", trial.begin, zone), moment_of("until", trial.until, zone)
    if until <= begin:
        raise InputError("until: expected a moment after the beginning", field="until", reason="trial_order")
    return begin, until


def moment_of(name: str, words: str | None, zone: str) -> datetime:
    try:
        typed = datetime.strptime((words or "").strip().replace("T", " ")[:16], TYPED)  # noqa: DTZ007 (the city's)
    except ValueError as exc:
        raise InputError(f"{name}: expected 2026-11-30 08:00", field=name, reason="trial_moment") from exc
    return typed.replace(tzinfo=ZoneInfo(zone))


class RuleHandler:
    """Save, try and conflict of the form, each by the function behind the API."""

    key = KEY
    pane = RulesId.PANE.value
    lines: tuple[str, ...] = ("params.steps",)
    trial: Form | None = TRIAL

    def form(self, values: Values) -> Form:
        return rule_form(values)

    def save(self, asking: Asking, base: Values, values: JsonObject) -> Answer:
        asking.viewer.require(Permission.RULE_MANAGE)
        typed, values = values, with_area(asking, base, values)
        given, errors = given_of(rule_form(base), base, values)
        if given is None:
            return Answer(errors)
        if base.get("version") is None:
            saved = api.post_rule(asking.conn, asking.viewer, asking.now, given)
            told = done("rules.added")
        else:
            asked = {name: value for name, value in typed.items() if value != base.get(name)}
            change = RuleChange(
                version=int(base["version"]),
                alarm_kind=given.alarm_kind if "alarm_kind" in asked else None,
                name_zh=given.name_zh if "name_zh" in asked else None,
                name_en=given.name_en if "name_en" in asked else None,
                watches=given.watches if "watches" in asked else None,
                params=given.params if "params" in asked else None,
                why=given.why,
            )
            saved = api.patch_rule(asking.conn, asking.viewer, asking.now, str(base["id"]), change)
            told = done("rules.unchanged" if saved["version"] == base["version"] else "rules.saved")
        return Answer(pane=open_rule(asking, saved["id"]), toast=told, changed=True)

    def newer(self, asking: Asking, base: Values) -> Values:
        return values_of(api.get_rule(asking.conn, asking.viewer, asking.now, str(base["id"])))

    def draw(self, asking: Asking, base: Values, values: Values) -> html.Div:
        return open_rule(asking, str(base["id"]), values)

    def dry_run(self, asking: Asking, base: Values, values: JsonObject, trial: JsonObject) -> Answer:
        """What is typed, saved or not, beside what is saved; another trial that runs is said in words."""
        asking.viewer.require(Permission.RULE_MANAGE)
        asked, errors = forms.check(TRIAL, TrialIn, trial)
        named = {"id": "trial", "name_zh": "-", "name_en": "-"}
        differing = [name for name in ("alarm_kind", "params", "watches") if values.get(name) != base.get(name)]
        given, wrong = given_of(rule_form(base), base, with_area(asking, base, values), named)
        if asked is None or given is None:
            return Answer({**errors, **wrong}, result=[])
        zone = city_zone(asking.conn)
        try:
            begin, until = period_of(asked, asking.now, zone)
        except InputError as exc:
            return Answer({str(exc.field): error_words(exc)}, result=[])
        is_saved = base.get("version") is not None
        differs = bool(differing)
        body = api.TryIn.model_validate(
            {
                "rule": given,
                "from": begin,
                "to": until,
                "against": api.RuleRef(id=str(base["id"])) if is_saved and differs and asked.beside else None,
            }
        )
        try:
            found = api.try_a_rule(asking.conn, asking.viewer, body)
        except OneMapError as exc:
            return Answer(toast=toast("failed", error_words(exc)), result=[html.P(error_words(exc), className="warn")])
        scope = asking.viewer.scope
        ground = draw_districts(asking.conn, scope, district_codes(asking.conn, scope))
        area = given.params.get("polygon")
        return Answer(
            result=outcome(found, zone, is_saved=is_saved, differs=differs, ground=ground, area=as_object(area) or None)
        )
