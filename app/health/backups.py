"""Whether there is a backup to go back to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from app.backup.schedule import backups_in
from app.health.remark import Remark, words

# one that failed is tried again every few minutes
LATE = timedelta(hours=1)


def check_backups(folder: Path, every: timedelta, now: datetime) -> Iterator[Remark]:
    """The newest of `folder` should not be older than they are made apart, and a little."""
    try:
        there = backups_in(folder)
    except OSError as exc:
        yield Remark(f"the folder of the backups {folder} cannot be read ({exc.strerror}): see ONEMAP_BACKUP_FOLDER")
        return
    if not there:
        yield Remark(f"there is no backup in {folder} yet; why, is told by .onemap/log/backup.log")
    elif now - there[-1][0] > every + LATE:
        age = words((now - there[-1][0]).total_seconds())
        yield Remark(f"the newest backup in {folder} is {age} old; why, is told by .onemap/log/backup.log")
