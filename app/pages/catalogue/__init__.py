"""The page `/catalogue`: what the city's sources and layers are, who keeps them, who asks for them, what they are
worth."""

from app.pages.catalogue.callbacks import register
from app.pages.catalogue.layout import draw

__all__ = ["draw", "register"]
