"""The health of the whole as Prometheus text. Names follow its conventions: base units, `_total` for what only
grows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TypeVar

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from app.health.read import FeedHealth, Health, SourceHealth

Thing = TypeVar("Thing", SourceHealth, FeedHealth)
# name, words, value
Measure = tuple[str, str, Callable[[Thing], float | None]]
SOURCE_COUNTERS: tuple[Measure[SourceHealth], ...] = (
    ("onemap_source_messages", "messages that came through a source", lambda of: of["messages"]),
    ("onemap_source_records", "readings and other records written, repeats left out", lambda of: of["records"]),
    (
        "onemap_source_dead_letters",
        "messages of a source that could not be read or kept",
        lambda of: of["dead_letters"],
    ),
    ("onemap_source_decode_errors", "of those, the ones that could not be decoded", lambda of: of["decode_errors"]),
)
SOURCE_GAUGES: tuple[Measure[SourceHealth], ...] = (
    (
        "onemap_source_lag_seconds",
        "from a record's own time until it was written, newest records",
        lambda of: of["lag_s"],
    ),
    ("onemap_source_last_message_timestamp_seconds", "when a source was last heard", lambda s: unix(s["last_at"])),
    ("onemap_source_rate", "messages a second, falling off over a minute", lambda of: of["rate"]),
    ("onemap_source_devices", "sensors in use that were first heard through a source", lambda of: of["devices"]),
    ("onemap_source_devices_pending", "sensors of a source that nobody has registered", lambda of: of["pending"]),
    ("onemap_source_overdue", "1 where a source is silent for three of its intervals", lambda of: of["overdue"]),
    (
        "onemap_source_unusable",
        "1 where a source that is on cannot be used",
        lambda s: s["enabled"] and s["fault"] is not None,
    ),
)
FEED_GAUGES: tuple[Measure[FeedHealth], ...] = (
    ("onemap_feed_age_seconds", "seconds since a feed was last heard", lambda of: of["age_s"]),
    ("onemap_feed_rate", "messages a second over the last minute", lambda of: of["rate"]),
    ("onemap_feed_lag_seconds", "largest time from observation to receipt in the last minute", lambda of: of["lag_s"]),
)


def write_metrics(health: Health) -> bytes:
    """`health` as `app.health.read_health` gives it."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Once(list(families(health))))
    return generate_latest(registry)


class _Once(Collector):
    """Hands the registry what was measured for this one answer."""

    def __init__(self, found: list[Metric]) -> None:
        self._found = found

    def collect(self) -> list[Metric]:
        return self._found


def families(health: Health) -> Iterator[Metric]:
    for name, words, count in SOURCE_COUNTERS:
        counter = CounterMetricFamily(name, words, labels=["source"])
        for source in health["sources"]:
            counter.add_metric([source["id"]], count(source) or 0.0)
        yield counter
    yield from gauges(SOURCE_GAUGES, "source", health["sources"])
    yield from gauges(FEED_GAUGES, "feed", health["feeds"])
    yield waiting_letters(health)
    yield set_aside_rows(health)
    yield process_figures(health)
    for name, value in (
        ("dead_letters", health["dead_letters"]["total"]),
        ("unjudged_batches", health["unjudged"]),
        ("outbox", health["outbox"]),
    ):
        if value is not None:
            yield GaugeMetricFamily(f"onemap_{name}", name.replace("_", " "), value=value)


def gauges(table: tuple[Measure[Thing], ...], label: str, things: Sequence[Thing]) -> Iterator[Metric]:
    """A gauge for each row of the table; what is not known is left out."""
    for name, words, measure in table:
        gauge = GaugeMetricFamily(name, words, labels=[label])
        for thing in things:
            value = measure(thing)
            if value is not None:
                gauge.add_metric([thing["id"]], float(value))
        yield gauge


def unix(moment: str | None) -> float | None:
    """Seconds since 1970."""
    return None if moment is None else datetime.fromisoformat(moment).timestamp()


def waiting_letters(health: Health) -> Metric:
    gauge = GaugeMetricFamily(
        "onemap_dead_letters_waiting", "dead letters that nobody has dealt with", labels=["reason"]
    )
    for reason, count in sorted(health["dead_letters"]["reasons"].items()):
        gauge.add_metric([reason], count)
    return gauge


def set_aside_rows(health: Health) -> Metric:
    gauge = GaugeMetricFamily(
        "onemap_set_aside", "rows that could not be worked through and wait for a person", labels=["what"]
    )
    for group in health["set_aside"]:
        gauge.add_metric([group["what"]], group["aside"])
    return gauge


def process_figures(health: Health) -> Metric:
    gauge = GaugeMetricFamily(
        "onemap_process_figure", "counters of a process since its start", labels=["process", "figure"]
    )
    for process in health["processes"]:
        for figure, value in process["figures"].items():
            if isinstance(value, int | float):
                gauge.add_metric([process["name"], figure], value)
    return gauge
