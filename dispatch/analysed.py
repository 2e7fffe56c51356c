"""Incidents as what can be analysed: all that ever were, by when they came in."""

from __future__ import annotations

from core.analysis import Dimension, Measure, Subject, Time
from core.analysis.nouns import Function
from core.i18n import say
from core.scope import seen_incident

INCIDENTS = Subject(
    id="incidents",
    title=say("analysis.incidents"),
    source="incident",
    seen=seen_incident("incident.id", "district", "classification"),
    dimensions=(
        Dimension("kind", say("analysis.kind"), "kind", table="incident_kinds"),
        Dimension("level", say("analysis.urgency"), "level", table="urgencies", ordered=True),
        Dimension("status", say("analysis.status"), "status", table="incident_statuses"),
        Dimension("channel", say("analysis.channel"), "channel", table="channels"),
    ),
    times=(
        Time("opened_at", say("analysis.opened"), "opened_at"),
        Time("ended_at", say("analysis.ended"), "ended_at"),
    ),
    measures=(
        Measure(
            "minutes",
            say("analysis.minutes"),
            "EXTRACT(epoch FROM ended_at - opened_at) / 60",
            functions=(Function.MEAN,),
        ),
    ),
)
