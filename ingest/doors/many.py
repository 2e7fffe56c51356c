"""Accounts of a file: read line by line, each added for itself. The caller owns the transaction."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError
from sqlalchemy import Connection

from core.errors import InputError, OneMapError
from core.faults import listed
from core.given import as_input_error
from core.scope import EVERYTHING, Scope
from ingest.doors.accounts import LISTS, AccountIn, Credentials, add_account, need_reach

# what spreadsheets write: the second is what they do in China
ENCODINGS = ("utf-8-sig", "gb18030")
Line = tuple[int, AccountIn | OneMapError]


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of one line of a file of accounts."""

    line: int
    name: str
    credentials: Credentials | None = None
    error: OneMapError | None = None


def read_text(body: bytes) -> str:
    """The text of a file. InputError where it is none."""
    for encoding in ENCODINGS:
        try:
            return body.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise InputError("file: expected a CSV in UTF-8 or GB 18030", field="file", reason="csv_encoding")


def read_csv(body: str) -> list[Line]:
    """Accounts of a CSV with a heading: name, kind, sensors, … (several ids in one cell stand apart by spaces or
    semicolons). InputError where there is no heading that we know, or it is no CSV; a bad line is an error of its own,
    with its number."""
    lines = csv.DictReader(io.StringIO(body.lstrip("\ufeff")))
    try:
        names = [name.strip() for name in lines.fieldnames or ()]
        unknown = sorted(set(names) - set(AccountIn.model_fields))
        if "name" not in names or unknown:
            wanted = tuple(AccountIn.model_fields)
            got = ", ".join(names)[:200]
            raise InputError(
                f"heading: expected name and any of {', '.join(wanted)}; got {got!r}",
                field="heading",
                reason="csv_heading",
                about={"wanted": listed(wanted)},
            )
        lines.fieldnames = names
        return [(lines.line_num, read_line(row)) for row in lines]
    except csv.Error as exc:
        number = str(lines.line_num + 1)
        told = f"file: expected a CSV; line {number}: {exc}"
        raise InputError(told, field="file", reason="csv_line", about={"line": {"zh": number, "en": number}}) from exc


def read_line(row: Mapping[str | None, str | None]) -> AccountIn | OneMapError:
    given: dict[str, str | list[str]] = {}
    for name, told in row.items():
        if name is None:
            return InputError("line: it has more cells than the heading", field="line", reason="csv_cells")
        cell = (told or "").strip()
        if cell:
            given[name] = cell.replace(";", " ").split() if name in LISTS else cell
    try:
        return AccountIn.model_validate(given)
    except ValidationError as exc:
        return as_input_error(exc)
    except InputError as exc:
        return exc


def import_accounts(
    conn: Connection, lines: Iterable[Line], prefix: str, who: str, now: datetime, scope: Scope = EVERYTHING
) -> list[Imported]:
    """Add them, each in a savepoint: a line that cannot be used, or reaches beyond the scope, costs itself only."""
    done = []
    for line, given in lines:
        if isinstance(given, OneMapError):
            done.append(Imported(line, "", error=given))
            continue
        try:
            with conn.begin_nested():
                need_reach(conn, given, scope)
                done.append(Imported(line, given.name, add_account(conn, given, prefix, who, now)))
        except OneMapError as exc:
            done.append(Imported(line, given.name, error=exc))
    return done
