"""Tables that benches are given: CSV, whose errors name column and line."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np

from core.errors import InputError

DATE = re.compile(r"(\d{4})(?:[-/](\d{1,2})(?:[-/](\d{1,2}))?)?")


def read_rows(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Line and values, without the blanks around them."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="")
            names = [name.strip() for name in reader.fieldnames or ()]
            reader.fieldnames = names
            for name in columns:
                if name not in names:
                    raise InputError(f"{name}: the table has no such column; expected {','.join(columns)}", field=name)
            for row in reader:
                yield reader.line_num, {name: row[name].strip() for name in names}
    except (OSError, UnicodeDecodeError) as exc:
        raise InputError(f"CSV: {path} cannot be read: {exc}", field="CSV") from exc


def read_number(line: int, row: dict[str, str], name: str, least: float = -np.inf) -> float:
    try:
        value = float(row[name])
    except ValueError:
        value = np.nan
    if not (np.isfinite(value) and value >= least):
        wanted = "a number" if least == -np.inf else f"a number of {least:g} or more"
        raise InputError(f"{name}: line {line}: expected {wanted}; got {row[name]!r}", field=name)
    return value


def read_date(line: int, value: str) -> tuple[int, int | None, int | None]:
    match = DATE.fullmatch(value)
    try:
        if not match:
            raise ValueError(value)
        year, month, day = (int(part) if part else None for part in match.groups())
        date(year or 0, month or 1, day or 1)
    except ValueError:
        raise InputError(
            f"date: line {line}: expected YYYY, YYYY-MM or YYYY-MM-DD; got {value!r}", field="date"
        ) from None
    return year or 0, month, day
