"""What every decoder stands on: the message it is given, the checks it makes, the errors it may raise (DecodeError
only).

A decoder turns the bytes of one message into records (ingest.records). It says what the device said: names of metrics
as the device has them (`DS18B20.Temperature`), units as given, positions in the source's datum. The source
(ingest.sources) maps names, converts units and datums afterwards. Times are microseconds since 2000-01-01 UTC.
"""

from __future__ import annotations

import codecs
import hashlib
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any, NamedTuple, TypeVar

import msgspec
from pydantic import BaseModel, ConfigDict

from core import texts
from core.errors import DecodeError, InputError
from core.pgarray import UNIX_TO_PG_US, to_pg_us
from core.types import DEVICE_ID, Box, LonLat
from ingest.records import Record

Body = TypeVar("Body")
SECOND = 1_000_000
DAY = 86_400 * SECOND
PAST, AHEAD = 90 * DAY, 2 * DAY


class Options(BaseModel):
    """What a source may set for its decoder; a name we do not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Incoming(NamedTuple):
    """One message as a decoder sees it."""

    topic: str
    payload: bytes
    # MQTT 5 user properties; the last of a name counts
    properties: Mapping[str, str]
    # when it was received, microseconds since 2000-01-01 UTC
    now: int
    # an instance of the decoder's `options`
    options: Any
    # for devices that send local times without an offset: the source's zone, else the city's
    zone: tzinfo = UTC
    # where what is wrong with single values is told, so that the others are kept; None: it is raised
    faults: list[DecodeError] | None = None
    # the city's, where it is known
    extent: Box | None = None
    # where the spelling of a name is kept that became another id: id -> what people call it
    spelled: dict[str, str] | None = None

    def own(self, name: str, called: str | None = None) -> str:
        """The id of what has this name; `called`: what people call it, where that is not its name."""
        own = safe_name(name)
        called = (called or "").strip() or name
        if self.spelled is not None and called != own:
            self.spelled[own] = called
        return own


@dataclass(frozen=True, slots=True)
class Decoder:
    """`decode(incoming) -> records`, raising DecodeError and nothing else whatever the bytes.

    `filters` are the topic filters such devices usually speak on; `{prefix}` stands for our own first topic part.
    `exact`: the names of metrics are ours as they come. `coarse`: such devices' clocks count whole seconds, so that two
    messages of one second carry the same time. `prepare(options, prefix)` fills in what only the installation
    knows.
    """

    key: str
    names: Mapping[str, str]
    filters: tuple[str, ...]
    decode: Callable[[Incoming], list[Record]]
    options: type[Options] = Options
    exact: bool = False
    coarse: bool = False
    prepare: Callable[[Any, str], Options] | None = None
    # metrics that an option asks for, though they are about the device or its link
    asked: Callable[[Any], frozenset[str]] = lambda _: frozenset()


_MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def unmark(payload: bytes) -> bytes:
    """`payload` without a byte-order mark, and in UTF-8 where the mark says UTF-16. XML says itself what it is in, and
    what no text begins with stays as it is."""
    if not payload or payload[0] < 0xEF:
        return payload
    if payload[:3] == codecs.BOM_UTF8:
        return payload[3:]
    encoding = _MARKS.get(payload[:2])
    if encoding is None:
        return payload
    try:
        text = payload.decode(encoding)
    except UnicodeDecodeError:
        return payload
    return payload if text.lstrip().startswith("<") else text.encode()


# msgspec's words for a type, in a person's words
WORDS = {
    "float | null": "a number",
    "float": "a number",
    "int | null": "a whole number",
    "int": "a whole number",
    "str | null": "text",
    "str": "text",
    "datetime": "a time with an offset (RFC 3339)",
    "object | null": "an object",
    "object": "an object",
    "array": "a list",
}
MISSING = re.compile(r"Object missing required field `(.+)`")
# its sentences that a person would not understand
PLAIN = (
    (
        re.compile(r"Expected `str` matching regex '\^\[A-Za-z0-9_\.:-\]\{1,64\}\$'"),
        "expected 1 to 64 of A-Z a-z 0-9 _ . : -",
    ),
    (re.compile(r"Expected `str` of length <= (\d+)"), r"expected at most \1 characters"),
    (re.compile(r"Expected `str` of length >= (\d+)"), r"expected at least \1 characters"),
    (re.compile(r"Expected `datetime` with a timezone component"), "expected a time with an offset (RFC 3339)"),
    (re.compile(r"Expected `(?:float|int)` (<=|>=) (\S+)"), r"expected a number \1 \2"),
)
MISMATCH = re.compile(r"Expected `(.+?)`, got `(.+?)`")


def invalid(field: str, sentence: str) -> DecodeError:
    """`sentence` says what was expected: `invalid("value", "expected a number")`."""
    return DecodeError(f"{field}: {sentence}", reason="invalid_field", field=field)


def spare(faults: list[DecodeError] | None, exc: DecodeError) -> None:
    """One bad value of a message: told beside those that are kept, or raised where nobody listens."""
    if faults is None:
        raise exc
    faults.append(exc)


def read(decoder: msgspec.json.Decoder[Body], payload: bytes) -> Body:
    """`payload` as the msgspec decoder's type; a DecodeError that names the field otherwise."""
    try:
        return decoder.decode(payload)
    except msgspec.ValidationError as exc:
        field, sentence = explain(str(exc))
        raise invalid(field, sentence) from exc
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise DecodeError(f"payload: expected JSON in UTF-8: {exc}", reason="not_json", field="payload") from exc


def explain(told: str) -> tuple[str, str]:
    """msgspec's sentence as (field, what was expected)."""
    sentence, _, path = told.partition(" - at `")
    # a name of an object is at fault: "key` in `$.values"
    field = path.rstrip("`").removeprefix("key` in `").removeprefix("$").removeprefix(".").replace("[...]", "")
    if missing := MISSING.match(sentence):
        return ".".join(part for part in (field, missing[1]) if part), "expected a value, it is missing"
    if mismatch := MISMATCH.match(sentence):
        return field or "payload", f"expected {WORDS.get(mismatch[1], mismatch[1])}, got {mismatch[2]}"
    for pattern, words in PLAIN:
        if found := pattern.match(sentence):
            return field or "payload", found.expand(words)
    return field or "payload", sentence[:1].lower() + sentence[1:]


def check_time(moment: datetime, now: int, field: str = "time") -> int:
    try:
        at = to_pg_us(moment)
    except OverflowError as exc:
        raise DecodeError(f"{field}: out of range", reason="time_out_of_range", field=field) from exc
    if not now - PAST <= at <= now + AHEAD:
        message = f"{field}: expected it between 90 days ago and 2 days ahead, got {moment.isoformat()}"
        raise DecodeError(message, reason="time_out_of_range", field=field)
    return at


def check_unix(seconds: float, now: int, field: str = "time") -> int:
    """Seconds since 1970 as our time."""
    if not abs(seconds) < 1e12:
        raise invalid(field, f"expected seconds since 1970, got {seconds}")
    at = round(seconds * SECOND) - UNIX_TO_PG_US
    if not now - PAST <= at <= now + AHEAD:
        message = f"{field}: expected it between 90 days ago and 2 days ahead, got {seconds:.0f} s since 1970"
        raise DecodeError(message, reason="time_out_of_range", field=field)
    return at


def check_finite(value: float, field: str) -> float:
    if not math.isfinite(value):
        raise invalid(field, f"expected a finite number, got {value}")
    return value


def check_text(value: str, field: str) -> str:
    """`value` as it is kept. What cannot be stored is refused; other characters that the API would refuse (control
    characters, directional overrides) become spaces: a report with one of them in it may be of somebody in danger."""
    if value.isprintable():
        return value
    found = texts.find_unstorable(value)
    if found is not None:
        raise invalid(field, f"U+{ord(found):04X} cannot be stored")
    return texts.fit(value)


def check_optional(value: str | None, field: str) -> str | None:
    return None if value is None else check_text(value, field)


def check_position(lon: float | None, lat: float | None) -> LonLat | None:
    """Both or neither; raises DecodeError naming the one at fault."""
    if lon is None and lat is None:
        return None
    if lon is None or lat is None:
        raise invalid("lon" if lon is None else "lat", "expected both lon and lat, or neither")
    try:
        return LonLat(lon, lat)
    except InputError as exc:
        raise DecodeError(exc.message, reason="invalid_field", field=exc.field) from exc


def check_place(lon: float | None, lat: float | None) -> LonLat | None:
    """As `check_position`; 0, 0 is how devices say that they do not know where they are."""
    return None if (lon, lat) == (0, 0) else check_position(lon, lat)


_UNSAFE = re.compile(r"[^A-Za-z0-9_.:-]+")


def safe_name(name: str) -> str:
    """`name` as an id of ours (`[A-Za-z0-9_.:-]{1,64}`): itself where it is one, else what is left of it and eight
    hexadecimal digits of its SHA-256, so that two names never become one."""
    if DEVICE_ID.fullmatch(name):
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    kept = _UNSAFE.sub("_", name)[:55].strip("_")
    return f"{kept}-{digest}" if kept else digest
