"""One source: how its messages are read, and what names, units and places in them mean; from its row in `source`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from functools import cached_property
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import ValidationError
from typing_extensions import TypedDict

from core.crs import Datum, to_wgs84
from core.errors import DecodeError, InputError, NotFound
from core.faults import expects, listed
from core.given import as_input_error
from core.types import LonLat
from core.units import SAME, Conversion, canonical_units, conversion
from ingest.decoders import DECODERS
from ingest.decoders.base import Decoder, Incoming, Options, check_finite, safe_name, spare, unmark
from ingest.filters import check_filter
from ingest.names import is_measured, known_metric
from ingest.quality import Extent
from ingest.records import (
    BirthRow,
    BornValue,
    DeathRow,
    IncidentReportRow,
    PositionRow,
    Reading,
    Record,
    SnapshotRow,
    TrackedEventRow,
    VideoEventRow,
)

# what parts the way to a value: JSON's levels, Sparkplug's folders
PARTED = re.compile(r"[./]")
MAPPED = re.compile(r"(?:[A-Za-z0-9_.:-]{1,32}/)?[A-Za-z0-9_.:-]{1,64}|[A-Za-z0-9_.:-]{1,32}/")


class ScaledUnit(TypedDict, total=False):
    """What the device's figures are: multiplied by `scale`, `offset` added, they are in `unit`."""

    unit: str | None
    scale: float
    offset: float


UnitRule = str | ScaledUnit


class Rule(NamedTuple):
    """How a source maps a metric: to which of ours (None: dropped), and to which probe of the device."""

    probe: str
    metric: str | None


class Meant(NamedTuple):
    """What a device's metric is with us: its id, and how people write it."""

    probe: str
    metric: str
    spelled: str


@dataclass(frozen=True)
class Source:
    """One row of `source`, ready to read messages."""

    id: str
    filters: tuple[str, ...]
    decoder: Decoder
    options: Options
    zone: tzinfo
    datum: Datum = Datum.WGS84
    units: Mapping[str, UnitRule] = field(default_factory=dict)
    metrics: Mapping[str, str | None] = field(default_factory=dict)
    only_mapped: bool = False
    coarse: bool = False
    id_prefix: str = ""
    owner: str | None = None
    interval_s: float | None = None
    district: str | None = None

    def decode(
        self,
        topic: str,
        payload: bytes,
        properties: Mapping[str, str],
        now: int,
        faults: list[DecodeError] | None = None,
        extent: Extent | None = None,
        spelled: dict[str, str] | None = None,
    ) -> Sequence[Record]:
        """Records of one message, in our names, units and datum. What is wrong with single values goes to `faults`,
        where they are given; else, and for the rest, DecodeError."""
        incoming = Incoming(topic, unmark(payload), properties, now, self.options, self.zone, faults, extent, spelled)
        records = self.decoder.decode(incoming)
        done = self.finish(records, faults, spelled)
        if records and not done and not faults and any(self._is_chatter(r) for r in records):
            message = "payload: nothing in it is a measurement: it tells of the device or its link alone"
            spare(faults, DecodeError(message, reason="nothing_usable", field="payload"))
        if spelled and self.id_prefix:
            spelled.update({self.own_id(own): called for own, called in spelled.items()})
        return done

    def finish(
        self,
        records: Sequence[Record],
        faults: list[DecodeError] | None = None,
        spelled: dict[str, str] | None = None,
    ) -> Sequence[Record]:
        """The decoder's records in our names, units and datum; metrics that the source drops, and what is no
        measurement, are gone. `spelled` learns what people call those that have another id."""
        if self._plain:
            for record in records:
                if type(record) is Reading and record.unit is not None and not is_ours(record.metric, record.unit):
                    break
            else:
                return records
        finished = []
        for record in records:
            try:
                done = self._finish(record, spelled)
            except DecodeError as exc:
                spare(faults, exc)
                continue
            if done is not None:
                finished.append(done)
        return finished

    @cached_property
    def _plain(self) -> bool:
        """Nothing to map: only a unit of the device's own can still need a conversion."""
        moved = self.datum not in (Datum.WGS84, Datum.CGCS2000)
        return not (self.units or self.metrics or self.only_mapped or self.id_prefix or moved) and self.decoder.exact

    def _finish(self, record: Record, spelled: dict[str, str] | None) -> Record | None:
        if isinstance(record, Reading):
            return self._finish_reading(record, spelled)
        if isinstance(record, BirthRow | BornValue | DeathRow):
            return record
        if isinstance(record, VideoEventRow | PositionRow | IncidentReportRow):
            record = self._move(record)
        if isinstance(record, VideoEventRow | TrackedEventRow | SnapshotRow):
            return record._replace(camera_id=self.own_id(record.camera_id))
        if isinstance(record, PositionRow):
            return record._replace(unit_id=self.own_id(record.unit_id))
        return record

    def _finish_reading(self, reading: Reading, spelled: dict[str, str] | None) -> Reading | None:
        meant = self._metric(reading.metric)
        if meant is None or self._is_chatter(reading):
            return None
        metric, sensor = meant.metric, self.own_id(reading.sensor_id)
        if meant.probe:
            sensor = safe_name(f"{sensor}:{meant.probe}")
        if spelled is not None:
            if meant.spelled != metric:
                spelled[metric] = meant.spelled
            if meant.probe and (called := spelled.get(reading.sensor_id)):
                spelled[sensor] = f"{called} {meant.probe}"
        value, unit = self._convert(metric, reading.value, reading.unit)
        moved: Reading = self._move(reading)
        return moved._replace(sensor_id=sensor, metric=metric, value=value, unit=unit)

    def _is_chatter(self, record: Record) -> bool:
        """Whether a value is about the device or its link, and nobody has asked for it."""
        if self.decoder.exact or not isinstance(record, Reading) or is_measured(record.metric):
            return False
        return record.metric not in self.decoder.asked(self.options) and self._rule(record.metric) is None

    def own_id(self, name: str) -> str:
        return safe_name(self.id_prefix + name) if self.id_prefix else name

    def _metric(self, name: str) -> Meant | None:
        """What the device's name means: as it is mapped; else a name that we know; else itself. None: dropped."""
        probe, rest = self._probe(name)
        rule = self._rule(rest)
        if rule is not None:
            return Meant(rule.probe or probe, rule.metric, rule.metric) if rule.metric is not None else None
        if self.only_mapped:
            return None
        known = None if self.decoder.exact else known_metric(rest)
        return Meant(probe, known or safe_name(rest), known or rest)

    def _probe(self, name: str) -> tuple[str, str]:
        """(probe, the name without it) where the way to the value is mapped to a probe of its own (`DS18B20-2` to
        `cellar/`)."""
        for found in reversed(list(PARTED.finditer(name))):
            rule = self.metrics.get(name[: found.start()])
            if rule is not None and rule.endswith("/"):
                return rule[:-1], name[found.end() :]
        return "", name

    def _rule(self, name: str) -> Rule | None:
        """How it is mapped: as a whole, else by its last part (`DS18B20.Temperature` by `Temperature`); None: not."""
        for key in (name, PARTED.split(name)[-1]):
            if key in self.metrics:
                probe, _, metric = (self.metrics[key] or "").rpartition("/")
                return Rule(probe, metric or None)
        return None

    def _convert(self, metric: str, value: float, unit: str | None) -> tuple[float, str | None]:
        rule = self.units.get(metric)
        wanted = canonical_units().get(metric)
        change = unit_rule(rule, unit, wanted)
        if change is not SAME:
            value = check_finite(change.apply(value), metric)
        if wanted is not None:
            return value, wanted if unit is not None or rule is not None else None
        return value, unit if unit is not None else (rule if isinstance(rule, str) else None)

    def _move(self, record: Any) -> Any:
        if record.lon is None or record.lat is None or self.datum in (Datum.WGS84, Datum.CGCS2000):
            return record
        moved = to_wgs84(LonLat(record.lon, record.lat), self.datum)
        return record._replace(lon=moved.lon, lat=moved.lat)


def dated(record: Record, now: int) -> bool:
    """Whether a record carries a time of its own. What a broker kept for new subscribers is old: without a time it
    would look new."""
    return getattr(record, "time", None) != now


def is_ours(metric: str, unit: str) -> bool:
    """Whether a value in `unit` can stay as it is: it is the metric's own, or the metric is none of our tables'."""
    return canonical_units().get(metric, unit) == unit


def unit_rule(rule: UnitRule | None, unit: str | None, wanted: str | None) -> Conversion:
    """How a value is converted: by the unit that the device names if it fits the metric, else by the source's for the
    metric, or not at all; a rule {unit, scale, offset} is about the device's figures and holds whatever it calls them.
    DecodeError where neither fits: a wrong unit must not pass for a right one."""
    scale, offset = 1.0, 0.0
    if rule is None or isinstance(rule, str):
        meant = unit if unit is not None and (rule is None or fits(unit, wanted)) else rule
    else:
        scale, offset = rule.get("scale", 1.0), rule.get("offset", 0.0)
        meant = rule.get("unit", unit)
    if meant is None or wanted is None or meant == wanted:
        return SAME if (scale, offset) == (1.0, 0.0) else Conversion(scale, offset)
    try:
        to_ours = conversion(meant, wanted)
    except InputError as exc:
        raise DecodeError(exc.message, reason="unit", field="unit") from exc
    return Conversion(scale * to_ours.scale, offset * to_ours.scale + to_ours.offset)


def fits(unit: str, wanted: str | None) -> bool:
    try:
        return wanted is None or bool(conversion(unit, wanted))
    except InputError:
        return False


def make_source(row: Mapping[str, Any], prefix: str, zone: str) -> Source:
    """A source from its row. InputError names the field at fault."""
    try:
        decoder = DECODERS[row["decoder"]]
    except NotFound as exc:
        raise InputError(
            f"decoder: {exc.message}",
            field="decoder",
            about=expects("decoder", "none_such", name=str(row["decoder"])[:60]),
        ) from exc
    try:
        options = decoder.options.model_validate(row["options"])
    except ValidationError as exc:
        raise as_input_error(exc, "options") from exc
    source = Source(
        id=row["id"],
        filters=tuple(check_filter(f, prefix) for f in row["topic_filters"]),
        decoder=decoder,
        options=decoder.prepare(options, prefix) if decoder.prepare else options,
        zone=check_zone(row["timezone"] or zone),
        datum=check_datum(row["datum"]),
        units=check_units(row["units"]),
        metrics=check_metrics(row["metrics"]),
        only_mapped=row["only_mapped"],
        coarse=decoder.coarse if row["coarse"] is None else row["coarse"],
        id_prefix=check_prefix(row["id_prefix"]),
        owner=row["owner"],
        interval_s=row["interval_s"],
        district=row["district"],
    )
    if not source.filters:
        raise InputError(
            "topic_filters: expected at least one topic filter",
            field="topic_filters",
            about=expects("topic_filters", "missing"),
        )
    return source


def check_zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise InputError(
            f"timezone: expected a zone such as Asia/Shanghai, got {name[:60]!r}",
            field="timezone",
            about=expects("timezone", "zone"),
        ) from exc


def check_datum(name: str) -> Datum:
    try:
        return Datum(name)
    except ValueError as exc:
        raise InputError(
            f"datum: expected one of {', '.join(Datum)}, got {name[:40]!r}",
            field="datum",
            about=expects("datum", "one_of", expected=listed(list(Datum))),
        ) from exc


def check_prefix(prefix: str) -> str:
    if prefix and (safe_name(prefix) != prefix or len(prefix) > 32):
        raise InputError(
            "id_prefix: expected at most 32 of A-Z a-z 0-9 _ . : -",
            field="id_prefix",
            about=expects("id_prefix", "id_prefix"),
        )
    return prefix


def check_metrics(metrics: Any) -> dict[str, str | None]:
    if not isinstance(metrics, Mapping):
        raise InputError("metrics: expected an object of names", field="metrics", about=expects("metrics", "object"))
    for name, ours in metrics.items():
        if ours is not None and (not isinstance(ours, str) or not MAPPED.fullmatch(ours)):
            raise InputError(
                f"metrics.{name[:60]}: expected the name of a metric of ours (`temperature`), of one of a probe's "
                "(`cellar/temperature`), a probe for all below (`cellar/`), or null to drop it",
                field="metrics",
                about=expects("metrics", "metric_of_ours", name=str(name)[:60]),
            )
    return dict(metrics)


def check_units(units: object) -> dict[str, UnitRule]:
    """Each metric's unit, or {unit?, scale?, offset?}; it must convert to the metric's own unit."""
    if not isinstance(units, Mapping):
        raise InputError("units: expected an object of units", field="units", about=expects("units", "object"))
    rules = {str(metric): read_rule(rule) for metric, rule in units.items()}
    checked: dict[str, UnitRule] = {}
    for metric, rule in rules.items():
        field_name = f"units.{metric[:60]}"
        if rule is None:
            raise InputError(
                f"{field_name}: expected a unit, or {{unit, scale, offset}}",
                field="units",
                about=expects("units", "unit_form", name=field_name),
            )
        try:
            unit_rule(rule, None, canonical_units().get(metric))
        except DecodeError as exc:
            raise InputError(
                f"{field_name}: {exc.message.removeprefix('unit: ')}",
                field="units",
                about=expects("units", "named_fault", name=field_name, told=exc.about.get("why", exc.message)),
            ) from exc
        checked[metric] = rule
    return checked


def read_rule(given: object) -> UnitRule | None:
    """A rule from JSON; None where it is none."""
    if isinstance(given, str):
        return given
    if not isinstance(given, Mapping) or not set(given) <= {"unit", "scale", "offset"}:
        return None
    rule: ScaledUnit = {}
    if "unit" in given:
        rule["unit"] = None if given["unit"] is None else str(given["unit"])
    for key in ("scale", "offset"):
        if key in given:
            if not is_number(given[key]):
                return None
            rule[key] = float(given[key])
    return rule


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15
