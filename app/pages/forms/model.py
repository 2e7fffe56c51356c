"""What a form is made of: fields, sections, lines; and what is said of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from pydantic import JsonValue

Words = list[Any]
Values = Mapping[str, Any]
Errors = dict[str, Words]
# the place of what is wrong with no field
WHOLE = ""


class Kind(StrEnum):
    TEXT = "text"
    LONG = "long"
    NUMBER = "number"
    TICK = "tick"
    CHOICE = "choice"
    CHOICES = "choices"  # several of them
    LIST = "list"  # of strings or numbers, one a line
    LINES = "lines"  # a mapping or a list of models, each entry a line of inputs
    GROUP = "group"  # a model in the model
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Lines:
    """How a mapping or list is a table of inputs: `split` into rows of text, `join` them again. `offered` are values
    that are proposed, `choices` the only ones there are; what stands in `fixed` columns cannot be changed; no lines are
    added where it does not grow. `keyed`: a line without its first value is none; else one without any is none. `drawn`
    makes the input of a column from the line's values, where it is one of several values too (they reach `join` a line
    each); `said` tells the whole in words."""

    columns: tuple[str, ...] = ("key", "value")
    split: Callable[[Any], list[Sequence[Any]]] = lambda value: [list(item) for item in value.items()]
    join: Callable[[list[list[str]]], JsonValue] = lambda rows: {row[0]: row[1] or None for row in rows}
    offered: Mapping[str, Sequence[str]] = field(default_factory=dict)
    choices: Mapping[str, tuple[tuple[str, Words], ...]] = field(default_factory=dict)
    fixed: frozenset[str] = frozenset()
    grows: bool = True
    keyed: bool = True
    drawn: Mapping[str, Callable[[Sequence[Any], dict[str, Any]], Any]] = field(default_factory=dict)
    said: Callable[[Any], Words] | None = None

    def are(self, row: Sequence[str]) -> bool:
        """Whether anything stands in a line."""
        return bool(row[0]) if self.keyed else any(row)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form. `choices` are (value, words), of numbers where `is_number`; `unit` is a catalogue key, shown
    beside the input; `below` are components that stand under it."""

    name: str
    kind: Kind
    required: bool = False
    nullable: bool = False
    default: Any = None
    choices: tuple[tuple[str, Words], ...] = ()
    unit: str = ""
    lines: Lines = Lines()
    fields: tuple[Field, ...] = ()
    is_number: bool = False
    below: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """Fields under a heading that can be folded; without a heading they just stand there. Two names in a tuple stand
    side by side."""

    fields: tuple[str | tuple[str, ...], ...]
    title: str = ""
    is_open: bool = True


@dataclass(frozen=True, slots=True)
class Form:
    """`key` is part of every id; `words` the family of labels in the catalogue. `renamed` are fields that are called
    by another name there."""

    key: str
    words: str
    fields: tuple[Field, ...]
    sections: tuple[Section, ...]
    renamed: Mapping[str, str] = field(default_factory=dict)

    def field(self, name: str) -> Field:
        """One of a model in the model is called `{field}.{name}`."""
        outer, *inner = name.split(".")
        found = next(one for one in self.fields if one.name == outer)
        for part in inner:
            found = next(one for one in found.fields if one.name == part)
        return replace(found, name=name)

    def says(self, name: str) -> str:
        """The catalogue key of a field's label, or of a column's of its lines."""
        return f"{self.words}.{self.renamed.get(name, name)}"

    def names(self) -> Iterator[str]:
        """Of all fields, those of models in the model too."""
        return names_of(self.fields)

    def shown(self) -> list[Field]:
        names = [name for section in self.sections for part in section.fields for name in as_names(part)]
        return [self.field(name) for name in names]

    def changed(self, name: str, **changes: Any) -> Form:
        return replace(self, fields=tuple(replace(f, **changes) if f.name == name else f for f in self.fields))


def names_of(fields: Sequence[Field], within: str = "") -> Iterator[str]:
    for one in fields:
        yield f"{within}{one.name}"
        yield from names_of(one.fields, f"{within}{one.name}.")


def as_names(part: str | tuple[str, ...]) -> tuple[str, ...]:
    return (part,) if isinstance(part, str) else part
