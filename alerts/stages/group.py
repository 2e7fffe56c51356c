"""Stage `group`: many changes of one cause as one message. Each change still stands for itself: everything passes, and
says so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from alerts.stages.base import Around, Change, Decision
from core.i18n import say


@dataclass(frozen=True, slots=True)
class Group:
    def decide(self, change: Change, around: Around, now: datetime) -> Decision:
        return Decision("group", True, say("stage.group.alone"))
