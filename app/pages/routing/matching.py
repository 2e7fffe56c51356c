"""Conditions of routes, inhibitions and silences as lines of a form: a label, how, and values that are offered in
words. Pure but for what it reads of the city."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dash_mantine_components as dmc
from dash import html
from pydantic import JsonValue

from alerts.labels import LABELS
from alerts.present import read_open_alarms
from alerts.rules.editing import list_rules
from app.asking import Asking
from app.dashboard import texts
from app.pages import forms, ids
from app.pages.forms import Lines
from app.pages.forms.drawing import draw_choices
from app.pages.forms.model import Field, Kind
from app.pages.routing.words import TABLES, said
from app.seeing import only_seen
from core.levels import alarm_level, capital
from core.vocabulary import Text, table
from ingest.admin.sources.read import read_source_states
from layers.analysed import district_codes, name_districts

COLUMNS = ("label", "how", "values")
HOWS = ("is", "is_not", "like")
LEVELS = ("level", "peak_level")
Choices = tuple[tuple[str, list[Any]], ...]


@dataclass(frozen=True, slots=True)
class Known:
    """What the city has that a condition can name, by label: by its words, or as it is written."""

    named: Mapping[str, Mapping[str, Text]] = field(default_factory=dict)
    written: Mapping[str, Sequence[str]] = field(default_factory=dict)


NOTHING = Known()


def read_known(asking: Asking) -> Known:
    """As far as who asks sees it; things of the alarms that are open."""
    scope = asking.viewer.scope
    districts = name_districts(asking.conn, scope, district_codes(asking.conn, scope))
    alarms = only_seen(asking.viewer, "alarm", read_open_alarms(asking.conn))
    return Known(
        {
            "district": {code: area.words for code, area in districts.items()},
            "rule": {row.id: {"zh": row.name_zh, "en": row.name_en} for row in list_rules(asking.conn)},
            "source": {one["id"]: one["names"] for one in read_source_states(asking.conn, "", asking.now)},
        },
        {
            "thing": sorted({one["thing"]["id"] for one in alarms}),
            "thing_type": sorted({one["thing"]["type"] for one in alarms}),
        },
    )


def choices_of(label: str, known: Known) -> Choices | None:
    """The values that a label can have, in words; None where they are no list."""
    if label in LEVELS:
        return tuple((str(level), texts.pair(capital(alarm_level(level)))) for level in (1, 2, 3, 4))
    if label in TABLES:
        return tuple((key, texts.pair({"zh": row["zh"], "en": row["en"]})) for key, row in table(TABLES[label]).items())
    if label in known.named:
        return tuple((key, texts.pair(words)) for key, words in known.named[label].items())
    return None


def lines(form: str, name: str, known: Known) -> Lines:
    """A list of matchers as lines. `form` and `name`: of which form and field."""

    def values_of_line(values: Sequence[Any], named: dict[str, Any]) -> html.Div:
        row = named["id"]["row"]
        return html.Div(
            values_input(form, name, row, list(values), known), id=ids.values_of(form, name, row), className="values"
        )

    return Lines(
        COLUMNS,
        split,
        join,
        choices={"label": label_choices(), "how": how_choices()},
        keyed=False,
        drawn={"values": values_of_line, "how": how_of_line},
        said=lambda value: texts.pair(said(value or [])),
    )


def label_choices() -> Choices:
    return tuple((name, texts.both(f"routing.label.{name}")) for name in LABELS)


def how_choices() -> Choices:
    return tuple((how, texts.both(f"routing.how.{how}")) for how in HOWS)


def how_of_line(values: Sequence[Any], named: dict[str, Any]) -> dmc.Select:
    """What is told most often stands in a new line."""
    how = values[1] if len(values) > 1 else HOWS[0]
    rest = {key: value for key, value in named.items() if key != "value"}
    return forms.draw_choice(Field("how", Kind.CHOICE, choices=how_choices(), required=True), how, rest)


def values_input(form: str, name: str, row: str, line: Sequence[Any], known: Known) -> Any:
    """What a line's label can be: chosen in words where there is a list, else typed; a pattern is always typed."""
    label, how, values = line or (None, HOWS[0], [])
    named: dict[str, Any] = {
        "id": ids.cell(form, name, row, "values"),
        "label": html.Span(texts.both("routing.matcher.pattern" if how == "like" else "routing.matcher.values")),
        **forms.marked("values"),
    }
    choices = choices_of(label, known) if label and how != "like" else None
    if choices is not None:
        return draw_choices(Field("values", Kind.CHOICES, choices=choices), values, named)
    offered = known.written.get(label or "", ()) if how != "like" else ()
    return dmc.TagsInput(
        value=[str(one) for one in values or ()],
        data=list(offered),
        limit=8,
        acceptValueOnBlur=True,
        splitChars=[",", "，", ";", "；", "\n"],
        disabled=not label,
        **named,
    )


def kept_values(label: str, how: str, values: Sequence[str], known: Known) -> list[str]:
    """Of what stood there, what still can when label or way of a line is another."""
    choices = choices_of(label, known)
    if how == "like" or choices is None:
        return list(values) if choices is None else []
    fitting = {key for key, _ in choices}
    return [one for one in values if one in fitting]


def split(value: Any) -> list[Sequence[Any]]:
    return [[one.get("label"), how, list(one[how])] for one in value or () for how in HOWS if one.get(how) is not None]


def join(rows: list[list[str]]) -> list[JsonValue]:
    """What is left out of a line is for the model to name."""
    found: list[JsonValue] = []
    for label, how, values in rows:
        if not label and not values:
            continue
        listed: list[JsonValue] = [one.strip() for one in values.split("\n") if one.strip()]
        found.append({"label": label, how or HOWS[0]: listed})
    return found
