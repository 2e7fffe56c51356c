"""The anomaly detector: from what came before alone, one reading or a batch of many sensors at a time."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import numpy as np
import pytest

from alerts.anomaly import (
    NOTABLE,
    STRIDE,
    Floats,
    Judged,
    Watch,
    batches,
    due,
    finding,
    grow,
    judge,
    make_state,
    score,
    scores_of,
    step,
)
from alerts.unusual import Finding, Kind, counted, explain
from core.i18n import catalogue

STEP_S, DAY = 300.0, 288
BEGIN = 1_420_416_000.0


def noise(seed: int, rows: int, mean: float = 50.0, swing: float = 3.0) -> Floats:
    return np.random.default_rng(seed).normal(mean, swing, rows)


def days(seed: int, rows: int) -> Floats:
    """A day's rhythm of 30 either way under a noise of 1."""
    return 100 + 30 * np.sin(2 * np.pi * np.arange(rows) / DAY) + noise(seed, rows, 0.0, 1.0)


def times_of(rows: int, step_s: float = STEP_S) -> Floats:
    return BEGIN + step_s * np.arange(rows)


@dataclass(frozen=True)
class Told:
    """A series judged one by one."""

    findings: list[Finding] = field(repr=False)

    @property
    def news(self) -> Floats:
        return np.array([one.news for one in self.findings])

    def notable(self, first: int = 0, last: int | None = None) -> list[Finding]:
        return [one for one in self.findings[first:last] if one.news >= NOTABLE]


def tell(values: Floats, times: Floats | None = None) -> Told:
    watch = Watch()
    at = times_of(len(values)) if times is None else times
    return Told([watch.see(float(when), float(value)) for when, value in zip(at, values, strict=True)])


def judged_alone(times: Floats, values: Floats) -> list[Judged]:
    """Each column by itself."""
    out = []
    for n in range(values.shape[1]):
        state, row = make_state(1), np.zeros(1, np.int64)
        parts = [step(state, row, times[k : k + 1], values[k, n : n + 1]) for k in range(len(times))]
        out.append(Judged(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True))))
    return out


def test_what_comes_later_changes_no_earlier_score() -> None:
    values = days(3, 1500)
    whole = scores_of(times_of(1500), values)
    changed = values.copy()
    changed[900:] = 1e6
    assert np.array_equal(scores_of(times_of(900), values[:900]), whole[:900])
    assert np.array_equal(scores_of(times_of(1500), changed)[:900], whole[:900])
    assert (whole > 0).any()


def test_a_batch_of_many_sensors_is_judged_as_each_alone() -> None:
    rows, sensors = 700, 5
    values = np.column_stack([noise(n, rows, 10.0**n, 3.0) for n in range(sensors - 1)] + [days(9, rows)])
    values[300, 1] = np.nan
    values[500, 2] *= 9
    times = times_of(rows)
    state, every = make_state(sensors), np.arange(sensors)
    together = [step(state, every, np.full(sensors, at), values[k]) for k, at in enumerate(times)]
    for n, alone in enumerate(judged_alone(times, values)):
        for name, expected in zip(Judged._fields, alone, strict=True):
            assert np.array_equal([getattr(one, name)[n] for one in together], expected), (n, name)


def test_a_batch_may_hold_several_readings_of_a_sensor_in_their_order() -> None:
    values = np.column_stack([noise(1, 400), noise(2, 400)])
    times = times_of(400)
    state, other = make_state(2), make_state(2)
    by_reading = [step(state, np.arange(2), np.full(2, at), values[k]) for k, at in enumerate(times)]
    rows = np.tile(np.arange(2), 400)
    at_once = judge(other, rows, np.repeat(times, 2), values.ravel())
    assert np.array_equal(at_once.news, np.concatenate([one.news for one in by_reading]))
    assert [part.tolist() for part in batches(np.array([4, 4, 7, 4, 7]))] == [[0, 2], [1, 4], [3]]
    assert list(batches(np.empty(0, np.int64))) == []


def test_a_state_grows_and_forgets_nothing() -> None:
    values, times = noise(4, 300), times_of(300)
    small = make_state(1)
    row = np.zeros(1, np.int64)
    for k in range(200):
        step(small, row, times[k : k + 1], values[k : k + 1])
    wide = grow(small, 8)
    rest = [
        (step(small, row, times[k : k + 1], values[k : k + 1]), step(wide, row, times[k : k + 1], values[k : k + 1]))
        for k in range(200, 300)
    ]
    assert all(np.array_equal(a.surprise, b.surprise) for a, b in rest)
    assert wide.sensors == 8


def test_one_reading_in_a_stride_of_each_sensor_is_judged() -> None:
    rows = np.repeat(np.arange(6), 8)
    counts = np.zeros(6, np.int64)
    chosen = np.concatenate([due(counts, rows, STRIDE) for _ in range(3)])
    per_sensor = np.bincount(np.tile(rows, 3)[chosen], minlength=6)
    assert per_sensor.tolist() == [24 // STRIDE] * 6
    assert counts.tolist() == [24] * 6


@pytest.mark.parametrize("seed", range(8))
def test_stationary_noise_is_not_notable(seed: int) -> None:
    assert tell(noise(seed, 4000)).notable() == []


@pytest.mark.parametrize("seed", range(3))
def test_an_ordinary_day_is_not_notable(seed: int) -> None:
    assert tell(days(seed, 10 * DAY)).notable(2 * DAY) == []


def test_a_larger_spike_is_a_larger_surprise_and_no_end_is_reached() -> None:
    surprises = []
    for height in (20.0, 40.0, 200.0, 1e4, 1e8, 1e16, 1e30):
        values = np.append(noise(1, 2000), 50.0 + height)
        surprises.append(tell(values).findings[-1].surprise)
    assert surprises == sorted(set(surprises))
    scores = score(np.array(surprises)).tolist()
    assert scores == sorted(set(scores))
    assert all(0 <= one < 1 for one in scores)


def test_a_spike_is_found_at_its_reading_and_said() -> None:
    values = noise(2, 3000)
    values[2500] += 60
    told = tell(values)
    assert [n for n, one in enumerate(told.findings) if one.news >= NOTABLE] == [2500]
    words = explain(told.findings[2500])
    assert words["en"].startswith(("high: ", "a sudden rise: "))
    assert "times" in words["en"]
    assert words["zh"].startswith(("偏高：", "突然升高："))


def test_a_fall_is_said_to_be_one() -> None:
    values = noise(2, 3000)
    values[2500] -= 60
    assert explain(tell(values).findings[2500])["en"].startswith(("low: ", "a sudden fall: "))


def test_a_level_that_shifts_is_found_at_once_and_told_once() -> None:
    values = noise(5, 3500)
    values[2500:] += 30
    found = tell(values).notable(2500, 2700)
    assert 1 <= len(found) <= 4
    assert found[0].above


def test_a_slow_rise_is_found() -> None:
    values = noise(6, 3200)
    values[2500:2800] += np.linspace(0, 90, 300)
    assert tell(values).notable(2500, 2800)


def test_a_day_without_its_rhythm_is_found_against_its_hour() -> None:
    values = days(7, 22 * DAY)
    values[20 * DAY : 21 * DAY] = 100 + noise(8, DAY, 0.0, 1.0)
    found = tell(values).notable(20 * DAY, 21 * DAY)
    by_hour = [one for one in found if one.kind is Kind.HOUR]
    assert by_hour
    assert "at this hour" in explain(by_hour[0])["en"]
    assert "这一时段" in explain(by_hour[0])["zh"]


def test_calm_that_turns_wild_is_found() -> None:
    values = noise(9, 3200)
    values[2500:2700] = noise(10, 200, 50.0, 20.0)
    assert tell(values).notable(2500, 2560)


def test_a_noisy_value_that_freezes_is_found_and_said() -> None:
    values = noise(11, 3200)
    values[2500:] = 50.0
    found = tell(values).notable(2500, 2800)
    assert Kind.STILL in {one.kind for one in found}
    still = next(one for one in found if one.kind is Kind.STILL)
    assert explain(still)["en"].startswith("it hardly moves")
    assert explain(still)["zh"].startswith("几乎不再起伏")


def test_what_is_no_number_is_neither_judged_nor_learnt() -> None:
    values = noise(12, 800)
    odd = np.insert(values, [300, 300, 500], [np.nan, np.inf, -np.inf])
    at = np.insert(times_of(800), [300, 300, 500], times_of(800)[[300, 300, 500]])
    clean, told = tell(values), tell(odd, at)
    bad = np.flatnonzero(~np.isfinite(odd))
    assert [told.findings[n].judged for n in bad] == [False] * 3
    assert [told.findings[n].news for n in bad] == [0.0] * 3
    assert np.array_equal(np.delete(told.news, bad), clean.news)
    assert explain(told.findings[300]) == catalogue()["unusual.no_value"]


AWKWARD = {
    "nothing": np.empty(0),
    "one value": np.array([3.0]),
    "nine values": np.arange(9.0),
    "all the same": np.full(900, 7.0),
    "all zero": np.zeros(900),
    "negative": noise(13, 900, -1e4, 5.0),
    "very large": noise(14, 900, 1e30, 1e28),
    "largest there are": np.where(np.arange(900) % 2 == 0, 1.7e308, -1.7e308),
    "very small": noise(15, 900, 0.0, 1e-300),
    "mostly nothing": np.where(np.arange(900) % 100 == 0, 5.0, 0.0),
    "no value at all": np.full(50, np.nan),
}


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_series_are_judged(name: str) -> None:
    values = AWKWARD[name]
    with np.errstate(all="raise", under="ignore"):
        scores = scores_of(times_of(len(values)), values)
    assert len(scores) == len(values)
    assert ((scores >= 0) & (scores < 1)).all()


def test_a_constant_that_moves_is_notable() -> None:
    told = tell(np.append(np.full(900, 7.0), 9.0))
    assert told.notable() == [told.findings[-1]]


@pytest.mark.parametrize("step_s", [1.0, 60.0, 300.0, 3600.0])
def test_a_spike_is_found_whatever_the_interval(step_s: float) -> None:
    values = noise(16, 2000)
    values[1800] += 60
    assert tell(values, times_of(2000, step_s)).findings[1800].news >= NOTABLE


def test_gaps_repeats_and_times_that_go_back_do_no_harm() -> None:
    dice = np.random.default_rng(17)
    times = times_of(3000) + dice.uniform(-400, 400, 3000)
    times[1000:] += 5 * 86_400
    times[2000:2010] = times[2000]
    values = noise(18, 3000)
    assert tell(values, times).notable() == []


def test_nothing_is_said_of_a_usual_reading() -> None:
    assert explain(tell(np.append(noise(19, 1000), 50.0)).findings[-1]) == catalogue()["unusual.nothing"]


def made(kind: Kind, above: bool, times: float = 3.14) -> Finding:
    return Finding(surprise=9.0, news=9.0, kind=kind, times=times, above=above, judged=True)


@pytest.mark.parametrize("above", [True, False])
@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_has_its_sentence(kind: Kind, above: bool) -> None:
    words = explain(made(kind, above))
    assert "3.1 times" in words["en"]
    assert "3.1 倍" in words["zh"]


def test_the_sentence_of_an_hour_reads_as_it_should() -> None:
    assert explain(made(Kind.HOUR, above=True)) == {
        "zh": "偏高：偏离达这一时段常见波动的 3.1 倍",
        "en": "high: 3.1 times the usual swing at this hour",
    }


@pytest.mark.parametrize(
    ("times", "words"),
    [(3.14, "3.1"), (9.96, "10.0"), (24.4, "24"), (1834.0, "1,800"), (1e30, "1,000,000")],
)
def test_times_are_said_to_two_figures(times: float, words: str) -> None:
    assert counted(times) == words


def test_a_finding_is_plain_values() -> None:
    state = make_state(1)
    one = finding(step(state, np.zeros(1, np.int64), np.array([BEGIN]), np.array([1.0])), 0)
    assert json.dumps([one.surprise, one.news, one.kind.name, one.times, one.above, one.judged])
