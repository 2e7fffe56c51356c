"""What can be done about a thing: offered where it is possible, to who may, each one call of the API."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from app.cards import acts, steps
from core.viewer import Permission
from tests.dashboard.cards import EVERY, alarm_card, assignment, incident_card


def names(found: Sequence[acts.Act]) -> list[str]:
    return [one["body"].get("status") or one["name"] for one in found]  # type: ignore[misc]


SAY = ["comment", "own", "useful"]
ALARMS = [
    ("unacknowledged", ["acknowledge", "open", "shelve", "until_clear", "out_of_service", *SAY]),
    ("acknowledged", ["open", "shelve", "until_clear", "out_of_service", *SAY]),
    ("returned_unacknowledged", ["acknowledge", "open", "shelve", "out_of_service", *SAY]),
    ("latched_unacknowledged", ["acknowledge", "open", "shelve", "out_of_service", *SAY]),
    ("latched_acknowledged", ["reset", "open", "shelve", "out_of_service", *SAY]),
    ("suppressed_by_design", ["open", "out_of_service", *SAY]),
    ("out_of_service", ["in_service", "open", *SAY]),
    ("shelved", ["unshelve", "open", "out_of_service", *SAY]),
    ("normal", ["comment", "useful"]),
]


@pytest.mark.parametrize(("state", "wanted"), ALARMS, ids=[a[0] for a in ALARMS])
def test_alarm_offers_what_its_state_allows(state: str, wanted: list[str]) -> None:
    assert names(acts.for_alarm(alarm_card(state)["object"], [])) == wanted


def test_who_sees_to_an_alarm_may_let_go_and_a_mark_may_be_taken_back() -> None:
    alarm = {**alarm_card()["object"], "owner": "me", "useful": False, "quiet_level": 2}
    found = {one["name"]: one for one in acts.for_alarm(alarm, [], "me")}  # type: ignore[arg-type]
    assert found["own"]["body"] == {"mine": False}
    assert found["useful"]["body"] == {"useful": True}
    assert "until_clear" not in found
    others = {one["name"]: one for one in acts.for_alarm(alarm, [], "somebody")}  # type: ignore[arg-type]
    assert others["own"]["body"] == {"mine": True}


def test_alarm_can_be_added_to_an_incident_near_by_and_only_once() -> None:
    near = [incident_card()["object"]]
    [add] = [one for one in acts.for_alarm(alarm_card()["object"], near) if one["name"] == "add"]
    assert add["url"] == "/api/incidents/{incident}/alarms"
    assert [c["value"] for c in add["fields"][0]["choices"]] == ["i1"]
    taken = {**alarm_card()["object"], "incident": "i1"}
    assert not {"add", "open"} & set(names(acts.for_alarm(taken, near)))  # type: ignore[arg-type]


INCIDENTS = [
    ("open", ["note", "level", "in_danger", "on_scene", "clear", "closed", "cancelled"]),
    ("on_scene", ["note", "level", "in_danger", "clear", "closed", "cancelled"]),
    ("clear", ["note", "level", "in_danger", "on_scene", "closed"]),
    ("closed", ["note", "open"]),
]


@pytest.mark.parametrize(("status", "wanted"), INCIDENTS, ids=[i[0] for i in INCIDENTS])
def test_incident_offers_what_its_status_allows(status: str, wanted: list[str]) -> None:
    assert names(acts.for_incident(incident_card(status)["object"], [])) == wanted


def test_withdrawing_asks_why_and_joining_asks_into_which() -> None:
    found = {one["name"]: one for one in acts.for_incident(incident_card()["object"], [incident_card()["object"]])}
    assert [(f["name"], f["required"]) for f in found["withdraw"]["fields"]] == [("reason", True)]
    assert [(f["name"], f["required"]) for f in found["join"]["fields"]] == [("into", True)]
    assert found["level"]["fields"][0]["value"] == 2, "it begins with what it is"
    danger = found["in_danger"]
    assert (danger["method"], danger["url"], danger["body"]) == ("PATCH", "/api/incidents/i1", {"version": 1})
    assert [(f["name"], f["kind"], f["value"]) for f in danger["fields"]] == [("in_danger", "number", None)]


MILESTONES = [
    ("assigned", ["en_route", "on_scene", "available", "recall"]),
    ("en_route", ["on_scene", "available", "recall"]),
    ("on_scene", ["available", "recall"]),
    ("clear", []),
    ("declined", []),
]


@pytest.mark.parametrize(("status", "wanted"), MILESTONES, ids=[m[0] for m in MILESTONES])
def test_radio_milestones_go_forward_only(status: str, wanted: list[str]) -> None:
    found = acts.for_assignment("i1", assignment(status=status))
    assert names(found) == wanted
    assert {one["about"] for one in found} <= {"fire-01"}


def test_nobody_is_offered_what_they_may_not() -> None:
    found = acts.for_incident(incident_card()["object"], [])
    watching = EVERY - {Permission.INCIDENT_LEVEL, Permission.INCIDENT_EDIT}
    assert acts.allowed(found, watching) == []
    assert names(acts.allowed(found, watching | {Permission.INCIDENT_LEVEL})) == ["level"]


@pytest.mark.parametrize(
    ("alarm", "active", "incident", "status", "offered"),
    [(1, True, 2, "open", 1), (2, True, 2, "open", None), (1, False, 2, "open", None), (1, True, 2, "closed", None)],
)
def test_rise_is_offered_while_a_graver_alarm_holds(
    alarm: int, active: bool, incident: int, status: str, offered: int | None
) -> None:
    of = {**incident_card(status)["object"], "level": incident}
    held = {**alarm_card()["object"], "level": alarm, "active": active}
    step = steps.rise(of, [held])  # type: ignore[arg-type, list-item]
    assert (step and step["body"] and step["body"]["level"]) == offered


def row(**changes: object) -> acts.RowObject:
    columns = [
        {"name": name, "type": kind, "title": {"zh": name, "en": name}, "role": role}
        for name, kind, role in (("编号", "text", "key"), ("深度", "number", None), ("开放", "boolean", None))
    ]
    whole: object = {
        "id": "wells/7",
        "layer": "wells",
        "layer_title": {"zh": "井", "en": "Wells"},
        "names": {"zh": "甲", "en": "甲"},
        "geometry": "point",
        "columns": columns,
        "values": {"编号": "w-1", "开放": True},
        "district": "000000",
        "classification": 0,
        "lon": 1.0,
        "lat": 2.0,
        "version": 3,
        "changed_at": "x",
        "removed": False,
        **changes,
    }
    return whole  # type: ignore[return-value]


ROWS = [
    ("a point", {}, "update", ["row_values", "row_place", "row_delete", "row_back"]),
    ("an area", {"geometry": "polygon"}, None, ["row_values", "row_delete"]),
    ("what was only made", {}, "create", ["row_values", "row_place", "row_delete"]),
    ("a layer without columns", {"columns": []}, None, ["row_place", "row_delete"]),
    ("what was removed", {"removed": True}, "delete", ["row_back"]),
]


@pytest.mark.parametrize(("why", "changes", "last", "wanted"), ROWS, ids=[r[0] for r in ROWS])
def test_row_offers_what_can_be_done_with_it(
    why: str, changes: dict[str, object], last: str | None, wanted: list[str]
) -> None:
    history: object = [{"id": 9, "what": last}] if last else []
    assert names(acts.for_row(row(**changes), history)) == wanted  # type: ignore[arg-type]


def test_the_form_of_a_row_has_its_columns_with_what_they_hold() -> None:
    [values, *_] = acts.for_row(row(), [])
    assert [(f["name"], f["kind"], f["required"], f["value"]) for f in values["fields"]] == [
        ("values.编号", "text", True, "w-1"),
        ("values.深度", "text", False, ""),
        ("values.开放", "choice", False, "true"),
        ("reason", "text", False, None),
    ]
    assert (values["url"], values["body"]) == ("/api/layers/wells/rows/7", {"version": 3})
