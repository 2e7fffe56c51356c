"""One reading after the other: how rules are judged without arrays. The peer of `bench rules`, and what tests compare
the arrays with; nothing of the product uses it.

Plain objects with slots: a comparator of ordered steps (level, on, off, delays), windows that slide by buckets.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from alerts import anomaly
from alerts.rules import KINDS
from alerts.rules.aggregate import AggregateParams, AggregateStep, aqi_of, index_windows, steps_of
from alerts.rules.base import Finding, RuleRow, Thing
from alerts.rules.change import MARKS, OLDEST, ChangeParams
from alerts.rules.implausible import ImplausibleParams
from alerts.rules.steps import FRESH, SECOND, Checkpoint, Step
from alerts.rules.threshold import ThresholdParams, steps_for
from core.pgarray import UNIX_TO_PG_US
from core.vocabulary import table


class Comparator:
    """The state of each step: met, since when the value is on the other side, or None."""

    __slots__ = ("last_at", "last_values", "met", "since", "steps")

    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps = tuple(sorted(steps, key=lambda s: s.level))  # the worst first
        self.met = [False] * len(self.steps)
        self.since: list[int | None] = [None] * len(self.steps)
        self.last_at = 0
        self.last_values: list[float] = []

    @property
    def index(self) -> int | None:
        """The worst step met."""
        return next((i for i, met in enumerate(self.met) if met), None)

    @property
    def level(self) -> int | None:
        index = self.index
        return None if index is None else self.steps[index].level

    @property
    def waiting(self) -> bool:
        return any(moment is not None for moment in self.since)

    def feed(self, at: int, values: Sequence[float]) -> bool:
        """One value per step (the same for a plain threshold). True where the worst step met has changed."""
        before = self.index
        self.last_at, self.last_values = at, list(values)
        for i, step in enumerate(self.steps):
            self._feed_step(i, step, at, values[i])
        return self.index != before

    def _feed_step(self, i: int, step: Step, at: int, value: float) -> None:
        if self.met[i]:
            crossed, delay = (value - step.off) * step.sign < 0, step.off_delay
        else:
            crossed, delay = (value - step.on) * step.sign >= 0, step.on_delay
        if not crossed:
            self.since[i] = None
            return
        since = self.since[i]
        if since is None:
            since = self.since[i] = at
        if at - since >= delay:
            self.met[i] = not self.met[i]
            self.since[i] = None

    def tick(self, now: int) -> bool:
        """Mature running delays by the clock: the last value is taken to hold. True where the worst step has
        changed."""
        before = self.index
        for i, step in enumerate(self.steps):
            since = self.since[i]
            delay = step.off_delay if self.met[i] else step.on_delay
            if since is not None and now - since >= delay and now - self.last_at <= delay + FRESH:
                self.met[i] = not self.met[i]
                self.since[i] = None
        return self.index != before

    def state(self) -> Checkpoint:
        return {
            "levels": [s.level for s in self.steps],
            "met": self.met,
            "since": self.since,
            "at": self.last_at,
            "values": self.last_values,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back a checkpoint; steps that have changed since begin anew."""
        if state.get("levels") != [s.level for s in self.steps]:
            return
        self.met, self.since = list(state["met"]), list(state["since"])
        self.last_at, self.last_values = state["at"], list(state["values"])


class Window:
    """Readings of one metric over `length` microseconds, by buckets."""

    __slots__ = ("_bucket", "_buckets", "_count", "_length", "_total", "first_at", "last_at")

    def __init__(self, length: int, bucket: int) -> None:
        self._length, self._bucket = length, min(bucket, length)
        self._buckets: deque[list[float]] = deque()  # [bucket number, sum, count, max]
        self._total, self._count = 0.0, 0
        self.first_at: int | None = None
        self.last_at = 0

    def add(self, at: int, total: float, count: int = 1, most: float | None = None) -> None:
        number = at // self._bucket
        if self._buckets and self._buckets[-1][0] == number:
            last = self._buckets[-1]
            last[1] += total
            last[2] += count
            last[3] = max(last[3], total if most is None else most)
        else:
            self._buckets.append([number, total, count, total if most is None else most])
        self._total += total
        self._count += count
        self.last_at = at
        if self.first_at is None:
            self.first_at = at
        self._expire(number)

    def _expire(self, number: int) -> None:
        keep = number - self._length // self._bucket
        while self._buckets and self._buckets[0][0] <= keep:
            _, total, count, _ = self._buckets.popleft()
            self._total -= total
            self._count -= int(count)
        if not self._buckets:
            self._total, self._count = 0.0, 0

    def value(self, function: str) -> float | None:
        if not self._count:
            return None
        if function == "sum":
            # differences of floats: a dry hour must read 0, not 1e-16
            return round(self._total, 9)
        return self._total / self._count if function == "mean" else max(b[3] for b in self._buckets)

    def span(self) -> int:
        """Time between the first and the last reading it holds, at most the window."""
        return 0 if self.first_at is None else min(self.last_at - self.first_at, self._length)


class ThresholdMonitor:
    __slots__ = ("_comparator", "_sign", "_unit", "rule", "thing")

    def __init__(self, rule: RuleRow, thing: Thing, steps: list[Step]) -> None:
        self.rule, self.thing = rule, thing
        self._comparator = Comparator(steps)
        self._unit: str | None = table("metrics").get(rule.params.metric, {}).get("unit")

    @property
    def waiting(self) -> bool:
        return self._comparator.waiting

    def feed(self, metric: str, at: int, value: float) -> Finding | None:
        before = self._comparator.index
        changed = self._comparator.feed(at, [value] * len(self._comparator.steps))
        return self._finding(before, value, at) if changed else None

    def tick(self, now: int) -> Finding | None:
        before = self._comparator.index
        if not self._comparator.tick(now):
            return None
        return self._finding(before, self._comparator.last_values[0], self._comparator.last_at)

    def _finding(self, before: int | None, value: float, at: int) -> Finding:
        index = self._comparator.index
        steps = self._comparator.steps
        params: ThresholdParams = self.rule.params
        limit = steps[index].on if index is not None else steps[before].off if before is not None else None
        # a step may outlive its limit by hysteresis or off-delay: then the sentence must not say that it is met
        holding = index is not None and (value - steps[index].on) * steps[index].sign < 0
        template = "alarm.holding" if holding else f"alarm.{params.direction}"
        return Finding(
            self.rule, self.thing, self._comparator.level, params.metric, value, self._unit, at, limit, template
        )

    def state(self) -> Checkpoint:
        return self._comparator.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        self._comparator.restore(state)


class AggregateMonitor:
    __slots__ = ("_comparator", "_params", "_windows", "rule", "thing")

    def __init__(self, rule: RuleRow, thing: Thing) -> None:
        self.rule, self.thing = rule, thing
        params: AggregateParams = rule.params
        self._params = params
        ordered = sorted(params.steps, key=lambda s: s.level)
        self._comparator = Comparator([step for step in steps_of(params, thing) if step is not None])
        bucket = int(params.bucket_s * SECOND)
        # (metric, window) -> readings
        self._windows: dict[tuple[str, int], Window] = {
            key: Window(key[1], bucket) for key in {*index_windows()} if params.index
        } or {(str(params.metric), self._length(s)): Window(self._length(s), bucket) for s in ordered}

    def _length(self, step: AggregateStep) -> int:
        return int((step.window_s or self._params.window_s) * SECOND)

    @property
    def waiting(self) -> bool:
        return self._comparator.waiting

    def feed(self, metric: str, at: int, value: float) -> Finding | None:
        self.remember(metric, at, value)
        values = self._values()
        if values is None:
            return None
        before = self._comparator.index
        return self._finding(before) if self._comparator.feed(at, values) else None

    def remember(self, metric: str, at: int, total: float, count: int = 1, most: float | None = None) -> None:
        """Take history in without judging it."""
        for (name, _), window in self._windows.items():
            if name == metric:
                window.add(at, total, count, most)

    def _values(self) -> Sequence[float] | None:
        """One value per step, worst step first; None where there is too little to judge."""
        if max((w.span() for w in self._windows.values()), default=0) < self._params.min_span_s * SECOND:
            return None
        if self._params.index:
            means = {m: v for (m, _), w in self._windows.items() if (v := w.value("mean")) is not None}
            index = aqi_of(means)
            return None if index is None else [float(index)] * len(self._comparator.steps)
        ordered = sorted(self._params.steps, key=lambda s: s.level)
        values = [
            self._windows[str(self._params.metric), self._length(s)].value(self._params.function) for s in ordered
        ]
        return None if any(v is None for v in values) else [v for v in values if v is not None]

    def tick(self, now: int) -> Finding | None:
        before = self._comparator.index
        return self._finding(before) if self._comparator.tick(now) else None

    def _finding(self, before: int | None) -> Finding:
        index = self._comparator.index
        shown = index if index is not None else before if before is not None else 0
        step = self._comparator.steps[shown]
        metric = self._params.index or str(self._params.metric)
        value = self._comparator.last_values[shown]
        template = "alarm.above" if self._params.index else "alarm.window"
        if index is not None and value < step.on:
            template = "alarm.holding"
        return Finding(
            self.rule,
            self.thing,
            self._comparator.level,
            metric,
            self._comparator.last_values[shown],
            table("metrics").get(metric, {}).get("unit"),
            self._comparator.last_at,
            step.on,
            template,
        )

    def state(self) -> Checkpoint:
        return self._comparator.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        self._comparator.restore(state)


class ChangeMonitor:
    """As alerts.rules.change, one thing."""

    waiting = False

    def __init__(self, rule: RuleRow, thing: Thing) -> None:
        self.rule, self.thing = rule, thing
        self._params: ChangeParams = rule.params
        self._over = int(self._params.over_s * SECOND)
        self._every = max(1, self._over // MARKS)
        self._marks: deque[tuple[int, float]] = deque(maxlen=int(MARKS * OLDEST) + 2)
        ordered = sorted(self._params.steps, key=lambda s: s.level)
        self._comparator = Comparator([Step(s.level, s.on, s.on - self._params.hysteresis, 0, 0) for s in ordered])

    def feed(self, metric: str, at: int, value: float) -> Finding | None:
        moved = self._change(at, value)
        if not self._marks or at - self._marks[-1][0] >= self._every:
            self._marks.append((at, value))
        if moved is None:
            return None
        direction = self._params.direction
        sided = abs(moved) if direction == "either" else moved if direction == "rise" else -moved
        if not self._comparator.feed(at, [sided] * len(self._comparator.steps)):
            return None
        template = "alarm.rise" if direction == "rise" or (direction == "either" and moved >= 0) else "alarm.fall"
        return Finding(self.rule, self.thing, self._comparator.level, metric, sided, None, at, None, template)

    def _change(self, at: int, value: float) -> float | None:
        for when, held in reversed(self._marks):
            age = at - when
            if age > self._over * OLDEST:
                return None
            if age >= self._over - self._every:
                return (value - held) * self._over / max(age, 1)
        return None


class ImplausibleMonitor:
    """As alerts.rules.implausible, one thing."""

    waiting = False

    def __init__(self, rule: RuleRow, thing: Thing) -> None:
        self.rule, self.thing = rule, thing
        self._params: ImplausibleParams = rule.params
        self._stands: float | None = None
        self._since = 0
        self._last: float | None = None
        self._run = 0
        self._met = False

    def feed(self, metric: str, at: int, value: float) -> Finding | None:
        params = self._params
        if self._stands is None or abs(value - self._stands) > params.tolerance:
            self._stands, self._since = value, at
        last, self._last = self._last, value
        beyond = (params.low is not None and value < params.low) or (params.high is not None and value > params.high)
        still = (
            params.frozen_s is not None
            and at - self._since >= params.frozen_s * SECOND
            and value not in params.except_values
        )
        jumps = params.jump is not None and last is not None and abs(value - last) > params.jump
        bad = beyond or still or jumps
        if bad == self._met:
            self._run = 0
            return None
        self._run += 1
        if self._run < (1 if still and not beyond else params.readings):
            return None
        self._run, self._met = 0, bad
        return Finding(self.rule, self.thing, params.level if bad else None, metric, value, None, at, None, "")


class AnomalyMonitor:
    """As alerts.rules.surprise, one series: every fourth reading, of which it tells at once."""

    waiting = False

    def __init__(self, rule: RuleRow, thing: Thing) -> None:
        self.rule, self.thing = rule, thing
        self._watch = anomaly.Watch()
        self._seen = 0

    def feed(self, metric: str, at: int, value: float) -> Finding | None:
        self._seen += 1
        if (self._seen - 1) % anomaly.STRIDE:
            return None
        found = self._watch.see((at + UNIX_TO_PG_US) / SECOND, value)
        if found.news < self.rule.params.surprise:
            return None
        return Finding(self.rule, self.thing, self.rule.params.level, metric, value, None, at, None, "alarm.unusual")


MAKERS: Mapping[str, Callable[[RuleRow, Thing], Any]] = {
    "threshold": lambda rule, thing: (
        ThresholdMonitor(rule, thing, steps) if (steps := steps_for(rule.params, thing)) else None
    ),
    "aggregate": AggregateMonitor,
    "change": ChangeMonitor,
    "implausible": ImplausibleMonitor,
    "anomaly": AnomalyMonitor,
}


class Loop:
    """Rules over things, one reading after the other."""

    def __init__(self, rules: Sequence[RuleRow], things: Sequence[Thing]) -> None:
        self.monitors: list[Any] = []
        self._by_series: dict[tuple[str, str], list[Any]] = {}
        self._newest: dict[tuple[str, str], int] = {}
        self.judged = self.late = 0
        for rule in rules:
            for thing in things:
                monitor = MAKERS[rule.kind](rule, thing)
                if monitor is None:
                    continue
                self.monitors.append(monitor)
                for metric in KINDS[rule.kind].metrics(rule):
                    self._by_series.setdefault((thing.id, metric), []).append(monitor)

    def feed(self, readings: Sequence[tuple[str, str, int, float]]) -> list[Finding]:
        """(thing, metric, time, value) in any order; what is not newer than what was judged is late."""
        findings: list[Finding] = []
        for sensor, metric, at, value in sorted(readings, key=lambda reading: reading[2]):
            key = (sensor, metric)
            monitors = self._by_series.get(key)
            if monitors is None:
                continue
            newest = self._newest.get(key)
            if newest is not None and at <= newest:
                self.late += 1
                continue
            self._newest[key] = at
            self.judged += 1
            for monitor in monitors:
                finding = monitor.feed(metric, at, value)
                if finding is not None:
                    findings.append(finding)
        return findings

    def tick(self, now: int) -> list[Finding]:
        found = [monitor.tick(now) for monitor in self.monitors if monitor.waiting]
        return [finding for finding in found if finding is not None]

    @property
    def waiting(self) -> bool:
        return any(monitor.waiting for monitor in self.monitors)
