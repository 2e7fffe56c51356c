"""Stage `silence`: maintenance and other times in which nobody is to be told. None are defined yet: everything passes,
and says so.

A shelved alarm is no silence: its changes are still told, for whoever was told of its beginning must hear of its end.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from alerts.stages.base import Around, Change, Decision
from core.i18n import say


@dataclass(frozen=True, slots=True)
class Silence:
    def decide(self, change: Change, around: Around, now: datetime) -> Decision:
        return Decision("silence", True, say("stage.silence.none"))
