"""Stage `group`: alarms of one cause are told together, at the turns of their group. What is of level I waits for
nobody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from alerts.labels import GRAVEST
from alerts.stages.base import Around, Change, Decision, is_alarm
from alerts.stages.tree import walk
from core.i18n import say


@dataclass(frozen=True, slots=True)
class Group:
    def decide(self, change: Change, around: Around, now: datetime) -> Decision:
        routes = walk(around.root, change.labels) if is_alarm(change) else ()
        waiting = [route for route in routes if route.wait_s or route.interval_s]
        if not waiting:
            return Decision("group", True, say("stage.group.alone"))
        if change.level == GRAVEST and change.is_news:
            return Decision("group", True, say("stage.group.grave"))
        wait, interval = max(r.wait_s for r in waiting), max(r.interval_s for r in waiting)
        return Decision("group", True, say("stage.group.turn", wait=f"{wait:g}", interval=f"{interval:g}"))
