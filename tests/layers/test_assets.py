"""The register of urban components: corrected in the version that was seen, its past known, a correction taken back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import Connection, text

from core.errors import Conflict, Forbidden, InputError, NotFound
from core.scope import Scope
from core.viewer import Permission, Viewer
from layers.assets import AssetChange, change_asset, read_asset, read_history, revert_asset, told

NOW = datetime(2026, 5, 4, 8, tzinfo=UTC)
CODE = "3205080101000001"


def officer(**scope: Any) -> Viewer:
    return Viewer("lin", "Lin", "gis_officer", frozenset({Permission.LAYER_EDIT}), scope=Scope(**scope))


@pytest.fixture
def asset(conn: Connection) -> str:
    conn.execute(
        text("""
INSERT INTO asset (id, class, subclass, name_zh, name_en, state, dept, district, geom)
VALUES (:id, '01', '01', '上水井盖', 'Water cover', 'normal', 'water', '320508',
  ST_SetSRID(ST_MakePoint(118.99, 31.35), 4326))
"""),
        {"id": CODE},
    )
    return CODE


def change(conn: Connection, who: Viewer | None = None, **said: Any) -> Any:
    return change_asset(conn, CODE, AssetChange(**{"version": 1, **said}), who or officer(), NOW)


def test_what_is_said_is_changed_and_nothing_else(conn: Connection, asset: str) -> None:
    after = change(conn, state="damaged", owner_dept="water-works", note="盖板松动", attributes={"材质": "球墨铸铁"})
    assert (after["state"], after["owner_dept"], after["note"], after["version"]) == (
        "damaged",
        "water-works",
        "盖板松动",
        2,
    )
    assert (after["dept"], after["lon"], after["changed_at"]) == ("water", 118.99, "2026-05-04T08:00:00+00:00")
    [event] = read_history(conn, CODE)
    assert (event["what"], event["who"], event["source"]) == ("changed", "lin", "api")
    assert event["changes"]["state"] == ["normal", "damaged"]
    assert event["changes"]["attributes"] == [{}, {"材质": "球墨铸铁"}]
    assert "version" not in event["changes"]
    words = told(event)["text"]
    assert "状态 完好 → 破损" in words["zh"]
    assert "state Intact → Damaged" in words["en"]
    [entry] = conn.execute(text("SELECT what, who, data FROM audit WHERE data->>'asset' = :id"), {"id": CODE})
    assert (entry.what, entry.who) == ("asset.change", "lin")


@pytest.mark.parametrize("place", ["118.991, 31.352", "31.352，118.991", "118°59'27.6\", 31°21'7.2\""])
def test_it_is_moved_as_people_write_places(conn: Connection, asset: str, place: str) -> None:
    after = change(conn, place=place)
    assert (after["lon"], after["lat"]) == (pytest.approx(118.991), pytest.approx(31.352))
    assert told(read_history(conn, CODE)[0])["text"]["zh"] == "更正，位置"


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"place": "somewhere"}, "place"),
        ({"place": "12, 12"}, "lon"),
        ({"place": "nan, nan"}, "place"),
        ({"lon": 118.9}, "lon"),
        ({"state": None}, "state"),
        ({"name_zh": None}, "name_zh"),
    ],
)
def test_what_cannot_be_is_said_by_its_field(conn: Connection, asset: str, said: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as refused:
        change(conn, **said)
    assert refused.value.field == field
    assert read_history(conn, CODE) == []


@pytest.mark.parametrize(
    "said", [{"state": "melted"}, {"colour": "red"}, {"version": 0}, {"lat": 91}, {"attributes": {"a": float("nan")}}]
)
def test_what_no_component_has_is_refused_at_the_door(said: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        AssetChange.model_validate({"version": 1, **said})


def test_who_was_slower_is_told(conn: Connection, asset: str) -> None:
    change(conn, state="damaged")
    with pytest.raises(Conflict) as refused:
        change(conn, state="missing")
    assert refused.value.reason == "stale_version"
    assert read_asset(conn, CODE)["state"] == "damaged"


def test_a_change_is_taken_back_and_that_too(conn: Connection, asset: str) -> None:
    change(conn, state="damaged", place="118.992, 31.353", attributes={"材质": "铁"})
    [first] = read_history(conn, CODE)
    back = revert_asset(conn, CODE, first["id"], 2, officer(), NOW)
    assert (back["state"], back["lon"], back["attributes"], back["version"]) == ("normal", 118.99, {}, 3)
    second = read_history(conn, CODE)[0]
    assert (second["what"], second["changes"]["state"]) == ("reverted", ["damaged", "normal"])
    again = revert_asset(conn, CODE, second["id"], 3, officer(), NOW)
    assert (again["state"], again["lon"]) == ("damaged", 118.992)
    with pytest.raises(NotFound):
        revert_asset(conn, CODE, second["id"] + 1000, 4, officer(), NOW)
    with pytest.raises(Conflict):
        revert_asset(conn, CODE, first["id"], 2, officer(), NOW)


def test_nobody_changes_what_they_do_not_see_or_out_of_their_own_sight(conn: Connection, asset: str) -> None:
    with pytest.raises(NotFound):
        change(conn, officer(departments=frozenset({"parks"})), state="damaged")
    mine = officer(departments=frozenset({"water"}))
    with pytest.raises(Forbidden):
        change(conn, mine, dept="parks")


def test_what_changes_nothing_is_no_change(conn: Connection, asset: str) -> None:
    for said in ({}, {"state": "normal"}, {"lon": 118.99, "lat": 31.35}, {"attributes": {}}):
        assert change(conn, **said)["version"] == 1
    assert read_history(conn, CODE) == []
