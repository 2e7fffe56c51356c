"""The words of the field: closed vocabularies as enums, everything a city may change as data (core/data/*.json).

A table is read once per process from `core/data`; a city overrides rows by putting a file of the same name into the
folder that ONEMAP_DATA_DIR names (rows are merged by key).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from enum import StrEnum
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, NotRequired, cast

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict

from core.errors import SetupError

Text = dict[str, str]  # {"zh": …, "en": …}
# a row has `zh` and `en`, the rest is each table's own
Table = dict[str, dict[str, Any]]


class UnitStatus(StrEnum):
    AVAILABLE = "available"
    ASSIGNED = "assigned"
    EN_ROUTE = "en_route"
    ON_SCENE = "on_scene"
    OUT_OF_SERVICE = "out_of_service"


class IncidentStatus(StrEnum):
    OPEN = "open"
    ASSIGNED = "assigned"
    EN_ROUTE = "en_route"
    ON_SCENE = "on_scene"
    CLEAR = "clear"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class TaskReply(StrEnum):
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EN_ROUTE = "en_route"
    ON_SCENE = "on_scene"
    CLEAR = "clear"


class AlarmState(StrEnum):
    """ANSI/ISA-18.2-2016 section 5.3, in snake case."""

    NORMAL = "normal"
    UNACKNOWLEDGED = "unacknowledged"
    ACKNOWLEDGED = "acknowledged"
    RETURNED_UNACKNOWLEDGED = "returned_unacknowledged"
    LATCHED_UNACKNOWLEDGED = "latched_unacknowledged"
    LATCHED_ACKNOWLEDGED = "latched_acknowledged"
    SHELVED = "shelved"
    SUPPRESSED_BY_DESIGN = "suppressed_by_design"
    OUT_OF_SERVICE = "out_of_service"


class WarningState(StrEnum):
    """What has become of a warning of others. `notice`: a message that warns of nobody's danger: a test, a draft, an
    acknowledgement, an error, a cancellation."""

    IN_FORCE = "in_force"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    NOTICE = "notice"


class Quality(StrEnum):
    """What is to be thought of a value: `good suspect bad` as the device says, the rest as we found (docs/operators.md,
    Quality).

    The tests are those of QARTOD (IOOS, Manual for Real-Time Quality Control): gross range, rate of change, flat line,
    location.
    """

    GOOD = "good"
    SUSPECT = "suspect"
    BAD = "bad"
    FUTURE = "future"
    RANGE = "range"
    OUTSIDE = "outside"
    JUMP = "jump"
    FROZEN = "frozen"
    LATE = "late"


# stored and shown, never judged: not of now, or not possible
UNJUDGED = (Quality.FUTURE, Quality.RANGE)


# sets of words that are derived from what they mean: stated here, and told to the page in /api/vocabulary
ENDED_INCIDENT = (IncidentStatus.CLOSED, IncidentStatus.CANCELLED)
# nobody is needed there any more
DONE_INCIDENT = (IncidentStatus.CLEAR, *ENDED_INCIDENT)
# alarms that wait for somebody to acknowledge them
WAITING_ALARM = (
    AlarmState.UNACKNOWLEDGED,
    AlarmState.RETURNED_UNACKNOWLEDGED,
    AlarmState.LATCHED_UNACKNOWLEDGED,
)
# those among them that are over by themselves
RETURNED_ALARM = (AlarmState.RETURNED_UNACKNOWLEDGED,)
SHELVABLE_ALARM = (*WAITING_ALARM, AlarmState.ACKNOWLEDGED, AlarmState.LATCHED_ACKNOWLEDGED)
# alarms that stand in no list and not on the map
QUIET_ALARM = (
    AlarmState.NORMAL,
    AlarmState.SHELVED,
    AlarmState.SUPPRESSED_BY_DESIGN,
    AlarmState.OUT_OF_SERVICE,
)
# units that are on something
BUSY_UNIT = (UnitStatus.ASSIGNED, UnitStatus.EN_ROUTE, UnitStatus.ON_SCENE)
SETS = {
    "ended_incident": ENDED_INCIDENT,
    "done_incident": DONE_INCIDENT,
    "waiting_alarm": WAITING_ALARM,
    "returned_alarm": RETURNED_ALARM,
    "shelvable_alarm": SHELVABLE_ALARM,
    "quiet_alarm": QUIET_ALARM,
    "busy_unit": BUSY_UNIT,
    "unjudged_quality": UNJUDGED,
}
# seconds after which the place of what is silent is not trusted
STALE_AFTER_S = {"unit": 90}


# --- the tables of `GET /api/vocabulary`; a city's own rows may say less than ours, and more --------------------------

_own = with_config(ConfigDict(extra="allow"))


@_own
class Words(TypedDict):
    zh: str
    en: str


@_own
class LevelWords(Words):
    """A bare number; `roman` its numeral; colour and severity (CAP) that go with it. What it means is each ladder's to
    say."""

    roman: NotRequired[str]
    colour_zh: NotRequired[str]
    colour_en: NotRequired[str]
    severity: NotRequired[str]


@_own
class FacilityKind(Words):
    """`sensitive`: how much more those inside count, 0-10; `counter` is said in Chinese with their number. `frail`: who
    is inside (frail_groups), `usual` how many by day and by night where nobody has counted. `domino`: how much a danger
    of its own, 0-10."""

    sensitive: NotRequired[float]
    counter: NotRequired[str]
    frail: NotRequired[str]
    usual: NotRequired[list[int]]
    domino: NotRequired[float]


@_own
class RiskBand(Words):
    """The scores that a level may have, `low` to `high`; `reach`: by how much the radius of a kind grows with it."""

    low: float
    high: float
    reach: float


@_own
class AlarmKind(Words):
    """`family`: what its alarms are gathered under in the work list."""

    family: NotRequired[str]
    incident_kind: NotRequired[str]
    certainty: NotRequired[str]
    urgency: NotRequired[str]


@_own
class Metric(Words):
    """`range` what is possible; `jump` a change a minute that is suspect; `frozen_s` how long it may stand still;
    `where` what it is called at a thing that has the attribute."""

    unit: NotRequired[str]
    decimals: NotRequired[int]
    range: NotRequired[list[float]]
    jump: NotRequired[float]
    where: NotRequired[dict[str, Words]]
    frozen_s: NotRequired[float]


@_own
class VideoKind(Words):
    incident_kind: NotRequired[str]
    urgent: NotRequired[bool]


@_own
class IncidentKind(Words):
    """`capabilities` that it needs, the most important first; `in_danger`: those that go before all others where its
    urgency says that people are in danger. `level` where nobody says one, `hazard` 0-10, `radius_m` of what it
    threatens, which grows with its level, or `radii_m` by level; `life`: at this urgency and graver ones a life is at
    stake."""

    capabilities: NotRequired[list[str]]
    in_danger: NotRequired[list[str]]
    cap_category: NotRequired[str]
    radius_m: NotRequired[float]
    radii_m: NotRequired[dict[str, float]]
    hazard: NotRequired[float]
    level: NotRequired[int]
    life: NotRequired[int]


class Vocabulary(TypedDict):
    """Tables of words, the sets of words that mean something together (`sets`), seconds after which what is silent is
    not trusted."""

    levels: dict[str, LevelWords]
    alarm_levels: dict[str, Words]
    urgencies: dict[str, Words]
    statutory_levels: dict[str, Words]
    warning_levels: dict[str, Words]
    response_levels: dict[str, Words]
    risk_levels: dict[str, Words]
    risk_bands: dict[str, RiskBand]
    certainties: dict[str, Words]
    channels: dict[str, Words]
    unit_words: dict[str, Words]
    milestones: dict[str, Words]
    alarm_states: dict[str, Words]
    shelve_reasons: dict[str, Words]
    withdraw_reasons: dict[str, Words]
    incident_statuses: dict[str, Words]
    unit_statuses: dict[str, Words]
    unit_kinds: dict[str, Words]
    incident_kinds: dict[str, IncidentKind]
    sensor_kinds: dict[str, Words]
    facility_kinds: dict[str, FacilityKind]
    alarm_kinds: dict[str, AlarmKind]
    alarm_families: dict[str, Words]
    metrics: dict[str, Metric]
    qualities: dict[str, Words]
    video_kinds: dict[str, VideoKind]
    capabilities: dict[str, Words]
    layer_groups: dict[str, Words]
    asset_classes: dict[str, Words]
    classifications: dict[str, Words]
    sets: dict[str, list[str]]
    stale_after_s: dict[str, float]


LISTED_TABLES = tuple(name for name in Vocabulary.__annotations__ if name not in ("sets", "stale_after_s"))


@cache
def table(name: str) -> Table:
    """The table `name`, with the city's own rows merged over ours. Do not change what you get."""
    rows: Table = json.loads((files("core") / "data" / f"{name}.json").read_text("utf-8"))
    folder = os.environ.get("ONEMAP_DATA_DIR")
    own = Path(folder) / f"{name}.json" if folder else None
    if own is None or not own.exists():
        return rows
    try:
        theirs: Table = json.loads(own.read_text("utf-8"))
    except ValueError as exc:
        raise SetupError(f"{own}: not JSON: {exc}", field="ONEMAP_DATA_DIR") from exc
    return {**rows, **{key: {**rows.get(key, {}), **row} for key, row in theirs.items()}}


def label(name: str, key: str | None) -> Text:
    """The words for `key` in table `name`; the key itself where the table does not know it."""
    row = table(name).get(key or "")
    return {"zh": row["zh"], "en": row["en"]} if row else {"zh": key or "", "en": key or ""}


def roman(level: int) -> str:
    """The numeral of a level, I to IV, as people say it."""
    return str(table("levels")[str(level)]["roman"])


# up to this urgency people are in danger
DANGER_LEVEL = 2
# nobody says of one incident that more are in danger
MOST_IN_DANGER = 1_000_000
# what an incident of an unknown kind threatens
REACH_M = 300.0


def needs_of(incident_kind: str | None, level: int) -> tuple[str, ...]:
    """The capabilities that an incident needs, the most important first; none of a kind nobody knows."""
    row = table("incident_kinds").get(incident_kind or "", {})
    first = row.get("in_danger", ()) if level <= DANGER_LEVEL else ()
    return tuple(dict.fromkeys([*first, *row.get("capabilities", ())]))


def reach_of(incident_kind: str | None, level: int) -> float:
    """Metres around it that an incident of a level threatens: what is counted for its risk, and shown as what is around
    it. A kind may say them for each level (`radii_m`), else its radius grows with the level (risk_bands)."""
    row = table("incident_kinds").get(incident_kind or "", {})
    own = row.get("radii_m", {}).get(str(level))
    if own is not None:
        return float(own)
    return float(row.get("radius_m", REACH_M)) * float(table("risk_bands")[str(level)]["reach"])


def life_at_stake(incident_kind: str | None, level: int) -> bool:
    """Whether such an incident means that somebody's life is at stake, where nobody has said how many are in danger."""
    return level <= int(table("incident_kinds").get(incident_kind or "", {}).get("life", 0))


def vocabulary() -> Vocabulary:
    """What the page needs to speak, for `GET /api/vocabulary`."""
    return cast(
        Vocabulary,
        {
            **{name: table(name) for name in LISTED_TABLES},
            "sets": {name: [str(word) for word in words] for name, words in SETS.items()},
            "stale_after_s": STALE_AFTER_S,
        },
    )


def sql_list(words: Iterable[str]) -> str:
    """A set of our own words as SQL, for IN: `('closed', 'cancelled')`."""
    return "(" + ", ".join(f"'{word}'" for word in words) + ")"
