"""Stage `inhibit`: a cause mutes its consequences. No inhibitions are defined yet: everything passes, and says so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from alerts.stages.base import Around, Change, Decision
from core.i18n import say


@dataclass(frozen=True, slots=True)
class Inhibit:
    def decide(self, change: Change, around: Around, now: datetime) -> Decision:
        return Decision("inhibit", True, say("stage.inhibit.none"))
