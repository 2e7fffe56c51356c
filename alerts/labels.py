"""What an alarm is called by those who sort alarms: its labels, matchers over them, and the line of the work list that
it stands in. Pure.

Labels and matchers follow the model of Prometheus' Alertmanager: routes, inhibitions and silences all take alarms by
their labels. A label that an alarm lacks is the empty text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from alerts.patterns import ANY, can_share, fits, is_literal
from core.faults import unfit
from core.given import Given
from core.vocabulary import table

Label = Literal[
    "kind",
    "family",
    "rule",
    "level",
    "peak_level",
    "district",
    "thing_type",
    "thing",
    "thing_kind",
    "source",
    "site",
]
LABELS: tuple[str, ...] = Label.__args__  # type: ignore[attr-defined]
Labels = Mapping[str, str]
# the gravest level: never folded or muted under a lower one
GRAVEST = 1
OTHER = "other"


def check_pattern(value: str) -> str:
    """One that takes everything says nothing, and would look as if it did."""
    if not value.strip(ANY):
        raise unfit("pattern_any", f"expected something beside {ANY}")
    return value


Pattern = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(check_pattern)]


class Matcher(Given):
    """One label is one of these values, or none of them, or like one of these patterns, in which `*` stands for any
    text (and nothing else for anything but itself). Exactly one of the three is given."""

    label: Label
    is_: list[str] | None = Field(None, alias="is", min_length=1, max_length=200)
    is_not: list[str] | None = Field(None, min_length=1, max_length=200)
    like: list[Pattern] | None = Field(None, min_length=1, max_length=50)

    @model_validator(mode="after")
    def one_of_three(self) -> Matcher:
        if sum(one is not None for one in (self.is_, self.is_not, self.like)) != 1:
            raise unfit("matcher_one", "expected one of `is`, `is_not` and `like`")
        return self

    def takes(self, labels: Labels) -> bool:
        value = labels.get(self.label, "")
        if self.like is not None:
            return any(fits(pattern, value) for pattern in self.like)
        return value in self.is_ if self.is_ is not None else value not in (self.is_not or ())

    @property
    def listed(self) -> list[str] | None:
        """The only values that it takes; None where these are no list."""
        if self.like is not None and all(map(is_literal, self.like)):
            return self.like
        return self.is_

    def as_json(self) -> dict[str, Any]:
        return self.model_dump(by_alias=True, exclude_none=True)


Matchers = tuple[Matcher, ...]


def read_matchers(rows: Sequence[Mapping[str, Any]]) -> Matchers:
    """Matchers as they are stored. Raises pydantic's ValidationError for what is none."""
    return tuple(Matcher.model_validate(row) for row in rows)


def match(matchers: Matchers, labels: Labels) -> bool:
    """Whether all of them take these labels; none at all takes everything."""
    return all(matcher.takes(labels) for matcher in matchers)


def can_meet(one: Matchers, other: Matchers) -> bool:
    """Whether some labels could be taken by both: false only where the same label is wanted to be of values apart.
    Three patterns and more that share a text by twos only are taken to meet."""
    by_label: dict[str, list[Matcher]] = {}
    for matcher in (*one, *other):
        by_label.setdefault(matcher.label, []).append(matcher)
    return all(has_value(wanted) for wanted in by_label.values())


def has_value(wanted: Sequence[Matcher]) -> bool:
    """Whether matchers of one label can take one value together. What is not wanted never leaves a pattern without
    one: it takes texts without end."""
    listed = next((matcher.listed for matcher in wanted if matcher.listed is not None), None)
    if listed is not None:
        return any(all(matcher.takes({matcher.label: value}) for matcher in wanted) for value in listed)
    patterns = [matcher.like for matcher in wanted if matcher.like is not None]
    return all(
        any(can_share(mine, theirs) for mine in some for theirs in others) for some, others in combinations(patterns, 2)
    )


def family_of(kind: str) -> str:
    """What an alarm of this kind is gathered under: rain, water, wind ..."""
    family = table("alarm_kinds").get(kind, {}).get("family", OTHER)
    return family if family in table("alarm_families") else OTHER


def labels_of(alarm: Any) -> dict[str, str]:
    """The labels of an alarm, from a row with the columns that they are named for, and `thing_kind`, `source_id` and
    `site` where it is known what the thing is."""
    return {
        "kind": alarm.kind,
        "family": family_of(alarm.kind),
        "rule": alarm.rule_id,
        "level": str(alarm.level),
        "peak_level": str(alarm.peak_level),
        "district": alarm.district or "",
        "thing_type": alarm.thing_type,
        "thing": alarm.thing_id,
        "thing_kind": alarm.thing_kind or "",
        "source": alarm.source_id or "",
        "site": alarm.site or "",
    }


def values_of(labels: Labels, names: Sequence[str]) -> str:
    """The values of these labels as one key."""
    return ".".join(labels.get(name, "") for name in names)


def line_of(kind: str, level: int, district: str | None) -> str:
    """The line of the work list in which an alarm stands: its family (and what else the family is told apart by), and
    those of level I in a line of their own, so that none is ever below a lower one."""
    family = family_of(kind)
    by = table("alarm_families")[family].get("group_by", ["family"])
    key = values_of({"family": family, "kind": kind, "district": district or ""}, by)
    return f"{family}:{key}:{GRAVEST}" if level == GRAVEST else f"{family}:{key}"
