"""The page `/base-maps`: base maps of others, where their tiles are and what opens them."""

from app.pages.base_maps.callbacks import register
from app.pages.base_maps.layout import draw

__all__ = ["draw", "register"]
