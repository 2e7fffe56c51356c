"""Facts of a card by type of thing: one row per fact, in the order where, since when, the rest."""

from collections.abc import Callable, Sequence
from typing import Any, cast

from dash import html

from alerts.limits import Measure
from alerts.warnings import Warning
from app.cards.nouns import (
    AlarmCard,
    AssetCard,
    CameraCard,
    Card,
    FacilityCard,
    IncidentCard,
    RowCard,
    SensorCard,
    UnitCard,
    VideoEventCard,
    WarningCard,
)
from app.dashboard import texts
from app.dashboard.card.words import figure, measured, value_now, way_to, window_words, worded
from app.dashboard.components import age, clock_time, fact, level_badge, wild
from core.readings import metric_words
from core.scope import Classification
from core.vocabulary import Quality, Text, label, table
from layers.columns import ColumnType
from layers.sensors import Measured
from layers.video import FORGOTTEN, Camera

KMH = 3.6
# catalogue key of its name or the name itself, and what is shown; a row without a value is left out
Row = tuple[str | Text, Any]


def alarm_rows(card: AlarmCard) -> list[Row]:
    alarm = card["object"]
    return [
        ("card.text", texts.pair(alarm["message"])),
        ("card.value_now", value_now(alarm, card["judged"]) if card["judged"] else None),
        ("card.value", measured(alarm["value"], alarm["metric"], alarm["unit"])),
        ("card.where", place(card)),
        ("card.since", moment(alarm["raised_at"])),
        ("card.changed", moment(alarm["changed_at"])),
        ("card.acknowledged_by", person(card, alarm["acknowledged_by"])),
        ("card.quiet", worded("alarm_levels", str(alarm["quiet_level"])) if alarm["quiet_level"] else None),
        ("card.owner", person(card, alarm["owner"])),
        ("card.escalated", worded("roles", alarm["escalated"]["to"]) if alarm["escalated"] else None),
        ("card.muted", texts.pair(alarm["muted"]["why"]) if alarm["muted"] else None),
        ("card.chattering", clock_time(alarm["chattering_since"]) if alarm["chattering_since"] else None),
        ("card.not_useful", texts.both("card.not_useful.yes") if alarm["useful"] is False else None),
        ("card.shelved", clock_time(alarm["shelved_until"]) if alarm["shelved_until"] else None),
        (
            "card.shelved_by",
            [person(card, alarm["shelved_by"]), " · ", *worded("shelve_reasons", alarm["shelved_reason"] or "")]
            if alarm["shelved_by"]
            else None,
        ),
        ("card.who.alarm", incident_link(alarm["incident"])),
    ]


def incident_rows(card: IncidentCard) -> list[Row]:
    incident = card["object"]
    return [
        ("card.number", incident["number"]),
        ("card.kind", worded("incident_kinds", incident["kind"])),
        ("card.in_danger", None if incident["in_danger"] is None else str(incident["in_danger"])),
        ("card.text", incident["text"]),
        ("card.address", incident["address"]),
        ("card.where", place(card)),
        ("card.since.incident", moment(incident["opened_at"])),
        ("card.changed", moment(incident["changed_at"])),
        ("card.channel", worded("channels", incident["channel"])),
    ]


def unit_rows(card: UnitCard) -> list[Row]:
    unit = card["object"]
    tags = [html.Span(worded("capabilities", name), className="tag") for name in unit["capabilities"]]
    speed = unit["speed"]
    return [
        ("card.kind", worded("unit_kinds", unit["kind"])),
        ("card.capabilities", tags),
        ("card.where", place(card)),
        ("card.speed", None if speed is None else texts.both("unit.kmh", n=round(speed * KMH))),
        ("card.seen", moment(unit["seen_at"])),
        ("card.who.unit", incident_link(unit["incident"])),
    ]


def sensor_rows(card: SensorCard) -> list[Row]:
    return [("card.kind", worded("sensor_kinds", card["object"]["kind"])), ("card.where", place(card))]


def camera_rows(card: CameraCard) -> list[Row]:
    camera = card["object"]
    heading = camera["heading"]
    return [
        ("card.health", camera_health(camera)),
        ("card.frame", moment(camera["frame_at"])),
        ("card.last_event", moment(camera["event_at"])),
        ("card.where", place(card)),
        ("card.heading", None if heading is None else f"{figure(heading)}°"),
    ]


def video_event_rows(card: VideoEventCard) -> list[Row]:
    seen = card["object"]
    score = seen["score"]
    return [
        ("card.camera", way_to("camera", seen["camera"], seen["camera_names"])),
        ("card.score", None if score is None else f"{round(100 * score)} %"),
        ("card.zone", seen["zone"]),
        ("card.where", place(card)),
        ("card.since", moment(seen["time"])),
        ("card.ended", moment(seen["ended_at"])),
        ("card.who.alarm", incident_link(card["incident"])),
    ]


def warning_rows(card: WarningCard) -> list[Row]:
    warning = card["object"]
    place = [warning["area"] or ""] if warning["shape"] else [html.Span(texts.both("card.no_area"), className="warned")]
    if warning["area"] and not warning["shape"]:
        place = [warning["area"], " ", *place]
    return [
        ("card.sender", warning["sender_name"] or warning["sender"]),
        ("card.event", warning["event"]),
        ("card.area", place),
        ("card.since", moment(warning["sent"])),
        ("card.until", clock_time(warning["until"])),
        ("card.kind", texts.known("cap_status", warning["status"])),
        ("card.severity", gravity(warning)),
        ("card.text", warning["description"]),
        ("card.instruction", warning["instruction"]),
    ]


def gravity(warning: Warning) -> list[Any]:
    """Severity, urgency and certainty (CAP 1.2 section 3.2.2) in words."""
    parts = (
        texts.known("cap_severity", warning["severity"]),
        texts.known("cap_urgency", warning["urgency"]),
        worded("certainties", warning["certainty"]),
    )
    return [one for part in parts if part for one in (" · ", *part)][1:]


def person(card: AlarmCard, username: str | None) -> html.Span | None:
    return html.Span(texts.pair(card["people"].get(username)) or username) if username else None


def facility_rows(card: FacilityCard) -> list[Row]:
    facility = card["object"]
    capacity = facility["capacity"]
    return [
        ("card.kind", worded("facility_kinds", facility["kind"])),
        ("card.capacity", None if capacity is None else figure(capacity)),
        ("card.where", place(card)),
    ]


def asset_rows(card: AssetCard) -> list[Row]:
    asset = card["object"]
    return [
        ("card.code", asset["id"]),
        ("card.class", coded(label("asset_classes", asset["class"]), asset["class"])),
        # what a part of the city is called is the name of its subclass (GB/T 30428.2)
        ("card.subclass", coded(asset["names"], asset["subclass"])),
        ("card.state", worded("asset_states", asset["state"])),
        ("card.dept", asset["dept"]),
        ("card.owner_dept", asset["owner_dept"]),
        ("card.keeper_dept", asset["keeper_dept"]),
        ("card.grid", asset["grid"]),
        ("card.installed", asset["installed"]),
        ("card.note", asset["note"]),
        *(
            ({"zh": name, "en": name}, str(value))
            for name, value in asset["attributes"].items()
            if value not in (None, "")
        ),
        ("card.where", place(card)),
        ("card.register", asset["source"]),
        ("card.changed", moment(asset["changed_at"])),
    ]


def row_rows(card: RowCard) -> list[Row]:
    row = card["object"]
    known: list[Row] = [
        (column["title"], in_column(row["values"].get(column["name"]), column["type"])) for column in row["columns"]
    ]
    return [
        ("card.layer", texts.pair(row["layer_title"])),
        *known,
        ("card.where", place(card)),
        ("card.removed" if row["removed"] else "card.changed", moment(row["changed_at"])),
    ]


def in_column(value: Any, kind: ColumnType) -> Any:
    """A value of a layer's row in words."""
    if value is None:
        return None
    if kind == "boolean":
        return texts.both("card.yes" if value else "card.no")
    if kind in ("integer", "number"):
        return figure(value)
    return clock_time(value) if kind == "time" else str(value)


def coded(words: Text, code: str) -> list[Any]:
    """What a code stands for, with the code for those who look for it."""
    return texts.pair({"zh": f"{words['zh']}（{code}）", "en": f"{words['en']} ({code})"})


ROWS: dict[str, Callable[[Any], list[Row]]] = {
    "alarm": alarm_rows,
    "incident": incident_rows,
    "unit": unit_rows,
    "sensor": sensor_rows,
    "camera": camera_rows,
    "video_event": video_event_rows,
    "warning": warning_rows,
    "facility": facility_rows,
    "asset": asset_rows,
    "row": row_rows,
}


def fact_list(card: Card) -> html.Dl:
    """The facts of this type of thing that have a value."""
    rows = [*ROWS[card["type"]](card), ("card.classification", classification(card))]
    return html.Dl([fact(key, value) for key, value in rows if value], className="facts")


def classification(card: Card) -> html.Span | None:
    """How far the thing may be shown, where that is not to all."""
    level = card["object"].get("classification", Classification.OPEN)
    return (
        None if level == Classification.OPEN else html.Span(worded("classifications", str(level)), className="warned")
    )


def moment(time: str | None) -> list[Any] | None:
    """A point in time: the clock and how long ago."""
    return [clock_time(time), age(time)] if time else None


def place(card: Card) -> list[Any] | None:
    """The district, and the position with a button that copies it."""
    lon, lat = card["object"]["lon"], card["object"]["lat"]
    if lon is None or lat is None:
        return None
    position = f"{lon:.5f}, {lat:.5f}"
    copy = html.Button(
        [html.Span(className="icon icon-copy"), html.Span(texts.both("card.copy"), className="tip")],
        className="icon-button small",
        type="button",
        **wild({"data-copy": position}),
    )
    shown = html.Span([html.Span(position, className="position"), copy], className="together")
    return [*texts.pair(card["district_names"]), shown]


def incident_link(incident: str | None) -> html.Button | None:
    return way_to("incident", incident, texts.entry("card.open_incident")) if incident else None


def camera_health(camera: Camera) -> Any:
    if camera["age_s"] is None:
        return texts.both("camera_health.never")
    if camera["silent"]:
        return html.Span(texts.both("camera_health.silent"), className="warned")
    forgotten = camera["age_s"] > FORGOTTEN.total_seconds()
    return texts.both("camera_health.forgotten" if forgotten else "camera_health.well")


def state_chip(card: Card) -> list[Any]:
    """The state of the thing, in words."""
    if card["type"] == "alarm":
        state, words = card["object"]["state"], worded("alarm_states", card["object"]["state"])
    elif card["type"] == "incident":
        state, words = card["object"]["status"], worded("incident_statuses", card["object"]["status"])
    elif card["type"] == "unit" and card["object"]["status"]:
        state, words = card["object"]["status"], worded("unit_statuses", card["object"]["status"])
    elif card["type"] == "sensor":
        state, words = card["object"]["status"], texts.known("sensor_status", card["object"]["status"])
    elif card["type"] == "warning":
        state, words = card["object"]["state"], texts.known("warning_state", card["object"]["state"])
    else:
        return []
    return [html.Span(words, className="chip", **wild({"data-state": state}))]


def readings(card: Card) -> list[Any]:
    """A sensor's newest values, each with its age and the steps in force."""
    if card["type"] != "sensor":
        return []
    sensor = card["object"]
    title = html.H3(texts.both("card.readings"))
    if not sensor["values"]:
        return [html.Section([title, html.P(texts.both("card.readings.none"), className="quiet")])]
    lines = [
        reading(
            metric,
            value,
            [m for m in card["measures"] if m["metric"] == metric],
            metric_words(metric, sensor["attributes"]),
        )
        for metric, value in sensor["values"].items()
    ]
    return [html.Section([title, html.Ul(lines, className="readings")])]


def limits_of(measure: Measure) -> html.Span:
    """The limits of what a rule judges; of a sum or mean with its window."""
    steps = measure["thresholds"]
    shown = [html.Span([level_badge(int(level)), figure(steps[level])], className="limit") for level in sorted(steps)]
    window = [html.Span(window_words(measure), className="quiet")] if measure["window_s"] else []
    return html.Span([*window, *shown], className="limits-of")


def reading(metric: str, newest: Measured, measures: Sequence[Measure], words: Text) -> html.Li:
    unit = newest["unit"] or cast(str, table("metrics").get(metric, {}).get("unit") or "")
    value = html.Span(measured(newest["value"], metric, unit), **wild({"data-metric": metric}))
    title = newest.get("title")
    name = html.Span(title if title is not None else texts.pair(words), className="name")
    limits = [limits_of(measure) for measure in measures]
    quality = newest["quality"]
    flag = [] if quality == Quality.GOOD else [html.Span(worded("qualities", quality), className="flag")]
    return html.Li([name, value, age(newest["time"]), *flag, html.Span(limits, className="limits")])


def level_of(card: Card) -> int | None:
    if card["type"] in ("alarm", "incident", "warning"):
        return card["object"]["level"]
    return card["object"]["alarm_level"] if card["type"] == "sensor" else None
