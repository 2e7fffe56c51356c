"""Situations for tests of the risk, as a few words say them: what is not said is that of an ordinary place by day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from alerts.risk.terms import Coping, Hazard, Risk, Weather, assess
from alerts.scoring import alarm_hazard, hazard_of
from core.exposure import Exposure, Place

ZONE = "Asia/Shanghai"
# local noon, evening and two at night
HOURS = {
    "day": datetime(2026, 5, 4, 4, tzinfo=UTC),
    "home": datetime(2026, 5, 4, 12, tzinfo=UTC),
    "night": datetime(2026, 5, 4, 18, tzinfo=UTC),
}
UNIT = {"zh": "一号车", "en": "Car 1"}
WARNING = {"zh": "暴雨预警", "en": "Rainstorm warning"}
ORDINARY: Mapping[str, Any] = {
    "certainty": None,
    "in_danger": None,
    "near": 500,
    "buildings": 25,
    "facilities": {},
    "hour": "day",
    "warning": None,
    "eta_min": 6,
    "around_min": 7,
    # how much after the first the last of what is needed comes
    "later_min": 0,
    "competing": 0,
    "help": None,
    "age_h": 0,
}


def hazard_of_situation(said: Mapping[str, Any]) -> Hazard:
    told = {**ORDINARY, **said}
    at = HOURS[told["hour"]] - timedelta(hours=told["age_h"])
    if "alarm" in told:
        hazard = alarm_hazard(told["alarm"], told["level"], at, told["in_danger"])
    else:
        hazard = replace(hazard_of(told["kind"], told["level"], "Likely", at, told["in_danger"]), ladder="incident")
    return replace(hazard, certainty=told["certainty"] or hazard.certainty)


def places(facilities: Mapping[str, int]) -> tuple[Place, ...]:
    return tuple(
        Place(f"{kind}-{i}", kind, {"zh": f"东城{kind}", "en": f"East {kind}"}, 100.0)
        for kind, count in facilities.items()
        for i in range(count)
    )


def coping_of_situation(told: Mapping[str, Any]) -> Coping:
    eta = None if told["eta_min"] is None else 60.0 * told["eta_min"]
    last = told.get("all_min", told["eta_min"])
    if last is not None:
        last += told["later_min"]
    return Coping(
        eta,
        UNIT if eta is not None else None,
        60.0 * told["around_min"],
        True,
        None if last is None else 60.0 * last,
        (),
        told["help"],
        told["competing"],
    )


def risk_of(said: Mapping[str, Any]) -> Risk:
    told = {**ORDINARY, **said}
    found = Exposure(told["near"], told["buildings"], places(told["facilities"]), True)
    weather = Weather(told["warning"], WARNING) if told["warning"] else Weather()
    return assess(hazard_of_situation(said), found, weather, coping_of_situation(told), HOURS[told["hour"]], ZONE)
