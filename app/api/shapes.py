"""Bodies and query values, checked at the door."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi import Depends, Query
from pydantic import AfterValidator, AwareDatetime, Field, model_validator

from core.errors import InputError
from core.excerpt import Cursor, Excerpt, Order
from core.faults import expects, listed, unfit
from core.given import Given
from core.nouns import Page
from core.scope import Classification
from core.types import Box
from core.vocabulary import MOST_IN_DANGER, IncidentStatus, UnitStatus

Limit = Annotated[int, Query(ge=1, le=1000)]
Level = Annotated[int | None, Query(ge=1, le=4)]
# ids and kinds: what the database can hold and a person can read
Name = Annotated[str | None, Query(min_length=1, max_length=200)]
Words = Annotated[str, Query(max_length=200)]
# what fits into the columns of versions and counts
T = TypeVar("T", bound=Mapping[str, Any])
INT4 = 2**31 - 1
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def check_moment(value: datetime) -> datetime:
    if not EARLIEST <= value <= LATEST:
        raise unfit("moment_range", "expected a moment between {least} and {most}", least=1970, most=2200)
    return value


class Credentials(Given):
    username: str = Field(max_length=200)
    password: str = Field(max_length=500)


class AlarmsIn(Given):
    """Several alarms."""

    ids: list[UUID] = Field(min_length=1, max_length=1000)


class AcknowledgeIn(Given):
    until_clear: bool = False


class ReasonIn(Given):
    """`reason`: a key of the table `shelve_reasons`, or in words."""

    reason: str = Field(min_length=1, max_length=500, pattern=r"\S")


class CommentIn(Given):
    text: str = Field(min_length=1, max_length=2000, pattern=r"\S")


class OwnerIn(Given):
    """`mine`: whoever asks sees to it from now on; else nobody does any more."""

    mine: bool


class UsefulIn(Given):
    """What an operator says of an alarm."""

    useful: bool


class ShelveIn(Given):
    """`reason`: a key of the table `shelve_reasons`, or in words."""

    minutes: int = Field(ge=1, le=1440)
    reason: str = Field(min_length=1, max_length=500, pattern=r"\S")


class IncidentIn(Given):
    """Either `alarm`, or kind, level, title and where it is: lon and lat, or an address whose door is registered."""

    alarm: UUID | None = None
    kind: str | None = None
    level: int | None = Field(None, ge=1, le=4)
    title: str | None = Field(None, min_length=1, max_length=500, pattern=r"\S")
    lon: float | None = Field(None, ge=-180, le=180)
    lat: float | None = Field(None, ge=-90, le=90)
    text: str | None = Field(None, max_length=10_000)
    address: str | None = Field(None, max_length=500)
    # people directly in danger; None where nobody has said
    in_danger: int | None = Field(None, ge=0, le=MOST_IN_DANGER)
    # of one from an alarm it is the alarm's
    classification: Classification = Classification.OPEN

    @model_validator(mode="after")
    def one_of_both(self) -> IncidentIn:
        if self.alarm is None:
            place = () if self.address and self.lon is None and self.lat is None else ("lon", "lat")
            missing = [name for name in ("kind", "level", "title", *place) if getattr(self, name) is None]
            if missing:
                raise InputError(
                    f"{missing[0]}: expected a value (or alarm, alone)",
                    field=missing[0],
                    about=expects(missing[0], "missing"),
                )
        return self


class AssignIn(Given):
    unit: str = Field(min_length=1, max_length=64)


class StatusIn(Given):
    """`reason` why an incident is withdrawn."""

    status: IncidentStatus
    version: int = Field(ge=0, le=INT4)
    reason: str | None = Field(None, max_length=500)


class LevelIn(Given):
    level: int = Field(ge=1, le=4)
    version: int | None = Field(None, ge=0, le=INT4)
    reason: str | None = Field(None, max_length=500)


class NoteIn(Given):
    text: str = Field(min_length=1, max_length=2000, pattern=r"\S")


class JoinIn(Given):
    """The incident that this one becomes part of."""

    into: UUID


class AddAlarmIn(Given):
    alarm: UUID


class RecallIn(Given):
    reason: str | None = Field(None, max_length=500)


class IncidentChange(Given):
    """What is named is changed. `in_danger`: people directly in danger, null where nobody knows any more."""

    classification: Classification | None = None
    in_danger: int | None = Field(None, ge=0, le=MOST_IN_DANGER)
    version: int = Field(ge=0, le=INT4)

    @model_validator(mode="after")
    def some(self) -> IncidentChange:
        if self.classification is None and "in_danger" not in self.model_fields_set:
            raise InputError(
                "classification: expected a value (or in_danger)",
                field="classification",
                about=expects("classification", "missing"),
            )
        return self


class UnitStatusIn(Given):
    status: UnitStatus


class GeometryIn(Given):
    """A GeoJSON Polygon or MultiPolygon (RFC 7946)."""

    type: str
    coordinates: list[Any]


Moment = Annotated[AwareDatetime, AfterValidator(check_moment)] | None


def parse_bbox(value: str | None) -> Box | None:
    """`west,south,east,north` in degrees."""
    if value is None:
        return None
    try:
        west, south, east, north = (float(part) for part in value.split(","))
    except ValueError as exc:
        raise InputError(
            f"bbox: expected west,south,east,north in degrees, got {value!r}",
            field="bbox",
            about=expects("bbox", "box"),
        ) from exc
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise InputError(
            f"bbox: expected west <= east and south <= north, got {value!r}", field="bbox", about=expects("bbox", "box")
        )
    return west, south, east, north


def parse_cursor(value: str | None) -> UUID | None:
    if value is None:
        return None
    try:
        return UUID(value)
    except ValueError as exc:
        raise InputError(
            "cursor: expected the `next` of an earlier answer", field="cursor", about=expects("cursor", "cursor")
        ) from exc


def parse_number(value: str | None) -> int | None:
    """The cursor of a list whose ids are numbers."""
    if value is None:
        return None
    if not (value.isascii() and value.isdigit() and len(value) < 19):
        raise InputError(
            "cursor: expected the `next` of an earlier answer", field="cursor", about=expects("cursor", "cursor")
        )
    return int(value)


def parse_excerpt(
    level: Level = None,
    since: Moment = None,
    bbox: str | None = None,
    cursor: str | None = None,
    limit: Limit = 200,
    order: Order | None = None,
) -> Excerpt:
    """By risk, where nobody asks for what has changed `since`: then, as with `order=time`, the newest first. Scores
    move while somebody turns pages: who must have every row asks by time."""
    ordered: Order = order or ("score" if since is None else "time")
    return Excerpt(level, since, parse_bbox(bbox), parse_place(cursor, ordered), limit, ordered)


def parse_place(value: str | None, order: Order) -> Cursor | None:
    if value is None:
        return None
    key, mark, identity = value.rpartition("~")
    if bool(mark) is (order == "time"):
        raise InputError(
            "cursor: expected the `next` of an answer in the same order",
            field="cursor",
            about=expects("cursor", "cursor"),
        )
    try:
        number = float(key or 0)
        found = parse_cursor(identity)
    except ValueError as exc:
        raise InputError(
            "cursor: expected the `next` of an earlier answer", field="cursor", about=expects("cursor", "cursor")
        ) from exc
    if found is None or not math.isfinite(number):
        raise InputError(
            "cursor: expected the `next` of an earlier answer", field="cursor", about=expects("cursor", "cursor")
        )
    return Cursor(number, found)


ExcerptDep = Annotated[Excerpt, Depends(parse_excerpt)]


def parse_choices(
    field: str, value: str | None, every: type[StrEnum], standard: Sequence[StrEnum], excerpt: Excerpt
) -> list[str]:
    return parse_words(field, value, every, standard, excerpt.since)


def parse_words(
    field: str, value: str | None, every: type[StrEnum], standard: Sequence[StrEnum], since: datetime | None
) -> list[str]:
    """The states asked for, comma separated; else `standard`, and every one where somebody asks what has changed."""
    if value is None:
        return [str(one) for one in (standard if since is None else every)]
    asked = value.split(",")
    unknown = next((one for one in asked if one not in set(every)), None)
    if unknown is not None:
        raise InputError(
            f"{field}: expected one of {', '.join(every)}; got {unknown!r}",
            field=field,
            about=expects(field, "one_of", expected=listed(list(every))),
        )
    return asked


def page(items: Sequence[T], limit: int, after: Callable[[T], str] = lambda item: str(item["id"])) -> Page[T]:
    """`items` were asked for one more than `limit`, so that we know whether there is a next page; `after` gives the
    cursor of what comes after an item."""
    kept = list(items[:limit])
    return {"items": kept, "next": after(kept[-1]) if len(items) > limit else None}


def part(items: Sequence[T], cursor: str | None, limit: int) -> Page[T]:
    """A page of a list that is at hand whole and short by what it is of; its cursor is how many came before."""
    seen = parse_number(cursor) or 0
    end = seen + limit
    return {"items": list(items[seen:end]), "next": str(end) if len(items) > end else None}


def parse_pair(cursor: str | None) -> tuple[str, str] | None:
    """A place in a list whose rows are told by two words: `first:second`."""
    if cursor is None:
        return None
    first, sign, second = cursor.partition(":")
    if not sign or not cursor.isprintable():
        raise InputError(
            "cursor: expected the `next` of an earlier answer", field="cursor", about=expects("cursor", "cursor")
        )
    return first, second
