"""What is said of a file that becomes a layer, and what is answered (app.imports.work does it)."""

from __future__ import annotations

from pydantic import Field
from typing_extensions import TypedDict

from core.given import Given
from core.scope import Classification
from core.types import JsonObject
from layers.imports.nouns import Refused

# exit codes of the process: done; refused, and the answer says why
DONE, REFUSED = 0, 3


class ImportIn(Given):
    """What is said of a file besides what it says itself; all of it may be left out."""

    name: str = Field(max_length=255)
    layer: str | None = Field(None, max_length=48)
    title: str | None = Field(None, max_length=200)
    title_en: str | None = Field(None, max_length=200)
    table: str | None = Field(None, max_length=200)
    datum: str | None = Field(None, max_length=4000)
    encoding: str | None = Field(None, max_length=64)
    zone: str | None = Field(None, max_length=64)
    key: str | None = Field(None, max_length=200)
    classification: Classification | None = None
    remove_gone: bool = False
    anywhere: bool = False
    dry_run: bool = False


class ImportObject(TypedDict):
    """What a file became, or would become (`dry_run`): which table was read, how (`guessed`: nobody said so), the plan,
    the first rows as they are kept, how many of which, and which are refused and why, the first thousand of them."""

    table: str
    reference: str
    guessed: bool
    encoding: str | None
    plan: JsonObject
    rows: list[JsonObject]
    figures: dict[str, int]
    gone_keys: list[str]
    refused: list[Refused]
