"""The page `/layers`: the city's own layers, a file that becomes one, what is said of each, and the way out again."""

from app.pages.own_layers.callbacks import register
from app.pages.own_layers.layout import draw

__all__ = ["draw", "register"]
