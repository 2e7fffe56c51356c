"""The page `/analysis`: things grouped by place, time and kind, as a map, a chart and a table; all three can be taken
along."""

from app.pages.analysis.callbacks import register
from app.pages.analysis.layout import draw

__all__ = ["draw", "register"]
