"""Identifiers, positions, shards."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from core.types import LonLat, check_device_id, partition_of


@pytest.mark.parametrize("name", ["a", "wl-spare", "A.b:c_9", "x" * 64])
def test_device_ids_of_the_contract_pass(name: str) -> None:
    assert check_device_id(name, "sensor") == name


@pytest.mark.parametrize("name", ["", "x" * 65, "a b", "a/b", "水位", "a\n", "a\x00", "+", "#"])
def test_other_device_ids_are_refused_by_field(name: str) -> None:
    with pytest.raises(InputError) as caught:
        check_device_id(name, "sensor")
    assert caught.value.field == "sensor"


@pytest.mark.parametrize(
    ("lon", "lat", "field"),
    [
        (180.1, 0, "lon"),
        (-181, 0, "lon"),
        (0, 90.5, "lat"),
        (0, -91, "lat"),
        (math.nan, 0, "lon"),
        (0, math.inf, "lat"),
    ],
)
def test_position_off_the_earth_names_the_coordinate(lon: float, lat: float, field: str) -> None:
    with pytest.raises(InputError) as caught:
        LonLat(lon, lat)
    assert caught.value.field == field


def test_longitude_comes_first() -> None:
    assert LonLat(119.0, 33.5).ewkt == "SRID=4326;POINT(119.0 33.5)"


@given(st.text(min_size=1, max_size=64), st.integers(1, 256))
def test_a_sensor_has_one_shard_and_always_the_same(name: str, shards: int) -> None:
    assert 0 <= partition_of(name, shards) < shards
    assert partition_of(name, shards) == partition_of(name, shards)


def test_shards_are_about_equal() -> None:
    counts = [0] * 4
    for i in range(4000):
        counts[partition_of(f"wl-{i:04d}", 4)] += 1
    assert min(counts) > 800
