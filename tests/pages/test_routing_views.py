"""The pages of ways and loads, drawn without a browser."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from alerts.effect import Effect, EffectOn
from alerts.explain import ToldTo, WayObject
from alerts.figures import read_metrics
from app.pages.alarm_load import view as load
from app.pages.routing import effects, form, matching, nouns, view
from app.pages.routing.words import said
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


ALARM = {"id": "a-1", "names": {"zh": "站", "en": "Station"}}
CALM: Effect = {
    "alarms": 3,
    "changed": 0,
    "nobody": 0,
    "nobody_level": None,
    "nobody_examples": [],
    "lost": [],
    "gained": [],
    "later": [],
}
ON: EffectOn = {
    "id": "m",
    "names": {"zh": "值班", "en": "Desk"},
    "alarms": 12,
    "level": 2,
    "examples": ["a-1", "unseen"],
    "wait_s": 40.0,
}
KNOWN = matching.Known({"district": {"321302": {"zh": "宿城区", "en": "Sucheng"}}}, {"thing": ["wl-1"]})


def test_conditions_are_lines_of_words_and_are_read_as_they_stood() -> None:
    given = [
        {"label": "district", "is": ["321302"]},
        {"label": "kind", "is_not": ["flow", "stale"]},
        {"label": "thing", "like": ["wl-*"]},
    ]
    lines = matching.lines("silence", "matchers", KNOWN)
    rows = lines.split(given)
    assert lines.join([[label, how, "\n".join(values)] for label, how, values in rows]) == given
    drawn = form.pane("silence", {}, {"matchers": given, "hours": 2}, nouns.Offered(KNOWN))
    said = str(drawn)
    assert "Sucheng" in said
    assert "Abnormal flow" in said
    # a line that says nothing is none; one that says half is kept for the model to name
    assert lines.join([["", "is", ""], ["kind", "", ""]]) == [{"label": "kind", "is": []}]


def test_values_that_a_label_cannot_have_do_not_stay() -> None:
    assert matching.kept_values("kind", "is_not", ["flow", "321302"], KNOWN) == ["flow"]
    assert matching.kept_values("kind", "like", ["flow"], KNOWN) == []
    assert matching.kept_values("thing", "like", ["wl-1"], KNOWN) == ["wl-1"]


def test_what_is_typed_of_the_root_is_neither_a_parent_nor_an_id() -> None:
    root: Any = {"id": "root", "version": 3, "matchers": [], "parent": None}
    assert {"id", "parent", "matchers"}.isdisjoint(one.name for one in nouns.form_of("route", root).shown())
    held: Any = {**nouns.empty("route"), **root, "name_zh": "全部", "name_en": "All", "receivers": ["*"]}
    typed: Any = {"name_zh": "全部", "name_en": "All", "receivers": ["*"], "repeat_interval_s": 60}
    given = nouns.given_of("route", nouns.form_of("route", held), held, typed, None)  # type: ignore[arg-type]
    assert given == ({"repeat_interval_s": 60, "version": 3}, {})
    there: Any = {"id": "a", "version": 3}
    assert "id" not in {one.name for one in nouns.form_of("route", there).shown()}
    assert "id" not in {one.name for one in nouns.form_of("route", {"name_en": "typed"}).shown()}
    assert "id" in {one.name for one in nouns.form_of("route", nouns.empty("route")).shown()}


def test_silence_of_nothing_but_levels_is_refused() -> None:
    given = nouns.SilenceForm.model_validate({"matchers": [{"label": "level", "is": ["3"]}], "hours": 2, "why": "x"})
    with pytest.raises(InputError) as wrong:
        nouns.silence_given(given, {}, {}, None)  # type: ignore[arg-type]
    assert wrong.value.reason == "silence_everything"


def test_route_stands_below_neither_itself_nor_those_below_it() -> None:
    tree: Any = tuple(
        {"id": one, "parent": parent} for one, parent in (("root", None), ("a", "root"), ("b", "a"), ("c", "root"))
    )
    assert [one["id"] for one in nouns.above(tree, "a")] == ["root", "c"]


def test_what_would_change_is_said_in_sentences_the_worst_first() -> None:
    bad: Effect = {
        **CALM,
        "changed": 12,
        "nobody": 5,
        "nobody_level": 1,
        "nobody_examples": ["a-1"],
        "lost": [ON],
        "later": [ON],
        "gained": [ON],
    }
    seen: Any = {"a-1": ALARM}
    said = words(effects.effects_view({"open": bad, "recent": CALM, "whole": True}, seen), "en")
    for sentence in (
        "5 alarms would be told to nobody",
        "12 alarms would no longer be told to",
        "12 alarms would be told up to 40 s later to",
        "12 alarms would newly be told to",
        "Desk",
        "Station",
    ):
        assert sentence in said
    assert said.index("nobody") < said.index("no longer")
    assert "unseen" not in said
    assert "others may be affected" not in said
    part = words(effects.effects_view({"open": CALM, "recent": CALM, "whole": False}, {}), "en")
    assert "None of the 3 open alarms" in part
    assert "others may be affected" in part
    recent: Effect = {**CALM, "changed": 3, "later": [ON]}
    none = effects.effects_view({"open": {**CALM, "alarms": 0}, "recent": recent, "whole": True}, {})
    assert "no open alarms" in words(none, "en")
    assert "last 7 days" in words(none, "en")


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
        ([{"label": "thing", "like": ["wl-*"]}], "设备：形如 wl-*", "Thing: like wl-*"),
    ],
)
def test_conditions_are_said_in_words(matchers: list[dict[str, Any]], zh: str, en: str) -> None:
    assert said(matchers) == {"zh": zh, "en": en}


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
