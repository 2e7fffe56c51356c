"""Steps of time: hours, days of the week, days, ISO weeks, months, years of the city's own clock and calendar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from core.analysis.nouns import Time
from core.i18n import say
from core.vocabulary import Text

# so many steps are filled in between the first and the last
FILLED = 2000


@dataclass(frozen=True, slots=True)
class Step:
    """`form` as PostgreSQL's to_char has it. `turns`: it comes again (an hour of the day), else it goes on."""

    id: str
    form: str
    turns: bool = False
    of_moments: bool = False

    @property
    def title(self) -> Text:
        return say(f"analysis.step.{self.id}")

    def sql(self, time: Time) -> str:
        return f"to_char({local(time)}, '{self.form}')"

    def words(self, key: str) -> Text:
        """`key` is what `sql` gives."""
        if self.id == "hour":
            return say("analysis.hour", hour=int(key))
        if self.id == "weekday":
            return say(f"analysis.weekday.{key}")
        if self.id == "week":
            year, week = key.split("-W")
            return say("analysis.week", year=year, week=int(week))
        return {"zh": key, "en": key}


HOUR = Step("hour", "HH24", turns=True, of_moments=True)
WEEKDAY = Step("weekday", "ID", turns=True)
DAY = Step("day", "YYYY-MM-DD")
# ISO 8601: a week is of the year that has its Thursday
WEEK = Step("week", 'IYYY-"W"IW')
MONTH = Step("month", "YYYY-MM")
YEAR = Step("year", "YYYY")
STEPS = {step.id: step for step in (HOUR, WEEKDAY, DAY, WEEK, MONTH, YEAR)}


def local(time: Time) -> str:
    """SQL of the time as the city's clocks have it."""
    return f"CAST({time.sql} AS timestamp)" if time.daily else f"({time.sql} AT TIME ZONE :zone)"


def every(step: Step, keys: Sequence[str]) -> list[str]:
    """All keys from the first to the last, those at which nothing was too; of steps that turn all there are."""
    if step.turns:
        return [f"{n:02d}" for n in range(24)] if step is HOUR else [str(n) for n in range(1, 8)]
    if not keys:
        return []
    first, last = min(keys), max(keys)
    found, at = [first], first
    while at < last and len(found) < FILLED:
        at = after(step, at)
        found.append(at)
    return found if found[-1] == last else sorted(set(keys))


def monday_of(key: str) -> date:
    """Of a week."""
    year, week = key.split("-W")
    return date.fromisocalendar(int(year), int(week), 1)


def after(step: Step, key: str) -> str:
    if step is YEAR:
        return f"{int(key) + 1:04d}"
    if step is MONTH:
        year, month = map(int, key.split("-"))
        return f"{year + month // 12:04d}-{month % 12 + 1:02d}"
    if step is WEEK:
        new = (monday_of(key) + timedelta(days=7)).isocalendar()
        return f"{new.year:04d}-W{new.week:02d}"
    return (date.fromisoformat(key) + timedelta(days=1)).isoformat()
