"""The page `/subscriptions`: who is told of alarms by what, and what came of it."""

from app.pages.subscriptions.callbacks import register
from app.pages.subscriptions.layout import draw

__all__ = ["draw", "register"]
