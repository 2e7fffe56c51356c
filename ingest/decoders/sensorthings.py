"""OGC SensorThings API 1.0 and 1.1 over MQTT (18-088 section 14): observations as a server or a device publishes them.

Topics are `v1.1/Datastreams(7)/Observations`, under any prefix, or `v1.1/Observations` where the observation names its
datastream.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec import Struct, field
from pydantic import Field

from core.errors import DecodeError
from core.types import LonLat
from ingest.decoders.base import (
    Decoder,
    Incoming,
    Options,
    check_finite,
    check_optional,
    check_position,
    invalid,
    read,
)
from ingest.decoders.freeform import MAX_UNIT, check_name, read_number
from ingest.decoders.moments import read_time
from ingest.records import Reading, Record

VERSIONS = frozenset({"v1.0", "v1.1"})
DATASTREAM = re.compile(r"Datastreams\((?P<id>.+)\)", re.DOTALL)
LINK = re.compile(r"Datastreams\((?P<id>[^()]+)\)")


class SensorThingsOptions(Options):
    # the metric of datastreams that do not come with their observed property
    metric: str = Field("value", min_length=1, max_length=64)


class UnitIn(Struct):
    """18-088 section 8.2.4: three ways to say one thing, not all of them given by everybody."""

    symbol: str | None = None
    name: str | None = None
    definition: str | None = None


class PropertyIn(Struct):
    name: str | None = None


class DatastreamIn(Struct):
    id: int | str | None = field(name="@iot.id", default=None)
    unit: UnitIn | None = field(name="unitOfMeasurement", default=None)
    observed: PropertyIn | None = field(name="ObservedProperty", default=None)


class FeatureIn(Struct):
    feature: Any = None


class ObservationIn(Struct):
    """18-088 section 8.2.7, table 16."""

    phenomenon_time: str | None = field(name="phenomenonTime", default=None)
    result_time: str | None = field(name="resultTime", default=None)
    result: Any = None
    datastream: DatastreamIn | None = field(name="Datastream", default=None)
    link: str | None = field(name="Datastream@iot.navigationLink", default=None)
    feature: FeatureIn | None = field(name="FeatureOfInterest", default=None)


_OBSERVATION = msgspec.json.Decoder(ObservationIn)


def decode(incoming: Incoming) -> list[Record]:
    options: SensorThingsOptions = incoming.options
    seen: ObservationIn = read(_OBSERVATION, incoming.payload)
    sensor = incoming.own(f"datastream-{_find_datastream(seen, incoming.topic)}")
    value = read_number(seen.result)
    if value is None:
        raise DecodeError("result: expected a number or a boolean", reason="nothing_usable", field="result")
    stream = seen.datastream or DatastreamIn()
    metric = (stream.observed.name if stream.observed else None) or options.metric
    unit = _find_unit(stream.unit) if stream.unit else None
    fix = _find_position(seen.feature)
    return [
        Reading(
            sensor_id=sensor,
            metric=check_name(metric),
            time=_find_time(seen, incoming),
            value=check_finite(value, "result"),
            unit=check_optional(unit, "unitOfMeasurement"),
            quality="good",
            lon=fix.lon if fix else None,
            lat=fix.lat if fix else None,
        )
    ]


def _find_unit(unit: UnitIn) -> str | None:
    """The symbol, else the name, else the last part of the definition (`ucum:Cel`, `…/unit/DegreeCelsius`)."""
    for words in (unit.symbol, unit.name, re.split(r"[/#:]", unit.definition or "")[-1]):
        if words and words.strip():
            return words.strip()[:MAX_UNIT]
    return None


def _find_datastream(seen: ObservationIn, topic: str) -> str:
    """The id of the observation's datastream: the embedded one, the topic's, the link's."""
    addressed = _read_topic(topic)
    if seen.datastream and seen.datastream.id is not None:
        return str(seen.datastream.id)
    if addressed:
        return _unquote(addressed)
    if seen.link and (linked := LINK.search(seen.link)):
        return _unquote(linked["id"])
    raise invalid("Datastream", "expected the datastream in the topic, or an object with its @iot.id")


def _read_topic(topic: str) -> str | None:
    """The datastream's id in the topic; None where the topic is that of all observations. Some servers take a query
    with it (`v1.1/Observations?$expand=Datastream`)."""
    *parts, last = topic.partition("?")[0].split("/")
    if last == "Observations" and parts and parts[-1] in VERSIONS:
        return None
    named = DATASTREAM.fullmatch(parts[-1]) if len(parts) > 1 and parts[-2] in VERSIONS else None
    if last != "Observations" or not named:
        message = f"topic: expected v1.1/Datastreams(id)/Observations, got {topic[:120]!r}"
        raise DecodeError(message, reason="topic", field="topic")
    return named["id"]


def _unquote(identifier: str) -> str:
    """OData 4.01 part 2 section 5.1.1.6.2: text ids stand in single quotes, a quote inside is doubled."""
    if len(identifier) > 2 and identifier[0] == identifier[-1] == "'":
        return identifier[1:-1].replace("''", "'")
    return identifier


def _find_time(seen: ObservationIn, incoming: Incoming) -> int:
    """When it was so; an interval (`begin/end`) counts at its end. An observation without a time is made now (table
    16)."""
    if seen.phenomenon_time:
        end = seen.phenomenon_time.rpartition("/")[2]
        return read_time(end, "phenomenonTime", incoming)
    if seen.result_time:
        return read_time(seen.result_time, "resultTime", incoming)
    return incoming.now


def _find_position(feature: FeatureIn | None) -> LonLat | None:
    """The feature of interest where it is a GeoJSON point, bare or within a Feature."""
    geometry = feature.feature if feature else None
    if isinstance(geometry, dict) and geometry.get("type") == "Feature":
        geometry = geometry.get("geometry")
    if not isinstance(geometry, dict) or geometry.get("type") != "Point":
        return None
    pair = geometry.get("coordinates")
    numbers = [read_number(part) for part in pair[:2]] if isinstance(pair, list) else []
    if len(numbers) < 2:
        raise invalid("FeatureOfInterest.feature.coordinates", "expected longitude and latitude")
    return check_position(*numbers)


DECODER = Decoder(
    "sensorthings",
    {"zh": "SensorThings 1.1(OGC)", "en": "SensorThings 1.1 (OGC)"},
    ("v1.1/+/Observations", "v1.1/Observations", "v1.0/+/Observations", "v1.0/Observations"),
    decode,
    SensorThingsOptions,
)
