"""Metres and degrees near one place, on the ellipsoid (WGS 84, NIMA TR8350.2: a and f). Beyond a city PostGIS'
geography measures."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

A, F = 6_378_137.0, 1 / 298.257223563
E2 = F * (2 - F)


def metres_per_degree(lat: float) -> tuple[float, float]:
    """Metres of a degree of longitude and of one of latitude at a latitude: radii of the prime vertical and of the
    meridian."""
    phi = math.radians(lat)
    w = math.sqrt(1 - E2 * math.sin(phi) ** 2)
    return math.radians(A / w * math.cos(phi)), math.radians(A * (1 - E2) / w**3)


def distances_m(lon: float, lat: float, lons: np.ndarray[Any, Any], lats: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Distances from one place to many, metres; good to 0.1 % within 50 km."""
    east, north = metres_per_degree(lat)
    distances: np.ndarray[Any, Any] = np.hypot((lons - lon) * east, (lats - lat) * north)
    return distances


def distance_m(lon: float, lat: float, other_lon: float, other_lat: float) -> float:
    """Metres from one place to another."""
    return float(distances_m(lon, lat, np.array([other_lon]), np.array([other_lat]))[0])


def distances_nearby_m(
    lon: float, lat: float, lons: np.ndarray[Any, Any], lats: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    """The same to the centimetre within 5 km: by the radii of curvature in the middle between both places."""
    phi = np.radians((lats + lat) / 2)
    w = np.sqrt(1 - E2 * np.sin(phi) ** 2)
    east, north = np.radians(A / w * np.cos(phi)), np.radians(A * (1 - E2) / w**3)
    distances: np.ndarray[Any, Any] = np.hypot((lons - lon) * east, (lats - lat) * north)
    return distances


def points_around(lon: float, lat: float, radius_m: float, count: int) -> list[tuple[float, float]]:
    """`count` places (lon, lat) at a distance about one, counter-clockwise from the east; good to 0.1 % within 50
    km."""
    east, north = metres_per_degree(lat)
    return [
        (
            lon + radius_m / east * math.cos(2 * math.pi * i / count),
            lat + radius_m / north * math.sin(2 * math.pi * i / count),
        )
        for i in range(count)
    ]
