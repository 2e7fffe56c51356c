"""What stages that mute have in common: who was told of a beginning is told how it goes on and that it ends."""

from __future__ import annotations

from alerts.stages.base import Change, Decision
from core.i18n import say
from core.vocabulary import Text


def mute(stage: str, change: Change, why: Text, by: str, cause: str | None = None) -> Decision:
    """Nobody is told what is new; those who know of the alarm are told the rest."""
    if change.is_news or not change.told:
        return Decision(stage, False, why, by=by, cause=cause)
    return Decision(stage, True, say("stage.told_before", why=why), only=tuple(sorted(change.told)), by=by, cause=cause)
