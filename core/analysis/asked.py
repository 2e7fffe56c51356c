"""What is asked, as it is written in an address, and what is meant by it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from core.analysis.nouns import Dimension, Function, Grouping, Kind, Measure, Place, Subject, Time
from core.analysis.times import STEPS, Step
from core.errors import InputError
from core.faults import expects, listed
from core.i18n import say
from core.types import Box
from core.vocabulary import Text

COUNT = Function.COUNT.value
# before the name of a column that is called like something else
COLUMN = "column:"
EARLIEST, LATEST = 1900, 2200


@dataclass(frozen=True, slots=True)
class Asked:
    """`by` and `then` name groupings, `measure` is count, sum:COLUMN or mean:COLUMN, `time` one of the subject's times
    where it is not the first, `since` and `until` a day (of the city, both are in) or a moment (the second is out);
    `column` and `value` go together, a value that is empty is that of things that have none."""

    by: str | None = None
    then: str | None = None
    measure: str = COUNT
    time: str | None = None
    since: str | None = None
    until: str | None = None
    bbox: Box | None = None
    district: str | None = None
    column: str | None = None
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """`since` is in, `until` is out; both of `time`."""

    by: tuple[Grouping, ...]
    function: Function = Function.COUNT
    measure: Measure | None = None
    time: Time | None = None
    since: datetime | None = None
    until: datetime | None = None
    box: Box | None = None
    district: str | None = None
    only: tuple[Dimension, str] | None = None

    @property
    def timed(self) -> bool:
        """Whether a thing of which nobody knows when it was so is left out."""
        return self.since is not None or self.until is not None or any(one.kind is Kind.TIME for one in self.by)

    @property
    def title(self) -> Text:
        """Of the measure."""
        return title_of(self.function, self.measure)

    @property
    def asks(self) -> str:
        return COUNT if self.measure is None else f"{self.function}:{self.measure.id}"

    def grouped(self, *by: Grouping) -> Question:
        """The same of other groups."""
        return replace(self, by=by)


def title_of(function: Function, measure: Measure | None) -> Text:
    if measure is None:
        return say("analysis.count")
    return say(f"analysis.{function}", what=measure.title)


def groupings_of(subject: Subject, places: Sequence[Place], time: Time | None = None) -> list[Grouping]:
    """All there are, by the names that ask for them; steps are of `time`, else of the subject's first."""
    found = [Grouping(one.id, one.title, Kind.PLACE, one) for one in places]
    when = time or (subject.times[0] if subject.times else None)
    if when is not None:
        steps = [step for step in STEPS.values() if not (step.of_moments and when.daily)]
        found += [Grouping(step.id, step.title, Kind.TIME, step) for step in steps]
    taken = {one.id for one in found} | set(STEPS)
    for one in subject.dimensions:
        name = f"{COLUMN}{one.id}" if one.id in taken or ":" in one.id else one.id
        found.append(Grouping(name, one.title, Kind.COLUMN, one))
    return found


def measures_of(subject: Subject) -> list[tuple[str, Text]]:
    found = [(COUNT, title_of(Function.COUNT, None))]
    for one in subject.measures:
        found += [(f"{function}:{one.id}", title_of(function, one)) for function in one.functions]
    return found


def read_question(subject: Subject, places: Sequence[Place], asked: Asked, zone: str) -> Question:
    """InputError names what cannot be asked of this subject."""
    time = time_of(subject, asked)
    known = {one.id: one for one in groupings_of(subject, places, time)}
    names = [name for name in (asked.by, asked.then) if name is not None]
    if not names:
        names = [next(iter(known))] if known else []
    if not names:
        raise InputError(
            f"by: {subject.id} has nothing by which it could be grouped", field="by", about=expects("by", "no_grouping")
        )
    by = tuple(one_of(known, name, field) for name, field in zip(names, ("by", "then"), strict=False))
    if len(set(names)) < len(names):
        raise InputError(
            "then: expected another grouping than by", field="then", about=expects("then", "another_than", other="by")
        )
    function, measure = measure_of(subject, asked.measure)
    since, until = (bound(value, zone, field) for value, field in ((asked.since, "from"), (asked.until, "to")))
    if (since or until) and time is None:
        field = "from" if since else "to"
        raise InputError(
            f"{field}: of {subject.id} nobody knows when it was so", field=field, about=expects(field, "no_time")
        )
    if since and until and since >= until:
        raise InputError("to: expected what is later than from", field="to", reason="to_before_from")
    if asked.bbox is not None and subject.geom is None:
        raise InputError(f"bbox: {subject.id} has no places", field="bbox", about=expects("bbox", "no_places"))
    return Question(by, function, measure, time, since, until, asked.bbox, asked.district, only_of(subject, asked))


def one_of(known: dict[str, Grouping], name: str, field: str) -> Grouping:
    found = known.get(name) or known.get(f"{COLUMN}{name}") or known.get(name.removeprefix(COLUMN))
    if found is None:
        raise InputError(
            f"{field}: expected one of {', '.join(known)}; got {name[:100]!r}",
            field=field,
            about=expects(field, "one_of", expected=listed(list(known))),
        )
    return found


def time_of(subject: Subject, asked: Asked) -> Time | None:
    if asked.time is None:
        return subject.times[0] if subject.times else None
    found = next((one for one in subject.times if one.id == asked.time), None)
    if found is None:
        names = ", ".join(one.id for one in subject.times) or "none: it has no times"
        raise InputError(
            f"time: expected one of {names}; got {asked.time[:100]!r}",
            field="time",
            about=expects("time", "one_of", expected=names),
        )
    return found


def measure_of(subject: Subject, asked: str) -> tuple[Function, Measure | None]:
    if asked == COUNT:
        return Function.COUNT, None
    function, _, name = asked.partition(":")
    found = next((one for one in subject.measures if one.id == name and function in one.functions), None)
    if found is None:
        names = ", ".join(one for one, _ in measures_of(subject))
        raise InputError(
            f"measure: expected one of {names}; got {asked[:100]!r}",
            field="measure",
            about=expects("measure", "one_of", expected=names),
        )
    return Function(function), found


def only_of(subject: Subject, asked: Asked) -> tuple[Dimension, str] | None:
    if (asked.column is None) != (asked.value is None):
        lacking = "value" if asked.value is None else "column"
        raise InputError(
            f"{lacking}: column and value go together",
            field=lacking,
            about=expects(lacking, "together", other="column, value"),
        )
    if asked.column is None or asked.value is None:
        return None
    name = asked.column.removeprefix(COLUMN)
    found = next((one for one in subject.dimensions if one.id in (asked.column, name)), None)
    if found is None:
        names = ", ".join(one.id for one in subject.dimensions) or "none: it has no columns"
        raise InputError(
            f"column: expected one of {names}; got {asked.column[:100]!r}",
            field="column",
            about=expects("column", "one_of", expected=names),
        )
    return found, asked.value


def bound(value: str | None, zone: str, field: str) -> datetime | None:
    """A day of the city from its first moment, or as the end after its last; a moment as it stands."""
    if not value:
        return None
    try:
        if len(value) == len("2026-05-04"):
            day = date.fromisoformat(value) + timedelta(days=1 if field == "to" else 0)
            found = datetime.combine(day, time(), ZoneInfo(zone))
        else:
            found = datetime.fromisoformat(value)
    except (ValueError, OverflowError):
        raise unclear(field, value) from None
    if found.tzinfo is None or not EARLIEST <= found.year <= LATEST:
        raise unclear(field, value)
    return found


def unclear(field: str, value: str) -> InputError:
    told = f"{field}: expected a day such as 2026-05-04 or a moment with its offset, {EARLIEST} to {LATEST}"
    return InputError(f"{told}; got {value[:60]!r}", field=field, reason="not_a_day")


def step_of(grouping: Grouping) -> Step | None:
    return grouping.of if isinstance(grouping.of, Step) else None
