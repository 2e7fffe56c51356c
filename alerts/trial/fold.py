"""What findings would have made of alarms, by the lifecycle that alarms have; nobody acknowledges."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from alerts.lifecycle import AlarmView, fold
from alerts.rules.base import Finding

# what makes somebody look
ANNUNCIATED = ("raised", "raised_again", "worsened")


@dataclass
class Episode:
    """From the first finding until back to normal: the finding that began it, the worst it came to, moments in
    microseconds since 2000; `end` None where it still holds."""

    first: Finding
    level: int
    peak: int
    begin: int
    end: int | None = None
    worst: float | None = None
    changes: list[tuple[int, str, int]] = field(default_factory=list)


class Ledger:
    """Alarms as they would have stood."""

    def __init__(self) -> None:
        self.episodes: list[Episode] = []
        self._views: dict[tuple[str, str], AlarmView] = {}
        self._open: dict[tuple[str, str], Episode] = {}

    def take(self, findings: Iterable[Finding], *, silent: bool = False) -> None:
        """In order of time. `silent`: of before the period; what then holds goes on, and is not told."""
        for finding in findings:
            key = finding.thing.type, finding.thing.id
            transition = fold(self._views.get(key), finding.level, latches=finding.rule.latches)
            if transition is None:
                continue
            self._views[key] = transition.after
            self._note(key, finding, transition.what, silent=silent)

    def _note(self, key: tuple[str, str], finding: Finding, what: str, *, silent: bool) -> None:
        episode = self._open.get(key)
        if finding.level is None:
            if episode is not None:
                episode.end = finding.at
                episode.changes.append((finding.at, what, episode.level))
                del self._open[key]
            return
        if episode is None:
            episode = Episode(finding, finding.level, finding.level, finding.at, worst=finding.value)
            self._open[key] = episode
            if not silent:
                self.episodes.append(episode)
        if finding.level < episode.peak:
            episode.worst = finding.value
        episode.level, episode.peak = finding.level, min(episode.peak, finding.level)
        if not silent:
            episode.changes.append((finding.at, what, finding.level))

    def held(self) -> list[Episode]:
        """Those that hold now."""
        return list(self._open.values())
