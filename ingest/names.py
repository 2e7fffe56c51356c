"""What the names of devices and of their values mean: ids of ours, the spelling people know, which values are no
measurement.

`core/data/metric_names.json` says which of our metrics a name means (水位, PM2.5); `core/data/not_metrics.json` what is
about the device or its link and measured by nobody (serial numbers, times, counters of messages, signal strength). A
city's own file of that name may add to them, or say `"metric": true` to keep one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from core.vocabulary import table

SPELLING_AT_MOST = 200
_PARTS = re.compile(r"[./]")
_BETWEEN = re.compile(r"[\s_\-]+")


def endings(name: str) -> Iterator[str]:
    """`a.b.PM2.5`, `b.PM2.5`, `PM2.5`, `5`: a name may hold what parts others."""
    yield name
    for found in _PARTS.finditer(name):
        yield name[found.end() :]


@lru_cache(maxsize=16_384)
def known_metric(name: str) -> str | None:
    """Our metric that a device's name means, whatever path leads to it; None where we know none."""
    names = table("metric_names")
    rows = (names.get(_plain(ending)) for ending in endings(name))
    return next((str(row["metric"]) for row in rows if row), None)


@lru_cache(maxsize=16_384)
def is_measured(name: str) -> bool:
    """Whether a value of that name may be a measurement."""
    parts = [part for part in _PARTS.split(name) if part and not part.isdigit()]
    row = table("not_metrics").get(_plain(parts[-1])) if parts else None
    return row is None or bool(row.get("metric"))


def _plain(name: str) -> str:
    """Full-width letters, capitals, spaces, `_` and `-` make no other name."""
    return _BETWEEN.sub("", unicodedata.normalize("NFKC", name).casefold())


def fit_spelling(name: str) -> str:
    return name.strip()[:SPELLING_AT_MOST]
