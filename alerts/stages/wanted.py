"""What concerns a subscription."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Annotated

import shapely
from pydantic import AfterValidator, ConfigDict, Field, JsonValue
from shapely.errors import GEOSException
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from core.faults import unfit
from core.given import Given

if TYPE_CHECKING:
    from alerts.stages.base import Change

MOST_POINTS = 5000
Names = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=200)], ...], Field(max_length=200)]


def check_area(given: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """A Polygon or MultiPolygon of GeoJSON (RFC 7946) on the globe, closed, that does not cross itself."""
    try:
        area = shape(given)
        box = shapely.bounds(area)
    except (GEOSException, ValueError, TypeError, KeyError, AttributeError, IndexError) as exc:
        raise unfit("area_shape", "expected a Polygon or MultiPolygon of GeoJSON") from exc
    if area.geom_type not in ("Polygon", "MultiPolygon") or area.is_empty:
        raise unfit("area_shape", "expected a Polygon or MultiPolygon of GeoJSON")
    on_globe = box[0] >= -180 and box[2] <= 180 and box[1] >= -90 and box[3] <= 90
    if not on_globe or not area.is_valid or shapely.get_num_coordinates(area) > MOST_POINTS:
        raise unfit(
            "area_valid", "expected an area on the globe that does not cross itself, of {most} points", most=MOST_POINTS
        )
    return given


class Filter(Given):
    """What concerns a subscription; what is left out does not limit it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kinds: Names = Field((), description="of what: alarm, message")
    level: int | None = Field(None, ge=1, le=4, description="alarms that are of this level or worse now")
    peak_level: int | None = Field(None, ge=1, le=4, description="alarms that are or were of this level or worse")
    districts: Names = Field((), description="six-digit codes")
    families: Names = Field((), description="alarms that are gathered under these: rain, water, wind ...")
    alarm_kinds: Names = ()
    area: Annotated[dict[str, JsonValue], AfterValidator(check_area)] | None = Field(
        None, description="alarms inside: a Polygon or MultiPolygon of GeoJSON"
    )
    mine: bool = Field(False, description="alarms of incidents that a unit of the owner was sent to")
    not_what: Names = Field((), description="changes that are not told")

    def concerns(self, change: Change) -> bool:
        return self.fits(change) and self._holds(change.place)

    def fits(self, change: Change) -> bool:
        """Wherever it is."""
        return (
            (not self.kinds or change.kind in self.kinds)
            and at_least(change.level, self.level)
            and at_least(change.peak_level, self.peak_level)
            and (not self.districts or change.district in self.districts)
            and (not self.families or change.labels.get("family") in self.families)
            and (not self.alarm_kinds or change.alarm_kind in self.alarm_kinds)
            and change.what not in self.not_what
        )

    def _holds(self, place: tuple[float, float] | None) -> bool:
        """Whether a place is inside the area; one that nobody knows is in none."""
        if self.area is None:
            return True
        if place is None:
            return False
        return bool(shapely.contains_xy(self.prepared, *place))

    @cached_property
    def prepared(self) -> BaseGeometry:
        area = shape(self.area)
        shapely.prepare(area)
        return area


def at_least(level: int | None, wanted: int | None) -> bool:
    """Whether a level is the wanted one or worse (1 is the worst)."""
    return wanted is None or (level is not None and level <= wanted)


@lru_cache(maxsize=4096)
def filter_from(stored: str) -> Filter:
    """From JSON as it is stored. Raises pydantic's ValidationError."""
    return Filter.model_validate_json(stored)


EVERYTHING_WANTED = Filter()
