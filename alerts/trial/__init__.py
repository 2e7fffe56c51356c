"""A rule tried on what really happened, by the very code that judges live; nothing is written."""

from __future__ import annotations

from alerts.trial.run import LONGEST, Trial, TrialAlarm, Tried, try_beside, try_rule

__all__ = ["LONGEST", "Trial", "TrialAlarm", "Tried", "try_beside", "try_rule"]
