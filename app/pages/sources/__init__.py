"""The page `/sources`: where messages come from and what comes through, pending devices, dead letters. The example of
the house style."""

from app.pages.sources.callbacks import register
from app.pages.sources.layout import draw

__all__ = ["draw", "register"]
