"""Risk: the band of a level, the place in it, what is missing, and that worse never scores lower."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.risk import arithmetic as sums
from alerts.risk.terms import Coping, Hazard, Weather, assess, exposure_terms, hour_term, people_value
from alerts.scoring import hazard_of
from core.exposure import Exposure
from core.vocabulary import life_at_stake, needs_of, reach_of, table
from tests.alerts.situations import HOURS, UNIT, WARNING, ZONE, places, risk_of

NOON = HOURS["day"]
PUDDLE = {"kind": "waterlogging", "level": 4}


def score(**said: Any) -> float:
    return risk_of({"kind": "flooding", "level": 2, **said}).exact


WORSE = [
    ("a worse level", score(level=3), score(level=1)),
    ("seen, not supposed", score(certainty="Possible"), score(certainty="Observed")),
    ("more people", score(near=100), score(near=5000)),
    ("somebody in danger", score(in_danger=0), score(in_danger=1)),
    ("more buildings", score(buildings=5), score(buildings=80)),
    ("a school near", score(), score(facilities={"school": 1})),
    ("a chemical works near", score(), score(facilities={"hazardous_site": 1})),
    ("at night", score(), score(hour="night")),
    ("under a red warning", score(warning=4), score(warning=1)),
    ("help further away", score(eta_min=2), score(eta_min=25)),
    ("no help at all", score(eta_min=25), score(eta_min=None)),
    ("a part of the help late", score(all_min=6), score(all_min=28)),
    ("thin cover around", score(around_min=5), score(around_min=28)),
    ("others need the same", score(), score(competing=3)),
    ("nobody there yet", score(eta_min=0, help="on_scene"), score(eta_min=7)),
]


@pytest.mark.parametrize(("why", "milder", "worse"), WORSE, ids=[c[0] for c in WORSE])
def test_worse_scores_higher(why: str, milder: float, worse: float) -> None:
    assert milder < worse


def test_old_news_of_what_still_holds_is_no_less_a_danger() -> None:
    """It was: half of the weight of news was gone after six hours. Age is shown and lowers nothing."""
    assert score(age_h=24) == score(age_h=0)
    terms = {t.name: t for t in risk_of({**PUDDLE, "age_h": 24}).terms}
    assert terms["age"].since == NOON - timedelta(hours=24)
    assert terms["age"].weight == 0


# --- the band ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("level", "low", "high"), [(1, 7.0, 10.0), (2, 5.0, 8.5), (3, 3.0, 7.0), (4, 1.0, 5.0)])
def test_a_level_sets_the_band_and_q_the_place_in_it(level: int, low: float, high: float) -> None:
    assert sums.band_of(level) == (level, low, high)
    for value in (0.0, 3.0, 10.0):
        found = sums.weigh(dict.fromkeys(table("risk_terms"), value), level)
        assert found.q == pytest.approx(max(value / 10, 0.1))
        assert found.score == pytest.approx(low + float(found.q) * (high - low))


def test_q_is_the_weighted_geometric_mean_of_three_dimensions_each_floored() -> None:
    values = {"people": 0.0, "hour": 5.0, "coverage": 9.0}
    by_hand = 0.1**0.4 * 0.5**0.25 * 0.9**0.35
    assert sums.weigh(values, 2).q == pytest.approx(by_hand)


@pytest.mark.parametrize(
    ("certainty", "factor"), [("Observed", 1), ("Likely", 0.9), ("Possible", 0.75), ("Unlikely", 0.5), ("Unknown", 1)]
)
def test_certainty_scales_q_and_never_the_floor_of_the_band(certainty: str, factor: float) -> None:
    seen, said = risk_of({**PUDDLE, "certainty": "Observed"}), risk_of({**PUDDLE, "certainty": certainty})
    assert said.q == pytest.approx(factor * seen.q, abs=1e-3)
    assert said.exact >= 1.0
    assert (said.confidence < seen.confidence) is (certainty == "Unknown")


@given(st.sampled_from([1, 2, 3, 4]), st.integers(1, 50), st.sampled_from(["Likely", "Unlikely"]), st.integers(0, 60))
def test_where_a_life_is_at_stake_q_is_at_least_six_tenths(level: int, n: int, certainty: str, eta: int) -> None:
    found = risk_of({"kind": "fire", "level": level, "in_danger": n, "near": 0, "certainty": certainty, "eta_min": eta})
    assert found.q >= 0.6
    assert "life" in {term.name for term in found.terms}


@pytest.mark.parametrize(
    ("kind", "level", "told", "at_stake"),
    [
        ("rescue", 4, None, True),
        ("water_rescue", 3, None, True),
        ("medical", 2, None, True),
        ("medical", 3, None, False),
        ("medical", 4, 1, True),
        ("fire", 1, None, False),
        ("fire", 3, 2, True),
        ("rescue", 1, 0, False),
    ],
)
def test_a_life_is_at_stake_by_the_kind_or_by_what_the_caller_says(
    kind: str, level: int, told: int | None, at_stake: bool
) -> None:
    assert hazard_of(kind, level, "Likely", NOON, told).at_stake is at_stake
    assert told is not None or life_at_stake(kind, level) is at_stake


def test_people_in_danger_count_a_hundred_times_people_near() -> None:
    assert people_value(200) == people_value(0, 2)
    assert people_value(9853) > people_value(0, 2)


@pytest.mark.parametrize(
    ("people", "value"), [(0, 0.0), (9, 2.5), (99, 5.0), (999, 7.5), (10_000, 10.0), (10**6, 10.0)]
)
def test_people_count_by_their_logarithm(people: int, value: float) -> None:
    assert people_value(people) == value


def test_the_footprint_grows_with_the_level() -> None:
    for kind in table("incident_kinds"):
        radii = [reach_of(kind, level) for level in (4, 3, 2, 1)]
        assert radii == sorted(radii)
        assert radii[1] == table("incident_kinds")[kind]["radius_m"]


def test_a_city_says_its_own_bands_weights_and_radii(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    own = {
        "risk_bands": {"4": {"low": 0.5}},
        "risk_dimensions": {"coping": {"weight": 4.0}},
        "incident_kinds": {"waterlogging": {"radii_m": {"4": 77}}},
    }
    before = score(eta_min=20)
    for name, rows in own.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(rows))
    monkeypatch.setenv("ONEMAP_DATA_DIR", str(tmp_path))
    table.cache_clear()
    sums.dimensions.cache_clear()
    try:
        assert sums.band_of(4) == (4, 0.5, 5.0)
        assert reach_of("waterlogging", 4) == 77
        assert score(eta_min=20) > before, "help counts more, and it is far"
    finally:
        monkeypatch.undo()
        table.cache_clear()
        sums.dimensions.cache_clear()


# --- worse is never lower ---------------------------------------------------------------------------------------------

KINDS = st.sampled_from(sorted(table("incident_kinds")))
MINUTES = st.none() | st.floats(0, 90)
SAID = st.fixed_dictionaries(
    {
        "kind": KINDS,
        "level": st.sampled_from([1, 2, 3, 4]),
        "certainty": st.sampled_from(["Observed", "Likely", "Possible", "Unlikely", "Unknown"]),
        "in_danger": st.none() | st.integers(0, 300),
        "near": st.none() | st.integers(0, 50_000),
        "buildings": st.integers(0, 2_000),
        "facilities": st.dictionaries(st.sampled_from(sorted(table("facility_kinds"))), st.integers(1, 3), max_size=4),
        "hour": st.sampled_from(sorted(HOURS)),
        "warning": st.none() | st.sampled_from([1, 2, 3, 4]),
        "eta_min": MINUTES,
        "around_min": st.floats(0, 90),
        "later_min": st.just(0.0) | st.floats(0, 60),
        "competing": st.integers(0, 9),
    }
)


@given(SAID, st.integers(0, 20_000))
def test_more_people_near_never_lower_it(said: dict[str, Any], more: int) -> None:
    near = said["near"] or 0
    assert score(**{**said, "near": near + more}) >= score(**{**said, "near": near})


@given(SAID, st.integers(0, 300))
def test_more_people_in_danger_never_lower_it(said: dict[str, Any], more: int) -> None:
    told = said["in_danger"] or 0
    assert score(**{**said, "in_danger": told + more}) >= score(**{**said, "in_danger": told})


@given(SAID, st.sampled_from(["school", "hospital", "nursing_home", "kindergarten", "hazardous_site"]))
def test_more_helpless_people_or_dangers_near_never_lower_it(said: dict[str, Any], kind: str) -> None:
    more = {**said["facilities"], kind: said["facilities"].get(kind, 0) + 1}
    assert score(**{**said, "facilities": more}) >= score(**said)


@given(SAID, st.floats(0, 60))
def test_farther_help_never_lowers_it(said: dict[str, Any], more: float) -> None:
    eta = said["eta_min"] or 0.0
    nearer = score(**{**said, "eta_min": eta})
    assert score(**{**said, "eta_min": eta + more}) >= nearer
    assert score(**{**said, "eta_min": None}) >= nearer
    assert score(**{**said, "competing": said["competing"] + 1}) >= score(**said)


@given(SAID, st.integers(1, 3))
def test_a_worse_level_never_lowers_it(said: dict[str, Any], by: int) -> None:
    graver = max(1, said["level"] - by)
    assert score(**{**said, "level": graver}) >= score(**said)


REACHED = st.fixed_dictionaries(dict.fromkeys(table("capabilities"), MINUTES))


@given(KINDS, REACHED, st.integers(2, 4))
def test_a_worse_level_never_lowers_it_though_it_needs_other_help(
    kind: str, minutes: dict[str, float | None], level: int
) -> None:
    def at(level: int) -> float:
        needs = needs_of(kind, level)
        times = [minutes[need] for need in needs]
        some = [60 * m for m in times if m is not None]
        coping = Coping(
            min(some, default=None),
            UNIT if some else None,
            600.0,
            True,
            max(some) if some and len(some) == len(times) else None,
            tuple(need for need, m in zip(needs, times, strict=True) if m is None),
        )
        hazard = hazard_of(kind, level, "Likely", NOON)
        return assess(hazard, Exposure(500, 20, (), True), Weather(), coping, NOON, ZONE).exact

    assert at(level - 1) >= at(level)


@given(SAID, SAID)
def test_a_level_i_is_never_below_a_level_iii(first: dict[str, Any], third: dict[str, Any]) -> None:
    assert risk_of({**first, "level": 1}).score >= risk_of({**third, "level": 3}).score


@given(
    st.dictionaries(
        st.sampled_from([term for one in sums.dimensions() for term, _ in one.terms]),
        st.none() | st.floats(0, 10),
        min_size=1,
    ),
    st.sampled_from([1, 2, 3, 4]),
    st.booleans(),
    st.data(),
)
def test_raising_any_known_term_never_lowers_the_score(
    values: dict[str, float | None], level: int, life: bool, data: st.DataObject
) -> None:
    known = {name: math.nan if value is None else value for name, value in values.items()}
    before = sums.weigh(known, level, life=life)
    band = sums.band_of(level)
    assert band.low <= before.score <= band.high
    name = data.draw(st.sampled_from(sorted(known)))
    if not math.isnan(known[name]):
        raised = {**known, name: data.draw(st.floats(known[name], 10))}
        assert sums.weigh(raised, level, life=life).score >= before.score - 1e-12


@given(st.lists(st.dictionaries(st.sampled_from(["people", "hour", "coverage"]), st.floats(0, 10)), min_size=1))
def test_many_places_at_once_score_as_each_alone(rows: list[dict[str, float]]) -> None:
    columns = {name: np.array([row.get(name, math.nan) for row in rows]) for name in ("people", "hour", "coverage")}
    whole = sums.weigh(columns, 2, 0.9)
    for i, column in enumerate(zip(*columns.values(), strict=True)):
        alone = sums.weigh(dict(zip(columns, map(float, column), strict=True)), 2, 0.9)
        assert np.asarray(whole.score)[i] == pytest.approx(alone.score)
        assert np.asarray(whole.confidence)[i] == pytest.approx(alone.confidence)


# --- what is not known ------------------------------------------------------------------------------------------------


CALM = Weather()


def assessed(found: Exposure, coping: Coping, weather: Weather = CALM) -> Any:
    hazard = Hazard(2, "Observed", NOON, 500, ("pumping",))
    return assess(hazard, found, weather, coping, NOON, ZONE)


COPING = Coping(600, UNIT, 700, True, 600)
NOTHING = Coping(None, None, None, False)


def test_what_is_missing_is_named_left_out_and_lowers_the_confidence() -> None:
    found = assessed(Exposure(None, 40, (), False), NOTHING, Weather(known=False))
    missing = {t.name for t in found.terms if t.value is None}
    assert missing == {
        *("people", "facilities", "domino", "who", "weather"),
        *("nearest_unit", "all_needed", "coverage"),
    }
    assert all(t.text["zh"] and t.text["en"] for t in found.terms)
    assert found.confidence < assessed(Exposure(1000, 40, (), True), COPING).confidence == 1.0


@given(st.sets(st.sampled_from(sorted(term for one in sums.dimensions() for term, _ in one.terms))), SAID)
def test_a_term_that_is_unknown_changes_the_score_only_by_being_left_out(gone: set[str], said: dict[str, Any]) -> None:
    known = {t.name: t.value for t in risk_of(said).terms if t.value is not None and t.dimension != "hazard"}
    unknown = sums.weigh({name: math.nan if name in gone else v for name, v in known.items()}, said["level"])
    without = {name: v for name, v in known.items() if name not in gone}
    left_out = sums.weigh(without, said["level"])
    assert unknown.score == pytest.approx(left_out.score)
    weights = {term: one.weight * w for one in sums.dimensions() for term, w in one.terms}
    if set(known) == set(weights):
        whole = sum(weights.values())
        assert unknown.confidence == pytest.approx(sum(weights[n] for n in without) / whole)


def test_a_whole_dimension_that_is_unknown_is_left_out_of_the_mean() -> None:
    found = sums.weigh({"people": 8.0, "coverage": math.nan, "hour": 5.0}, 1)
    assert found.q == pytest.approx((0.8**0.4 * 0.5**0.25) ** (1 / 0.65))
    assert math.isnan(float(found.dimensions["coping"]))


def test_where_nothing_is_known_the_middle_of_the_band_is_said_with_no_confidence() -> None:
    found = sums.weigh({"people": math.nan}, 3)
    assert (found.q, found.score, found.confidence) == (0.5, 5.0, 0.0)


def test_who_is_in_danger_counts_where_nobody_counted_who_lives_near() -> None:
    hazard = hazard_of("rescue", 2, "Likely", NOON, 3)
    [people, *_] = exposure_terms(Exposure(None, 0, (), True), 100, 3)
    assert people.value == people_value(0, 3)
    assert "no population data" in people.text["en"]
    assert assess(hazard, Exposure(None, 0, (), True), Weather(), COPING, NOON, ZONE).confidence < 1


def test_a_place_that_nobody_has_counted_is_taken_for_a_usual_one_and_said_less_surely() -> None:
    counted = tuple(replace(place, people=800) for place in places({"school": 1}))
    usual = assessed(Exposure(1000, 40, places({"school": 1}), True), COPING)
    told = assessed(Exposure(1000, 40, counted, True), COPING)
    assert usual.exact == told.exact
    assert usual.confidence < told.confidence


def test_children_at_school_are_there_by_day() -> None:
    hour = {}
    for name in ("day", "night"):
        found = risk_of({**PUDDLE, "facilities": {"school": 1}, "hour": name})
        hour[name] = next(t for t in found.terms if t.name == "who")
    assert hour["day"].figures["frail_children"] == 800
    assert "frail_children" not in hour["night"].figures
    assert "about 800 children" in hour["day"].text["en"]


def test_the_gravest_warning_is_named() -> None:
    found = assessed(Exposure(1, 1, (), True), COPING, Weather(1, WARNING))
    [weather] = [t for t in found.terms if t.name == "weather"]
    assert weather.value == 10.0
    assert "Rainstorm warning" in weather.text["en"]


HOUR_VALUES = [(7.5, 5.0), (12, 4.0), (19, 5.0), (23, 7.0), (3, 7.0)]


@pytest.mark.parametrize(("hour", "value"), HOUR_VALUES, ids=[str(h[0]) for h in HOUR_VALUES])
def test_half_past_seven_is_not_night(hour: float, value: float) -> None:
    midnight = NOON.astimezone(ZoneInfo(ZONE)).replace(hour=0)
    assert hour_term(midnight + timedelta(hours=hour), ZONE).value == value
