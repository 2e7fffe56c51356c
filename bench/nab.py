"""Series in the layout of the Numenta Anomaly Benchmark, and its score.

`DIR/{group}/{name}.csv` holds `timestamp,value`; windows stand in `windows.json` or `labels/combined_windows.json`, in
DIR or beside it. The score is that of Lavin and Ahmad, "Evaluating Real-time Anomaly Detection Algorithms" (2015), with
the details of the benchmark's sweeper: of a window only the best row counts, a row outside costs by its distance from
the window before it, one threshold holds for all series.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

PROBATION_SHARE = 0.15
PROBATION_ROWS = 750
# no row has such a score: the threshold under which nothing is found
NOTHING = 1.1
_FAR = 3.0
LABELS = ("windows.json", "labels/combined_windows.json", "combined_windows.json")
HEADER = ("timestamp", "value", "anomaly_score", "label")


@dataclass(frozen=True, slots=True)
class Profile:
    """What a window found, a false row and a window missed are worth."""

    found: float = 1.0
    false: float = 0.11
    missed: float = 1.0


STANDARD = Profile()


@dataclass(frozen=True, slots=True)
class Series:
    """`stamps` as they stand in the file, `times` in seconds UTC; `windows` are (first, last) row, both inside."""

    name: str
    stamps: tuple[str, ...]
    times: tuple[float, ...]
    values: tuple[float, ...]
    windows: tuple[tuple[int, int], ...] = ()


class Sweep(NamedTuple):
    """The best of all thresholds: `score` is 0 for a detector that finds nothing and 100 for a perfect one."""

    score: float
    threshold: float
    found: int
    windows: int
    false: int


def read_series(folder: Path) -> list[Series]:
    """All series under a folder, by name. Raises FileNotFoundError where there is none."""
    windows = read_windows(folder)
    found = [read_one(path, f"{path.parent.name}/{path.name}", windows) for path in sorted(folder.glob("*/*.csv"))]
    if not found:
        raise FileNotFoundError(f"{folder}: no {{group}}/{{name}}.csv in it")
    return found


def read_windows(folder: Path) -> dict[str, list[list[str]]] | None:
    """Windows by series; None where nobody has said any."""
    for place in (folder, folder.parent):
        for name in LABELS:
            if (place / name).is_file():
                known: dict[str, list[list[str]]] = json.loads((place / name).read_text("utf-8"))
                return known
    return None


def read_one(path: Path, name: str, windows: dict[str, list[list[str]]] | None) -> Series:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    times = tuple(seconds(row["timestamp"]) for row in rows)
    spans = [(seconds(first), seconds(last)) for first, last in (windows or {}).get(name, ())]
    inside = [[n for n, at in enumerate(times) if first <= at <= last] for first, last in spans]
    return Series(
        name,
        tuple(row["timestamp"] for row in rows),
        times,
        tuple(number(row["value"]) for row in rows),
        tuple((rows_in[0], rows_in[-1]) for rows_in in inside if rows_in),
    )


def seconds(stamp: str) -> float:
    at = datetime.fromisoformat(stamp)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def number(words: str) -> float:
    """A value that is none is not a number, and no reason to stop."""
    try:
        return float(words)
    except ValueError:
        return math.nan


def write_scores(folder: Path, series: Series, scores: Sequence[float]) -> Path:
    """`folder/{group}/onemap_{name}.csv`: a row for each row of the series, in its order."""
    group, name = series.name.split("/")
    path = folder / group / f"onemap_{name}"
    path.parent.mkdir(parents=True, exist_ok=True)
    inside = {n for first, last in series.windows for n in range(first, last + 1)}
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(HEADER)
        for n, (stamp, value, score) in enumerate(zip(series.stamps, series.values, scores, strict=True)):
            out.writerow((stamp, repr(value), repr(float(score)), int(n in inside)))
    return path


def probation(rows: int) -> int:
    """The first rows, in which a detector learns and nothing counts."""
    return int(min(math.floor(PROBATION_SHARE * rows), PROBATION_ROWS))


def sigmoid(position: float) -> float:
    """1 far before, 0 at the right edge of a window, -1 far behind it."""
    return -1.0 if position >= _FAR else 2 / (1 + math.exp(5 * position)) - 1


def worth(series: Series, profile: Profile = STANDARD) -> list[tuple[float, int | None]]:
    """What each row is worth if it is called an anomaly, and the window it lies in."""
    rows: list[tuple[float, int | None]] = []
    at, before = 0, None
    windows = sorted(series.windows)
    for n in range(len(series.values)):
        if at < len(windows) and n > windows[at][1]:
            before, at = windows[at], at + 1
        if at < len(windows) and n >= windows[at][0]:
            first, last = windows[at]
            position = -(last - n + 1) / (last - first + 1)
            rows.append((sigmoid(position) / sigmoid(-1.0) * profile.found, at))
        elif before is None:
            rows.append((-profile.false, None))
        else:
            width = max(before[1] - before[0], 1)
            rows.append((sigmoid((n - before[1]) / width) * profile.false, None))
    return rows


def sweep(scored: Iterable[tuple[Series, Sequence[float]]], profile: Profile = STANDARD) -> Sweep:
    """The best score that one threshold for all series reaches: a row is called where its score is not below it."""
    rows: list[tuple[float, float, tuple[int, int] | None]] = []
    best: dict[tuple[int, int], float] = {}
    count = 0
    for number_of, (series, scores) in enumerate(scored):
        count += len(series.windows)
        first = probation(len(series.values))
        for n, (value, window) in enumerate(worth(series, profile)):
            if n >= first:
                key = None if window is None else (number_of, window)
                rows.append((float(scores[n]), value, key))
                if key:
                    best[key] = -profile.missed
    rows.sort(key=lambda row: -row[0])
    total = sum(best.values()) - profile.missed * (count - len(best))
    reached = Sweep(total, NOTHING, 0, count, 0)
    found: set[tuple[int, int]] = set()
    false = 0
    for n, (score, value, key) in enumerate(rows):
        if key is None:
            total, false = total + value, false + 1
        elif value > best[key]:
            total, best[key] = total + value - best[key], value
            found.add(key)
        else:
            found.add(key)
        last_of_score = n + 1 == len(rows) or rows[n + 1][0] != score
        if last_of_score and total > reached.score:
            reached = Sweep(total, score, len(found), count, false)
    return reached._replace(score=normalised(reached.score, count, profile))


def normalised(score: float, windows: int, profile: Profile = STANDARD) -> float:
    """In per cent of the way from a detector that finds nothing to a perfect one; of series without windows the
    sum itself, which is never above nothing."""
    nothing, perfect = -profile.missed * windows, profile.found * windows
    return 100 * (score - nothing) / (perfect - nothing) if windows else score


def score_at(series: Series, scores: Sequence[float], threshold: float, profile: Profile = STANDARD) -> float:
    """The raw score of one series at a threshold."""
    best = dict.fromkeys(range(len(series.windows)), -profile.missed)
    total, first = 0.0, probation(len(series.values))
    for n, (value, window) in enumerate(worth(series, profile)):
        if n < first or scores[n] < threshold:
            continue
        if window is None:
            total += value
        else:
            best[window] = max(best[window], value)
    return total + sum(best.values())
