"""What a card is: one noun per type of thing, each with the very object that lists and the live channel carry.

A card answers in a fixed order (docs/contributors.md, Cards): what it is, how bad and why, where, since when, who is on
it, what to do next; then what is around, what happened so far, and where this comes from.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from alerts.deliveries.kept import Delivery
from alerts.judged import Judged
from alerts.limits import Measure
from alerts.present import Alarm
from alerts.together import Together
from alerts.warnings import Warning
from app.cards.acts import Act
from core.nouns import LogLine, Risk
from core.vocabulary import Text
from dispatch.present import Incident, Unit
from dispatch.recommend import Recommended
from layers.assets import Asset
from layers.own import RowObject
from layers.registers import Facility, NearCamera
from layers.sensors import Sensor
from layers.video import CameraWhole, VideoEvent


class NextStep(TypedDict):
    """The recommended next step: one call of the API, or only words (`url` null) where there is nothing to press."""

    action: str
    label: Text
    reason: Text
    method: str | None
    url: str | None
    body: dict[str, str | int | float | None] | None


class NearUnit(TypedDict):
    """A unit that may be sent; time and way by road."""

    id: str
    kind: str
    names: Text
    status: str
    eta_s: int
    distance_m: int


class NearFacility(TypedDict):
    """A facility, so many metres away as the crow flies."""

    id: str
    kind: str
    names: Text
    distance_m: int


class Around(TypedDict):
    """Who and what is within `radius_m` metres; `people` null where nobody has counted them. `cut_to`: the districts of
    who asks, where the circle reaches beyond them: only what is in these is told."""

    radius_m: float
    cut_to: list[str] | None
    people: int | None
    buildings: int
    units: list[NearUnit]
    cameras: list[NearCamera]
    facilities: list[NearFacility]


class CardParts(TypedDict):
    """What every card has. `recommendations` are the units to send, best first, with their reasons; `acts` what else
    this person can do about it; `people` the names of those it speaks of by id."""

    id: str
    title: Text
    district_names: Text | None
    next: NextStep | None
    recommendations: list[Recommended]
    acts: list[Act]
    around: Around | None
    log: list[LogLine]
    people: dict[str, Text]
    source: Text


class AlarmCard(CardParts):
    """`judged`: what its rule judges now, where that is known; `measures`: how, for its chart. `risk`: its score, whose
    words have the figures of now: those of `around`. `together`: of an alarm about a place what lies together there;
    its members are those that this person sees. `told`: to whom it was told, for those who see to alarms."""

    type: Literal["alarm"]
    object: Alarm
    risk: Risk | None
    judged: Judged | None
    measures: list[Measure]
    together: Together | None
    told: list[Delivery]


class IncidentCard(CardParts):
    """With its alarms as they are now. `rise`: an alarm of it is graver than the incident is said to be; a person
    decides. `risk` as of an alarm; `needed` of capabilities, the most important first, and what of it is `missing`:
    nobody who is on it brings it. `arrivals`: when each unit on the way is there, from where it is now."""

    type: Literal["incident"]
    object: Incident
    risk: Risk | None
    needed: list[str]
    missing: list[str]
    arrivals: dict[str, str]
    alarms: list[Alarm]
    judged: list[Judged]
    rise: NextStep | None


class UnitCard(CardParts):
    type: Literal["unit"]
    object: Unit


class SensorCard(CardParts):
    """`measures`: what rules judge of it, by metric and window."""

    type: Literal["sensor"]
    object: Sensor
    measures: list[Measure]


class CameraCard(CardParts):
    type: Literal["camera"]
    object: CameraWhole


class VideoEventCard(CardParts):
    """`incident`: one of what was seen that is open near by."""

    type: Literal["video_event"]
    object: VideoEvent
    incident: str | None


class FacilityCard(CardParts):
    type: Literal["facility"]
    object: Facility


class AssetCard(CardParts):
    type: Literal["asset"]
    object: Asset


class RowCard(CardParts):
    type: Literal["row"]
    object: RowObject


class WarningCard(CardParts):
    type: Literal["warning"]
    object: Warning


Card = Annotated[
    AlarmCard
    | IncidentCard
    | UnitCard
    | SensorCard
    | CameraCard
    | VideoEventCard
    | WarningCard
    | FacilityCard
    | AssetCard
    | RowCard,
    Field(discriminator="type"),
]
