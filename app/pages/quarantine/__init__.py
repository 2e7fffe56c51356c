"""The page `/quarantine`: who floods and is held back, seen by dispatchers, let through by administrators."""

from app.pages.quarantine.callbacks import register
from app.pages.quarantine.view import draw

__all__ = ["draw", "register"]
