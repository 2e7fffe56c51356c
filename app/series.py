"""The series of an index as its rule judges it: made at each step of the means of its metrics, each in its window."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection

from alerts.loading import load_rules
from alerts.rules.aggregate import history_of, index_series, index_windows
from core.clock import rfc3339
from layers.sensors import SERIES_AT_MOST, SeriesPoint, first_reading, read_sliding

SECOND = 1e6


def read_index(
    conn: Connection,
    sensor_id: str,
    rule_id: str,
    start: datetime,
    end: datetime,
    every_s: float,
    *,
    after: datetime | None = None,
    most: int = SERIES_AT_MOST,
) -> tuple[list[SeriesPoint], datetime | None]:
    """A page of it, and when its last step ended where there are more. InputError where a window of the index is no
    whole number of steps."""
    rule = next(rule for rule in load_rules(conn) if rule.id == rule_id)
    means: dict[str, dict[datetime, float]] = {}
    cuts: list[datetime] = []
    for name, length in index_windows():
        points, last = read_sliding(
            conn, sensor_id, name, start, end, every_s, "mean", length / SECOND, after=after, most=most
        )
        means[name] = {datetime.fromisoformat(point["time"]): point["value"] for point in points}
        cuts += [last] if last else []
    cut = min(cuts, default=None)
    since = start - timedelta(seconds=history_of(rule))
    first = first_reading(conn, sensor_id, list(means), since)
    made = index_series(means, first, rule.params.min_span_s)
    items: list[SeriesPoint] = [
        {"time": rfc3339(time), "value": float(index)} for time, index in made if cut is None or time <= cut
    ]
    return items, cut
