"""What is said of a file that becomes a layer, and what is answered (app.files.incoming does it)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from core.given import Given
from core.scope import Classification
from core.texts import no_formula
from core.types import JsonObject
from layers.imports.nouns import Refused
from layers.imports.plan import MOST_COLUMNS, ColumnIn

# what is done with a file: shown by its first rows; worked through to its end, and nothing kept; kept
Mode = Literal["look", "check", "load"]
# a file that was brought: it lies here; a process reads it; it is done, ended by a person, or could not be done
State = Literal["here", "working", "done", "stopped", "failed"]


class MappingIn(Given):
    """What is said of a file besides what it says itself; all of it may be left out. `x` and `y` name the columns of a
    place."""

    layer: str | None = Field(None, max_length=48)
    title: str | None = Field(None, max_length=200)
    title_en: str | None = Field(None, max_length=200)
    group: str | None = Field(None, max_length=64)
    table: str | None = Field(None, max_length=200)
    datum: str | None = Field(None, max_length=4000)
    encoding: str | None = Field(None, max_length=64)
    zone: str | None = Field(None, max_length=64)
    key: str | None = Field(None, max_length=200)
    x: str | None = Field(None, max_length=200)
    y: str | None = Field(None, max_length=200)
    columns: list[ColumnIn] | None = Field(None, max_length=MOST_COLUMNS)
    classification: Classification | None = None
    departments: list[str] | None = Field(None, max_length=200)
    remove_gone: bool = False
    anywhere: bool = False
    # of a layer that is there, the version that was looked at
    version: int | None = Field(None, ge=1, le=2**31 - 1)


class ImportIn(MappingIn):
    """`name` is the file's; a dry run works through all of it and keeps nothing."""

    name: str = Field(max_length=255)
    dry_run: bool = False


def refused_csv(refused: Iterable[Refused]) -> str:
    """Rows that are refused as a table, why in both languages."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["row", "field", "why_zh", "why_en"])
    for one in refused:
        writer.writerow([one["row"], *map(no_formula, (one["field"], one["why"]["zh"], one["why"]["en"]))])
    return text.getvalue()


class TableObject(TypedDict):
    """A table that stands in a file; `rows` is null where only reading tells."""

    name: str
    rows: int | None


class ImportObject(TypedDict):
    """What a file became, or would become: its tables, which of them was read, how (`guessed`: nobody said so), the
    plan, the first rows as they are kept, how many of which, and which are refused and why, the first thousand of
    them. `known`: there is a layer of this id already, of `version`."""

    tables: list[TableObject]
    table: str
    reference: str
    guessed: bool
    encoding: str | None
    known: bool
    version: int | None
    plan: JsonObject
    rows: list[JsonObject]
    figures: dict[str, int]
    gone_keys: list[str]
    refused: list[Refused]


class Failure(TypedDict):
    """Why a file could not be worked through."""

    kind: str
    message: str
    field: str | None
    reason: str
    # what fills in the words of the reason; not there in what an earlier version wrote
    about: NotRequired[dict[str, dict[str, str]]]


class FileObject(TypedDict):
    """A file that was brought, and how far the work on it is: rows read (`done`), of how many where that is known."""

    id: str
    name: str
    size: int
    state: State
    mode: Mode | None
    done: int
    whole: int | None
    answer: ImportObject | None
    failure: Failure | None
