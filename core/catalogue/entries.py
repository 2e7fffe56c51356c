"""What people have said of sources and layers (table `catalogue_entry`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import Field, field_validator
from sqlalchemy import Connection, text

from core import audit
from core.catalogue.nouns import Kind, Name, Resource
from core.errors import Conflict, InputError
from core.faults import unfit
from core.given import Given
from core.scope import Classification
from core.texts import visible
from core.viewer import Viewer
from core.vocabulary import table

FIELDS = (
    "code",
    "category",
    "provider",
    "department",
    "contact",
    "summary_zh",
    "summary_en",
    "cycle",
    "sharing",
    "terms",
    "open",
)
# what an entry must say to be one (政务信息资源目录编制指南: name, provider, summary, items, sharing, cycle)
NEEDED = ("provider", "contact", "summary_zh", "cycle", "sharing")
Sharing = Literal["unconditional", "conditional", "none"]


class EntryIn(Given):
    """What is said of a source or a layer, in the version that was seen; 0 where nothing was."""

    version: int = Field(ge=0, le=2**31 - 1)
    provider: str | None = Field(None, max_length=200)
    department: str | None = Field(None, max_length=64)
    contact: str | None = Field(None, max_length=200)
    summary_zh: str | None = Field(None, max_length=2000)
    summary_en: str | None = Field(None, max_length=2000)
    cycle: str | None = Field(None, max_length=32)
    sharing: Sharing | None = None
    terms: str | None = Field(None, max_length=2000)
    category: str | None = Field(None, max_length=32)
    code: str | None = Field(None, max_length=64)
    open: bool = False

    @field_validator("provider", "department", "contact", "summary_zh", "summary_en", "terms", "code")
    @classmethod
    def stripped(cls, value: str | None) -> str | None:
        """Two names that differ by blanks would be two providers."""
        return " ".join(value.split()) or None if value else None

    @field_validator("cycle")
    @classmethod
    def known_cycle(cls, value: str | None) -> str | None:
        return known(value, "update_cycles")

    @field_validator("category")
    @classmethod
    def known_category(cls, value: str | None) -> str | None:
        return known(value, "catalogue_classes")


def known(value: str | None, words: str) -> str | None:
    if not value:
        return None
    if value not in table(words):
        raise unfit("one_of", "expected one of {expected}", expected=", ".join(table(words)))
    return value


@dataclass(frozen=True, slots=True)
class Entry:
    """A row; one that is not there has version 0 and says nothing."""

    said: Mapping[str, Any]
    version: int = 0
    created_at: datetime | None = None
    changed_at: datetime | None = None
    changed_by: str | None = None

    def __getitem__(self, name: str) -> Any:
        return self.said.get(name)

    @property
    def described(self) -> float:
        """The share of what is needed that is said, 0 to 1."""
        return sum(bool(self.said.get(name)) for name in NEEDED) / len(NEEDED)


NOTHING = Entry({"open": False})


def read_entries(conn: Connection, name: Name | None = None) -> dict[Name, Entry]:
    rows = conn.execute(
        text("SELECT * FROM catalogue_entry WHERE CAST(:kind AS text) IS NULL OR (kind = :kind AND id = :id)"),
        {"kind": name.kind if name else None, "id": name.id if name else None},
    )
    return {
        Name(Kind(row.kind), row.id): Entry(
            {one: getattr(row, one) for one in FIELDS}, row.version, row.created_at, row.changed_at, row.changed_by
        )
        for row in rows
    }


WRITE = text("""
INSERT INTO catalogue_entry AS e (kind, id, code, category, provider, department, contact, summary_zh, summary_en,
  cycle, sharing, terms, open, created_at, changed_at, changed_by)
VALUES (:kind, :id, :code, :category, :provider, :department, :contact, :summary_zh, :summary_en, :cycle, :sharing,
  :terms, :open, :now, :now, :who)
ON CONFLICT (kind, id) DO UPDATE SET code = EXCLUDED.code, category = EXCLUDED.category, provider = EXCLUDED.provider,
  department = EXCLUDED.department, contact = EXCLUDED.contact, summary_zh = EXCLUDED.summary_zh,
  summary_en = EXCLUDED.summary_en, cycle = EXCLUDED.cycle, sharing = EXCLUDED.sharing, terms = EXCLUDED.terms,
  open = EXCLUDED.open, changed_at = EXCLUDED.changed_at, changed_by = EXCLUDED.changed_by, version = e.version + 1
WHERE e.version = :version
""")


def write_entry(conn: Connection, resource: Resource, given: EntryIn, who: Viewer, now: datetime) -> None:
    """Conflict where somebody else was quicker; InputError where what is said contradicts itself."""
    check(resource, given)
    name = resource.name
    there = conn.scalar(
        text("SELECT version FROM catalogue_entry WHERE kind = :kind AND id = :id FOR UPDATE"), name._asdict()
    )
    said = given.model_dump(exclude={"version"})
    asked = {**said, **name._asdict(), "version": given.version, "now": now, "who": who.username}
    if (there or 0) != given.version or not conn.execute(WRITE, asked).rowcount:
        raise Conflict("entry: somebody else has changed it meanwhile", field="version", reason="stale_version")
    audit.write(conn, who, "catalogue.change", now, {**name._asdict(), **said})


def check(resource: Resource, given: EntryIn) -> None:
    if given.sharing in ("conditional", "none") and not given.terms:
        raise InputError(
            "terms: expected the conditions, or the ground on which it is not shared",
            field="terms",
            reason="terms_missing",
        )
    if given.open and given.sharing != "unconditional":
        raise InputError("open: only what is shared without conditions", field="open", reason="open_with_conditions")
    if given.open and not resource.openable:
        raise InputError("open: this is never shown to the public", field="open", reason="never_open")
    if given.open and (resource.classification != Classification.OPEN or resource.departments is not None):
        raise InputError(
            "open: it is classified or limited to departments", field="open", reason="open_with_conditions"
        )


def forget(conn: Connection, name: Name) -> None:
    """The thing is gone, and with it what was said of it and who asked for it: another of its name is another thing.
    Its days stay."""
    conn.execute(text("DELETE FROM catalogue_entry WHERE kind = :kind AND id = :id"), name._asdict())
    conn.execute(
        text(
            "UPDATE access_request SET state = 'refused', decided_at = now() "
            "WHERE kind = :kind AND resource = :id AND state = 'open'"
        ),
        name._asdict(),
    )


def lacks(resource: Resource, entry: Entry, *, provider: str | None, alike: bool) -> list[str]:
    """What stands in the way of publishing an entry: a field that is needed, a summary that only repeats the name, a
    title that another bears too but for its blanks (what reviewers of catalogues send back)."""
    found = [name for name in NEEDED if not (provider if name == "provider" else entry[name])]
    summary = visible(str(entry["summary_zh"] or ""))
    if summary and "".join(summary.split()) == "".join(resource.title["zh"].split()):
        found.append("summary_repeats")
    if alike:
        found.append("title_twice")
    if not resource.columns:
        found.append("columns")
    return found


def in_cycle(entry: Entry, updated_at: datetime | None, now: datetime) -> bool | None:
    """Whether it is as fresh as promised: within the cycle and half of it for a day, a little more for a year
    (core/data/update_cycles.json)."""
    row = table("update_cycles").get(entry["cycle"] or "")
    if row is None:
        return None
    if row["hours"] is None:
        return True if updated_at else None
    return updated_at is not None and now - updated_at <= timedelta(hours=row["hours"])
