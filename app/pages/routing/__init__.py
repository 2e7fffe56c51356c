"""The page `/routing`: which way alarms take to their receivers, what mutes them, and the way of a chosen alarm."""

from app.pages.routing.callbacks import register
from app.pages.routing.layout import draw

__all__ = ["draw", "register"]
