"""What a person gives of a source, and what the API says of it."""

from __future__ import annotations

import base64
import binascii
from typing import ClassVar

from pydantic import Field, model_validator
from typing_extensions import TypedDict

from core.errors import InputError
from core.faults import expects
from core.given import Given
from core.types import JsonObject
from core.vocabulary import Text

ID = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"


class SourceIn(Given):
    """All that can be set of a source, with its defaults. Meaning (decoder, filters, units) is checked by
    `make_source`."""

    id: str = Field(pattern=ID)
    name_zh: str = Field(min_length=1, max_length=200)
    name_en: str = Field(min_length=1, max_length=200)
    topic_filters: list[str] = Field(min_length=1, max_length=100)
    decoder: str
    options: JsonObject = {}
    datum: str = "WGS84"
    timezone: str | None = Field(None, max_length=60)
    units: JsonObject = {}
    metrics: dict[str, str | None] = {}
    only_mapped: bool = False
    coarse: bool | None = Field(None, description="its clock counts whole seconds; null: as its decoder's makers do")
    id_prefix: str = ""
    owner: str | None = Field(None, max_length=200)
    interval_s: float | None = Field(None, gt=0, allow_inf_nan=False)
    district: str | None = Field(None, pattern=r"^\d{6}$")
    enabled: bool = False


class SourceChange(Given):
    """Some of it, and the `version` that was seen: what is left out stays as it is."""

    version: int = Field(ge=0, lt=2**31)
    name_zh: str | None = None
    name_en: str | None = None
    topic_filters: list[str] | None = None
    decoder: str | None = None
    options: JsonObject | None = None
    datum: str | None = None
    timezone: str | None = None
    units: JsonObject | None = None
    metrics: dict[str, str | None] | None = None
    only_mapped: bool | None = None
    coarse: bool | None = None
    id_prefix: str | None = None
    owner: str | None = None
    interval_s: float | None = None
    district: str | None = None
    enabled: bool | None = None


class TryIn(SourceIn):
    """A source as it might be, and one message for it: text, or any bytes in base64."""

    # a message to be tried may hold anything
    anything: ClassVar[frozenset[str]] = frozenset({"payload"})

    id: str = Field("try", pattern=ID)
    name_zh: str = "-"
    name_en: str = "-"
    topic: str = Field(min_length=1, max_length=1000)
    payload: str | None = None
    payload_base64: str | None = None
    # MQTT 5 user properties
    properties: dict[str, str] = {}

    @model_validator(mode="after")
    def one_payload(self) -> TryIn:
        if (self.payload is None) == (self.payload_base64 is None):
            raise InputError(
                "payload: expected either payload or payload_base64",
                field="payload",
                about=expects("payload", "payload_once"),
            )
        return self

    def body(self) -> bytes:
        if self.payload_base64 is None:
            return (self.payload or "").encode()
        try:
            return base64.b64decode(self.payload_base64, validate=True)
        except (binascii.Error, ValueError) as exc:
            raise InputError(
                "payload_base64: expected base64 (RFC 4648 section 4)",
                field="payload_base64",
                about=expects("payload_base64", "base64"),
            ) from exc


COLUMNS = tuple(SourceIn.model_fields)


class LetterCounts(TypedDict):
    """Dead letters: those that nobody has dealt with, and all that ever were."""

    waiting: int
    total: int


class SourceCounts(TypedDict):
    """What came through a source. `rate` in messages a second, falling off over a minute; ages, silence and lag in
    seconds. `fault`: why the ingesters leave it out, null where they can use it. `last_at` the last message,
    `good_at` the last of which something could be read; `unread_since` where it speaks and nothing of it can be
    read."""

    enabled: bool
    fault: str | None
    messages: int
    records: int
    decode_errors: int
    rate: float
    lag_s: float | None
    last_at: str | None
    good_at: str | None
    unread_since: str | None
    age_s: float | None
    devices: int
    pending: int
    silent_s: float | None
    overdue: bool


class SourceState(SourceCounts):
    dead_letters: LetterCounts


class SourceObject(TypedDict):
    """A source, what can be set of it and what came through it."""

    id: str
    name_zh: str
    name_en: str
    names: Text
    topic_filters: list[str]
    decoder: str
    options: JsonObject
    datum: str
    timezone: str | None
    units: JsonObject
    metrics: dict[str, str | None]
    only_mapped: bool
    coarse: bool | None
    id_prefix: str
    owner: str | None
    interval_s: float | None
    district: str | None
    enabled: bool
    version: int
    changed_at: str | None
    changed_by: str | None
    state: SourceState


class DecoderObject(TypedDict):
    """What a source may be read by: topic filters such devices usually speak on, the JSON schema of its options."""

    key: str
    names: Text
    filters: list[str]
    options: JsonObject


class TryError(TypedDict):
    """What a dead letter would carry."""

    reason: str
    field: str | None
    detail: str


class Trial(TypedDict):
    """What a source makes of a message: whether one of its filters matches the topic; records, each with its `type`
    (and `called`, where people call its device or metric otherwise than by its id), what is wrong with single values,
    or the error."""

    matches: bool
    records: list[JsonObject]
    faults: list[TryError]
    error: TryError | None
