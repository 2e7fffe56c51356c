"""The page `/rules`: what is judged and what it has made; a rule changed, tried on what was recorded, armed, put back
to what it was."""

from app.pages.rules.callbacks import register
from app.pages.rules.layout import draw

__all__ = ["draw", "register"]
