"""Facts of a card by type of thing: one table row per fact, in the order where, since when, the rest."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from dash import html

from app.dashboard import texts
from app.dashboard.card.words import Vocabulary, figure
from app.dashboard.components import age, clock_time, fact, level_badge, wild
from app.dashboard.models import Card, Risk

FORGOTTEN_S = 30 * 86_400
Object = Mapping[str, Any]
Show = Callable[[Object, Vocabulary], Any]


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the card: catalogue key of its name, and what to show; nothing is shown for an empty value."""

    key: str
    show: Show


def plain(field: str) -> Show:
    """The field as it is."""
    return lambda thing, _: figure(thing[field]) if thing.get(field) not in (None, "") else None


def known(field: str, table: str) -> Show:
    """The field in the words of the vocabulary."""
    return lambda thing, words: words.words(table, thing.get(field)) or None


def moment(field: str) -> Show:
    """A point in time: the clock and how long ago."""
    return lambda thing, _: [clock_time(thing[field]), age(thing[field])] if thing.get(field) else None


def _value(thing: Object, _: Vocabulary) -> Any:
    if thing.get("value") is None:
        return None
    return html.B([figure(thing["value"]), html.Span(thing.get("unit") or "", className="unit")])


def _place(thing: Object, words: Vocabulary) -> Any:
    if thing.get("lon") is None or thing.get("lat") is None:
        return None
    position = f"{thing['lon']:.5f}, {thing['lat']:.5f}"
    copy = html.Button(
        [html.Span(className="icon icon-copy"), html.Span(texts.both("card.copy"), className="tip")],
        className="icon-button small",
        type="button",
        **wild({"data-copy": position}),
    )
    district = texts.pair(thing.get("district_names"))
    return [*district, html.Span([html.Span(position, className="position"), copy], className="together")]


def _capabilities(thing: Object, words: Vocabulary) -> Any:
    return [html.Span(words.words("capabilities", name), className="tag") for name in thing.get("capabilities") or ()]


def _message(thing: Object, _: Vocabulary) -> Any:
    return texts.pair(thing.get("message"))


def _speed(thing: Object, _: Vocabulary) -> Any:
    return texts.both("unit.ms", n=figure(round(thing["speed"], 1))) if thing.get("speed") is not None else None


def _incident(thing: Object, _: Vocabulary) -> Any:
    if not thing.get("incident"):
        return None
    link: dict[str, Any] = {"data-select-type": "incident", "data-select-id": str(thing["incident"])}
    return html.Button(texts.both("card.open_incident"), className="link", type="button", **link)


def _heading(thing: Object, _: Vocabulary) -> Any:
    return f"{figure(thing['heading'])}°" if thing.get("heading") is not None else None


def _camera(thing: Object, _: Vocabulary) -> Any:
    if not thing.get("camera"):
        return None
    link: dict[str, Any] = {"data-select-type": "camera", "data-select-id": str(thing["camera"])}
    return html.Button(texts.pair(thing.get("camera_names")), className="link", type="button", **link)


def _score(thing: Object, _: Vocabulary) -> Any:
    return f"{round(100 * thing['score'])} %" if thing.get("score") is not None else None


def _health(thing: Object, _: Vocabulary) -> Any:
    if not thing.get("last_at"):
        return texts.both("camera_health.never")
    if thing.get("silent"):
        return html.Span(texts.both("camera_health.silent"), className="warned")
    return texts.both("camera_health.forgotten" if thing.get("age_s", 0) > FORGOTTEN_S else "camera_health.well")


PLACE = Fact("card.where", _place)

FACTS: Mapping[str, tuple[Fact, ...]] = {
    "alarm": (
        Fact("card.text", _message),
        Fact("card.value", _value),
        PLACE,
        Fact("card.since", moment("raised_at")),
        Fact("card.changed", moment("changed_at")),
        Fact("card.acknowledged_by", plain("acknowledged_by")),
        Fact("card.who", _incident),
    ),
    "incident": (
        Fact("card.number", plain("number")),
        Fact("card.kind", known("kind", "incident_kinds")),
        Fact("card.text", plain("text")),
        Fact("card.address", plain("address")),
        PLACE,
        Fact("card.since", moment("opened_at")),
        Fact("card.changed", moment("changed_at")),
        Fact("card.channel", plain("channel")),
    ),
    "unit": (
        Fact("card.kind", known("kind", "unit_kinds")),
        Fact("card.capabilities", _capabilities),
        PLACE,
        Fact("card.speed", _speed),
        Fact("card.seen", moment("seen_at")),
        Fact("card.who", _incident),
    ),
    "sensor": (Fact("card.kind", known("kind", "sensor_kinds")), PLACE),
    "camera": (
        Fact("card.health", _health),
        Fact("card.frame", moment("frame_at")),
        Fact("card.last_event", moment("event_at")),
        PLACE,
        Fact("card.heading", _heading),
    ),
    "video_event": (
        Fact("card.camera", _camera),
        Fact("card.score", _score),
        Fact("card.zone", plain("zone")),
        PLACE,
        Fact("card.since", moment("time")),
        Fact("card.ended", moment("ended_at")),
        Fact("card.who", _incident),
    ),
    "facility": (
        Fact("card.kind", known("kind", "facility_kinds")),
        Fact("card.capacity", plain("capacity")),
        PLACE,
    ),
    "asset": (
        Fact("card.code", plain("id")),
        Fact("card.class", plain("class")),
        Fact("card.subclass", plain("subclass")),
        Fact("card.state", plain("state")),
        PLACE,
    ),
}

# type -> (field, vocabulary table) of the chip beside the type
STATES: Mapping[str, tuple[str, str]] = {
    "alarm": ("state", "alarm_states"),
    "incident": ("status", "incident_statuses"),
    "unit": ("status", "unit_statuses"),
}


def fact_list(card: Card, words: Vocabulary) -> html.Dl:
    """The facts of this type of thing that have a value."""
    shown = ((row.key, row.show(card.object, words)) for row in FACTS.get(card.type, (PLACE,)))
    return html.Dl([fact(key, value) for key, value in shown if value], className="facts")


def state_chip(card: Card, words: Vocabulary) -> list[Any]:
    """The state of the thing, in words."""
    field, table = STATES.get(card.type, ("status", ""))
    state = card.object.get(field)
    if not state:
        return []
    named = words.words(table, state) if table else texts.known(f"{card.type}_status", state)
    return [html.Span(named, className="chip", **wild({"data-state": str(state)}))]


def risk_of(card: Card) -> Risk | None:
    """The risk of the object with its terms; None where it has not been scored."""
    risk = card.object.get("risk")
    return msgspec.convert(risk, Risk) if risk else None


def readings(card: Card, words: Vocabulary) -> list[Any]:
    """A sensor's newest values, each with its age and the steps in force."""
    if card.type != "sensor":
        return []
    values = card.object.get("values") or {}
    title = html.H3(texts.both("card.readings"))
    if not values:
        return [html.Section([title, html.P(texts.both("card.readings.none"), className="quiet")])]
    steps = card.object.get("thresholds") or {}
    lines = [_reading(metric, value, steps.get(metric) or {}, words) for metric, value in values.items()]
    return [html.Section([title, html.Ul(lines, className="readings")])]


def _reading(metric: str, newest: Object, steps: Object, words: Vocabulary) -> html.Li:
    unit = newest.get("unit") or words.unit_of(metric)
    value = html.B([figure(newest.get("value")), html.Span(unit, className="unit")], **wild({"data-metric": metric}))
    name = html.Span(words.words("metrics", metric), className="name")
    limits = [_limit(level, steps[level]) for level in sorted(steps)]
    quality = newest.get("quality")
    flag = [html.Span(words.words("qualities", quality), className="flag")] if quality not in (None, "good") else []
    return html.Li([name, value, age(newest.get("time")), *flag, html.Span(limits, className="limits")])


def _limit(level: str, value: Any) -> html.Span:
    return html.Span([level_badge(int(level)), figure(value)], className="limit")
