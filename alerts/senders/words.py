"""What a person is told of an alarm, in their language, on any channel that carries text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

from alerts.present import Alarm
from alerts.risk.told import nameless
from alerts.senders.base import City, Delivery, Reads, Target
from core.i18n import catalogue, say
from core.levels import alarm_level, in_a_sentence, lowered
from core.readings import place_and_what
from core.scope import Scope
from core.vocabulary import Text, label

TEST = "test"


@dataclass(frozen=True, slots=True)
class Told:
    """One message as a person reads it. `lines` are label and value; `url` leads to the thing on the page, where an
    address of the page is set."""

    title: str
    lines: tuple[tuple[str, str], ...]
    url: str | None = None

    @property
    def text(self) -> str:
        """Plain text of several lines, the title first."""
        rows = [self.title, *(f"{name}{mark(name)}{value}" for name, value in self.lines)]
        return "\n".join([*rows, *([self.url] if self.url else [])])


def mark(name: str) -> str:
    """What stands between a label and its value."""
    return ": " if name.isascii() else "："


def alarm_for(reads: Reads, subject: str, scope: Scope) -> Alarm | None:
    """As it stands now, without what lies beyond `scope`: its district's own people are told of a unit, a facility or
    another alarm, others of how many."""
    alarm = reads.alarm(subject)
    return alarm if alarm is None or scope.everywhere else within(alarm)


def within(alarm: Alarm) -> Alarm:
    risk, muted = alarm["risk"], alarm["muted"]
    return cast(
        "Alarm",
        {
            **alarm,
            "risk": risk and {**risk, "terms": nameless(risk["terms"])},
            "muted": muted and {**muted, "cause": None, "why": say("stage.inhibit.hidden")},
        },
    )


def tell(reads: Reads, delivery: Delivery, to: Target, now: datetime, public_url: str) -> Told | None:
    """The words of a delivery; None where what it is about is there no more, or it has no words (a message of the
    broker)."""
    city = reads.city
    if delivery.kind == TEST:
        return told_of_test(city, to, now, public_url)
    if delivery.kind != "alarm":
        return None
    alarm = alarm_for(reads, delivery.subject, to.scope)
    return None if alarm is None else told_of(alarm, delivery.what, city, to, now, public_url)


def told_of(alarm: Alarm, what: str, city: City, to: Target, now: datetime, public_url: str) -> Told:
    lang = to.lang
    lines: list[tuple[Text, Text | str]] = [(say("told.change"), change_words(alarm, what))]
    if alarm["message"]:
        lines.append((say("told.message"), alarm["message"]))
    lines.append((say("told.since"), clock(datetime.fromisoformat(alarm["raised_at"]), city.zone, now)[lang]))
    risk = alarm["risk"]
    if risk and alarm["active"] and "words" in risk:
        lines.append((say("told.risk"), risk["words"]))
    if alarm["acknowledged_by"]:
        lines.append((say("told.acknowledged"), alarm["acknowledged_by"]))
    where = place_of(alarm)
    if where:
        lines.append((say("told.place"), where))
    return Told(
        drill(city)[lang] + title_of(alarm)[lang],
        tuple((name[lang], value if isinstance(value, str) else value[lang]) for name, value in lines),
        f"{public_url.rstrip('/')}/?open=alarm/{alarm['id']}" if public_url else None,
    )


def told_of_test(city: City, to: Target, now: datetime, public_url: str) -> Told:
    lines = ((say("told.sent"), clock(now, city.zone, now)), (say("told.change"), say("told.test.text")))
    return Told(
        drill(city)[to.lang] + say("told.test", city=city.names)[to.lang],
        tuple((name[to.lang], value[to.lang]) for name, value in lines),
        public_url.rstrip("/") or None,
    )


def drill(city: City) -> Text:
    """Nobody may take what a simulated city says for true."""
    return say("told.simulated") if city.simulated else {"zh": "", "en": ""}


def title_of(alarm: Alarm) -> Text:
    """〈何处〉〈何事〉〈几级〉告警."""
    number = label("levels", str(alarm["level"]))
    return say(
        "told.title",
        title=place_and_what(alarm["names"], label("alarm_kinds", alarm["kind"])),
        level={"zh": f"{number['zh']}告警", "en": f"{lowered(number['en'])} alarm"},
    )


def change_words(alarm: Mapping[str, Any], what: str) -> Text:
    """A change in words, as the alarm's log has it."""
    level = in_a_sentence(alarm_level(alarm["level"]))
    known = {"repeated": "told.repeated", "unmuted": "log.alarm.unmuted"}
    key = known.get(what, f"log.alarm.{what}")
    key = f"{key}.short" if f"{key}.short" in catalogue() else key
    noted = alarm.get("shelved_reason") or (alarm.get("escalated") or {}).get("to") or ""
    return say(key if key in catalogue() else "told.changed", level=level, note=noted)


def clock(moment: datetime, zone: ZoneInfo, now: datetime) -> Text:
    """Today 07:20:36, else 11月25日 07:20 / 25 Nov 07:20."""
    here, today = moment.astimezone(zone), now.astimezone(zone).date()
    if here.date() == today:
        return {"zh": f"{here:%H:%M:%S}", "en": f"{here:%H:%M:%S}"}
    return {"zh": f"{here.month}月{here.day}日 {here:%H:%M}", "en": f"{here.day} {MONTHS[here.month - 1]} {here:%H:%M}"}


MONTHS: Sequence[str] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def place_of(alarm: Alarm) -> str:
    return "" if alarm["lon"] is None or alarm["lat"] is None else f"{alarm['lon']:.5f}, {alarm['lat']:.5f}"
