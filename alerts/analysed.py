"""Alarms as what can be analysed: all that ever were, by when they were raised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, text

from core.analysis import Dimension, Subject, Time
from core.i18n import say
from core.scope import alarm_classification, seen_incident
from core.vocabulary import Text


def rule_words(conn: Connection, keys: Sequence[str]) -> Mapping[str, Text]:
    rows = conn.execute(text("SELECT id, name_zh, name_en FROM rule WHERE id = ANY(:keys)"), {"keys": list(keys)})
    return {row.id: {"zh": row.name_zh, "en": row.name_en} for row in rows}


ALARMS = Subject(
    id="alarms",
    title=say("analysis.alarms"),
    source="alarm",
    seen=seen_incident("alarm.incident_id", "district", alarm_classification("alarm.thing_type", "alarm.thing_id")),
    dimensions=(
        Dimension("kind", say("analysis.kind"), "kind", table="alarm_kinds"),
        Dimension("rule", say("analysis.rule"), "rule_id", words=rule_words),
        Dimension("level", say("analysis.peak"), "peak_level", table="alarm_levels", ordered=True),
        Dimension("state", say("analysis.state"), "state", table="alarm_states"),
    ),
    times=(Time("raised_at", say("analysis.raised"), "raised_at"),),
)
