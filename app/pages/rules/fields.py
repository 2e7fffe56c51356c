"""The form of a rule, from the schema of its kind's parameters, and what the schema cannot say of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from alerts.rules import KINDS
from alerts.rules.administer import RuleIn
from alerts.rules.base import RuleParams
from app.dashboard import texts
from app.pages import forms
from app.pages.areas import KEPT, draw_tool
from app.pages.forms import Form, Kind, Section, Values
from app.pages.forms.model import Field, Words, names_of
from core.levels import alarm_level, capital
from core.types import JsonObject
from core.vocabulary import Text, table

KEY = "rule"
FAMILY = "rules.field"
FIRST = "threshold"
NEW = ("id",)
Choices = tuple[tuple[str, Words], ...]
# fields whose values are of a table of words
TABLES = {
    "metric": "metrics",
    "alarm_kinds": "alarm_kinds",
    "incident_kinds": "incident_kinds",
    "sensor_kinds": "sensor_kinds",
    "unit_kinds": "unit_kinds",
    "kinds": "video_kinds",
}
LEVELS = ("level", "source_level", "unstated")
# what is one of few words, by the field
ENUMS = ("direction", "function", "index", "when")
# names of rules, districts and layers stand in the database (`Known`)
KNOWN = {"rules": "rules", "suppressed_by": "rules", "districts": "districts", "district": "districts"}
SUFFIXES = (("_s", "unit.word.s"), ("_m", "unit.word.m"), ("_kmh", "unit.word.kmh"), ("_days", "unit.word.d"))


@dataclass(frozen=True, slots=True)
class Known:
    """What the city has that a rule can name: rules, districts, layers, areas of layers, by id."""

    rules: Mapping[str, Text] = field(default_factory=dict)
    districts: Mapping[str, Text] = field(default_factory=dict)
    layers: Mapping[str, Text] = field(default_factory=dict)
    # areas of layers and what was drawn, and what the one is called that the rule has, and its shape
    areas: Mapping[str, Text] = field(default_factory=dict)
    area: Text | None = None
    shape: Mapping[str, Any] | None = None


NOTHING = Known()


def kind_words(kind: str) -> Text:
    """What a kind of rule is called; others' kinds by their key."""
    name = f"rules.kind.{kind}"
    return texts.entry(name) if name in texts.catalogue() else {"zh": kind, "en": kind}


def of_table(name: str) -> Choices:
    return tuple((key, texts.pair({"zh": row["zh"], "en": row["en"]})) for key, row in table(name).items())


def of_names(names: Mapping[str, Text]) -> Choices:
    return tuple((key, texts.pair(words)) for key, words in names.items())


def levels() -> Choices:
    return tuple((str(level), texts.pair(capital(alarm_level(level)))) for level in (1, 2, 3, 4))


def rule_form(values: Values, known: Known = NOTHING) -> Form:
    """The form for a rule of the kind that `values` name; a rule that is not there yet has an id to give."""
    kind = str(values.get("kind") or FIRST)
    kind = kind if kind in KINDS else FIRST
    is_new = "id" in values and values.get("version") is None
    own = [tuned(one, known) for one in forms.fields_of(KINDS[kind].params.model_json_schema())]
    # what any rule may say comes after what its kind asks
    inner = tuple(sorted(own, key=lambda one: one.name in RuleParams.model_fields))
    head = (("kind", "alarm_kind"), ("name_zh", "name_en"))
    sections = (
        Section((*NEW, *head) if is_new else head),
        Section(("params",), "rules.params"),
        Section(("watches",), "rules.watches", is_open=is_new),
        Section(("why",)),
    )
    form = forms.form_of(
        RuleIn,
        KEY,
        FAMILY,
        sections,
        kind={"kind": Kind.CHOICE, "choices": ((kind, texts.pair(kind_words(kind))),), "required": True},
        alarm_kind={"kind": Kind.CHOICE, "choices": of_table("alarm_kinds"), "required": True},
        params={"kind": Kind.GROUP, "fields": inner, "required": True},
        why={"kind": Kind.LONG},
    )
    watches = tuple(tuned(one, known) for one in form.field("watches").fields)
    form = form.changed("watches", fields=watches)
    return replace(form, renamed=renamed(kind, inner))


def renamed(kind: str, params: tuple[Field, ...]) -> dict[str, str]:
    """Parameters, and columns of their lines, that mean something of their own with this kind."""
    names = [*names_of(params)]
    names += [f"{one.name}.{column}" for one in params if one.kind is Kind.LINES for column in one.lines.columns]
    return {f"params.{name}": name_of(kind, name) for name in names if name_of(kind, name) != f"params.{name}"}


def name_of(kind: str, name: str) -> str:
    """Under which name a parameter stands in the catalogue."""
    own = f"params.{kind}.{name}"
    return own if f"{FAMILY}.{own}" in texts.catalogue() else f"params.{name}"


def tuned(one: Field, known: Known) -> Field:
    """A field with what its schema cannot say: choices in words, and its unit."""
    if one.kind is Kind.GROUP:
        return replace(one, fields=tuple(tuned(inner, known) for inner in one.fields))
    if one.kind is Kind.LINES:
        choices = {name: levels() for name in LEVELS if name in one.lines.columns}
        return replace(one, lines=replace(one.lines, choices={**one.lines.choices, **choices}))
    several = Kind.CHOICES if one.kind is Kind.LIST else Kind.CHOICE
    if one.name in TABLES:
        return replace(one, kind=several, choices=of_table(TABLES[one.name]))
    if one.name in KNOWN:
        offered = of_names(getattr(known, KNOWN[one.name]))
        return replace(one, kind=several, choices=offered) if several is Kind.CHOICES or offered else one
    if one.name == "layer" and known.layers:
        return replace(one, kind=Kind.CHOICE, choices=of_names(known.layers))
    if one.name == "polygon":
        held = {KEPT: known.area} if known.area else {}
        listed = of_names({**held, **known.areas})
        return replace(one, kind=Kind.CHOICE, choices=listed, below=draw_tool(known.shape))
    if one.name in LEVELS:
        return replace(one, kind=Kind.CHOICE, choices=levels())
    if one.name in ENUMS:
        values = [value for value, _ in one.choices] or [value for value, _ in texts.family(f"rules.choice.{one.name}")]
        return replace(one, kind=Kind.CHOICE, choices=tuple((value, choice_words(one.name, value)) for value in values))
    if one.name == "without_attribute":
        return replace(one, kind=Kind.LIST)
    unit = next((unit for suffix, unit in SUFFIXES if one.name.endswith(suffix)), "")
    return replace(one, unit=unit) if one.kind is Kind.NUMBER else one


def choice_words(name: str, value: str) -> Words:
    return texts.known(f"rules.choice.{name}", value)


# --- values -----------------------------------------------------------------------------------------------------------


def sparse(kind: str, params: Mapping[str, Any]) -> JsonObject:
    """Parameters without what their kind takes by default, as a form reads them; as they stand where they are none."""
    try:
        dumped: JsonObject = KINDS[kind].params.model_validate(params).model_dump(mode="json", exclude_defaults=True)
    except (KeyError, ValidationError):
        return dict(params)
    return dumped


def kept(kind: str, params: Mapping[str, Any], before: Mapping[str, Any]) -> JsonObject:
    """Parameters to keep: checked, without defaults, but what was said before stays said."""
    whole = KINDS[kind].params.model_validate(params).model_dump(mode="json")
    told = sparse(kind, params)
    return {**{name: whole[name] for name in before if name in whole}, **told}


def watched(watches: Mapping[str, Any]) -> JsonObject:
    """`watches` as a form reads them."""
    unwanted = watches.get("without_attribute")
    listed = [unwanted] if isinstance(unwanted, str) else unwanted
    return {name: value for name, value in {**watches, "without_attribute": listed}.items() if value}
