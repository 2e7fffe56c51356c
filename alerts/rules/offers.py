"""Which rules would watch a device that is about to be taken into use, and the rule that its own limits need.

Limits of a device's own (`sensor.thresholds`) are judged by threshold rules with `per_site`. Where none of them watches
devices of its kind, one is added.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from alerts.loading import load_rules
from alerts.rules import KINDS, check_params
from alerts.rules.base import RuleRow, Thing, watches
from alerts.rules.editing import switch, write_down
from alerts.rules.threshold import ThresholdParams
from core.errors import InputError
from core.faults import expects
from core.types import JsonObject
from core.vocabulary import Text, label, table

ALARM_KIND = "limit"
Thresholds = Mapping[str, Mapping[str, float]]
ADD = text("""
INSERT INTO rule (id, kind, alarm_kind, name_zh, name_en, watches, params, enabled, changed_at, version)
VALUES (:id, 'threshold', :alarm_kind, :zh, :en, CAST(:watches AS jsonb), CAST(:params AS jsonb), true, :now, 0)
ON CONFLICT (id) DO NOTHING
""")


class Offer(TypedDict):
    """A rule that would watch a device: the metrics it reads (none: it is about silence), its limits by level, and
    whether they are the device's own."""

    id: str
    names: Text
    metrics: list[str]
    limits: dict[str, float]
    per_site: bool


def offers(conn: Connection, kind: str, heard: Collection[str], attributes: JsonObject) -> list[Offer]:
    """The armed rules that would watch a device of this kind which sends these metrics."""
    thing = _thing(kind, attributes)
    found: list[Offer] = []
    for rule in load_rules(conn):
        metrics = KINDS[rule.kind].metrics(rule)
        if not watches(rule, thing) or (metrics and not set(metrics) & set(heard)):
            continue
        steps = getattr(rule.params, "steps", ())
        limits = {str(step.level): float(step.on) for step in steps if step.on is not None}
        own = bool(getattr(rule.params, "per_site", False))
        found.append({"id": rule.id, "names": rule.names, "metrics": [*metrics], "limits": limits, "per_site": own})
    return found


def keep_limits(
    conn: Connection, kind: str, attributes: JsonObject, thresholds: Thresholds, who: str, now: datetime
) -> None:
    """See that each metric's own limits are judged: by a rule that is there, else by one that is added. InputError
    where the rule that is there warns in the other direction."""
    rules = load_rules(conn)
    for metric, limits in thresholds.items():
        wanted = direction_of(limits)
        held = _judging(rules, kind, attributes, metric)
        if held is None:
            _add(conn, kind, metric, wanted or "above", who, now)
        elif wanted is not None and held.params.direction != wanted:
            message = f"thresholds.{metric}: the rule {held.id!r} warns {held.params.direction} its limits"
            raise InputError(message, field="thresholds", about=expects("thresholds", "other_direction", name=held.id))


def direction_of(limits: Mapping[str, float]) -> str | None:
    """Whether worse is higher or lower, by the worst and the mildest level; None where there is one level."""
    worst, *others = [limits[level] for level in sorted(limits)]
    return None if not others else "above" if worst > others[-1] else "below"


def _judging(rules: Collection[RuleRow], kind: str, attributes: JsonObject, metric: str) -> RuleRow | None:
    thing = _thing(kind, attributes)
    for rule in rules:
        params = rule.params
        own = isinstance(params, ThresholdParams) and params.per_site and params.metric == metric
        if own and watches(rule, thing):
            return rule
    return None


def _add(conn: Connection, kind: str, metric: str, direction: str, who: str, now: datetime) -> None:
    rule_id = f"limits-{kind}-{metric}"
    row = table("metrics").get(metric, {})
    params = {
        "metric": metric,
        "direction": direction,
        "per_site": True,
        # five of the last digit that is shown
        "hysteresis": 5 * 10 ** -int(row.get("decimals", 1)),
        "steps": [{"level": level, "off_delay_s": 60} for level in (1, 2, 3, 4)],
    }
    check_params("threshold", params)
    names, of = label("metrics", metric), label("sensor_kinds", kind)
    given = {
        "id": rule_id,
        "alarm_kind": ALARM_KIND,
        "zh": f"{of['zh']}：{names['zh']}超限",
        "en": f"{of['en']}: {names['en']} beyond its limits",
        "watches": json.dumps({"sensor_kinds": [kind]}),
        "params": json.dumps(params),
        "now": now,
    }
    if conn.execute(ADD, given).rowcount:
        write_down(conn, rule_id, "added", {"watches": {"sensor_kinds": [kind]}, "params": params}, who, now)
    else:
        switch(conn, rule_id, True, who, now)


def _thing(kind: str, attributes: JsonObject) -> Thing:
    """A device as rules see it, before it is one."""
    return Thing("sensor", "", {"zh": "", "en": ""}, "", kind=kind, attributes=attributes)
