"""Backups by the clock: one file a time, the oldest go."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from core.errors import InputError, OneMapError
from core.log import get_log

log = get_log("backup")
NAME = re.compile(r"^onemap-(\d{8}T\d{6}Z)\.backup$")
STAMP = "%Y%m%dT%H%M%SZ"
EVERY = re.compile(r"^(\d+)([mhd])$")
UNITS = {"m": "minutes", "h": "hours", "d": "days"}
LEAST = timedelta(minutes=1)
# after one that failed
AGAIN = timedelta(minutes=5)


def parse_every(value: str) -> timedelta:
    """`6h`, `30m`, `1d`."""
    match = EVERY.match(value)
    every = timedelta(**{UNITS[match[2]]: int(match[1])}) if match else timedelta()
    if every < LEAST:
        raise InputError(f"--every: expected a time such as 30m, 6h or 1d, got {value!r}", field="--every")
    return every


def name_of(now: datetime) -> str:
    return f"onemap-{now.astimezone(UTC):{STAMP}}.backup"


def made_at(path: Path) -> datetime | None:
    match = NAME.match(path.name)
    return datetime.strptime(match[1], STAMP).replace(tzinfo=UTC) if match else None


def backups_in(folder: Path) -> list[tuple[datetime, Path]]:
    """By age, the oldest first; other files are nobody's business."""
    return sorted((at, path) for path in folder.iterdir() if (at := made_at(path)) is not None)


def drop_old(folder: Path, keep: int) -> list[Path]:
    """Remove all but the newest `keep`."""
    old = [path for _, path in backups_in(folder)[:-keep]]
    for path in old:
        path.unlink(missing_ok=True)
    return old


def next_at(folder: Path, every: timedelta, now: datetime) -> datetime:
    """A restart neither skips one nor makes one more."""
    there = backups_in(folder)
    return max(now, min(there[-1][0] + every, now + every)) if there else now


def run(
    folder: Path,
    every: timedelta,
    keep: int,
    make: Callable[[Path, datetime], str],
    stop: threading.Event,
    clock: Callable[[], datetime],
    beat: Callable[[str | None], None] = lambda failure: None,
) -> None:
    """Until `stop`: `make(path, now)` when it is time. A failure is told and tried again, nothing old is removed for
    it."""
    due = next_at(folder, every, clock())
    while not stop.wait(min(10.0, max(0.0, (due - clock()).total_seconds()))):
        now = clock()
        if now < due:
            continue
        try:
            words = make(folder / name_of(now), now)
        except (OneMapError, OSError) as exc:
            log.error("backup_failed", error=str(exc))
            beat(str(exc))
            due = now + min(every, AGAIN)
            continue
        gone = drop_old(folder, keep)
        log.info("backup_made", words=words, removed=[path.name for path in gone])
        beat(None)
        due = now + every
