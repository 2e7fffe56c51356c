"""The limits in force that hold for whole kinds of sensors, from the rules: what a chart draws and `GET /api/sensors`
states."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from alerts.loading import load_rules
from alerts.rules.base import RuleRow

Limits = dict[str, dict[str, dict[str, float]]]


def read_limits(conn: Connection, at: datetime | None = None) -> Limits:
    """sensor kind -> metric -> level -> limit, now or at a moment. Per-site limits are not in here: they stand on the
    sensor."""
    limits: Limits = {}
    for rule in load_rules(conn, at):
        for kind in rule.watches.get("sensor_kinds", ()):
            for metric, levels in _of_rule(rule).items():
                limits.setdefault(kind, {}).setdefault(metric, {}).update(levels)
    return limits


def _of_rule(rule: RuleRow) -> dict[str, dict[str, float]]:
    steps = getattr(rule.params, "steps", ())
    levels = {str(step.level): step.on for step in steps if step.on is not None}
    metric = getattr(rule.params, "index", None) or getattr(rule.params, "metric", None)
    return {metric: levels} if metric and levels else {}
