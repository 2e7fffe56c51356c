"""A table as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

from app.dashboard import texts
from app.pages.tables.model import R, Table
from core.texts import no_formula

# a spreadsheet takes what begins so for a formula
BOM = "\ufeff"


def as_csv(table: Table[R], rows: Iterable[R]) -> str:
    """RFC 4180 with a byte order mark, by which Excel knows UTF-8; headings in both languages."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([texts.named(column.words) for column in table.columns])
    for row in rows:
        writer.writerow([safe(column.value(row)) for column in table.columns])
    return BOM + out.getvalue()


def safe(value: Any) -> Any:
    """What no spreadsheet takes for a formula. Numbers stay numbers."""
    if value is None:
        return ""
    if isinstance(value, bool | int | float):
        return value
    words_ = "; ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return no_formula(words_)
