"""What a person can do about a thing besides the recommended step: each act is one call of the API, with the fields it
asks for. Defined once, for the card, the lists and whoever reads `/api/cards`. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal
from urllib.parse import quote

from pydantic import JsonValue
from typing_extensions import TypedDict

from alerts.lifecycle import MAX_SHELVE_MIN
from alerts.present import Alarm
from core.i18n import say
from core.levels import capital, urgency
from core.viewer import Permission
from core.vocabulary import (
    BUSY_UNIT,
    ENDED_INCIDENT,
    SHELVABLE_ALARM,
    WAITING_ALARM,
    AlarmState,
    IncidentStatus,
    Text,
    UnitStatus,
    label,
    table,
)
from dispatch.present import Assignment, Incident, Unit
from dispatch.steps import ALLOWED
from layers.assets import FORM, FURTHER, Asset, AssetEvent
from layers.columns import ColumnObject
from layers.own import RowObject
from layers.row_history import RowEvent
from layers.served import LAYERS

SHELVE_MINUTES = (30, 60, 120, 480, MAX_SHELVE_MIN)
# which milestones a unit may still report, by how far it has come
MILESTONES = (UnitStatus.EN_ROUTE, UnitStatus.ON_SCENE, UnitStatus.AVAILABLE)
REACHED = {"en_route": 1, "on_scene": 2}
OVER = ("clear", "declined", "cancelled")


class Choice(TypedDict):
    """One value of a field, in words."""

    value: str | int
    label: Text


class AskedFor(TypedDict):
    """A field of an act: a choice of values, a whole number from 0 on, or a text with what is often said. `value` is
    what it begins with. Where it stands `into` an object of the body, its name is that, a point and its own; it is sent
    where it is another than it began with, and null where it is empty."""

    name: str
    label: Text
    kind: Literal["choice", "text", "number"]
    required: bool
    choices: list[Choice]
    value: str | int | None
    into: str | None


class Act(TypedDict):
    """One call of the API. `body` is sent with the values of `fields`; `about` the unit it is about, of several."""

    name: str
    label: Text
    method: str
    url: str
    body: dict[str, str | int | bool | None]
    fields: list[AskedFor]
    about: str | None


NEEDS = {
    "shelve": Permission.ALARM_SHELVE,
    "unshelve": Permission.ALARM_SHELVE,
    "acknowledge": Permission.ALARM_ACKNOWLEDGE,
    "until_clear": Permission.ALARM_ACKNOWLEDGE,
    "reset": Permission.ALARM_ACKNOWLEDGE,
    "out_of_service": Permission.ALARM_SHELVE,
    "in_service": Permission.ALARM_SHELVE,
    "comment": Permission.ALARM_ACKNOWLEDGE,
    "own": Permission.ALARM_ACKNOWLEDGE,
    "useful": Permission.ALARM_ACKNOWLEDGE,
    "open": Permission.INCIDENT_EDIT,
    "add": Permission.INCIDENT_EDIT,
    "level": Permission.INCIDENT_LEVEL,
    "in_danger": Permission.INCIDENT_EDIT,
    "note": Permission.INCIDENT_EDIT,
    "withdraw": Permission.INCIDENT_EDIT,
    "join": Permission.INCIDENT_EDIT,
    "status": Permission.INCIDENT_EDIT,
    "recall": Permission.UNIT_ASSIGN,
    "report": Permission.UNIT_REPORT,
    "asset_state": Permission.LAYER_EDIT,
    "asset_place": Permission.LAYER_EDIT,
    "asset_values": Permission.LAYER_EDIT,
    "asset_note": Permission.LAYER_EDIT,
    "asset_back": Permission.LAYER_EDIT,
    "rename": Permission.SENSOR_MANAGE,
    "row_values": Permission.LAYER_EDIT,
    "row_place": Permission.LAYER_EDIT,
    "row_delete": Permission.LAYER_EDIT,
    "row_back": Permission.LAYER_EDIT,
}


def act(
    name: str,
    label_: Text,
    url: str,
    body: dict[str, str | int | bool | None] | None = None,
    fields: Sequence[AskedFor] = (),
    about: str | None = None,
    method: str = "POST",
) -> Act:
    return {
        "name": name,
        "label": label_,
        "method": method,
        "url": url,
        "body": body or {},
        "fields": list(fields),
        "about": about,
    }


def choice(name: str, choices: Iterable[Choice], value: str | int | None = None) -> AskedFor:
    return {
        "name": name,
        "label": say(f"act.field.{name}"),
        "kind": "choice",
        "required": True,
        "choices": list(choices),
        "value": value,
        "into": None,
    }


def typed(name: str, often: str | None = None, *, required: bool) -> AskedFor:
    """A text; the table `often` is what is often said, to be taken by one press: then its key is what is sent, and
    everybody reads it in their own language."""
    return {
        "name": name,
        "label": say(f"act.field.{name}"),
        "kind": "text",
        "required": required,
        "choices": [{"value": key, "label": label(often, key)} for key in table(often)] if often else [],
        "value": None,
        "into": None,
    }


def counted(name: str, value: int | None) -> AskedFor:
    return {
        "name": name,
        "label": say(f"act.field.{name}"),
        "kind": "number",
        "required": True,
        "choices": [],
        "value": value,
        "into": None,
    }


def allowed(acts: Sequence[Act], permissions: frozenset[Permission]) -> list[Act]:
    """Those that this person may do: nobody is shown what they may not."""
    return [one for one in acts if NEEDS[one["name"]] in permissions]


def for_alarm(alarm: Alarm, near: Sequence[Incident], who: str | None = None) -> list[Act]:
    """`near`: open incidents around it, of which it may be part; `who` asks."""
    url = f"/api/alarms/{alarm['id']}"
    found = []
    if alarm["state"] == AlarmState.SHELVED:
        found.append(act("unshelve", say("act.unshelve"), f"{url}/unshelve"))
    if alarm["state"] == AlarmState.OUT_OF_SERVICE:
        found.append(act("in_service", say("act.in_service"), f"{url}/in-service"))
    if alarm["state"] == AlarmState.LATCHED_ACKNOWLEDGED:
        found.append(act("reset", say("act.reset"), f"{url}/reset"))
    if alarm["state"] in WAITING_ALARM:
        found.append(act("acknowledge", say("next.acknowledge"), f"{url}/acknowledge"))
    if alarm["incident"] is None and alarm["state"] != AlarmState.NORMAL:
        found.append(act("open", say("next.create_incident"), "/api/incidents", {"alarm": alarm["id"]}))
        if near:
            incidents = choice("incident", [incident_choice(one) for one in near])
            found.append(
                act("add", say("act.add"), "/api/incidents/{incident}/alarms", {"alarm": alarm["id"]}, [incidents])
            )
    if alarm["state"] in SHELVABLE_ALARM:
        minutes = choice("minutes", [{"value": m, "label": length(m)} for m in SHELVE_MINUTES], SHELVE_MINUTES[0])
        reason = typed("reason", "shelve_reasons", required=True)
        found.append(act("shelve", say("act.shelve"), f"{url}/shelve", fields=[minutes, reason]))
    if alarm["active"] and alarm["quiet_level"] is None and alarm["state"] in QUIETED:
        found.append(act("until_clear", say("act.until_clear"), f"{url}/acknowledge", {"until_clear": True}))
    if alarm["state"] not in (AlarmState.NORMAL, AlarmState.OUT_OF_SERVICE):
        why = typed("reason", "shelve_reasons", required=True)
        found.append(act("out_of_service", say("act.out_of_service"), f"{url}/out-of-service", fields=[why]))
    found.append(act("comment", say("act.comment"), f"{url}/comments", fields=[typed("text", required=True)]))
    if alarm["state"] != AlarmState.NORMAL:
        found.append(_owning(alarm, url, who))
    useful = alarm["useful"] is False
    found.append(act("useful", say("act.useful" if useful else "act.not_useful"), f"{url}/useful", {"useful": useful}))
    return found


QUIETED = (AlarmState.UNACKNOWLEDGED, AlarmState.ACKNOWLEDGED)


def _owning(alarm: Alarm, url: str, who: str | None) -> Act:
    mine = who is not None and alarm["owner"] == who
    return act("own", say("act.release" if mine else "act.own"), f"{url}/owner", {"mine": not mine})


def for_incident(incident: Incident, near: Sequence[Incident]) -> list[Act]:
    """`near`: other open incidents around it, with which it may be one."""
    url = f"/api/incidents/{incident['id']}"
    seen: dict[str, str | int | None] = {"version": incident["version"]}
    status = IncidentStatus(incident["status"])
    found = [act("note", say("act.note"), f"{url}/notes", fields=[typed("text", required=True)])]
    if status in ENDED_INCIDENT:
        return [*found, act("status", say("act.reopen"), f"{url}/status", {"status": "open", **seen})]
    for assignment in incident["assignments"]:
        found += for_assignment(incident["id"], assignment)
    levels: list[Choice] = [{"value": int(key), "label": capital(urgency(int(key)))} for key in sorted(table("levels"))]
    why = typed("reason", required=False)
    found.append(
        act("level", say("act.level"), f"{url}/level", seen, [choice("level", levels, incident["level"]), why])
    )
    danger = [counted("in_danger", incident["in_danger"])]
    found.append(act("in_danger", say("act.in_danger"), url, seen, danger, method="PATCH"))
    for wanted in ("on_scene", "clear", "closed"):
        if wanted in ALLOWED[status]:
            found.append(act("status", say(f"act.{wanted}"), f"{url}/status", {"status": wanted, **seen}))
    if near:
        into = choice("into", [incident_choice(one) for one in near])
        found.append(act("join", say("act.join"), f"{url}/join", fields=[into]))
    if "cancelled" in ALLOWED[status]:
        reason = typed("reason", "withdraw_reasons", required=True)
        found.append(act("withdraw", say("act.withdraw"), f"{url}/status", {"status": "cancelled", **seen}, [reason]))
    return found


def for_assignment(incident: str, assignment: Assignment) -> list[Act]:
    """What its unit says over the radio, and calling it back."""
    if assignment["status"] in OVER:
        return []
    unit = assignment["unit"]
    reported = [
        act("report", say(f"act.report.{status}"), f"/api/units/{unit}/status", {"status": status}, about=unit)
        for status in MILESTONES[REACHED.get(assignment["status"], 0) :]
    ]
    recall = act(
        "recall",
        say("act.recall"),
        f"/api/incidents/{incident}/assignments/{unit}/recall",
        fields=[typed("reason", required=False)],
        about=unit,
    )
    return [*reported, recall]


def for_name(kind: str, identity: str, names: Text) -> Act:
    """What a sensor, camera or unit is called, said otherwise."""
    fields: list[AskedFor] = [
        {**typed(name, required=True), "value": names[lang]} for name, lang in (("name_zh", "zh"), ("name_en", "en"))
    ]
    return act(
        "rename", say("act.rename"), f"/api/names/{kind}/{quote(identity, safe='')}", fields=fields, method="PUT"
    )


def for_unit(unit: Unit) -> list[Act]:
    """In and out of service; one that is on something reports there."""
    renamed = for_name("unit", unit["id"], unit["names"])
    url = f"/api/units/{unit['id']}/status"
    if unit["status"] in BUSY_UNIT:
        return [renamed]
    wanted = UnitStatus.OUT_OF_SERVICE if unit["status"] == UnitStatus.AVAILABLE else UnitStatus.AVAILABLE
    return [act("report", say(f"act.unit.{wanted}"), url, {"status": wanted}), renamed]


def for_asset(asset: Asset, history: Sequence[AssetEvent]) -> list[Act]:
    """Its entry in the register corrected, and the last correction taken back."""
    url = f"/api/assets/{quote(asset['id'], safe='')}"
    seen: dict[str, str | int | None] = {"version": asset["version"]}
    states: list[Choice] = [{"value": key, "label": label("asset_states", key)} for key in table("asset_states")]
    why = typed("reason", required=False)
    found = [
        act(
            "asset_state",
            say("act.asset.state"),
            url,
            seen,
            [choice("state", states, asset["state"]), why],
            method="PATCH",
        ),
        act("asset_place", say("act.asset.place"), url, seen, [typed("place", required=True), why], method="PATCH"),
        act("asset_values", say("act.asset.values"), url, seen, [*of_asset(asset), why], method="PATCH"),
        act("asset_note", say("act.asset.note"), url, seen, [typed("note", required=True)], method="PATCH"),
    ]
    last = next(iter(history), None)
    if last and last["what"] in ("changed", "reverted"):
        found.append(act("asset_back", say("act.asset.back"), f"{url}/revert", {"event": last["id"], **seen}))
    return found


# of further attributes, as many as a dialog holds
FURTHER_AT_MOST = 30


def of_asset(asset: Asset) -> Iterator[AskedFor]:
    """Its entry as a form has it: fields of the register, then further attributes that are one value."""
    rows = LAYERS["assets"].rows
    titles = {column.name: column.title for column in rows.columns} if rows else {}
    held = {**asset, "name_zh": asset["names"]["zh"], "name_en": asset["names"]["en"]}
    for name in FORM:
        value = held.get(name)
        words = "" if value is None else str(value)
        yield in_form(name, titles.get(name, {"zh": name, "en": name}), words, required=name.startswith("name_"))
    single = [(name, one) for name, one in asset["attributes"].items() if isinstance(one, (str, int, float, bool))]
    for name, one in single[:FURTHER_AT_MOST]:
        words = str(one).lower() if isinstance(one, bool) else str(one)
        yield in_form(f"{FURTHER}{name}", {"zh": name, "en": name}, words)


def in_form(name: str, title: Text, value: str, *, required: bool = False, truth: bool = False) -> AskedFor:
    """A value of a form of several, in words; sent where it is another than it was."""
    return {
        "name": f"values.{name}",
        "label": title,
        "kind": "choice" if truth else "text",
        "required": required,
        "choices": list(TRUTHS) if truth else [],
        "value": value,
        "into": "values",
    }


# what an editor chooses of a column of yes and no
TRUTHS: tuple[Choice, ...] = (
    {"value": "true", "label": say("row.yes")},
    {"value": "false", "label": say("row.no")},
    {"value": "", "label": say("act.row.none")},
)


def for_row(row: RowObject, history: Sequence[RowEvent]) -> list[Act]:
    """A row of a layer of the city's own: its values and place corrected, the row removed, the last change taken back;
    of one that was removed that alone."""
    layer, _, number = row["id"].rpartition("/")
    url = f"/api/layers/{quote(layer, safe='')}/rows/{number}"
    seen: dict[str, str | int | None] = {"version": row["version"]}
    why = typed("reason", required=False)
    found = []
    if not row["removed"]:
        fields = [in_column(column, row["values"].get(column["name"])) for column in row["columns"]]
        if fields:
            found.append(act("row_values", say("act.row.values"), url, seen, [*fields, why], method="PATCH"))
        if row["geometry"] == "point":
            place = typed("place", required=True)
            found.append(act("row_place", say("act.row.place"), url, seen, [place, why], method="PATCH"))
        gone = f"{url}?version={row['version']}&reason={{reason}}"
        reason = typed("reason", required=True)
        found.append(act("row_delete", say("act.row.delete"), gone, fields=[reason], method="DELETE"))
    last = next(iter(history), None)
    if last and last["what"] != "create":
        found.append(act("row_back", say("act.row.back"), f"{url}/revert", {"event": last["id"], **seen}))
    return found


def in_column(column: ColumnObject, value: JsonValue) -> AskedFor:
    """A column of a row as a form has it: what it is, in words that are read as an import reads them."""
    truth = column["type"] == "boolean"
    said = "" if value is None else str(value).lower() if truth else str(value)
    return in_form(column["name"], column["title"], said, required=column["role"] == "key", truth=truth)


def length(minutes: int) -> Text:
    return say("act.minutes", n=minutes) if minutes < 60 else say("act.hours", n=minutes // 60)


def incident_choice(incident: Incident) -> Choice:
    return {
        "value": incident["id"],
        "label": {lang: f"{incident['number']} · {incident['titles'][lang]}" for lang in ("zh", "en")},
    }
