"""The page of rules, drawn without a browser: every kind's parameters make a form, are typed and read again."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import shapely
from sqlalchemy import Connection, text

from alerts.rules import KINDS
from alerts.rules.administer import RuleObject, RuleVersion
from alerts.trial import Tried
from app.dashboard import texts
from app.pages import areas, forms, ids
from app.pages.acts import Press
from app.pages.forms import Kind
from app.pages.forms.typed import Typed
from app.pages.rules import callbacks, fields, form, layout, listing, outcome, places, versions
from core.errors import InputError, OneMapError
from core.scope import EVERYTHING
from core.vocabulary import table
from layers.own import read_layers
from tests.dashboard.tree import having, walk, words

SEEDED = table("rules")
RULE: RuleObject = {
    "id": "gas",
    "kind": "threshold",
    "alarm_kind": "gas",
    "names": {"zh": "燃气浓度", "en": "Gas concentration"},
    "watches": {"sensor_kinds": ["gas"], "without_attribute": "old"},
    "params": SEEDED["gas"]["params"],
    "enabled": True,
    "version": 2,
    "changed_at": "2026-05-04T08:00:00+00:00",
    "changed_by": "heron",
    "load": {"alarms": 7, "annunciations": 14, "per_day": 2.0, "not_useful": 3, "active": 1},
}


def typed_as_drawn(drawn: Any) -> Typed:
    """What a browser sends of a form that nobody has touched."""
    values: dict[str, Any] = {}
    ticks: dict[str, bool] = {}
    rows: dict[str, dict[str, dict[str, str]]] = {}
    for part in walk(drawn):
        name, props = part["props"].get("id"), part["props"]
        if not isinstance(name, dict):
            continue
        if "field" in name:
            values[name["field"]] = props.get("value")
        elif "tick" in name:
            ticks[name["tick"]] = bool(props.get("checked"))
        elif "cells" in name:
            row = rows.setdefault(ids.dotted(name["cells"]), {}).setdefault(name["row"], {})
            row[name["column"]] = props.get("value") or ""
    return Typed(values, ticks, rows)


def rule_of(rule_id: str) -> RuleObject:
    row = SEEDED[rule_id]
    said = {name: row[name] for name in ("kind", "alarm_kind", "watches", "params")}
    return {**RULE, "id": rule_id, "names": {"zh": row["zh"], "en": row["en"]}, **said}  # type: ignore[typeddict-item]


# --- the form ---------------------------------------------------------------------------------------------------------


def labels(one: forms.Form, name: str, field: Any) -> list[str]:
    found = [one.says(name)]
    if field.kind is Kind.GROUP:
        return found + [key for inner in field.fields for key in labels(one, f"{name}.{inner.name}", inner)]
    return found + [one.says(f"{name}.{column}") for column in field.lines.columns if field.kind is Kind.LINES]


@pytest.mark.parametrize("kind", [kind.key for kind in KINDS])
def test_every_parameter_of_every_kind_has_a_label_in_both_languages(kind: str) -> None:
    made = fields.rule_form({"kind": kind})
    missing = [
        key
        for name in ("params", "watches")
        for key in labels(made, name, made.field(name))
        if key not in texts.catalogue()
    ]
    assert missing == []
    assert {f"rules.kind.{kind}", f"rules.kind.{kind}.help"} <= set(texts.catalogue())
    chosen = [one for one in made.field("params").fields if one.kind in (Kind.CHOICE, Kind.CHOICES)]
    assert all(set(forms.said_in_both(said)) == {"zh", "en"} for one in chosen for _, said in one.choices)


@pytest.mark.parametrize("rule_id", sorted(SEEDED))
def test_rule_that_nobody_has_touched_is_read_as_it_was(rule_id: str) -> None:
    base = form.values_of(rule_of(rule_id))
    made = fields.rule_form(base)
    values = forms.read(made, typed_as_drawn(forms.draw(made, base)))
    assert {name: value for name, value in values.items() if value != base[name]} == {}
    given, errors = form.given_of(made, base, values)
    assert errors == {}
    assert given.params == SEEDED[rule_id]["params"]


def test_what_was_said_stays_said_though_it_is_the_default() -> None:
    before = {"metric": "rain", "function": "sum", "steps": [{"level": 1, "on": 100}]}
    after = fields.kept("aggregate", {"metric": "rain", "steps": [{"level": "2", "on": "50"}]}, before)
    assert after == {"metric": "rain", "function": "sum", "steps": [{"level": 2, "on": 50.0}]}


def typed_rule(kind: str, params: dict[str, Any]) -> dict[str, Any]:
    base = form.new_values(kind)
    values = {"id": "x", "alarm_kind": "gas", "name_zh": "甲", "name_en": "A", "watches": {}, "why": None}
    _, errors = form.given_of(fields.rule_form(base), base, {**values, "kind": kind, "params": params})
    return errors


@pytest.mark.parametrize(
    ("kind", "params", "place", "says"),
    [
        ("threshold", {"metric": "gas"}, "params.steps", "Please fill this in"),
        ("threshold", {"metric": "gas", "steps": [{"level": 1, "on": "much"}]}, "params.steps", "Line 1 Limit"),
        ("threshold", {"steps": [{"level": 1, "on": 1}]}, "params.metric", "Please fill this in"),
        ("combination", {"first": {}, "second": {"rules": ["gas"]}}, "params.first", "At least one kind"),
        ("combination", {"first": {"rules": ["gas"]}}, "params.second", "Please fill this in"),
        ("implausible", {"metric": "gas"}, "params", "One of frozen"),
        ("geofence", {"district": "1", "layer": "2"}, "params", "Exactly one"),
        ("geofence", {"district": "1", "when": "speed"}, "params", "A speed is needed"),
        ("stale", {"source_share": 2}, "params.source_share", "at most 1"),
    ],
)
def test_what_is_wrong_with_a_parameter_stands_at_it(kind: str, params: Any, place: str, says: str) -> None:
    errors = typed_rule(kind, params)
    assert set(errors) == {place}
    assert says in words(errors[place], "en")
    assert "Value error" not in words(errors[place], "zh")
    drawn = forms.draw(fields.rule_form({"kind": kind}), form.new_values(kind))
    there = [part["props"]["id"] for part in walk(drawn) if isinstance(part["props"].get("id"), dict)]
    assert ids.field("rule", place) in there or ids.said("rule", place) in there


def test_parameter_that_means_something_of_its_own_is_called_so() -> None:
    def label(kind: str, name: str) -> str:
        return texts.entry(fields.rule_form({"kind": kind}).says(name))["en"]

    assert (label("cluster", "params.steps"), label("threshold", "params.steps")) == ("Steps", "Levels")
    assert (label("change", "params.steps.on"), label("threshold", "params.steps.on")) == ("Moved by", "Limit")


# --- pane and table ---------------------------------------------------------------------------------------------------


def version(number: int, **changes: Any) -> RuleVersion:
    made: Any = {
        **{name: RULE[name] for name in ("kind", "alarm_kind", "names", "watches", "params", "enabled")},  # type: ignore[literal-required]
        "version": number,
        "time": RULE["changed_at"],
        "what": "changed",
        "who": "heron",
        "why": None,
    }
    return {**made, **changes}


def drawn_pane(*, may_change: bool) -> Any:
    held = form.values_of(RULE)
    older = version(1, params={**RULE["params"], "hysteresis": 9}, what="seeded", who="seed")
    told = [version(2, why="too loud"), older]
    return form.pane(held, held, fields.NOTHING, RULE, told, may_change=may_change)


def test_who_may_not_change_rules_reads_them_and_finds_no_button() -> None:
    pane = drawn_pane(may_change=False)
    assert "need" in words(pane, "en")
    assert not having(pane, data_key="switch-rule") + having(pane, data_key="save-rule") + having(pane, data_key="try")
    assert not having(pane, data_key="take-back-1")
    assert having(pane, disabled=True)


def test_versions_say_who_when_what_and_why_and_lead_back() -> None:
    pane = drawn_pane(may_change=True)
    said = words(having(pane, className="versions")[0]["children"], "en")
    assert [one for one in ("too loud", "heron", "Changed: Hysteresis", "System") if one not in said] == []
    assert "seed" not in words(pane, "zh")
    assert having(pane, data_key="take-back-1")
    # the one that stands is nothing to go back to
    assert not having(pane, data_key="take-back-2")


def test_only_what_differs_can_be_taken_back_to() -> None:
    assert not versions.differs(version(1, enabled=False), version(2))
    assert versions.differs(version(1, alarm_kind="flow"), version(2))


def test_switch_of_the_table_is_locked_for_who_may_not_arm() -> None:
    row: Any = {**RULE, "locked": True}
    [cell] = listing.switch_cells(row)
    assert (cell["on"], cell["locked"], cell["data"]["on_now"]) == (True, True, True)
    drawn = listing.TABLE.draw(row)
    assert drawn["kind"][0]["zh"] == "阈值"  # type: ignore[index, typeddict-item]
    assert [one for one in ("阈值", "Threshold") if one not in listing.searched(row)] == []


@pytest.mark.parametrize(("to", "why", "refused"), [("off", " ", True), ("off", "loud", False), ("on", "", False)])
def test_disarming_needs_a_reason(to: str, why: str, refused: bool) -> None:
    asked = callbacks.words_of_switch(Press({"id": "gas", "to": to}))
    about = having(asked, id=ids.asked_about(layout.SWITCHING, "what"))[0]["data"]
    press = Press({}, ([about], [why], []))
    if refused:
        with pytest.raises(InputError) as refusal:
            callbacks.answer_of(press, required=to == "off")
        assert refusal.value.reason == "rule_why"
    else:
        assert callbacks.answer_of(press, required=to == "off") == (about, why.strip() or None)


# --- trial ------------------------------------------------------------------------------------------------------------

NOW = datetime(2026, 5, 4, 8, 0, 30, tzinfo=UTC)
ZONE = "Asia/Shanghai"


def test_period_is_days_back_or_what_is_typed_in_the_citys_time() -> None:
    start, end = form.period_of(form.TrialIn(days="7"), NOW, ZONE)
    assert (end, end - start) == (NOW.replace(second=0), timedelta(days=7))
    typed = form.TrialIn(days="own", begin="2026-05-01 08:00", until="2026-05-02T00:00")
    start, end = form.period_of(typed, NOW, ZONE)
    assert start == datetime(2026, 5, 1, 0, 0, tzinfo=UTC)
    assert end == datetime(2026, 5, 1, 16, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("begin", "until", "field", "reason"),
    [
        (None, "2026-05-02 00:00", "begin", "trial_moment"),
        ("2026-05-02 00:00", "tomorrow", "until", "trial_moment"),
        ("2026-05-02 00:00", "2026-05-01 00:00", "until", "trial_order"),
    ],
)
def test_period_that_is_none_is_refused_at_its_field(begin: str | None, until: str, field: str, reason: str) -> None:
    with pytest.raises(InputError) as refusal:
        form.period_of(form.TrialIn(days="own", begin=begin, until=until), NOW, ZONE)
    assert (refusal.value.field, refusal.value.reason) == (field, reason)


def tried(*starts: str, days: int = 1, **changes: Any) -> Tried:
    alarms = [
        {
            "thing": "gas-1",
            "thing_type": "sensor",
            "names": {"zh": "一号", "en": "One"},
            "district": "321302",
            "lon": 118.3,
            "lat": 33.96,
            "level": 3,
            "start": start,
            "end": None,
            "value": 12.0,
            "unit": "%LEL",
            "message": {"zh": "高", "en": "High"},
        }
        for start in starts
    ]
    rate = {
        "count": len(starts),
        "windows": 144,
        "mean": 0.1,
        "max": 1,
        "max_at": None,
        "over_most": 0,
        "floods": 0,
        "flood_share": 0.0,
    }
    load = {
        "raw": rate,
        "levels": {"1": 0, "2": 0, "3": len(starts), "4": 0},
        "priorities": {},
        "top": [],
        "top_share": 0.0,
        "chattering": [],
        "stale": 0,
    }
    found: Any = {
        "rule": "gas",
        "names": RULE["names"],
        "kind": "threshold",
        "start": "2026-05-03T08:00:00+00:00",
        "end": (datetime(2026, 5, 3, 8, tzinfo=UTC) + timedelta(days=days)).isoformat(),
        "things": 3,
        "readings": 1000,
        "step_s": None,
        "count": len(starts),
        "alarms": alarms,
        "load": load,
        "incident_kind": "gas_leak",
        "hits": [],
        "misses": [],
        "unmatched": 0,
        "took_s": 0.5,
    }
    return {**found, **changes}


def test_alarms_in_time_are_counted_by_hour_or_day_of_the_city() -> None:
    found = tried("2026-05-03T08:10:00+00:00", "2026-05-03T08:50:00+00:00", "2026-05-03T16:30:00+00:00")
    names, counts = outcome.counts_of(found, ZONE)
    assert (names[0], counts[0], sum(counts), len(counts)) == ("05-03 16:00", 2, 3, 24)
    names, counts = outcome.counts_of({**found, "end": "2026-05-10T08:00:00+00:00"}, ZONE)
    assert names[:2] == ["05-03", "05-04"]
    # half past midnight in the city
    assert counts[:2] == [2, 1]


def test_two_settings_stand_side_by_side() -> None:
    found: Any = {**tried("2026-05-03T09:00:00+00:00"), "against": tried()}
    drawn = outcome.outcome(found, ZONE, is_saved=True, differs=True)
    table_ = having(drawn, data_testid="tried")[0]["children"]
    assert [one for one in ("As typed", "As saved") if one not in words(table_, "en")] == []
    figure = having(drawn, id="rule-figure")[0]["data"]
    assert [sum(trace["y"]) for trace in figure["data"]] == [1, 0]
    [link] = having(drawn, className="link")
    assert link["href"] == "/?at=118.30000,33.96000,16&open=sensor/gas-1"
    alone = outcome.outcome({**found, "against": None}, ZONE, is_saved=True, differs=False)
    assert "As typed" not in words(alone, "en")


def test_incidents_found_and_missed_are_said() -> None:
    incident: Any = {
        "id": "1",
        "number": "A-1",
        "names": {"zh": "漏气", "en": "Leak"},
        "opened_at": "2026-05-03T09:00:00+00:00",
        "lon": 118.3,
        "lat": 33.96,
    }
    hits, misses = [{**incident, "lead_s": 300.0}], [{**incident, "lead_s": None}]
    said = words(outcome.incidents_view(tried(hits=hits, misses=misses)), "en")
    assert [one for one in ("5 min before", "Missed") if one not in said] == []
    assert "nobody can say" in words(outcome.incidents_view(tried(incident_kind=None)), "en")
    rows = {key: say(tried()) for key, say in outcome.ROWS}
    assert rows["rules.tried.hits"] == "–"


def test_trial_that_raises_nothing_says_so() -> None:
    found: Any = {**tried(), "against": None}
    assert "would have raised nothing" in words(outcome.outcome(found, ZONE, is_saved=False, differs=True), "en")


# --- on the map -------------------------------------------------------------------------------------------------------

HEADS = ["rules.tried.typed", "rules.tried.saved"]
SQUARE: Any = {
    "type": "Polygon",
    "coordinates": [[[118.2, 33.9], [118.3, 33.9], [118.3, 34.0], [118.2, 34.0], [118.2, 33.9]]],
}
GROUND = {"321302": shapely.to_wkb(shapely.box(118, 33.5, 119, 34.5))}


def test_trial_is_drawn_on_the_districts_and_every_point_leads_to_its_thing() -> None:
    found = tried("2026-05-03T09:00:00+00:00", "2026-05-03T10:00:00+00:00")
    found["alarms"][1]["level"] = 2
    found["alarms"].append({**found["alarms"][0], "thing": "nowhere", "lon": None, "lat": None})
    made: Any = places.places_figure([found, tried("2026-05-03T09:00:00+00:00")], HEADS, GROUND, SQUARE)
    kinds = [(one["type"], one.get("mode")) for one in made["data"]]
    assert kinds == [
        ("choropleth", None),
        ("scattergeo", "lines"),
        ("scattergeo", "markers"),
        ("scattergeo", "markers"),
    ]
    points = made["data"][-1]
    # two alarms of one thing are one point, as grave as the worst of them
    assert points["customdata"] == ["/?at=118.30000,33.96000,16&open=sensor/gas-1"]
    assert points["marker"]["color"] == "--level-2"
    assert "2 alarms" in points["text"][0]["en"]
    assert points["marker"]["size"][0] > places.SIZE
    west, east = made["layout"]["geo"]["lonaxis"]["range"]
    assert west < 118.3 < east
    drawn = outcome.outcome({**found, "against": None}, ZONE, is_saved=True, differs=False, ground=GROUND)
    assert having(drawn, id="rule-map-figure")
    assert places.places_view([tried()], HEADS, GROUND, None) == []
    assert places.places_view([found], HEADS, {}, None) == []


def test_words_of_a_point_are_text_and_never_markup() -> None:
    found = tried("2026-05-03T09:00:00+00:00")
    found["alarms"][0]["names"] = {"zh": "<b>x</b>", "en": "<a href=x>x</a>"}
    made: Any = places.places_figure([found], HEADS, GROUND, None)
    assert "<a" not in made["data"][-1]["text"][0]["en"]
    assert "<b>" not in made["data"][-1]["text"][0]["zh"]


def test_area_of_a_geofence_is_a_choice_and_is_kept_as_it_is() -> None:
    rule: Any = {**RULE, "kind": "geofence", "params": {"when": "inside", "polygon": SQUARE}}
    base = form.values_of(rule)
    assert base["params"]["polygon"] == areas.KEPT
    assert areas.kept_words(SQUARE) == {"zh": "现有区域（4 个顶点）", "en": "The area that it has (4 corners)"}
    known = fields.Known(areas={"zones/7": {"zh": "禁区", "en": "Zone"}}, area=areas.kept_words(SQUARE))
    made = fields.rule_form(base, known)
    polygon = next(one for one in made.field("params").fields if one.name == "polygon")
    assert (polygon.kind, [value for value, _ in polygon.choices]) == (Kind.CHOICE, ["kept", "zones/7"])
    typed = typed_as_drawn(forms.draw(made, base))
    read = forms.read(made, typed)
    asked = areas.with_area(None, base, read)  # type: ignore[arg-type]
    given, errors = form.given_of(made, base, asked)
    assert errors == {}
    assert given.params["polygon"] == SQUARE


def test_area_of_a_layer_becomes_the_rules_own(conn: Connection) -> None:
    now = datetime(2026, 5, 3, tzinfo=UTC)
    conn.execute(
        text(
            "INSERT INTO layer (id, title_zh, title_en, tree_group, geometry, columns, style, visible, min_zoom, "
            "lineage, created_by, created_at, changed_at) VALUES ('zones', '禁区', 'Zones', 'plans', 'polygon', '[]', "
            "'{}', false, 0, '{}', 'test', :now, :now)"
        ),
        {"now": now},
    )
    number = conn.scalar(
        text(
            "INSERT INTO layer_row (layer_id, key, props, district, changed_at, geom) VALUES ('zones', '东门', '{}', "
            "'000000', :now, ST_SetSRID(ST_GeomFromGeoJSON(:shape), 4326)) RETURNING id"
        ),
        {"now": now, "shape": json.dumps(SQUARE)},
    )
    asking: Any = SimpleNamespace(conn=conn, viewer=SimpleNamespace(scope=EVERYTHING), now=now)
    layers = [one for one in read_layers(conn) if one.id == "zones"]
    assert areas.read_areas(asking, layers) == {f"zones/{number}": {"zh": "禁区 · 东门", "en": "Zones · 东门"}}
    values: Any = {"params": {"when": "inside", "polygon": f"zones/{number}"}}
    assert areas.with_area(asking, {}, values)["params"]["polygon"] == SQUARE  # type: ignore[index, call-overload]
    for wrong in ("zones/999999999", "nowhere/1", "kept/"):
        with pytest.raises(OneMapError):
            areas.with_area(asking, {}, {"params": {"polygon": wrong}})
