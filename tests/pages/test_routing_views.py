"""The pages of ways and loads, drawn without a browser."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from alerts.explain import ToldTo, WayObject
from alerts.figures import read_metrics
from app.pages.alarm_load import view as load
from app.pages.routing import form, listing, view
from core.errors import InputError
from tests.alerts.test_floods import happen
from tests.dashboard.tree import walk, words

RECEIVER: ToldTo = {
    "id": "m",
    "names": {"zh": "值班", "en": "Desk"},
    "sender": "mqtt",
    "route": "root",
    "group": "",
    "wait_s": 0.0,
    "interval_s": 0.0,
    "told_level": 2,
    "told_at": "2026-05-04T08:00:00+00:00",
    "over": False,
}
START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)


def test_form_of_a_silence_is_drawn_and_says_its_choices_as_matchers() -> None:
    pane = form.pane(form.empty(), {"321302": {"zh": "宿城区", "en": "Sucheng"}})
    assert "Sucheng" in str(pane)
    given = form.SilenceForm(kind="flow", thing="", hours=2, why="x")
    assert [one.as_json() for one in form.matchers_of(given)] == [
        {"label": "kind", "is": ["flow"]},
        {"label": "level", "is": ["2", "3", "4"]},
    ]
    grave = form.matchers_of(given.model_copy(update={"grave": True}))
    assert "1" in (grave[-1].is_ or [])
    with pytest.raises(InputError):
        form.matchers_of(form.SilenceForm(hours=2, why="x"))


@pytest.mark.parametrize(
    ("matchers", "zh", "en"),
    [
        ([], "全部", "Everything"),
        (
            [{"label": "kind", "is": ["flow", "stale"]}],
            "告警类型：流量异常、设备失联",
            "Kind: Abnormal flow, Device silent",
        ),
        ([{"label": "level", "is_not": ["1"]}], "级别：不是一级", "Level: not Level I"),
    ],
)
def test_conditions_are_said_in_words(matchers: list[dict[str, Any]], zh: str, en: str) -> None:
    assert listing.said(matchers) == {"zh": zh, "en": en}


def test_way_says_every_stage_and_what_receivers_know() -> None:
    way: WayObject = {
        "alarm": "a",
        "line": "rain:rain",
        "labels": {},
        "told": False,
        "cause": None,
        "stages": [
            {"stage": s, "passed": s != "silence", "why": {"zh": s, "en": s}}
            for s in ("inhibit", "silence", "group", "route")
        ],
        "receivers": [RECEIVER],
    }
    alarm: Any = {"names": {"zh": "站", "en": "Station"}, "kind": "flow", "level": 2}
    said = words(view.way_view(alarm, way), "en")
    assert "Not told" in said
    assert "Level II" in said


def test_figures_are_drawn_beside_what_is_bearable(conn: Connection) -> None:
    for n in range(12):
        happen(conn, f"rain-{n:03}", "rainstorm", 3, START + timedelta(seconds=n))
    found = read_metrics(conn, START, START + timedelta(hours=10), START + timedelta(hours=10), operator="me")
    drawn = load.figures_view(found)
    said = words(drawn, "zh")
    assert "告警泛滥时段" in said
    assert "超出" in said
    assert len([part for part in walk(drawn) if part["type"] == "Table"]) >= 3
