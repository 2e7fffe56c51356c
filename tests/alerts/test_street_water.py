"""Water in an underpass, on a street and in a river: each is judged by a rule of its own and called what it is."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from sqlalchemy import Connection, text

from alerts.loading import load_rules
from alerts.rules.base import Thing, watches
from core.vocabulary import table

# who judges, by what a gauge stands at; one of which nothing is known is taken for a river's
JUDGED_BY = [
    ("underpass", "underpass-water"),
    ("street", "street-water"),
    ("water", "water-stage"),
    (None, "water-stage"),
]


def judging(conn: Connection, attributes: dict[str, Any]) -> list[str]:
    gauge = Thing("sensor", "g", {}, "", kind="water_level", attributes=attributes)
    return [rule.id for rule in load_rules(conn) if rule.kind == "threshold" and watches(rule, gauge)]


@pytest.mark.parametrize(("attribute", "rule"), JUDGED_BY)
def test_gauge_is_judged_once(conn: Connection, attribute: str | None, rule: str) -> None:
    assert judging(conn, {attribute: "x"} if attribute else {}) == [rule]


def test_every_gauge_of_the_city_is_judged_once(conn: Connection) -> None:
    rows = conn.execute(text("SELECT id, attributes FROM sensor WHERE kind = 'water_level'")).all()
    assert {len(judging(conn, row.attributes)) for row in rows} == {1}
    assert [row for row in rows if judging(conn, row.attributes) == ["street-water"]]


def test_water_on_a_street_is_no_river() -> None:
    kind = table("alarm_kinds")["street_water"]
    assert kind["incident_kind"] == "waterlogging"
    for word in ("河", "水位", "警"):
        assert word not in kind["zh"] + table("rules")["street-water"]["zh"]
    assert "river" not in kind["en"].lower()


@pytest.mark.parametrize("delivered", [True, False], ids=["as it was delivered", "as the city has made it"])
def test_rule_of_rivers_leaves_the_streets_to_the_new_rule(conn: Connection, delivered: bool) -> None:
    """What the migration does to a database of before; a rule that a city has changed stays as it is."""
    migration = import_module("core.migrations.versions.0021_street_water")
    held = migration.BEFORE if delivered else '{"sensor_kinds": ["water_level"], "sensors": ["w-1"]}'
    conn.execute(text("UPDATE rule SET watches = CAST(:held AS jsonb) WHERE id = 'water-stage'"), {"held": held})
    before = conn.scalar(text("SELECT version FROM rule WHERE id = 'water-stage'"))
    conn.execute(text(migration.CHANGE.format(before=migration.BEFORE, after=migration.AFTER)))
    versions = conn.scalar(text("SELECT max(version) FROM rule_version WHERE rule_id = 'water-stage'"))
    assert versions == (before + 1 if delivered else before)
    assert judging(conn, {"street": "x"}) == ["street-water"]
